//! A connection's socket, as hyper writes to it: bytes that lie in a file are sent from the file, all others are copied.
//!
//! # Why
//! Of what a segment costs, two fifths is the copy into the kernel. hyper hands over slices of memory and knows of no files, so the
//! choice is made below it: [`mapped`](crate::mapped) tells which slices are a file's. hyper stays the only one that reads and writes HTTP,
//! and what makes answers knows nothing of this.
//!
//! A head and the first bytes of its body leave in one packet, as they would if they were copied together: the socket is corked while
//! more is to come, and uncorked when hyper flushes. (`MSG_MORE` instead costs a fifth of the speed.)

mod pace;
mod step;
#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_cork;
use socket2::SockRef;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

use crate::mapped::Place;
pub(super) use pace::NARROW;
use pace::Pace;
use step::{Step, next};

/// Bytes of a file that are handed over at once: another connection's turn comes between.
const TURN: usize = 4 << 20;

/// A connection's socket.
#[derive(Debug)]
pub struct Wire {
    stream: TokioIo<TcpStream>,
    corked: bool,
    pace: Pace,
}

impl Wire {
    /// Over a connection that was accepted.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream: TokioIo::new(stream), corked: false, pace: Pace::default() }
    }

    fn cork(&mut self, corked: bool) -> io::Result<()> {
        if self.corked != corked {
            set_tcp_cork(self.stream.inner(), corked)?;
            self.corked = corked;
        }
        Ok(())
    }

    /// Says that nothing follows at once.
    fn uncork(&mut self) -> io::Result<()> {
        self.cork(false)?;
        match self.pace.ends(Instant::now) {
            // 0 is the system's own bound, which is none unless somebody set one.
            Some(wide) => {
                let bound = if wide { 0 } else { NARROW };
                SockRef::from(self.stream.inner()).set_tcp_notsent_lowat(bound)
            }
            None => Ok(()),
        }
    }

    fn poll_copy(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.inner_mut()).poll_write_vectored(context, slices)
    }

    fn poll_send(&self, context: &mut Context<'_>, place: &Place, len: usize) -> Poll<io::Result<usize>> {
        let stream = self.stream.inner();
        loop {
            ready!(stream.poll_write_ready(context))?;
            match stream.try_io(Interest::WRITABLE, || send(stream, place, len.min(TURN))) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What was there when the length was told is there no more.
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                sent => return Poll::Ready(sent),
            }
        }
    }
}

fn send(stream: &TcpStream, place: &Place, len: usize) -> io::Result<usize> {
    loop {
        let mut offset = place.offset;
        match rustix::fs::sendfile(stream, &place.file, Some(&mut offset), len) {
            Err(Errno::INTR) => {}
            sent => return sent.map_err(io::Error::from),
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        match next(slices) {
            Step::Copy(slices) => wire.poll_copy(context, slices),
            Step::CopyBefore(slices) => {
                wire.cork(true)?;
                wire.poll_copy(context, slices)
            }
            Step::Send(place, len) => {
                wire.cork(true)?;
                // Counted from when it is first tried.
                wire.pace.sends(0, Instant::now);
                let sent = ready!(wire.poll_send(context, &place, len))?;
                wire.pace.sends(sent, Instant::now);
                Poll::Ready(Ok(sent))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.uncork()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.uncork()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
