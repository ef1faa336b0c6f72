//! Bytes come in: space for them, what they may lie over, where they go. Blocks.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError};

use segmenter::bytes::{ByteRange, Span};
use tokio::runtime::Handle;

use super::usage::cost;
use super::{State, Stored};
use crate::id::MediaId;
use crate::index;
use crate::ranges::Ranges;
use crate::store::{Refusal, Reservation, step};

/// Ranges that what is here may be scattered over: more are refused, for they cost memory that their bytes don't pay for.
const PIECES: usize = 1 << 14;
/// How often a write asks for space before it is refused.
const ASKS: usize = 4;

/// Why bytes can't be taken in.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// They end behind the end.
    #[error("bytes {range} lie past the {length} bytes of the source")]
    PastEnd {
        /// Where they were to go.
        range: ByteRange,
        /// Bytes of the source.
        length: u64,
    },
    /// Other bytes lie there already.
    #[error("bytes {0} are here already, and are others")]
    Conflict(ByteRange),
    /// They leave too many holes.
    #[error("what is here lies in more than {PIECES} pieces; send longer ranges, or fill the holes first")]
    Scattered,
    /// There is no space for them.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There would be, but the disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The disk can't be written.
    #[error("writing chunk {number} of {media}: {source}")]
    Disk {
        /// Which medium.
        media: MediaId,
        /// Which chunk.
        number: u32,
        /// Why not.
        source: io::Error,
    },
    /// The index can't be written.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The medium has been deleted.
    #[error("medium {0} is gone")]
    Gone(MediaId),
    /// What has come so far holds no film.
    #[error("{0}")]
    NotAFilm(Arc<str>),
}

impl Stored {
    /// Promises space for all that is missing, before any of it comes.
    ///
    /// # Errors
    /// When there is not as much.
    pub fn reserve(&self) -> Result<(), Refusal> {
        let mut state = self.state();
        let Some(length) = state.length else { return Ok(()) };
        let whole = cost(&Ranges::of(ByteRange { start: 0, end: length }), self.chunk);
        let missing = whole.saturating_sub(cost(&state.here, self.chunk));
        let held = state.reservation.as_ref().map_or(0, Reservation::left);
        self.grow(&mut state, missing.saturating_sub(held))
    }

    /// Promises space for these, as far as they are missing, before they are asked for: what was promised before and is not used counts.
    /// Where there is no space, some is made if that can be.
    ///
    /// # Errors
    /// When there is not as much.
    pub async fn reserve_for(&self, ranges: &Ranges) -> Result<(), Refusal> {
        match self.try_reserve_for(ranges) {
            Err(Refusal::Full { needed, .. } | Refusal::Disk { needed, .. }) => {
                self.ground.room.make(needed).await;
                self.try_reserve_for(ranges)
            }
            done => done,
        }
    }

    fn try_reserve_for(&self, ranges: &Ranges) -> Result<(), Refusal> {
        let state = &mut *self.state();
        let mut after = state.here.clone();
        for range in ranges.iter() {
            after.insert(range);
        }
        let needed = cost(&after, self.chunk).saturating_sub(cost(&state.here, self.chunk));
        let held = state.reservation.as_ref().map_or(0, Reservation::left);
        self.grow(state, needed.saturating_sub(held))
    }

    /// Gives back what is promised and not used.
    pub fn release(&self) {
        self.state().reservation = None;
    }

    fn grow(&self, state: &mut State, bytes: u64) -> Result<(), Refusal> {
        match &mut state.reservation {
            Some(reservation) => reservation.grow(bytes),
            none => {
                *none = Some(self.ground.quota.reserve(bytes, &self.owner)?);
                Ok(())
            }
        }
    }

    /// Takes bytes in: those that are here already must be the same. They can be read from when this returns; they are kept after
    /// [`Self::keep`]. Blocks.
    ///
    /// # Errors
    /// When they can't be taken. Those before the place of the trouble may be here then.
    pub fn write(&self, span: &Span) -> Result<u64, WriteError> {
        self.take(span, true)
    }

    /// As [`Self::write`], but the bytes are not here before [`Self::show`] says so: for those that still have to prove what they are.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_hidden(&self, span: &Span) -> Result<u64, WriteError> {
        self.take(span, false)
    }

    /// Shows bytes that were written hidden: all that were, or none.
    ///
    /// # Errors
    /// When others have been written in their place meanwhile.
    pub fn show(&self, range: ByteRange) -> Result<(), WriteError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<_> = {
            let state = self.state();
            let missing: Vec<_> = state.here.missing(range).collect();
            let lost = missing.iter().copied().find(|part| !state.hidden.contains(*part));
            if let Some(lost) = state.spoiled.within(range).next().or(lost) {
                return Err(WriteError::Conflict(lost));
            }
            missing
        };
        for (number, part) in missing.into_iter().flat_map(|part| self.by_chunk(part)) {
            self.state().hidden.remove(part);
            self.arrived(number, part);
        }
        Ok(())
    }

    /// Forgets bytes that were written hidden.
    pub fn drop_hidden(&self, range: ByteRange) {
        let mut state = self.state();
        state.hidden.remove(range);
        state.spoiled.remove(range);
    }

    fn take(&self, span: &Span, shown: bool) -> Result<u64, WriteError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let range = span.range();
        let (overlap, missing) = {
            let state = self.state();
            if state.gone {
                return Err(WriteError::Gone(self.id));
            }
            if let Some(reason) = &state.refused {
                return Err(WriteError::NotAFilm(Arc::clone(reason)));
            }
            if let Some(length) = state.length.filter(|length| range.end > *length) {
                return Err(WriteError::PastEnd { range, length });
            }
            let overlap: Vec<_> = state.here.within(range).collect();
            let missing: Vec<_> = state.here.missing(range).collect();
            (overlap, missing)
        };
        if !missing.is_empty() {
            self.make_room(range)?;
        }
        let slice = |part: ByteRange| {
            let at = |byte: u64| usize::try_from(byte - range.start).unwrap_or(usize::MAX);
            &span.bytes[at(part.start)..at(part.end)]
        };
        for part in overlap {
            self.compare(part, slice(part))?;
        }
        let mut new = 0;
        for part in missing {
            for (number, part) in self.by_chunk(part) {
                self.write_part(number, part, slice(part))?;
                match shown {
                    true => self.arrived(number, part),
                    false => {
                        self.state().hidden.insert(part);
                    }
                }
                new += part.len();
            }
        }
        Ok(new)
    }

    /// Sees to it that as much is promised as a write will use.
    fn make_room(&self, range: ByteRange) -> Result<(), WriteError> {
        let mut promised = self.promise(range);
        for _ in 0..ASKS {
            let Err(WriteError::Refused(Refusal::Full { needed, .. } | Refusal::Disk { needed, .. })) =
                promised
            else {
                break;
            };
            let Ok(runtime) = Handle::try_current() else { break };
            // What becomes free may go to another who asked.
            runtime.block_on(self.ground.room.make(needed));
            promised = self.promise(range);
        }
        promised
    }

    fn promise(&self, range: ByteRange) -> Result<(), WriteError> {
        let state = &mut *self.state();
        let mut after = state.here.clone();
        after.insert(range);
        // They take space too, and will be here.
        for range in state.hidden.iter() {
            after.insert(range);
        }
        if after.pieces() > PIECES {
            return Err(WriteError::Scattered);
        }
        let needed = cost(&after, self.chunk).saturating_sub(cost(&state.here, self.chunk));
        let held = state.reservation.as_ref().map_or(0, Reservation::left);
        Ok(self.grow(state, needed.saturating_sub(held))?)
    }

    fn compare(&self, range: ByteRange, bytes: &[u8]) -> Result<(), WriteError> {
        let mut have = vec![0; bytes.len()];
        match self.read(&mut have, range.start) {
            Ok(()) if have == bytes => Ok(()),
            Ok(()) => Err(WriteError::Conflict(range)),
            // Lost just now: as good as never here, and told to be sent again.
            Err(_) => Ok(()),
        }
    }

    fn write_part(&self, number: u32, range: ByteRange, bytes: &[u8]) -> Result<(), WriteError> {
        let file = self.file(number, || self.ground.files.create(self.id, number));
        step("chunk created");
        let written = file.and_then(|file| file.write_all_at(bytes, range.start - self.start(number)));
        written.map_err(|error| self.failed(number, error))?;
        step("chunk written");
        Ok(())
    }

    /// Shows bytes of a chunk that have been written.
    fn arrived(&self, number: u32, range: ByteRange) {
        let mut state = self.state();
        let taken: Vec<_> = state.hidden.within(range).collect();
        for part in taken {
            state.hidden.remove(part);
            state.spoiled.insert(part);
        }
        let before = cost(&state.here, self.chunk);
        state.here.insert(range);
        let used = cost(&state.here, self.chunk) - before;
        // As much was promised before.
        let spent = state.reservation.as_mut().is_some_and(|reservation| reservation.spend(used));
        debug_assert!(spent, "{used} bytes are used that nobody promised");
        state.dirty.insert(number);
        drop(state);
        self.tell();
    }
}
