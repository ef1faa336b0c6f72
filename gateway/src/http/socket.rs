//! A connection's socket, with an end of patience for clients that take nothing of what they asked for, and a close that lets the last
//! answer arrive.
//!
//! # Why
//! A system that closes a socket with unread bytes in it tells the other side to forget what it was sent: a client that is still sending a
//! body which was refused would never see why. So when a body was not read to its end, what still comes is read and thrown away for a
//! moment before the socket is closed (RFC 9112 9.6).

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::{Instant, Sleep, sleep};

use super::Wire;

/// How long what still comes is thrown away.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes thrown away at once.
const PIECE: usize = 16 << 10;

/// A socket.
pub(super) struct Patient<S = Wire> {
    inner: S,
    stall: Duration,
    /// Since when nothing could be sent.
    stalled: Option<Pin<Box<Sleep>>>,
    unread: Arc<AtomicBool>,
    closing: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// `unread` says whether a body was sent that was not read.
    pub(super) fn new(inner: S, stall: Duration, unread: Arc<AtomicBool>) -> Self {
        Self { inner, stall, stalled: None, unread, closing: None }
    }

    /// What came of sending, or an error when it has not been possible for too long.
    fn within(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if sent.is_ready() {
            self.stalled = None;
            return sent;
        }
        let stall = self.stall;
        let alarm = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: Read + Unpin> Read for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl<S: Read + Write + Unpin> Write for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.within(cx, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.within(cx, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            if !this.unread.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let alarm = this.closing.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut waste = [MaybeUninit::uninit(); PIECE];
        while Instant::now() < alarm.deadline() {
            let mut into = ReadBuf::uninit(&mut waste);
            let read = Pin::new(&mut this.inner).poll_read(cx, into.unfilled());
            match read {
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(alarm.as_mut().poll(cx));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    fn patient(here: DuplexStream, unread: bool) -> TokioIo<Patient<TokioIo<DuplexStream>>> {
        let unread = Arc::new(AtomicBool::new(unread));
        TokioIo::new(Patient::new(TokioIo::new(here), Duration::from_secs(5), unread))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_off() {
        let (here, mut there) = duplex(8);
        let mut socket = patient(here, false);
        let mut taken = [0; 8];
        let sent = tokio::join!(socket.write_all(&[0; 17]), async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            there.read_exact(&mut taken).await.unwrap();
        });
        assert_eq!(sent.0.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn what_still_comes_is_thrown_away_before_the_end() {
        let (here, mut there) = duplex(8);
        let mut socket = patient(here, true);
        let sender = async {
            there.write_all(&[0; 1000]).await.unwrap();
            drop(there);
        };
        let started = Instant::now();
        let (closed, ()) = tokio::join!(socket.shutdown(), sender);
        closed.unwrap();
        assert!(started.elapsed() < LINGER);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_keeps_a_socket_open_for_ever() {
        let (here, _there) = duplex(8);
        let started = Instant::now();
        let mut socket = patient(here, true);
        socket.shutdown().await.unwrap();
        assert_eq!(started.elapsed(), LINGER);
    }
}
