//! Films that are sent to the gateway.

mod bad;
mod command;
mod parts;
mod play;
mod tus;

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::fixtures::path as fixture;
use crate::gateway::Gateway;
use crate::http::{Client, Reply};
use crate::program::eventually;

/// Every request of the protocol says this.
pub(crate) const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
/// What the body of a PATCH is.
pub(crate) const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");
/// `film.mp4`, as metadata have it.
const NAMED: (&str, &str) = ("upload-metadata", "filename ZmlsbS5tcDQ=");
/// 1.3 MB of video and sound, its `moov` at the end.
const LATE: &str = "films/Two languages.mp4";
/// 3 MB, its `moov` in front.
const EARLY: &str = "films/Colours in time.mp4";

/// A gateway with no films.
fn empty() -> Gateway {
    Gateway::over(&[])
}

fn bytes_of(film: &str) -> Vec<u8> {
    fs::read(fixture(film)).expect("the fixtures are made")
}

/// Makes an upload; its address.
#[track_caller]
pub(crate) fn make(client: &Client, length: usize) -> String {
    make_with(client, &[("upload-length", &length.to_string()), NAMED])
}

#[track_caller]
fn make_with(client: &Client, headers: &[(&str, &str)]) -> String {
    let reply = client.send_with("POST", "/v1/uploads", &[&[TUS], headers].concat(), b"").with(201);
    reply.must("location").to_owned()
}

/// Goes on with an upload at this place.
fn patch(client: &Client, upload: &str, offset: usize, bytes: &[u8]) -> Reply {
    let offset = offset.to_string();
    client.send_with("PATCH", upload, &[TUS, BYTES, ("upload-offset", &offset)], bytes)
}

/// Sends some bytes of a film to their place.
fn put(client: &Client, upload: &str, film: &[u8], from: usize, to: usize) -> Reply {
    let range = format!("bytes {from}-{}/{}", to - 1, film.len());
    client.send_with("PUT", &format!("{upload}/parts"), &[("content-range", &range)], &film[from..to])
}

/// Where the gateway says that an upload goes on.
#[track_caller]
fn offset(client: &Client, upload: &str) -> usize {
    let reply = client.send("HEAD", upload, &[TUS]).with(200);
    reply.must("upload-offset").parse().expect("an offset is a number")
}

fn shown(client: &Client, upload: &str) -> Value {
    client.get(upload).with(200).json()
}

/// The address of the medium that an upload becomes.
fn medium(client: &Client, upload: &str) -> String {
    format!("/v1/media/{}", shown(client, upload)["media"].as_str().expect("it has one"))
}

/// Waits until an upload's medium is in this state.
#[track_caller]
fn becomes(client: &Client, upload: &str, state: &str) {
    eventually(state, || (shown(client, upload)["state"] == state).then_some(()));
}

/// What somebody waits for, of what an upload is told to send.
fn urgent(told: &Value) -> Vec<(usize, usize)> {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let wants = told["wants"].as_array().map(Vec::as_slice).unwrap_or_default();
    wants.iter().take(number(&told["urgent"])).map(|want| (number(&want[0]), number(&want[1]))).collect()
}

/// A request whose body is sent as the test says.
struct Slowly {
    stream: TcpStream,
}

impl Slowly {
    /// Sends the head of a request with so many bytes to come.
    #[track_caller]
    fn begin(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> Self {
        let mut stream = TcpStream::connect(&client.0).expect("the gateway listens");
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n", client.0);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).expect("the gateway listens");
        Self { stream }
    }

    #[track_caller]
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the gateway reads");
    }

    /// What the gateway answers, if it does.
    fn reply(self) -> std::io::Result<Reply> {
        self.stream.set_read_timeout(Some(std::time::Duration::from_secs(30)))?;
        crate::http::read_reply(BufReader::new(self.stream), "PATCH")
    }
}
