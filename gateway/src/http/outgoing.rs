//! Bodies on their way to a socket: bytes in memory, a segment as it lies in its film, or whatever the router answered.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::{Buf, Bytes};
use futures_util::stream::{Stream, try_unfold};
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::playback::{Lent, Passing};

/// Bytes lent at once.
const PIECE: u64 = 4 << 20;
/// Bytes at the end of a segment that are read and not lent.
const LAST: u64 = 4 << 10;
/// Bytes read at once where nothing can be lent.
const READ: u64 = 256 << 10;

/// A body.
pub(super) enum Outgoing {
    /// Of these bytes.
    Whole(Bytes),
    /// Made while it is sent.
    Made(Pin<Box<dyn Stream<Item = io::Result<Load>> + Send>>),
    /// As it was answered.
    Routed(Body),
}

/// What is still to be made of a segment.
struct Rest {
    passing: Passing,
    range: Range<u64>,
    /// Told when what was lent has been sent.
    sent: Option<oneshot::Receiver<()>>,
}

impl Outgoing {
    /// A segment, lent to the kernel where that can be.
    ///
    /// Its file may be written meanwhile. So its last bytes are read after the kernel has taken all before them, and the file is looked at
    /// after that: nobody gets a whole segment of two versions.
    pub(super) fn passing(passing: Passing) -> Self {
        let rest = Rest { range: 0..passing.len(), passing, sent: None };
        Self::Made(Box::pin(try_unfold(rest, Rest::next)))
    }
}

impl Rest {
    async fn next(mut self) -> io::Result<Option<(Load, Self)>> {
        let mut at_once = false;
        if let Some(mut sent) = self.sent.take() {
            // The other end is dropped with the bytes.
            at_once = sent.try_recv() == Err(TryRecvError::Closed);
            if !at_once {
                let _ = sent.await;
            }
        }
        if self.range.is_empty() {
            return Ok(None);
        }
        let end = self.range.end.saturating_sub(LAST).min(self.range.start + PIECE);
        if end > self.range.start
            && let Some(lent) = self.passing.lent(self.range.start..end).await.map_err(io::Error::other)?
        {
            let (held, sent) = oneshot::channel();
            self.range.start = end;
            self.sent = Some(sent);
            return Ok(Some((Load::Lent { lent, _held: held }, self)));
        }
        let end = self.range.end.min(self.range.start + READ);
        let range = self.range.start..end;
        // What was lent a moment ago was in memory, and so are these.
        let bytes = match at_once && end == self.range.end {
            true => self.passing.piece_at_once(range),
            false => self.passing.clone().piece(range).await,
        };
        let bytes = bytes.map_err(io::Error::other)?;
        self.range.start = end;
        Ok(Some((Load::Bytes(bytes), self)))
    }
}

impl HttpBody for Outgoing {
    type Data = Load;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Load>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(Load::Bytes(std::mem::take(bytes)))))),
            Self::Made(stream) => {
                let made = ready!(stream.as_mut().poll_next(context));
                Poll::Ready(made.map(|made| made.map(Frame::data).map_err(axum::Error::new)))
            }
            Self::Routed(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| Ok(frame?.map_data(Load::Bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Made(_) => false,
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Made(_) => SizeHint::default(),
            Self::Routed(body) => body.size_hint(),
        }
    }
}

/// Bytes that are sent next.
#[derive(Debug)]
pub(super) enum Load {
    /// In memory.
    Bytes(Bytes),
    /// In a film.
    Lent {
        /// Where.
        lent: Lent,
        /// Dropped when they have been sent.
        _held: oneshot::Sender<()>,
    },
}

impl Buf for Load {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.remaining(),
            Self::Lent { lent, .. } => lent.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.chunk(),
            Self::Lent { lent, .. } => lent.chunk(),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.chunks_vectored(slices),
            Self::Lent { lent, .. } => lent.chunks_vectored(slices),
        }
    }

    fn advance(&mut self, bytes: usize) {
        match self {
            Self::Bytes(all) => all.advance(bytes),
            Self::Lent { lent, .. } => lent.advance(bytes),
        }
    }
}
