//! What a request carries: nothing, bytes, or a stream whose length is known.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use hyper::body::{Frame, SizeHint};

/// What a request carries.
pub struct Body {
    left: u64,
    kind: Kind,
    progress: Arc<AtomicU64>,
}

enum Kind {
    Whole(Option<Bytes>),
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

impl Body {
    /// Nothing.
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// What comes out of a stream, which has to be exactly so many bytes; it is asked for more only as fast as they can be sent.
    pub fn stream(length: u64, stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self { left: length, kind: Kind::Stream(stream.boxed()), progress: Arc::default() }
    }

    /// Bytes that are left to be sent.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Whether the same can be sent again.
    pub(super) fn copy(&self) -> Option<Self> {
        match &self.kind {
            Kind::Whole(Some(bytes)) => Some(Self::from(bytes.clone())),
            _ => None,
        }
    }

    /// Counts up with every piece that is taken to be sent.
    pub(super) fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { left: bytes.len() as u64, kind: Kind::Whole(Some(bytes)), progress: Arc::default() }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.left)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = match &mut self.kind {
            Kind::Whole(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok),
            Kind::Stream(stream) => match stream.poll_next_unpin(context) {
                Poll::Ready(next) => next,
                Poll::Pending => return Poll::Pending,
            },
        };
        self.progress.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(next.map(|bytes| {
            let bytes = bytes?;
            self.left = self.left.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
