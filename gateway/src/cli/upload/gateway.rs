//! What is asked of the gateway, and what it answers.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use hyper::Method;
use segmenter::bytes::ByteRange;
use serde::Deserialize;

use super::film::Film;
use super::gate::{Gate, Urgent};
use super::schedule::Flight;
use crate::peer::{Body, Client, Error, EventStream, Reply, Request};
use crate::ranges::Ranges;

/// Bytes read from the file at once.
const READ: u64 = 256 << 10;
/// Bytes handed over at once: behind so much, what is urgent waits.
const PIECE: u64 = 32 << 10;
/// A stream of wants is never silent for so long.
const SILENCE: Duration = Duration::from_secs(45);

/// How far an upload is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) here: Vec<(u64, u64)>,
    pub(super) media: Option<String>,
    #[serde(default)]
    pub(super) error: Option<String>,
}

impl Upload {
    /// Bytes that are acknowledged.
    pub(super) fn arrived(&self) -> Ranges {
        ranges(&self.here).into_iter().collect()
    }
}

/// What is wanted, and how far the medium is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Wanted {
    wants: Vec<(u64, u64)>,
    #[serde(default)]
    urgent: usize,
    pub(super) state: String,
}

impl Wanted {
    /// Nothing yet, of a medium in this state.
    pub(super) fn nothing(state: &str) -> Self {
        Self { wants: Vec::new(), urgent: 0, state: state.to_owned() }
    }

    /// What somebody waits for.
    pub(super) fn urgent(&self) -> Vec<ByteRange> {
        ranges(self.wants.get(..self.urgent).unwrap_or_default())
    }
}

fn ranges(pairs: &[(u64, u64)]) -> Vec<ByteRange> {
    let sound = pairs.iter().filter(|(start, end)| start < end);
    sound.map(|(start, end)| ByteRange { start: *start, end: *end }).collect()
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// There was no answer, or one that says to try again.
    #[error("{0}")]
    Later(String),
    /// The gateway says no.
    #[error("{0}")]
    No(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::Untrusted { .. } => Self::No(error.to_string()),
            _ => Self::Later(error.to_string()),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: Option<String>,
}

/// A gateway that a film is sent to.
#[derive(Clone, Debug)]
pub(super) struct Gateway(pub(super) Client);

impl Gateway {
    /// Makes an upload, or finds that of a run before.
    pub(super) async fn create(&self, film: &Film) -> Result<Upload, Refused> {
        let request = Request::new(Method::POST, "/v1/uploads")
            .header("tus-resumable", "1.0.0")
            .header("upload-length", film.len().to_string())
            .header("upload-metadata", &film.metadata)
            .header("idempotency-key", &film.key);
        Ok(well(self.0.ask(request).await?).await?.json().await?)
    }

    /// How far an upload is.
    pub(super) async fn status(&self, id: &str) -> Result<Upload, Refused> {
        let request = Request::new(Method::GET, format!("/v1/uploads/{id}"));
        Ok(well(self.0.ask(request).await?).await?.json().await?)
    }

    /// What is wanted of it, as it changes.
    pub(super) async fn wants(&self, id: &str) -> Result<EventStream, Refused> {
        let request = Request::new(Method::GET, format!("/v1/uploads/{id}/wants"));
        Ok(EventStream::new(well(self.0.ask(request).await?).await?, SILENCE))
    }

    /// Sends some bytes of a film; `told` hears of each piece that is on its way.
    pub(super) async fn put(
        &self,
        id: &str,
        film: &Film,
        flight: Flight,
        gate: &Gate,
        told: impl Fn(u64) + Send + 'static,
    ) -> Result<(), Refused> {
        let Flight { number, range, urgent } = flight;
        let sending = Sending {
            film: film.clone(),
            gate: gate.clone(),
            number: urgent.then_some(number),
            left: range,
            read: Bytes::new(),
            _urgent: urgent.then(|| gate.urgent(number)),
        };
        let pieces = stream::try_unfold((sending, told), |(mut sending, told)| async move {
            let Some(piece) = sending.piece().await? else { return Ok::<_, io::Error>(None) };
            told(piece.len() as u64);
            Ok(Some((piece, (sending, told))))
        });
        let content = format!("bytes {}-{}/{}", range.start, range.end - 1, film.len());
        let request = Request::new(Method::PUT, format!("/v1/uploads/{id}/parts"))
            .header("content-range", content)
            .header("content-type", "application/octet-stream")
            .body(Body::stream(range.len(), pieces));
        well(self.0.ask(request).await?).await?.bytes().await?;
        Ok(())
    }
}

/// Bytes of the film that are being sent.
struct Sending {
    film: Film,
    gate: Gate,
    number: Option<u64>,
    left: ByteRange,
    read: Bytes,
    _urgent: Option<Urgent>,
}

impl Sending {
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        if self.read.is_empty() && self.left.is_empty() {
            return Ok(None);
        }
        self.gate.pass(self.number).await;
        if self.read.is_empty() {
            let end = self.left.end.min(self.left.start + READ);
            let (film, range) = (self.film.clone(), ByteRange { start: self.left.start, end });
            self.read =
                tokio::task::spawn_blocking(move || film.read(range)).await.map_err(io::Error::other)??;
            self.left.start = end;
        }
        let piece = usize::try_from(PIECE).unwrap_or(usize::MAX).min(self.read.len());
        Ok(Some(self.read.split_to(piece)))
    }
}

/// The answer, if it says that all is well.
async fn well(reply: Reply) -> Result<Reply, Refused> {
    let status = reply.status;
    if status.is_success() {
        return Ok(reply);
    }
    let problem: Problem = reply.json().await.unwrap_or_default();
    let title = if problem.title.is_empty() { status.to_string() } else { problem.title };
    let told = problem.detail.map_or(title.clone(), |detail| format!("{title}: {detail}"));
    let later = status.is_server_error() && status.as_u16() != 507;
    Err(if later || matches!(status.as_u16(), 408 | 429) { Refused::Later(told) } else { Refused::No(told) })
}
