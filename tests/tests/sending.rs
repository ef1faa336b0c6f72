//! Bytes on their way: requests that follow each other on one connection, clients that go away, files that change while they are sent.

use std::fs::{self, File};
use std::io::{BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::fixtures::path as fixture;
use crate::gateway::Gateway;
use crate::http::{Client, Reply, read_reply};
use crate::program::eventually;
use crate::uploads::{BYTES, TUS, make};

const TITLE: &str = "Colours in time";

/// A gateway whose film is one segment of 1.7 MB, kept in memory or not, and the segment's address.
fn with_a_long_segment(kept: bool) -> (Gateway, String) {
    let hot = if kept { "64MiB" } else { "0B" };
    let gateway = Gateway::over(&["films/Colours in time.mp4"])
        .restarted_with(&format!("target = \"1h\"\n[cache]\nhot = \"{hot}\"\n"));
    eventually("the film is listed", || gateway.items().pop());
    let path = format!("{}/v1/1.m4s", gateway.film(TITLE));
    (gateway, path)
}

/// A connection whose client keeps little of what it has not read.
fn connect(client: &Client) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
    socket.set_recv_buffer_size(16 << 10).expect("it may be small");
    let address: SocketAddr = client.0.parse().expect("an address");
    socket.connect(&address.into()).expect("the gateway listens");
    socket.into()
}

fn ask(mut stream: &TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).expect("the gateway reads");
}

/// Asks for a segment, reads its first bytes, lets something happen, and reads the rest: `None` if it breaks off.
fn asked_while(gateway: &Gateway, path: &str, happens: impl FnOnce(PathBuf)) -> Option<Reply> {
    let stream = connect(&gateway.client);
    ask(&stream, &format!("GET {path} HTTP/1.1\r\nhost: segue\r\n\r\n"));
    let mut start = [0; 64];
    (&stream).read_exact(&mut start).expect("it begins to answer");
    happens(gateway.place.path().join("films").join(format!("{TITLE}.mp4")));
    read_reply(BufReader::new(start.chain(&stream)), "GET").ok()
}

fn lives(gateway: &Gateway) {
    assert_eq!(gateway.get("/health/live").with(200).json()["status"], Value::from("alive"));
}

#[test]
fn many_requests_on_one_connection_are_answered_in_turn() {
    for kept in [true, false] {
        let (gateway, path) = with_a_long_segment(kept);
        let film = gateway.film(TITLE);
        let asked = [
            ("GET", path.clone(), ""),
            ("GET", path.clone(), "range: bytes=0-0\r\n"),
            ("GET", path.clone(), "range: bytes=900-700000\r\n"),
            ("HEAD", path.clone(), ""),
            ("GET", path.clone(), "range: bytes=5-100000,400000-400001,-65536\r\n"),
            ("GET", format!("{film}/v1/playlist.m3u8"), ""),
            ("GET", format!("{film}/nothing"), ""),
            ("GET", path.clone(), "range: bytes=16384-49151\r\n"),
            ("GET", path.clone(), ""),
        ];
        let requests = asked
            .each_ref()
            .map(|(method, path, more)| format!("{method} {path} HTTP/1.1\r\nhost: segue\r\n{more}\r\n"));
        let alone: Vec<_> = asked
            .iter()
            .zip(&requests)
            .map(|((method, ..), request)| {
                let stream = connect(&gateway.client);
                ask(&stream, request);
                read_reply(BufReader::new(stream), method).unwrap()
            })
            .collect();
        // More than once: what is asked for often is kept in another way.
        for _ in 0..10 {
            let stream = connect(&gateway.client);
            ask(&stream, &requests.concat());
            let mut replies = BufReader::new(stream);
            for ((method, path, more), alone) in asked.iter().zip(&alone) {
                let reply = read_reply(&mut replies, method).unwrap();
                assert_eq!(reply.status, alone.status, "{method} {path} {more}");
                assert!(reply.body == alone.body, "{method} {path} {more}: other bytes than alone");
            }
        }
        assert!(alone[2].body == alone[0].body[900..=700_000] && alone[8].body == alone[0].body);
    }
}

#[test]
fn a_long_segment_that_lies_ready_on_disk_pushes_nothing_out_of_memory() {
    let settings = "target = \"1h\"\n[store]\nform = \"segments\"\n[cache]\nhot = \"4MiB\"\n";
    let gateway = Gateway::over(&[]).restarted_with(settings);
    let film = fs::read(fixture("films/Colours in time.mp4")).unwrap();
    let upload = make(&gateway.client, film.len());
    gateway.client.send_with("PATCH", &upload, &[TUS, BYTES, ("upload-offset", "0")], &film).with(204);
    eventually("it is kept as segments", || {
        let done = gateway.get("/v1/jobs?state=done").json();
        done["items"].as_array().is_some_and(|jobs| !jobs.is_empty()).then_some(())
    });
    let media = gateway.client.get(&upload).json()["media"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        let segment = gateway.get(&format!("/v1/media/{media}/v1/1.m4s")).with(200);
        assert!(segment.body.len() > 1_000_000 && segment.must("server-timing").starts_with("made;dur="));
    }
}

#[test]
fn clients_that_go_away_leave_the_others_alone() {
    for kept in [true, false] {
        let (gateway, path) = with_a_long_segment(kept);
        let whole = gateway.get(&path).with(200).body;
        for _ in 0..20 {
            let stream = connect(&gateway.client);
            ask(&stream, &format!("GET {path} HTTP/1.1\r\nhost: segue\r\n\r\n"));
            (&stream).read_exact(&mut [0; 5000]).unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
        }
        assert!(gateway.get(&path).with(200).body == whole);
    }
}

#[test]
fn a_file_that_is_cut_short_while_it_is_sent_breaks_the_answer_off_and_nothing_else() {
    let (gateway, path) = with_a_long_segment(false);
    let reply = asked_while(&gateway, &path, |film| {
        File::options().write(true).open(film).unwrap().set_len(100_000).unwrap();
    });
    assert!(reply.is_none(), "a whole segment of half a file");
    lives(&gateway);
}

#[test]
fn a_file_that_is_written_while_it_is_sent_breaks_the_answer_off() {
    let (gateway, path) = with_a_long_segment(false);
    let reply = asked_while(&gateway, &path, |film| {
        let len = fs::metadata(&film).unwrap().len();
        let mut file = File::options().write(true).open(film).unwrap();
        file.write_all(&vec![0xEE; usize::try_from(len).unwrap()]).unwrap();
    });
    assert!(reply.is_none(), "a whole segment of two versions");
    lives(&gateway);
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was() {
    for kept in [true, false] {
        let (gateway, path) = with_a_long_segment(kept);
        let whole = gateway.get(&path).with(200).body;
        let reply = asked_while(&gateway, &path, |film| {
            let next = gateway.place.path().join("next.mp4");
            fs::copy(fixture("edge/all-intra.mp4"), &next).unwrap();
            fs::rename(next, film).unwrap();
        });
        assert!(reply.is_some_and(|reply| reply.body == whole), "kept: {kept}");
        lives(&gateway);
    }
}

#[test]
fn what_is_kept_does_not_change_with_its_file() {
    let (gateway, path) = with_a_long_segment(true);
    let whole = gateway.get(&path).with(200).body;
    let reply = asked_while(&gateway, &path, |film| {
        File::options().write(true).open(film).unwrap().set_len(1000).unwrap();
    });
    assert!(reply.is_some_and(|reply| reply.body == whole));
    lives(&gateway);
}
