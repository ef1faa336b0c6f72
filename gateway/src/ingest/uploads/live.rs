//! An upload in the memory of this program: its source, whose turn it is to append, when it was last gone on with.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::clock::Moment;
use crate::index::Upload;
use crate::source::{Feeding, Stored};

/// Ranges of one upload that are taken in at once; more wait.
const AT_ONCE: usize = 8;

/// An upload.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) source: Arc<Stored>,
    row: Mutex<Upload>,
    used: AtomicU64,
    /// What of `used` is in the index.
    written: AtomicU64,
    requests: AtomicU32,
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Ends the request whose turn it is.
    holder: Mutex<CancellationToken>,
    pub(super) parts: Semaphore,
    /// Held until all is here: what is being sent is not taken away to make room for something else.
    feeding: Mutex<Option<Feeding>>,
}

/// That it is a request's turn to append. The next one ends it by the token.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) ended: CancellationToken,
    _guard: OwnedMutexGuard<()>,
}

/// That a request is at work; an upload does not expire meanwhile.
#[derive(Debug)]
pub(super) struct AtWork(Arc<Live>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Live {
    pub(super) fn new(row: Upload, source: Arc<Stored>) -> Self {
        let feeding = Some(source.feed());
        let used = row.used.0;
        let live = Self {
            source,
            row: Mutex::new(row),
            used: AtomicU64::new(used),
            written: AtomicU64::new(used),
            requests: AtomicU32::new(0),
            turn: Arc::default(),
            holder: Mutex::default(),
            parts: Semaphore::new(AT_ONCE),
            feeding: Mutex::new(feeding),
        };
        live.settle();
        live
    }

    /// What the index knows of it.
    pub(super) fn row(&self) -> MutexGuard<'_, Upload> {
        // Nothing panics while it is held.
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn to append, ending the request whose turn it was.
    pub(super) async fn take_over(&self, stop: &CancellationToken) -> Result<Turn, Error> {
        let ended = stop.child_token();
        let before = std::mem::replace(
            &mut *self.holder.lock().unwrap_or_else(PoisonError::into_inner),
            ended.clone(),
        );
        before.cancel();
        let guard = Arc::clone(&self.turn).lock_owned().await;
        match ended.is_cancelled() {
            true if stop.is_cancelled() => Err(Error::Ending),
            true => Err(Error::TakenOver),
            false => Ok(Turn { ended, _guard: guard }),
        }
    }

    /// Ends whoever appends.
    pub(super) fn end_request(&self) {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }

    /// Says that a request is at work.
    pub(super) fn at_work(self: &Arc<Self>) -> AtWork {
        self.requests.fetch_add(1, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }

    /// Whether a request is at work.
    pub(super) fn is_at_work(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// Says that it is gone on with.
    pub(super) fn touch(&self, now: Moment) {
        self.used.fetch_max(now.0, Ordering::Relaxed);
        self.source.fed(now);
    }

    /// When it was last gone on with.
    pub(super) fn used(&self) -> Moment {
        Moment(self.used.load(Ordering::Relaxed))
    }

    /// When it was last gone on with, if that has to be written down.
    pub(super) fn to_write(&self) -> Option<Moment> {
        let used = self.used();
        (self.written.swap(used.0, Ordering::Relaxed) != used.0).then_some(used)
    }

    /// Whether nothing more of it is to come.
    pub(super) fn is_done(&self) -> bool {
        self.source.is_complete() || self.source.refused().is_some() || self.source.is_gone()
    }

    /// Lets go of its medium, if nothing more of it is to come.
    pub(super) fn settle(&self) {
        if self.is_done() {
            drop(self.feeding.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}
