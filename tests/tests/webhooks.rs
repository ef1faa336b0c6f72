//! Messages to receivers of the user's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Told, Sender, channel};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, add};
use crate::program::segue;
use crate::uploads::{BYTES, TUS, make};

const SECRET: &str = "receivers-0123456789";
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What came with one message.
pub(crate) struct Message {
    signature: String,
    delivery: String,
    body: String,
}

impl Message {
    #[track_caller]
    pub(crate) fn event(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).expect("a message is JSON");
        format!(
            "{} {}",
            body["event"].as_str().unwrap_or_default(),
            body["media"]["title"].as_str().unwrap_or_default()
        )
    }

    /// Whether it is signed with our secret.
    fn is_signed(&self) -> bool {
        let (time, signature) = self.signature.split_once(',').expect("two fields");
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key has any length");
        mac.update(format!("{}.{}", time.strip_prefix("t=").expect("a time"), self.body).as_bytes());
        let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        signature == format!("v1={digits}")
    }
}

/// A server that answers each message with the next of these statuses, and 204 from then on.
pub(crate) fn receiver(listener: TcpListener, statuses: Vec<u16>) -> Told<Message> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut statuses = statuses.into_iter();
        // Each connection says one thing.
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let _ = take(stream, &mut || statuses.next().unwrap_or(204), &tell);
        }
    });
    told
}

fn take(stream: TcpStream, status: &mut dyn FnMut() -> u16, tell: &Sender<Message>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SOON))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_ascii_lowercase());
    }
    let field = |name: &str| {
        let found = head.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_default().to_owned()
    };
    let mut body = vec![0; field("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let message = Message { signature: field("segue-signature"), delivery: field("segue-delivery"), body };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", status())?;
    let _ = tell.send(message);
    Ok(())
}

pub(crate) fn settings(address: &str) -> String {
    format!(
        "[[webhook]]\nurl = \"http://{address}/segue\"\nsecret = \"{SECRET}\"\nevents = [\"ready\", \"failed\"]\n"
    )
}

#[test]
fn a_receiver_that_fails_first_is_told_again_with_a_signature() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let told = receiver(listener, vec![500, 503]);
    let gateway = Gateway::over(&[]).restarted_with(&settings(&address));
    add(gateway.place.path(), "edge/moov-last.mp4");
    let messages: Vec<_> = (0..3).map(|_| told.recv_timeout(SOON).expect("a message comes")).collect();
    for message in &messages {
        assert_eq!((message.event().as_str(), message.is_signed()), ("ready moov-last", true));
        assert_eq!(message.delivery, messages[0].delivery, "it is the same message");
    }
    add(gateway.place.path(), "edge/co64.mp4");
    assert_eq!(told.recv_timeout(SOON).unwrap().event(), "ready co64", "the first was taken");
}

#[test]
fn what_nobody_took_is_told_after_a_restart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let told = receiver(listener, vec![500]);
    let gateway = Gateway::over(&[]).restarted_with(&settings(&address.to_string()));
    add(gateway.place.path(), "edge/moov-last.mp4");
    let first = told.recv_timeout(SOON).expect("a message comes");
    let gateway = gateway.restarted_with(&settings(&address.to_string()));
    let again = told.recv_timeout(SOON).expect("it comes again");
    assert_eq!((again.event(), again.delivery), (first.event(), first.delivery));
    drop(gateway);
}

#[test]
fn a_receiver_is_told_all_that_becomes_of_what_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let webhook = settings(&listener.local_addr().unwrap().to_string());
    let webhook =
        webhook.replace("[\"ready\", \"failed\"]", "[\"playable\", \"ready\", \"expired\", \"failed\"]");
    let short = "[retention]\nmovie = \"1s\"\ntv = \"1s\"\nother = \"1s\"\n";
    let told = receiver(listener, Vec::new());
    let gateway = Gateway::over(&[]).restarted_with(&format!("{short}{webhook}"));
    let next = || {
        let message = told.recv_timeout(SOON).expect("a message comes");
        assert!(message.is_signed());
        message.event().split(' ').next().map(str::to_owned)
    };
    let send = |upload: &str, at: usize, bytes: &[u8]| {
        let at = at.to_string();
        gateway.client.send_with("PATCH", upload, &[TUS, BYTES, ("upload-offset", &at)], bytes)
    };
    let film = std::fs::read(fixture("edge/moov-first.mp4")).unwrap();
    let upload = make(&gateway.client, film.len());
    let most = film.len() - 1000;
    send(&upload, 0, &film[..most]).with(204);
    assert_eq!(next().as_deref(), Some("playable"));
    send(&upload, most, &film[most..]).with(204);
    assert_eq!(next().as_deref(), Some("ready"));
    assert_eq!(next().as_deref(), Some("expired"));
    let noise = make(&gateway.client, 100_000);
    send(&noise, 0, &[0xab; 100_000]);
    assert_eq!(next().as_deref(), Some("failed"));
}

#[test]
fn a_receiver_that_could_not_be_told_is_refused_at_the_start() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("segue.toml");
    std::fs::write(&config, settings("x").replace("http:", "ftp:")).unwrap();
    let data = place.path().join("data");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()];
    let refused = segue(&[&arguments[..], &["--data", data.to_str().unwrap()]].concat()).refused();
    assert!(refused.stderr.contains("ftp://x/segue"), "{}", refused.stderr);
}
