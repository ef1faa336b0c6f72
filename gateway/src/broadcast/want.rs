//! Bytes that one broadcaster was asked for, and taking them in: those and no others, once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use segmenter::bytes::{ByteRange, Span};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Peer;
use crate::clock::Clock;
use crate::id::Token;
use crate::ranges::Ranges;
use crate::source::{Stored, WriteError};

/// Bytes that are written at once: all that one who sends keeps in memory, but what came last.
const WRITE: usize = 256 << 10;

/// Why bytes are not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// Nobody asked for them, or not any more, or they are all here.
    #[error("these bytes were not asked for")]
    NotAsked,
    /// They are of another film.
    #[error("the film has {length} bytes")]
    OtherFilm {
        /// Bytes of the film that was asked for.
        length: u64,
    },
    /// They are being sent already.
    #[error("these bytes are being sent already")]
    Busy,
    /// They are not needed any more.
    #[error("these bytes are not needed any more")]
    Cancelled,
    /// There are more of them than was said, or fewer.
    #[error("the body is not the {said} bytes that Content-Range says")]
    Length {
        /// Bytes that were said.
        said: u64,
    },
    /// Whoever sent them stopped half-way.
    #[error("the body broke off")]
    BrokeOff,
    /// They can't be kept.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// When a broadcaster last sent something, and whether what it sends is of no use.
#[derive(Debug)]
pub(super) struct Progress {
    last: Mutex<Instant>,
    useless: CancellationToken,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { last: Mutex::new(Instant::now()), useless: CancellationToken::new() }
    }

    pub(super) fn made(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that what comes can't be used: other bytes than another sent.
    fn is_of_no_use(&self) {
        self.useless.cancel();
    }

    pub(super) fn useless(&self) -> bool {
        self.useless.is_cancelled()
    }
}

/// Bytes that one broadcaster was asked for.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) token: Token,
    pub(super) range: ByteRange,
    /// Whether somebody waited for it when it was asked for.
    pub(super) urgent: bool,
    pub(super) source: Arc<Stored>,
    pub(super) progress: Arc<Progress>,
    /// No more of it is taken from when this is cancelled.
    pub(super) over: CancellationToken,
    sending: Mutex<Sending>,
}

#[derive(Debug)]
struct Sending {
    busy: bool,
    came: Ranges,
    last: Instant,
}

impl Want {
    pub(super) fn new(
        source: &Arc<Stored>,
        progress: &Arc<Progress>,
        range: ByteRange,
        urgent: bool,
    ) -> Self {
        Self {
            token: Token::random(),
            range,
            urgent,
            source: Arc::clone(source),
            progress: Arc::clone(progress),
            over: CancellationToken::new(),
            sending: Mutex::new(Sending { busy: false, came: Ranges::default(), last: Instant::now() }),
        }
    }

    /// When something of it came, or it was asked for.
    pub(super) fn last(&self) -> Instant {
        self.sending().last
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        // Nothing panics while it is held.
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes on their way in. One at a time for each token; dropped half-way, the rest of it is asked for anew.
#[derive(Debug)]
pub struct Taking {
    peer: Arc<Peer>,
    want: Arc<Want>,
    range: ByteRange,
    at: u64,
}

impl Taking {
    /// Begins to take these bytes.
    pub(super) fn begin(
        peer: Arc<Peer>,
        want: Arc<Want>,
        range: ByteRange,
        length: Option<u64>,
    ) -> Result<Self, TakeError> {
        if range.is_empty() || !want.range.contains(range) {
            return Err(TakeError::NotAsked);
        }
        if let Some(length) = want.source.length().filter(|known| length.is_some_and(|said| said != *known)) {
            return Err(TakeError::OtherFilm { length });
        }
        let mut sending = want.sending();
        if std::mem::replace(&mut sending.busy, true) {
            return Err(TakeError::Busy);
        }
        drop(sending);
        Ok(Self { peer, want, range, at: range.start })
    }

    /// Takes them from a body, as fast as they can be written. What came is kept when this returns, whether or not all of it did.
    pub(super) async fn take<E>(
        mut self,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
        clock: &Clock,
    ) -> Result<(), TakeError> {
        let taken = self.write(body).await;
        self.want.source.fed(clock.now());
        let kept = self.want.source.keep().await;
        match (&taken, self.range.len()) {
            (Err(TakeError::Write(WriteError::Conflict(_))), _) => self.want.progress.is_of_no_use(),
            (Ok(()), _) if self.at == self.range.end => {
                self.want.sending().came.insert(self.range);
            }
            _ => {}
        }
        taken?;
        Ok(kept?)
    }

    async fn write<E>(&mut self, body: impl Stream<Item = Result<Bytes, E>> + Send) -> Result<(), TakeError> {
        let said = self.range.len();
        let mut body = std::pin::pin!(body);
        let mut gathered = BytesMut::new();
        // What came until here is written, however it ends.
        let ended = loop {
            let piece = tokio::select! {
                biased;
                () = self.want.over.cancelled() => break TakeError::Cancelled,
                piece = body.next() => piece,
            };
            let piece = match piece {
                Some(Ok(piece)) => piece,
                Some(Err(_)) => break TakeError::BrokeOff,
                None => break TakeError::Length { said },
            };
            if self.at + (gathered.len() + piece.len()) as u64 > self.range.end {
                return Err(TakeError::Length { said });
            }
            self.want.progress.made();
            self.want.sending().last = Instant::now();
            self.peer.sent(piece.len() as u64);
            gathered.extend_from_slice(&piece);
            if gathered.len() >= WRITE {
                self.put(gathered.split().freeze()).await?;
            }
        };
        self.put(gathered.freeze()).await?;
        // Nothing is missing of what was all here before it ended.
        if self.at == self.range.end { Ok(()) } else { Err(ended) }
    }

    async fn put(&mut self, bytes: Bytes) -> Result<(), TakeError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (source, span) = (Arc::clone(&self.want.source), Span { offset: self.at, bytes });
        let length = span.bytes.len() as u64;
        let written = tokio::task::spawn_blocking(move || source.write(&span)).await;
        written.map_err(|_| TakeError::Cancelled)??;
        self.at += length;
        Ok(())
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let mut sending = self.want.sending();
        sending.busy = false;
        let all = sending.came.contains(self.want.range);
        drop(sending);
        // All of it came, or it broke off: either way the token is used up, unless a part of it was sent as was said.
        if all || self.at < self.range.end {
            self.peer.over(&self.want);
        }
    }
}
