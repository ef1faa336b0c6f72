//! Listens to a stream of server-sent events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::http::Client;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) id: Option<u64>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// A stream that is open.
pub(crate) struct Listening(BufReader<TcpStream>);

impl Listening {
    /// Once the head of the answer is there.
    #[track_caller]
    pub(crate) fn open(client: &Client, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = TcpStream::connect(&client.0).expect("the gateway accepts connections");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit can be set");
        // HTTP/1.0: nothing is in chunks.
        let mut request = format!("GET {path} HTTP/1.0\r\nhost: {}\r\n", client.0);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).expect("a request can be sent");
        let mut open = Self(BufReader::new(stream));
        let head: Vec<String> = std::iter::from_fn(|| open.line().filter(|line| !line.is_empty())).collect();
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
        open
    }

    /// What ends it when it is shut down.
    pub(crate) fn stream(&self) -> TcpStream {
        self.0.get_ref().try_clone().expect("a descriptor can be had")
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("the stream goes on, or ends");
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

impl Iterator for Listening {
    type Item = Heard;

    /// The next event; `None` when the stream ends.
    fn next(&mut self) -> Option<Heard> {
        let mut heard = Heard { id: None, name: String::new(), data: Value::Null };
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", id)) => heard.id = id.parse().ok(),
                Some(("event", name)) => heard.name = name.to_owned(),
                Some(("data", data)) => heard.data = serde_json::from_str(data).expect("data is JSON"),
                None if line.is_empty() && !heard.name.is_empty() => return Some(heard),
                _ => {}
            }
        }
    }
}
