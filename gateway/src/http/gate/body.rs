//! Bodies that are cut off when they are too long, or too slow in coming.
//!
//! # Why
//! What is counted is the time that is spent waiting for the client: when the disk is slow, or there is no space yet, the body is not
//! read, and that is nobody's fault but ours. A client that sends a little now and then is cut off like one that sends nothing, for it
//! holds a connection all the same.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes a second that a client has to send at least.
const SLOWEST: u64 = 1024;

/// Why a body was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is longer than this address takes.
    TooLong,
    /// It is too slow.
    TooSlow,
}

/// Remembers that a body was cut off, for the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict(Arc<AtomicU8>);

impl Verdict {
    /// Why, if it was.
    pub(super) fn fault(&self) -> Option<Fault> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(Fault::TooLong),
            2 => Some(Fault::TooSlow),
            _ => None,
        }
    }

    fn set(&self, fault: Fault) -> Error {
        let number = match fault {
            Fault::TooLong => 1,
            Fault::TooSlow => 2,
        };
        self.0.store(number, Ordering::Relaxed);
        Error::Cut(fault)
    }
}

/// Why a body can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It was cut off.
    #[error("the body was cut off: {0:?}")]
    Cut(Fault),
    /// The client went.
    #[error(transparent)]
    Gone(#[from] hyper::Error),
}

/// What one body may be.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Bytes at most.
    pub(super) length: u64,
    /// How long a client may be too slow.
    pub(super) stall: Duration,
    /// Told when there is more than was read.
    pub(super) unread: Arc<AtomicBool>,
}

/// A body within bounds.
pub(super) struct Bounded<B> {
    inner: B,
    left: u64,
    bounds: Bounds,
    verdict: Verdict,
    pace: Pace,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// What came while it was waited for, since it was last looked at.
#[derive(Debug, Default)]
struct Pace {
    bytes: u64,
    waited: Duration,
    since: Option<Instant>,
}

impl Pace {
    /// Bytes have come.
    fn came(&mut self, bytes: u64, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now - since;
        }
        self.bytes += bytes;
    }

    /// Whether it is too slow, having been waited for so long.
    fn is_too_slow(&mut self, stall: Duration, now: Instant) -> bool {
        let waited = self.waited + self.since.map_or(Duration::ZERO, |since| now - since);
        if waited < stall {
            return false;
        }
        let slow = self.bytes < stall.as_secs().max(1).saturating_mul(SLOWEST);
        *self = Self { since: self.since.map(|_| now), ..Self::default() };
        slow
    }
}

impl<B> Bounded<B> {
    pub(super) fn new(inner: B, bounds: Bounds, verdict: Verdict) -> Self {
        bounds.unread.store(true, Ordering::Relaxed);
        Self { inner, left: bounds.length, bounds, verdict, pace: Pace::default(), alarm: None }
    }
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Body for Bounded<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        let now = Instant::now();
        let Poll::Ready(frame) = polled else {
            let since = *this.pace.since.get_or_insert(now);
            let stall = this.bounds.stall;
            loop {
                if this.pace.is_too_slow(stall, Instant::now()) {
                    return Poll::Ready(Some(Err(this.verdict.set(Fault::TooSlow))));
                }
                let due = this.pace.since.unwrap_or(since) + stall.saturating_sub(this.pace.waited);
                let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
                if alarm.deadline() != due {
                    alarm.as_mut().reset(due);
                }
                ready!(alarm.as_mut().poll(cx));
            }
        };
        let Some(frame) = frame else {
            this.bounds.unread.store(false, Ordering::Relaxed);
            return Poll::Ready(None);
        };
        let frame = frame?;
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        this.pace.came(bytes, now);
        if this.pace.is_too_slow(this.bounds.stall, now) {
            return Poll::Ready(Some(Err(this.verdict.set(Fault::TooSlow))));
        }
        match this.left.checked_sub(bytes) {
            Some(left) => this.left = left,
            None => return Poll::Ready(Some(Err(this.verdict.set(Fault::TooLong)))),
        }
        if this.inner.is_end_stream() {
            this.bounds.unread.store(false, Ordering::Relaxed);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};

    fn bounds(length: u64) -> Bounds {
        Bounds { length, stall: Duration::from_secs(10), unread: Arc::default() }
    }

    /// Reads a body to its end, or its fault.
    async fn read(
        pieces: impl futures_util::Stream<Item = Bytes> + Send + 'static,
        bounds: Bounds,
        pause: Duration,
    ) -> (u64, Option<Fault>) {
        let frames = futures_util::StreamExt::map(pieces, |piece| Ok::<_, hyper::Error>(Frame::data(piece)));
        let verdict = Verdict::default();
        let mut body = Bounded::new(Box::pin(StreamBody::new(frames)), bounds, verdict.clone());
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, |data| data.len() as u64);
            tokio::time::sleep(pause).await;
        }
        (length, verdict.fault())
    }

    /// A piece every so often.
    fn every(pause: Duration, piece: usize, count: u32) -> impl futures_util::Stream<Item = Bytes> {
        stream::unfold(count, move |left| async move {
            let left = left.checked_sub(1)?;
            tokio::time::sleep(pause).await;
            Some((Bytes::from(vec![0; piece]), left))
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_is_cut_off_and_a_steady_stream_is_not() {
        let second = Duration::from_secs(1);
        let (length, fault) = read(every(second, 1, 1000), bounds(u64::MAX), Duration::ZERO).await;
        assert_eq!((length < 20, fault), (true, Some(Fault::TooSlow)));
        let steady = read(every(second, 2048, 100), bounds(u64::MAX), Duration::ZERO).await;
        assert_eq!(steady, (204_800, None));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_cut_off() {
        let started = Instant::now();
        let silent = read(stream::pending(), bounds(u64::MAX), Duration::ZERO).await;
        assert_eq!((silent, started.elapsed()), ((0, Some(Fault::TooSlow)), Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_reads_is_not_held_against_the_client() {
        let read = read(every(Duration::ZERO, 1, 100), bounds(u64::MAX), Duration::from_secs(60)).await;
        assert_eq!(read, (100, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_too_many_is_cut_off() {
        assert_eq!(read(every(Duration::ZERO, 5, 2), bounds(10), Duration::ZERO).await, (10, None));
        assert_eq!(
            read(every(Duration::ZERO, 5, 2), bounds(9), Duration::ZERO).await,
            (5, Some(Fault::TooLong))
        );
    }
}
