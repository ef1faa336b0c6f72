//! Bytes as they come over a connection, gathered into pieces worth writing.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::{Instant, timeout_at};

/// What a client sends.
pub type Body = BoxStream<'static, Result<Bytes, Box<dyn std::error::Error + Send + Sync>>>;

/// Bytes written at once: all of a body that is in memory.
pub(super) const PIECE: usize = 1 << 20;
/// How long bytes that have come may wait for more: on a slow link each is written at once, nearly.
const LINGER: Duration = Duration::from_millis(10);
/// Bytes that are thrown away after something went wrong, so that a client which is still sending hears what it was.
const DRAIN: usize = 64 << 20;
/// How long that may take.
const DRAIN_FOR: Duration = Duration::from_secs(3);

/// How a body ended.
#[derive(Debug)]
pub(super) enum End {
    /// As it should.
    Whole,
    /// The connection broke.
    Broken(String),
    /// Nothing came for so long.
    Silent(Duration),
}

/// A body, read piece by piece.
pub(super) struct Gather {
    body: Body,
    buffer: BytesMut,
    patience: Duration,
    pub(super) end: Option<End>,
}

impl Gather {
    /// `patience` is how long nothing may come.
    pub(super) fn new(body: Body, patience: Duration) -> Self {
        Self { body, buffer: BytesMut::new(), patience, end: None }
    }

    /// Waits for bytes, and takes as many as are ready. Breaking this off loses none.
    pub(super) async fn fill(&mut self) {
        let mut until = Instant::now() + if self.buffer.is_empty() { self.patience } else { LINGER };
        while self.buffer.len() < PIECE && self.end.is_none() {
            match timeout_at(until, self.body.next()).await {
                Ok(Some(Ok(bytes))) if bytes.is_empty() => {}
                Ok(Some(Ok(bytes))) => {
                    if self.buffer.is_empty() {
                        until = Instant::now() + LINGER;
                        // No more than comes on a slow link, all of it on a fast one.
                        self.buffer.reserve(bytes.len());
                    } else if self.buffer.capacity() < self.buffer.len() + bytes.len() {
                        self.buffer.reserve(PIECE);
                    }
                    self.buffer.extend_from_slice(&bytes);
                }
                Ok(Some(Err(error))) => self.end = Some(End::Broken(error.to_string())),
                Ok(None) => self.end = Some(End::Whole),
                Err(_) if self.buffer.is_empty() => self.end = Some(End::Silent(self.patience)),
                Err(_) => return,
            }
        }
    }

    /// What was filled; empty when nothing more comes.
    pub(super) fn take(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// Reads on for a while, into nothing.
    pub(super) async fn drain(mut self) {
        drain(&mut self.body).await;
    }
}

/// Reads a body for a while, into nothing: who still sends does not listen to an answer, and hears only that the connection broke.
pub async fn drain(body: &mut Body) {
    let (until, mut left) = (Instant::now() + DRAIN_FOR, DRAIN);
    while let Ok(Some(Ok(bytes))) = timeout_at(until, body.next()).await {
        let Some(less) = left.checked_sub(bytes.len()) else { return };
        left = less;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn of(pieces: Vec<Result<Bytes, Box<dyn std::error::Error + Send + Sync>>>) -> Body {
        stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn what_is_ready_comes_together_up_to_a_piece() {
        let frame = Bytes::from(vec![7; 60_000]);
        let mut gather =
            Gather::new(of((0..40).map(|_| Ok(frame.clone())).collect()), Duration::from_secs(1));
        let mut lengths = Vec::new();
        while gather.end.is_none() {
            gather.fill().await;
            lengths.push(gather.take().len());
        }
        assert_eq!(lengths.iter().sum::<usize>(), 2_400_000);
        assert!(lengths.len() <= 4 && lengths[0] >= PIECE && lengths[0] < PIECE + 60_000, "{lengths:?}");
        assert!(matches!(gather.end, Some(End::Whole)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_on_a_slow_link_waits_a_moment_and_silence_ends_it() {
        let slow = stream::iter([Ok(Bytes::from_static(b"x"))]).chain(stream::pending()).boxed();
        let mut gather = Gather::new(slow, Duration::from_secs(60));
        let began = Instant::now();
        gather.fill().await;
        assert_eq!(gather.take(), "x");
        assert!(began.elapsed() <= 2 * LINGER);
        gather.fill().await;
        assert!(gather.take().is_empty() && matches!(gather.end, Some(End::Silent(_))));
        assert!(began.elapsed() >= Duration::from_secs(60));
    }

    #[tokio::test]
    async fn what_came_before_a_break_is_there() {
        let broken =
            of(vec![Ok(Bytes::from_static(b"some")), Err("reset".into()), Ok(Bytes::from_static(b"x"))]);
        let mut gather = Gather::new(broken, Duration::from_secs(1));
        gather.fill().await;
        assert_eq!(gather.take(), "some");
        assert!(matches!(gather.end, Some(End::Broken(_))));
    }
}
