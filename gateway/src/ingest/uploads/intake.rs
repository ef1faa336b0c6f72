//! One body into one source: as fast as the store takes it and no faster, with one piece of it in memory.
//!
//! # Why
//! What a body brings is written as it comes, and kept at borders of chunks while more comes: bringing bytes to the disk takes longer than
//! taking them from the network, and doing one behind the other would halve the rate. One keep is under way at a time, and the next takes
//! all chunks that were filled meanwhile: syncing eight files together takes hardly longer than one (measured on a virtual disk,
//! 430 MB/s with one chunk at a time, 650 with up to eight). On a slow link what has come is kept every few seconds.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use segmenter::bytes::{ByteRange, Span};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::body::{End, Gather};
use super::checksum::Checksum;
use super::live::Live;
use super::{Body, Error};
use crate::clock::Clock;
use crate::source::{Stored, WriteError};
use crate::store::Refusal;

/// Chunks that may be written and not kept yet.
const AHEAD: u64 = 8;
/// What came on a slow link is kept as often as this.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// A body, and where it goes.
pub(super) struct Intake {
    pub(super) live: Arc<Live>,
    pub(super) body: Body,
    /// Where its first byte goes.
    pub(super) at: u64,
    /// Where it ends, if that is known.
    pub(super) end: Option<u64>,
    /// No byte may lie behind this.
    pub(super) limit: u64,
    /// What the bytes have to prove before they are shown.
    pub(super) checksum: Option<Checksum>,
    /// How long nothing may come.
    pub(super) patience: Duration,
    pub(super) ended: CancellationToken,
    pub(super) clock: Clock,
}

/// Rows that are being written.
type Keeping = BoxFuture<'static, Result<(), WriteError>>;

impl Intake {
    /// Takes the body in. What came is kept, however it ends.
    pub(super) async fn run(self) -> Result<(), Error> {
        let Self { live, body, at, end, limit, checksum, patience, ended, clock } = self;
        let gather = Gather::new(body, patience);
        let writer = Writer { source: Arc::clone(&live.source), first: at, at, end, limit, checksum };
        let (done, gather) = flow(writer, gather, &live, &ended, &clock).await;
        live.touch(clock.now());
        // Whatever went wrong is told rather than that keeping went wrong too.
        let kept = live.source.keep().await;
        live.settle();
        match done.and_then(|()| Ok(kept?)) {
            Err(error) => {
                ended.run_until_cancelled(gather.drain()).await;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }
}

async fn flow(
    mut writer: Writer,
    mut gather: Gather,
    live: &Live,
    ended: &CancellationToken,
    clock: &Clock,
) -> (Result<(), Error>, Gather) {
    let mut keeping: Option<Keeping> = None;
    let (mut since, mut last) = (writer.at, Instant::now());
    let taken = loop {
        tokio::select! {
            biased;
            () = ended.cancelled() => break Err(Error::TakenOver),
            kept = async { match &mut keeping { Some(keeping) => keeping.await, None => pending().await } } => {
                keeping = None;
                if let Err(error) = kept {
                    break Err(error.into());
                }
                continue;
            }
            () = gather.fill() => {}
        }
        let bytes = gather.take();
        if bytes.is_empty() {
            break Ok(());
        }
        match writer.write(bytes).await {
            Ok(next) => writer = next,
            Err(error) => return (Err(error), gather),
        }
        live.touch(clock.now());
        let chunk = writer.source.chunk();
        let due = writer.at / chunk != since / chunk || last.elapsed() >= KEEP_EVERY;
        let may_wait = keeping.is_some() && writer.at - since < AHEAD * chunk;
        if due && !may_wait && writer.checksum.is_none() {
            // No faster than the disk: the one before has to be done.
            if let Some(Err(error)) = async { Some(keeping.take()?.await) }.await {
                break Err(error.into());
            }
            (since, last) = (writer.at, Instant::now());
            let source = Arc::clone(&writer.source);
            keeping = Some(Box::pin(async move { source.keep().await }));
        }
    };
    if let Some(keeping) = keeping {
        // If it fails, so does the one at the end, which is told.
        let _ = keeping.await;
    }
    let left = gather.take();
    let written = match left.is_empty() {
        true => Ok(writer),
        false => writer.write(left).await,
    };
    let done = match (taken, written) {
        (Ok(()), Ok(writer)) => writer.finish(gather.end.as_ref()),
        (Err(error), Ok(writer)) => {
            writer.give_up();
            Err(error)
        }
        (_, Err(error)) => Err(error),
    };
    (done, gather)
}

/// Writes pieces one behind the other.
struct Writer {
    source: Arc<Stored>,
    first: u64,
    at: u64,
    end: Option<u64>,
    limit: u64,
    checksum: Option<Checksum>,
}

impl Writer {
    /// Writes a piece where blocking is allowed; when it fails, what was hidden before is forgotten.
    async fn write(self, bytes: Bytes) -> Result<Self, Error> {
        let work = move || {
            let (writer, done) = self.write_here(bytes);
            match done {
                Ok(()) => Ok(writer),
                Err(error) => {
                    writer.give_up();
                    Err(error)
                }
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Ending)?
    }

    fn write_here(mut self, mut bytes: Bytes) -> (Self, Result<(), Error>) {
        let room = self.end.unwrap_or(u64::MAX).saturating_sub(self.at);
        let over = bytes.len() as u64 > room;
        if over {
            // What was announced is taken, what comes behind it is not.
            bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        }
        let span = Span { offset: self.at, bytes };
        let (range, limit) = (span.range(), self.limit);
        let written = match &mut self.checksum {
            _ if range.end > limit => Err(Refusal::Never { needed: range.end, limit }.into()),
            Some(checksum) => {
                checksum.update(&span.bytes);
                self.source.write_hidden(&span)
            }
            None => self.source.write(&span),
        };
        self.at = range.end;
        let done = match written {
            Ok(_) if over => Err(Error::TooLong(self.at - self.first)),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        };
        (self, done)
    }

    /// What becomes of what has come, once nothing more does.
    fn finish(mut self, end: Option<&End>) -> Result<(), Error> {
        let came = self.at - self.first;
        let whole = match end {
            Some(End::Broken(error)) => Err(Error::BrokeOff(error.clone())),
            Some(End::Silent(patience)) => Err(Error::TooSlow(*patience)),
            _ => match self.end.map(|end| end - self.first) {
                Some(announced) if came < announced => Err(Error::TooShort { came, announced }),
                _ => Ok(()),
            },
        };
        let Some(checksum) = self.checksum.take() else { return whole };
        let proven = whole.and_then(|()| checksum.holds().then_some(()).ok_or(Error::Checksum));
        let range = ByteRange { start: self.first, end: self.at };
        match proven {
            Ok(()) => Ok(self.source.show(range)?),
            Err(error) => {
                self.source.drop_hidden(range);
                Err(error)
            }
        }
    }

    /// Forgets what is hidden.
    fn give_up(self) {
        if self.checksum.is_some() {
            self.source.drop_hidden(ByteRange { start: self.first, end: self.at });
        }
    }
}
