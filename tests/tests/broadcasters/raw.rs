//! Broadcasters that do exactly what a test makes them do.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::gateway::problem;
use crate::http::{Client, Reply, read_reply};
use crate::listen::{Heard, Listening};

/// How long anything may take; far more than it does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that are asked for.
#[derive(Clone, Debug)]
struct Wish {
    request: String,
    token: String,
    from: u64,
    to: u64,
}

impl Wish {
    fn range(&self) -> String {
        format!("bytes {}-{}/*", self.from, self.to - 1)
    }
}

/// A broadcaster with one film, that sends what and when it is told to.
struct Raw {
    client: Client,
    id: String,
    media: String,
    film: PathBuf,
    heard: Receiver<Heard>,
    wishes: VecDeque<Wish>,
    stream: TcpStream,
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Raw {
    fn connect(gateway: &Gateway, id: &str, source: &str) -> Self {
        let client = gateway.client.clone();
        let size = fs::metadata(fixture(source)).expect("a fixture").len();
        let film = json!({"item": "film", "title": "film", "filetype": "mp4", "size": size, "hash": source});
        let body = json!({ "films": [film] }).to_string();
        let path = format!("/v1/broadcasters/{id}/catalogue");
        let reply = put(&client, &path, &[("broadcaster-key", KEY)], body.as_bytes());
        assert!(matches!(reply.status, 200 | 201), "{reply}");
        let path = format!("/v1/broadcasters/{id}/requests");
        let listening = Listening::open(&client, &path, &[("broadcaster-key", KEY)]);
        let stream = listening.stream();
        let (tell, heard) = mpsc::channel();
        thread::spawn(move || listening.take_while(|heard| tell.send(heard.clone()).is_ok()).count());
        let media = only(gateway)["id"].as_str().expect("an id").to_owned();
        let (id, film) = (id.to_owned(), fixture(source));
        Self { client, id, media, film, heard, wishes: VecDeque::new(), stream }
    }

    fn address(&self, item: &str) -> String {
        format!("/v1/media/{}/{item}", self.media)
    }

    /// A viewer of something of its film, and what it got.
    fn viewer(&self, item: &str) -> JoinHandle<Reply> {
        let (client, path) = (self.client.clone(), self.address(item));
        thread::spawn(move || client.get(&path))
    }

    /// What it is told next; wishes that are taken back are not sent.
    fn hear(&mut self, patience: Duration) -> Option<Heard> {
        let heard = self.heard.recv_timeout(patience).ok()?;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let list = |name: &str| heard.data[name].as_array().expect("a list").clone();
        match heard.name.as_str() {
            "want" => self.wishes.extend(list("wants").iter().map(|wish| Wish {
                request: text(&heard.data["request"]),
                token: text(&wish["token"]),
                from: wish["from"].as_u64().expect("a number"),
                to: wish["to"].as_u64().expect("a number"),
            })),
            "cancel" => {
                let (tokens, request) = (list("tokens"), text(&heard.data["request"]));
                let over = |wish: &Wish| tokens.iter().any(|token| *token == wish.token);
                self.wishes.retain(
                    |wish| {
                        if tokens.is_empty() { wish.request != request } else { !over(wish) }
                    },
                );
            }
            _ => {}
        }
        Some(heard)
    }

    /// Waits until it is told this.
    #[track_caller]
    fn until(&mut self, name: &str) -> Heard {
        loop {
            let heard = self.hear(PATIENCE).expect("it is told something");
            if heard.name == name {
                return heard;
            }
        }
    }

    /// The next bytes that it is asked for.
    #[track_caller]
    fn wish(&mut self) -> Wish {
        while self.wishes.is_empty() {
            self.hear(PATIENCE).expect("it is told something");
        }
        self.wishes.pop_front().expect("there is one")
    }

    fn bytes(&self, from: u64, to: u64) -> Vec<u8> {
        let all = fs::read(&self.film).expect("a fixture can be read");
        let at = |at: u64| usize::try_from(at).expect("a film is small");
        all[at(from)..at(to)].to_vec()
    }

    /// Sends a part of the film for this token.
    fn send_for(&self, token: &str, from: u64, to: u64) -> Reply {
        let range = format!("bytes {from}-{}/*", to - 1);
        let path = bytes_of(&self.id, token);
        put(&self.client, &path, &[("content-range", &range)], &self.bytes(from, to))
    }

    fn send(&self, wish: &Wish) -> Reply {
        self.send_for(&wish.token, wish.from, wish.to)
    }

    /// Sends all that it is asked for until a viewer has got what it waits for.
    #[track_caller]
    fn serve(&mut self, viewer: JoinHandle<Reply>) -> Reply {
        let deadline = Instant::now() + PATIENCE;
        while !viewer.is_finished() {
            assert!(Instant::now() < deadline, "the viewer waits in vain");
            self.hear(Duration::from_millis(10));
            while let Some(wish) = self.wishes.pop_front() {
                let reply = self.send(&wish);
                // It may have been taken back meanwhile.
                assert!(matches!(reply.status, 204 | 403 | 409), "{reply}");
            }
        }
        viewer.join().expect("a viewer ends")
    }

    fn sent(&self, gateway: &Gateway) -> u64 {
        sent(gateway, &self.id)
    }
}

fn bytes_of(id: &str, token: &str) -> String {
    format!("/v1/broadcasters/{id}/requests/{token}/bytes")
}

fn put(client: &Client, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut stream = begin_put(client, path, headers, body.len());
    // It may answer before it has read everything.
    let _ = stream.write_all(body);
    read_reply(BufReader::new(stream), "PUT").unwrap_or_else(|error| panic!("PUT {path}: {error}"))
}

/// A PUT of which only the head is sent.
fn begin_put(client: &Client, path: &str, headers: &[(&str, &str)], length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(&client.0).expect("the gateway listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");
    let mut head =
        format!("PUT {path} HTTP/1.1\r\nhost: segue\r\nconnection: close\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).expect("the gateway reads");
    stream
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    problem(reply, status);
    assert_eq!(reply.json()["code"], code, "{reply}");
}

#[test]
fn bytes_that_were_not_asked_for_are_refused() {
    let gateway = gateway(SETTINGS);
    let mut raw = Raw::connect(&gateway, "alice", FIRST);
    let viewer = raw.viewer("manifest.json");
    let wish = raw.wish();
    let Wish { token, from, to, .. } = wish.clone();
    let made_up = token.chars().rev().collect::<String>();
    refused(&raw.send_for(&made_up, from, to), 403, "not_asked_for");
    refused(&raw.send_for("..%2f..%2fx", from, to), 403, "not_asked_for");
    refused(&raw.send_for(&token, from, to + 1), 403, "not_asked_for");
    refused(&raw.send_for(&token, to, to + 10), 403, "not_asked_for");
    let by = |id: &str, range: &str, body: &[u8]| {
        put(&raw.client, &bytes_of(id, &token), &[("content-range", range)], body)
    };
    refused(&by("bob", &wish.range(), &raw.bytes(from, to)), 403, "not_asked_for");
    refused(&by("alice", "bytes 0-9/10", b"0123456789"), 409, "other_length");
    assert!(put(&raw.client, &bytes_of("alice", &token), &[], b"x").status == 400, "no range");
    problem(&by("alice", &wish.range(), b"x"), 400);
    assert_eq!(raw.sent(&gateway), 0, "nothing was taken");
    raw.send(&wish).with(204);
    refused(&raw.send(&wish), 403, "not_asked_for");
    raw.serve(viewer).with(200);
}

#[test]
fn what_is_not_needed_any_more_stops_within_a_tenth_of_a_second() {
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..3 {
        for (which, fastest) in fastest.iter_mut().enumerate() {
            let gateway = gateway("[broadcast]\nahead = \"0B\"\nlinger = \"0s\"\n");
            let mut raw = Raw::connect(&gateway, "alice", FIRST);
            let opened = raw.viewer("manifest.json");
            raw.serve(opened).with(200);
            eventually("nothing more is asked for", || {
                (standing(&gateway, "alice")["requests"] == 0).then_some(())
            });
            while raw.hear(Duration::ZERO).is_some() {}
            let before = raw.sent(&gateway);
            // A viewer asks for the last segment, and is being sent it.
            let mut viewer = TcpStream::connect(&gateway.client.0).unwrap();
            let request = format!("GET {} HTTP/1.1\r\nhost: segue\r\n\r\n", raw.address("v1/18.m4s"));
            viewer.write_all(request.as_bytes()).unwrap();
            let wish = raw.wish();
            let length = usize::try_from(wish.to - wish.from).unwrap();
            let path = bytes_of("alice", &wish.token);
            let mut sending = begin_put(&raw.client, &path, &[("content-range", &wish.range())], length);
            sending.write_all(&raw.bytes(wish.from, wish.from + 1)).unwrap();
            eventually("the first byte is here", || (raw.sent(&gateway) == before + 1).then_some(()));
            let asked = Instant::now();
            match which {
                // The viewer is gone.
                0 => drop(viewer),
                _ => drop(gateway.client.send("DELETE", &format!("/v1/media/{}", raw.media), &[]).with(204)),
            }
            let answer = read_reply(BufReader::new(sending), "PUT").expect("it is answered");
            refused(&answer, 409, "cancelled");
            raw.until("cancel");
            *fastest = asked.elapsed().min(*fastest);
        }
    }
    assert!(fastest.iter().all(|took| *took < Duration::from_millis(100)), "{fastest:?}");
}

#[test]
fn one_who_sends_without_end_is_cut_off_and_costs_nothing() {
    let gateway = gateway(SETTINGS);
    let mut raw = Raw::connect(&gateway, "alice", FIRST);
    let viewer = raw.viewer("manifest.json");
    let wish = raw.wish();
    let mut stream = TcpStream::connect(&raw.client.0).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "PUT {} HTTP/1.1\r\nhost: segue\r\ncontent-range: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        bytes_of("alice", &wish.token),
        wish.range()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let piece = [format!("{:x}\r\n", 1 << 20).into_bytes(), vec![7; 1 << 20], b"\r\n".to_vec()].concat();
    // What comes is thrown away for a moment, so that the answer is read.
    let began = Instant::now();
    while stream.write_all(&piece).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(10), "it is never cut off");
        thread::park_timeout(Duration::from_millis(20));
    }
    let held = gateway.get("/v1/storage").with(200).json();
    assert!(held["used"].as_u64().unwrap() < 1 << 20, "{held}");
    raw.serve(viewer).with(200);
}

#[test]
fn no_more_is_asked_of_one_than_it_may_send_at_once() {
    let most = 256 << 10;
    let gateway = gateway("[broadcast]\nflight = \"256KiB\"\n");
    let mut raw = Raw::connect(&gateway, "alice", FIRST);
    let viewer = raw.viewer("original");
    while !viewer.is_finished() {
        if let Some(heard) = raw.hear(Duration::from_millis(10)) {
            assert!(heard.name != "want" || heard.data["may"].as_u64() <= Some(most), "{heard:?}");
        }
        let asked: u64 = raw.wishes.iter().map(|wish| wish.to - wish.from).sum();
        assert!(asked <= most, "{asked}");
        let may = standing(&gateway, "alice")["may"].as_u64().unwrap();
        assert!(may <= most, "{may}");
        if let Some(wish) = raw.wishes.pop_front() {
            raw.send(&wish).with(204);
        }
    }
    assert!(viewer.join().unwrap().body == fs::read(&raw.film).unwrap(), "other bytes");
}
