//! Streams of server-sent events: how they are written, how many there may be at once, and when they end.
//!
//! Whoever answers with one hands in a stream of [`Message`]s. It is read as fast as the listener reads and dropped when the listener
//! goes; at shutdown it is dropped at once, for a stream that never ends by itself would hold the gateway up.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::error::{Kind, Problem};

/// How often a silent stream says that it still lives: less than proxies and phone networks wait before they cut a silent connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What a listener hears first: how soon to come back when the stream breaks off. It also sends the head on its way.
const GREETING: &str = "retry: 1000\n\n";
/// Asks proxies not to gather what they pass on.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// One event as it is sent.
#[derive(Debug)]
pub(super) struct Message {
    name: &'static str,
    id: Option<u64>,
    data: String,
}

impl Message {
    /// `data` is sent as JSON.
    pub(super) fn new(name: &'static str, data: &impl Serialize) -> Self {
        // What is sent is made of texts and numbers, and JSON of it stands on one line.
        Self { name, id: None, data: serde_json::to_string(data).unwrap_or_default() }
    }

    /// With the number that a listener names when it comes back.
    pub(super) fn id(self, id: u64) -> Self {
        Self { id: Some(id), ..self }
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(self.data.len() + 48);
        if let Some(id) = self.id {
            // Writing to a string does not fail.
            let _ = writeln!(text, "id: {id}");
        }
        let _ = write!(text, "event: {}\ndata: {}\n\n", self.name, self.data);
        text
    }
}

/// The streams that are open, so that they are bounded and end together.
#[derive(Debug)]
pub struct Streams {
    listeners: Arc<Semaphore>,
    peers: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Streams {
    /// So many of each kind at once, until `stop`.
    pub fn new(most: usize, stop: CancellationToken) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { listeners: Arc::new(Semaphore::new(most)), peers: Arc::new(Semaphore::new(most)), stop }
    }

    /// Answers one who only listens.
    ///
    /// # Errors
    /// When too many listen already.
    pub(super) fn to_listener(
        &self,
        messages: impl Stream<Item = Message> + Send + 'static,
    ) -> Result<Response, Problem> {
        self.open(&self.listeners, messages)
    }

    /// Answers one who sends what it is told to here. Listeners take no room from it.
    ///
    /// # Errors
    /// When there are too many already.
    pub(super) fn to_peer(
        &self,
        messages: impl Stream<Item = Message> + Send + 'static,
    ) -> Result<Response, Problem> {
        self.open(&self.peers, messages)
    }

    fn open(
        &self,
        room: &Arc<Semaphore>,
        messages: impl Stream<Item = Message> + Send + 'static,
    ) -> Result<Response, Problem> {
        let place = Arc::clone(room).try_acquire_owned();
        let place = place.map_err(|_| Problem::new(Kind::TooManyStreams))?;
        let state = (Box::pin(messages), self.stop.clone(), place);
        let texts = stream::unfold(state, |(mut messages, stop, place)| async move {
            let text = tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                message = messages.next() => Bytes::from(message?.text()),
                () = tokio::time::sleep(KEEP_ALIVE) => Bytes::from_static(b":\n\n"),
            };
            Some((text, (messages, stop, place)))
        });
        let greeting = stream::once(async { Bytes::from_static(GREETING.as_bytes()) });
        let mut response =
            Response::new(Body::from_stream(greeting.chain(texts).map(Ok::<_, std::convert::Infallible>)));
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(NO_BUFFERING, HeaderValue::from_static("no"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    fn streams() -> (Streams, CancellationToken) {
        let stop = CancellationToken::new();
        (Streams::new(1, stop.clone()), stop)
    }

    #[test]
    fn a_message_has_its_number_its_name_and_one_line_of_data() {
        let message = Message::new("gone", &serde_json::json!({ "why": "a\nb" })).id(7);
        assert_eq!(message.text(), "id: 7\nevent: gone\ndata: {\"why\":\"a\\nb\"}\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_says_that_it_lives_and_ends_when_everything_stops() {
        let (streams, stop) = streams();
        let response = streams.to_listener(stream::pending()).unwrap();
        let mut body = response.into_body().into_data_stream();
        assert_eq!(body.next().await.unwrap().unwrap(), GREETING);
        assert_eq!(body.next().await.unwrap().unwrap(), ":\n\n");
        stop.cancel();
        assert!(body.next().await.is_none());
    }

    #[tokio::test]
    async fn one_too_many_is_refused_until_another_goes() {
        let (streams, _stop) = streams();
        let first = streams.to_listener(stream::pending()).unwrap();
        assert!(streams.to_listener(stream::pending()).is_err());
        assert!(streams.open(&streams.peers, stream::pending()).is_ok(), "listeners leave peers their room");
        drop(first);
        assert!(streams.to_listener(stream::pending()).is_ok());
    }
}
