//! What one client may take: requests, bytes of heads and bodies, time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, problem};
use crate::http::read_reply;
use crate::listen::Listening;
use crate::program::{Running, eventually};

/// As long as a gateway of a test may take for what it does within a second.
const SOON: Duration = Duration::from_secs(20);

fn connect(gateway: &Gateway) -> TcpStream {
    let stream = TcpStream::connect(&gateway.client.0).expect("the gateway accepts connections");
    stream.set_read_timeout(Some(SOON)).expect("a time limit can be set");
    stream
}

#[test]
fn one_who_asks_too_often_is_told_when_to_come_back_and_others_are_not() {
    let gateway = Gateway::over(&[]).restarted_with("[http]\nrate = 1\nburst = 5\nproxied = true\n");
    let ask = |path: &str, whose: &str| gateway.client.send("GET", path, &[("x-forwarded-for", whose)]);
    let replies: Vec<_> = (0..7).map(|_| ask("/v1/media", "127.0.0.1, 192.0.2.1")).collect();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(!refused.is_empty() && replies[0].status == 200);
    problem(refused[0], 429);
    let wait: u64 = refused[0].must("retry-after").parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    ask("/v1/media", "192.0.2.2").with(200);
    // What a player fetches is not counted.
    (0..20).for_each(|_| assert_eq!(ask("/v1/media/24jrq3eq31rfx29b/v1/1.m4s", "192.0.2.1").status, 404));
    // Nor is who asks from this machine.
    (0..20).for_each(|_| drop(gateway.get("/v1/media").with(200)));
}

#[test]
fn an_address_or_a_head_that_is_too_long_is_refused() {
    let gateway = Gateway::over(&[]);
    problem(&gateway.get(&format!("/v1/media?q={}", "x".repeat(9000))), 414);
    let value = "x".repeat(4000);
    let many: Vec<_> = (0..9).map(|_| ("x-padding", value.as_str())).collect();
    problem(&gateway.client.send("GET", "/v1/media", &many), 431);
    let larger: Vec<_> = (0..30).map(|_| ("x-padding", value.as_str())).collect();
    // What is not even read whole is answered in fewer words.
    let status = gateway.client.try_send("GET", "/v1/media", &larger).map(|reply| reply.status);
    assert!(status.as_ref().map_or(true, |status| *status == 431), "{status:?}");
    let hundreds: Vec<_> = (0..200).map(|_| ("x-many", "1")).collect();
    assert_eq!(gateway.client.send("GET", "/v1/media", &hundreds).status, 431);
}

#[test]
fn a_body_that_is_longer_than_an_address_takes_is_refused_and_its_sender_hears_why() {
    let gateway = Gateway::over(&[]);
    let mut stream = connect(&gateway);
    let length = 64 << 20;
    let head =
        format!("DELETE /v1/media/24jrq3eq31rfx29b HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // Sends on without looking, as simple clients do, until the gateway has had enough of it.
    let mut sender = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let piece = vec![0; 64 << 10];
        (0..length / piece.len()).all(|_| sender.write_all(&piece).is_ok())
    });
    let reply = read_reply(std::io::BufReader::new(stream), "DELETE").unwrap();
    problem(&reply, 413);
    assert_eq!(reply.json()["code"], "body_too_long");
    sending.join().unwrap();
}

#[test]
fn a_client_that_sends_a_byte_now_and_then_is_cut_off() {
    let gateway = Gateway::over(&[]).restarted_with("[http]\nstall = \"1s\"\n");
    let mut stream = connect(&gateway);
    let started = Instant::now();
    stream
        .write_all(b"POST /v1/uploads HTTP/1.1\r\nhost: a\r\ntus-resumable: 1.0.0\r\nupload-length: 1000\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: 1000\r\n\r\n")
        .unwrap();
    let mut one_by_one = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        while one_by_one.write_all(b"x").is_ok() {
            std::thread::park_timeout(Duration::from_millis(100));
        }
    });
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408") || answer.starts_with("HTTP/1.1 40"), "{answer}");
}

#[test]
fn a_client_that_takes_nothing_of_what_it_asked_for_is_cut_off() {
    let gateway = Gateway::over(&["films/Held upright.mp4"]);
    let id = gateway.items()[0]["id"].as_str().unwrap().to_owned();
    let gateway = gateway.restarted_with("[http]\nstall = \"1s\"\n");
    let mut stream = connect(&gateway);
    let ask = format!("GET /v1/media/{id}/original HTTP/1.1\r\nhost: a\r\n\r\n");
    // More than the buffers of both sides hold.
    (0..60).for_each(|_| drop(stream.write_all(ask.as_bytes())));
    std::thread::park_timeout(Duration::from_secs(4));
    let mut taken = Vec::new();
    let ended = stream.read_to_end(&mut taken);
    let bytes = std::fs::metadata(gateway.place.path().join("films/Held upright.mp4")).unwrap().len();
    assert!((taken.len() as u64) < 60 * bytes, "{ended:?}, {} bytes", taken.len());
}

#[test]
fn streams_sockets_and_uploads_that_are_slow_but_steady_go_on_for_longer_than_any_limit() {
    let gateway = Gateway::over(&[]).restarted_with("[http]\nstall = \"1s\"\npatience = \"1s\"\n");
    let mut events = Listening::open(&gateway.client, "/v1/events", &[]);
    let data = gateway.place.path().join("provider");
    let to = format!("http://{}", gateway.client.0);
    let provider = ["provider", "--to", &to, "--data", data.to_str().unwrap(), "--id", "silent"];
    let (_provider, _) = Running::start(&provider);
    let is_here = || gateway.get("/v1/providers").with(200).json()["items"][0]["connected"] == true;
    eventually("it is connected", || is_here().then_some(()));
    let heard = events.next().expect("the stream goes on");
    assert_eq!((heard.name.as_str(), &heard.data["connected"]), ("peer", &true.into()));

    let film = std::fs::read(fixture("edge/co64.mp4")).unwrap();
    let mut stream = connect(&gateway);
    let head = format!(
        "POST /v1/uploads HTTP/1.1\r\nhost: a\r\ntus-resumable: 1.0.0\r\nupload-length: {}\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: 40000\r\n\r\n",
        film.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    for piece in film[..40_000].chunks(4000) {
        std::thread::park_timeout(Duration::from_millis(400));
        stream.write_all(piece).unwrap();
    }
    let reply = read_reply(std::io::BufReader::new(stream), "POST").unwrap().with(201);
    assert_eq!(reply.must("upload-offset"), "40000");
    let heard = events.find(|heard| heard.name != "peer").expect("the stream goes on");
    assert!(heard.data["id"].is_string(), "{heard:?}");
    assert!(is_here(), "its socket is open still");
}
