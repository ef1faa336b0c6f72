//! Reading a stream of server-sent events.

use std::time::Duration;

use tokio::time::Instant;

use super::http::{Error, Reply};

/// Bytes that one message may have.
const LARGEST: usize = 1 << 20;

/// A server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its name; `message` when the server gives none.
    pub name: String,
    /// What it carries.
    pub data: String,
    /// Its id, if it has one.
    pub id: Option<String>,
}

/// Server-sent events of a [`Reply`]. Dropping it closes the stream.
#[derive(Debug)]
pub struct EventStream {
    reply: Reply,
    silence: Duration,
    heard: Instant,
    parser: Parser,
    ready: Vec<Message>,
}

impl EventStream {
    /// Of a reply whose server is never silent for so long: it sends comments when it has nothing else to say.
    pub fn new(reply: Reply, silence: Duration) -> Self {
        Self { reply, silence, heard: Instant::now(), parser: Parser::default(), ready: Vec::new() }
    }

    /// The next event; `None` when the server has ended the stream. Nothing is lost where this is dropped before, nor is the silence that
    /// was until then.
    ///
    /// # Errors
    /// When the connection is lost or silent for too long, or an event is too large.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        loop {
            if let Some(message) = self.ready.pop() {
                return Ok(Some(message));
            }
            let left = self.silence.saturating_sub(self.heard.elapsed());
            let piece = self.reply.piece(left).await.map_err(|error| match error {
                Error::Silent(_) => Error::Silent(self.silence),
                error => error,
            })?;
            let Some(bytes) = piece else { return Ok(None) };
            self.heard = Instant::now();
            self.ready = self.parser.feed(&bytes).ok_or(Error::TooLong(LARGEST))?;
            self.ready.reverse();
        }
    }
}

/// Lines of text into messages.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    message: Message,
    has_data: bool,
}

impl Parser {
    /// The messages that these bytes complete, in order; `None` when one is too large.
    fn feed(&mut self, bytes: &[u8]) -> Option<Vec<Message>> {
        let mut done = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    done.extend(self.line(String::from_utf8_lossy(&line).trim_end_matches('\r')));
                }
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.message.data.len() > LARGEST {
                return None;
            }
        }
        Some(done)
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            let name = if message.name.is_empty() { "message".to_owned() } else { message.name };
            return std::mem::take(&mut self.has_data).then_some(Message { name, ..message });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.name),
            "id" => self.message.id = Some(value.to_owned()),
            "data" => {
                if self.has_data {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
                self.has_data = true;
            }
            // A comment, or something that later servers say.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = ": hello\n\nevent: wants\nid: 7\ndata: {\"a\":1}\n\ndata:one\r\ndata: two\r\n\r\nevent: nothing\n\nretry: 5\n\n";

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let expected = [
            Message { name: "wants".into(), data: "{\"a\":1}".into(), id: Some("7".into()) },
            Message { name: "message".into(), data: "one\ntwo".into(), id: None },
        ];
        for cut in 1..TEXT.len() {
            let mut parser = Parser::default();
            let mut found = Vec::new();
            for piece in TEXT.as_bytes().chunks(cut) {
                found.extend(parser.feed(piece).unwrap());
            }
            assert_eq!(found, expected, "in pieces of {cut}");
        }
    }

    #[test]
    fn an_event_without_end_is_not_kept() {
        let mut parser = Parser::default();
        let line = [&b"data: "[..], &vec![b'x'; LARGEST / 2], b"\n"].concat();
        assert!(parser.feed(&line).is_some());
        assert!(parser.feed(&line).is_none() || parser.feed(&line).is_none());
    }
}
