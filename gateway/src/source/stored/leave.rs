//! Bytes go: into another form, or for good.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use segmenter::bytes::ByteRange;
use segmenter::render::Presentation;
use tracing::warn;

use super::Stored;
use super::usage::cost;
use crate::index;
use crate::ranges::Ranges;
use crate::source::SealError;
use crate::source::sealed::Sealed;
use crate::store::{BLOCK, FILE, step};
use crate::task::Progress;

impl Stored {
    /// Keeps it as segments from now on. Its bytes have to be all here.
    ///
    /// # Errors
    /// When that can't be done; then it stays in chunks.
    pub async fn seal(
        self: &Arc<Self>,
        presentation: Presentation,
        target: Duration,
        progress: Arc<Progress>,
    ) -> Result<(), SealError> {
        let segments: u64 = presentation.renditions().iter().map(|output| u64::from(output.segments())).sum();
        let most =
            self.identity().size + self.identity().size / 32 + (segments + 2) * (BLOCK + FILE) + (1 << 20);
        // It does not go to make room for its own segments.
        let _stays = self.feed();
        self.ground.room.make(most).await;
        let mut reservation = self.ground.quota.reserve(most, &self.owner)?;
        let (source, files) = (Arc::clone(self), Arc::clone(&self.ground.segments));
        let make = move || Sealed::make(&source, &presentation, target, &files, &progress);
        let made = tokio::task::spawn_blocking(make).await;
        let published = match made.map_err(io::Error::other)? {
            Ok(sealed) if !reservation.spend(sealed.seal().stored) => Err(SealError::Differs),
            Ok(sealed) => {
                step("segments written");
                let written = self.ground.index.seal(self.id, sealed.seal()).await;
                written.map(|()| sealed).map_err(SealError::from)
            }
            Err(error) => Err(error),
        };
        let (files, id) = (Arc::clone(&self.ground.segments), self.id);
        let sealed = match published {
            Ok(sealed) => sealed,
            Err(error) => {
                let _ = tokio::task::spawn_blocking(move || files.remove_all(id)).await;
                return Err(error);
            }
        };
        step("segments published");
        let freed = {
            let mut state = self.state();
            state.sealed = Some(Arc::new(sealed));
            state.open.clear();
            state.sums.clear();
            state.touched.clear();
            cost(&state.here, self.chunk)
        };
        self.ground.quota.give_back(freed, &self.owner);
        self.tell();
        let chunks = Arc::clone(&self.ground.files);
        // Files without rows are swept at the next start if this is broken off.
        let _ = tokio::task::spawn_blocking(move || chunks.remove_all(id)).await;
        Ok(())
    }

    /// Takes all its bytes away, whatever they are kept as.
    ///
    /// # Errors
    /// When the index can't be written; then they stay.
    pub async fn clear(self: &Arc<Self>) -> Result<(), index::Error> {
        let sealed = self.state().sealed.clone();
        let Some(sealed) = sealed else {
            let numbers = self.chunks().into_iter().map(|(number, ..)| number).collect();
            return self.remove_chunks(numbers).await;
        };
        self.ground.index.unseal(self.id).await?;
        {
            let mut state = self.state();
            state.sealed = None;
            state.here = Ranges::default();
            state.kept = Ranges::default();
        }
        self.ground.quota.give_back(sealed.seal().stored, &self.owner);
        self.tell();
        let (files, id) = (Arc::clone(&self.ground.segments), self.id);
        let _ = tokio::task::spawn_blocking(move || files.remove_all(id)).await;
        Ok(())
    }

    /// Takes chunks away. Their bytes are wanted again by whoever wants them.
    ///
    /// # Errors
    /// When the index can't be written; then they stay.
    pub async fn remove_chunks(self: &Arc<Self>, numbers: Vec<u32>) -> Result<(), index::Error> {
        self.ground.index.remove_chunks(self.id, numbers.clone()).await?;
        step("rows removed");
        self.forget(&numbers);
        self.tell();
        let source = Arc::clone(self);
        // Files without rows are swept at the next start if this is broken off.
        let removed =
            tokio::task::spawn_blocking(move || source.ground.files.remove(source.id, &numbers)).await;
        if let Ok(Err(error)) = removed {
            warn!(media = %self.id, %error, "files of removed chunks stay until the next start");
        }
        Ok(())
    }

    /// Takes chunks away, the longest untouched first, until so many bytes are free; none that hold any of `spared`.
    ///
    /// # Errors
    /// As [`Self::remove_chunks`].
    pub async fn remove_coldest(self: &Arc<Self>, bytes: u64, spared: &Ranges) -> Result<(), index::Error> {
        let mut chunks = self.chunks();
        let is_spared =
            |number: u32| spared.within(ByteRange::at(self.start(number), self.chunk)).next().is_some();
        chunks.retain(|(number, ..)| !is_spared(*number));
        chunks.sort_by_key(|(number, _, touched)| (*touched, *number));
        let mut freed = 0;
        let coldest = chunks.into_iter().take_while(|(_, stored, _)| {
            let more = freed < bytes;
            freed += stored;
            more
        });
        self.remove_chunks(coldest.map(|(number, ..)| number).collect()).await
    }

    /// Forgets what was here of chunks, and that it took space.
    pub(super) fn forget(&self, numbers: &[u32]) {
        let mut state = self.state();
        let before = cost(&state.here, self.chunk);
        for number in numbers {
            let range = ByteRange::at(self.start(*number), self.chunk);
            state.here.remove(range);
            state.kept.remove(range);
            state.sums.remove(number);
            state.checked.remove(number);
            state.touched.remove(number);
            state.dirty.remove(number);
            state.hidden.remove(range);
            state.open.retain(|(open, _)| open != number);
        }
        let freed = before - cost(&state.here, self.chunk);
        drop(state);
        self.ground.quota.give_back(freed, &self.owner);
    }

    /// Ends it: nothing is read or written any more. Its files may go from when this returns. Blocks while something is written.
    pub(in crate::source) fn end(&self) {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        state.gone = true;
        state.reservation = None;
        state.open.clear();
        let freed = self.taken(&state);
        state.sealed = None;
        state.here = Ranges::default();
        state.kept = Ranges::default();
        state.dirty.clear();
        state.hidden = Ranges::default();
        drop(state);
        self.ground.quota.give_back(freed, &self.owner);
        self.tell();
        self.wanted.send_modify(|count| *count += 1);
    }
}
