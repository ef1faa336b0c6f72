//! A source in chunks: some of its bytes are here, some are not yet.
//!
//! Bytes are here from when they are written, so that whoever waits for them goes on at once; they are kept, and may be acknowledged,
//! from when their row is ([`Stored::keep`]). A crash between the two loses nothing that anybody was promised.
//!
//! # Why
//! The first read of a chunk in the life of the program checks its sum: a disk that rots is noticed when it matters and not by reading
//! everything at each start. A chunk that is not what it was is put aside, and its bytes are wanted again as if they had never come.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use segmenter::bytes::{ByteRange, Span};
use segmenter::render::Presentation;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tracing::warn;

use super::sealed::Sealed;
use super::wants::{Wants, then_the_rest};
use super::{Error, News, Priority, Room, SealError};
use crate::clock::Moment;
use crate::id::{Identity, MediaId};
use crate::index::{self, Chunk, Index};
use crate::ranges::Ranges;
use crate::store::{self, BLOCK, Chunks, FILE, Owner, Quota, Refusal, Reservation, Segments, Sum, step};

/// Chunk files that one source keeps open.
const OPEN: usize = 8;
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

/// A source in chunks. One is shared by all who read or feed it.
#[derive(Debug)]
pub struct Stored {
    id: MediaId,
    created: i64,
    chunk: u64,
    owner: Owner,
    ground: Ground,
    state: Mutex<State>,
    /// Told when bytes land, are lost, or the length becomes known.
    news: watch::Sender<u64>,
    /// Told when somebody wants something else.
    wanted: watch::Sender<u64>,
    writing: Mutex<()>,
    keeping: Semaphore,
    feeders: AtomicU32,
    used: AtomicU64,
    watched: AtomicU64,
}

/// What sources stand on.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) files: Arc<Chunks>,
    pub(super) index: Arc<Index>,
    pub(super) quota: Arc<Quota>,
    pub(super) room: Arc<Room>,
    pub(super) segments: Arc<Segments>,
    pub(super) news: Arc<News>,
}

#[derive(Debug)]
struct State {
    length: Option<u64>,
    here: Ranges,
    kept: Ranges,
    sums: BTreeMap<u32, Sum>,
    /// When chunks were last read or written, in the life of this program.
    touched: HashMap<u32, Moment>,
    /// Chunks whose bytes have been compared with their sum, or were summed just now.
    checked: HashSet<u32>,
    /// Chunks with bytes that are not kept.
    dirty: BTreeSet<u32>,
    /// Bytes that lie in their files and are not shown.
    hidden: Ranges,
    /// Bytes in whose place others were written and shown while they were hidden.
    spoiled: Ranges,
    open: Vec<(u32, Arc<File>)>,
    wants: Wants,
    reservation: Option<Reservation>,
    /// Its other form, which has taken the place of its chunks.
    sealed: Option<Arc<Sealed>>,
    /// Why no more is taken in.
    refused: Option<Arc<str>>,
    gone: bool,
}

/// That somebody feeds a source; it does not expire as long as this is held.
#[derive(Debug)]
pub struct Feeding(Arc<Stored>);

impl Drop for Feeding {
    fn drop(&mut self) {
        self.0.feeders.fetch_sub(1, Ordering::Relaxed);
    }
}

/// That somebody wants bytes; they are wanted as long as this is held.
#[derive(Debug)]
pub struct Wanting {
    source: Arc<Stored>,
    ticket: u64,
}

impl Drop for Wanting {
    fn drop(&mut self) {
        self.source.state().wants.remove(self.ticket);
        self.source.wanted.send_modify(|count| *count += 1);
    }
}

/// What a source is made of.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: MediaId,
    pub(super) created: i64,
    pub(super) length: Option<u64>,
    pub(super) chunk: u32,
    pub(super) owner: Owner,
    pub(super) used: Moment,
    pub(super) chunks: Vec<Chunk>,
    pub(super) sealed: Option<Sealed>,
}

impl Stored {
    pub(super) fn new(kept: Kept, ground: Ground) -> Self {
        let chunk = u64::from(kept.chunk.max(1));
        let mut here = Ranges::default();
        for stored in &kept.chunks {
            let start = u64::from(stored.number) * chunk;
            stored.here.iter().for_each(|range| {
                here.insert(ByteRange { start: start + range.start, end: start + range.end });
            });
        }
        if let (Some(_), Some(length)) = (&kept.sealed, kept.length) {
            here.insert(ByteRange { start: 0, end: length });
        }
        let state = State {
            length: kept.length,
            kept: here.clone(),
            here,
            sums: kept.chunks.iter().filter_map(|stored| Some((stored.number, stored.sum?))).collect(),
            touched: HashMap::new(),
            checked: HashSet::new(),
            dirty: BTreeSet::new(),
            hidden: Ranges::default(),
            spoiled: Ranges::default(),
            open: Vec::new(),
            wants: Wants::default(),
            reservation: None,
            sealed: kept.sealed.map(Arc::new),
            refused: None,
            gone: false,
        };
        Self {
            id: kept.id,
            created: kept.created,
            chunk,
            owner: kept.owner,
            ground,
            state: Mutex::new(state),
            news: watch::Sender::new(0),
            wanted: watch::Sender::new(0),
            writing: Mutex::new(()),
            keeping: Semaphore::new(1),
            feeders: AtomicU32::new(0),
            used: AtomicU64::new(kept.used.0),
            watched: AtomicU64::new(0),
        }
    }

    /// Its medium.
    pub fn id(&self) -> MediaId {
        self.id
    }

    /// Who it is of.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Bytes it has when all are here; `None` as long as nobody has said.
    pub fn length(&self) -> Option<u64> {
        self.state().length
    }

    /// Tells its contents from those of any other source, whether or not all are here.
    pub fn identity(&self) -> Identity {
        Identity { size: self.length().unwrap_or(0), modified: self.created }
    }

    /// Says how many bytes it has; false if it has another length already, or more bytes are here.
    pub fn set_length(&self, length: u64) -> bool {
        let mut state = self.state();
        let fits = state.here.iter().last().is_none_or(|last| last.end <= length);
        if !fits || state.length.is_some_and(|said| said != length) {
            return false;
        }
        // Only now can it be told that the last chunk is whole: the next time something is kept, it is.
        if let Some(last) =
            state.here.iter().last().filter(|last| state.length.is_none() && last.end == length)
        {
            let number = (last.end - 1) / self.chunk;
            state.dirty.extend(u32::try_from(number).ok());
        }
        state.length = Some(length);
        drop(state);
        self.tell();
        true
    }

    /// Its bytes that can be read.
    pub fn here(&self) -> Ranges {
        self.state().here.clone()
    }

    /// Its bytes that may be acknowledged.
    pub fn kept(&self) -> Ranges {
        self.state().kept.clone()
    }

    /// Whether these can be read.
    pub fn has(&self, range: ByteRange) -> bool {
        self.state().here.contains(range)
    }

    /// Whether all its bytes are here and kept.
    pub fn is_complete(&self) -> bool {
        let state = self.state();
        state.length.is_some_and(|length| state.kept.contains(ByteRange { start: 0, end: length }))
    }

    /// Counts up with every change of what is here.
    pub fn version(&self) -> u64 {
        *self.news.borrow()
    }

    /// Told with every change of what is here.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Told with every change of what is wanted.
    pub fn wants(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// What is missing and wanted, the most urgent first.
    pub fn urgent(&self) -> Vec<ByteRange> {
        let state = self.state();
        state.wants.urgent(&state.here)
    }

    /// As [`Self::urgent`], and how urgent each is.
    pub fn ranked(&self) -> Vec<(Priority, ByteRange)> {
        let state = self.state();
        state.wants.ranked(&state.here)
    }

    /// All that is missing: what is wanted, then the rest in order. Nothing of the rest while the length is unknown.
    pub fn wanted(&self) -> Vec<ByteRange> {
        let state = self.state();
        then_the_rest(state.wants.urgent(&state.here), &state.here, state.length.unwrap_or(0))
    }

    /// Says that bytes are wanted, as long as what is returned is held.
    pub fn want(self: &Arc<Self>, priority: Priority, ranges: Vec<ByteRange>) -> Wanting {
        let ticket = self.state().wants.add(priority, ranges);
        self.wanted.send_modify(|count| *count += 1);
        self.ground.news.wanted(self.id);
        Wanting { source: Arc::clone(self), ticket }
    }

    /// Waits until all these are here, saying that they are wanted.
    ///
    /// # Errors
    /// When they have not come in time, lie past the end, or the medium is gone.
    pub async fn ready(
        self: &Arc<Self>,
        priority: Priority,
        ranges: &[ByteRange],
        patience: Duration,
    ) -> Result<(), Error> {
        let mut news = self.news.subscribe();
        if self.all_here(ranges)? {
            return Ok(());
        }
        let _wanting = self.want(priority, ranges.to_vec());
        let wait = async {
            while !self.all_here(ranges)? {
                // The sender lives as long as `self`.
                let _ = news.changed().await;
            }
            Ok(())
        };
        tokio::time::timeout(patience, wait).await.unwrap_or(Err(Error::Elsewhere(self.id)))
    }

    fn all_here(&self, ranges: &[ByteRange]) -> Result<bool, Error> {
        let state = self.state();
        let past = |range: &&ByteRange| state.length.is_some_and(|length| range.end > length);
        match (state.gone, ranges.iter().find(past)) {
            (true, _) => Err(Error::Deleted(self.id)),
            (_, Some(_)) => Err(Error::Elsewhere(self.id)),
            _ => Ok(ranges.iter().all(|range| state.here.contains(*range))),
        }
    }

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
        written.map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteError::DiskFull,
            _ => WriteError::Disk { media: self.id, number, source },
        })?;
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

    /// Publishes what was written before this was called: it may be acknowledged from when this returns.
    ///
    /// # Errors
    /// When disk or index can't be written; the bytes can still be read, and may be kept by the next call.
    pub async fn keep(self: &Arc<Self>) -> Result<(), WriteError> {
        let Ok(_turn) = self.keeping.acquire().await else { return Err(WriteError::Gone(self.id)) };
        let mut chunks = Dirty::take(self);
        if chunks.numbers.is_empty() {
            return Ok(());
        }
        let (source, numbers) = (Arc::clone(self), chunks.numbers.clone());
        let synced = tokio::task::spawn_blocking(move || source.sync(&numbers)).await;
        let synced = synced.map_err(|_| WriteError::Gone(self.id))??;
        step("chunks synced");
        self.ground.index.put_chunks(self.id, synced.clone()).await.map_err(|error| match error {
            index::Error::Full => WriteError::DiskFull,
            error => error.into(),
        })?;
        step("rows written");
        chunks.numbers.clear();
        let whole: Vec<_> =
            synced.iter().filter(|chunk| chunk.sum.is_some()).map(|chunk| chunk.number).collect();
        let mut state = self.state();
        for chunk in synced {
            let start = self.start(chunk.number);
            for range in chunk.here.iter() {
                state.kept.insert(ByteRange { start: start + range.start, end: start + range.end });
            }
            if let Some(sum) = chunk.sum {
                state.sums.insert(chunk.number, sum);
                state.checked.insert(chunk.number);
            }
            let used = self.used();
            state.touched.insert(chunk.number, used);
        }
        drop(state);
        self.tell();
        whole.into_iter().for_each(|number| self.ground.news.landed(self.id, number));
        Ok(())
    }

    /// Brings chunks to the disk, and says what is here of each.
    fn sync(&self, numbers: &BTreeSet<u32>) -> Result<Vec<Chunk>, WriteError> {
        let failed = |number| {
            move |source: io::Error| match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteError::DiskFull,
                _ => WriteError::Disk { media: self.id, number, source },
            }
        };
        let mut chunks = Vec::with_capacity(numbers.len());
        for number in numbers.iter().copied() {
            let file =
                self.file(number, || self.ground.files.create(self.id, number)).map_err(failed(number))?;
            // Before the sync: what comes later is of the next one.
            let (here, whole) = self.of_chunk(number);
            self.ground.files.keep(&file).map_err(failed(number))?;
            let sum = (here.bytes() == whole)
                .then(|| store::sum(&file, whole))
                .transpose()
                .map_err(failed(number))?;
            chunks.push(Chunk { number, stored: here.stored(BLOCK) + FILE, here, sum });
        }
        if let Some(first) = numbers.first() {
            self.ground.files.keep_names(self.id).map_err(failed(*first))?;
        }
        Ok(chunks)
    }

    /// The bytes of a chunk; those of the last one end with the source, once its length is known. Empty behind the end.
    pub fn place(&self, number: u32) -> ByteRange {
        let place = ByteRange::at(self.start(number), self.chunk);
        let end = self.length().map_or(place.end, |length| place.end.min(length));
        ByteRange { start: place.start.min(end), end }
    }

    /// The chunks that some bytes lie in, in the order of these and each once.
    pub fn covering(&self, ranges: &[ByteRange]) -> Vec<u32> {
        let mut listed = HashSet::new();
        let numbers = ranges.iter().flat_map(|range| self.by_chunk(*range).map(|(number, _)| number));
        numbers.filter(|number| listed.insert(*number)).collect()
    }

    /// What is here of a chunk, counted from its start, and how many bytes it has in all.
    fn of_chunk(&self, number: u32) -> (Ranges, u64) {
        let state = self.state();
        let range = ByteRange::at(self.start(number), self.chunk);
        let end = state.length.map_or(range.end, |length| range.end.min(length));
        let here = state.here.within(range);
        let here =
            here.map(|part| ByteRange { start: part.start - range.start, end: part.end - range.start });
        (here.collect(), end.saturating_sub(range.start))
    }

    /// Fills `buffer` with the bytes from `offset`. Blocks.
    ///
    /// # Errors
    /// When they are not all here.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        let range = ByteRange::at(offset, buffer.len() as u64);
        {
            let mut state = self.state();
            if !state.here.contains(range) {
                return Err(Error::Elsewhere(self.id));
            }
            if let Some(sealed) = state.sealed.clone() {
                drop(state);
                return sealed.read(buffer, offset);
            }
            let used = self.used();
            state.touched.extend(self.by_chunk(range).map(|(number, _)| (number, used)));
        }
        let mut rest = buffer;
        for (number, part) in self.by_chunk(range) {
            let (place, after) =
                std::mem::take(&mut rest).split_at_mut(usize::try_from(part.len()).unwrap_or(0));
            rest = after;
            let read = self
                .checked(number)
                .and_then(|file| file.read_exact_at(place, part.start - self.start(number)));
            if let Err(error) = read {
                self.lose(number, &error);
                return Err(Error::Elsewhere(self.id));
            }
        }
        Ok(())
    }

    /// The file of a chunk whose bytes are what they were, if that can be told.
    fn checked(&self, number: u32) -> io::Result<Arc<File>> {
        let file = self.file(number, || self.ground.files.open_chunk(self.id, number))?;
        let sum = {
            let state = self.state();
            state.sums.get(&number).filter(|_| !state.checked.contains(&number)).copied()
        };
        if let Some(expected) = sum {
            let (_, whole) = self.of_chunk(number);
            if store::sum(&file, whole)? != expected {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its bytes are not what they were"));
            }
            self.state().checked.insert(number);
        }
        Ok(file)
    }

    /// Puts a chunk aside that can't be read or is not what it was. Its row stays for the next start to find that the file is gone.
    fn lose(&self, number: u32, error: &io::Error) {
        warn!(media = %self.id, chunk = number, %error, "chunk put aside");
        self.forget(&[number]);
        if let Err(error) = self.ground.files.quarantine(self.id, number) {
            warn!(media = %self.id, chunk = number, %error, "chunk can't be put aside");
        }
        self.tell();
    }

    /// Keeps it as segments from now on. Its bytes have to be all here.
    ///
    /// # Errors
    /// When that can't be done; then it stays in chunks.
    pub async fn seal(
        self: &Arc<Self>,
        presentation: Presentation,
        target: Duration,
    ) -> Result<(), SealError> {
        let segments: u64 = presentation.renditions().iter().map(|output| u64::from(output.segments())).sum();
        let most =
            self.identity().size + self.identity().size / 32 + (segments + 2) * (BLOCK + FILE) + (1 << 20);
        self.ground.room.make(most).await;
        let mut reservation = self.ground.quota.reserve(most, &self.owner)?;
        let (source, files) = (Arc::clone(self), Arc::clone(&self.ground.segments));
        let made =
            tokio::task::spawn_blocking(move || Sealed::make(&source, &presentation, target, &files)).await;
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

    /// A segment in a file of its own, if it is kept as segments. Blocks.
    pub fn segment(&self, rendition: &str, number: u32, target: Duration) -> Option<Vec<u8>> {
        let sealed = self.state().sealed.clone()?;
        sealed.segment(rendition, number, target)
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
    fn forget(&self, numbers: &[u32]) {
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

    /// Takes nothing in any more, for this reason; what was promised and not used is free again.
    pub fn refuse(&self, reason: &str) {
        let mut state = self.state();
        state.refused = Some(reason.into());
        state.reservation = None;
        drop(state);
        self.tell();
    }

    /// Why nothing is taken in any more.
    pub fn refused(&self) -> Option<Arc<str>> {
        self.state().refused.clone()
    }

    /// Ends it: nothing is read or written any more. Its files may go from when this returns. Blocks while something is written.
    pub(super) fn end(&self) {
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

    /// Whether it has been deleted.
    pub fn is_gone(&self) -> bool {
        self.state().gone
    }

    /// What it takes on disk.
    pub fn stored(&self) -> u64 {
        self.taken(&self.state())
    }

    fn taken(&self, state: &State) -> u64 {
        state.sealed.as_ref().map_or_else(|| cost(&state.here, self.chunk), |sealed| sealed.seal().stored)
    }

    /// The chunks of which something is here, what each takes on disk, and when it was last read or written: not since the program
    /// started if it says `None`.
    pub fn chunks(&self) -> Vec<(u32, u64, Option<Moment>)> {
        let state = self.state();
        if state.sealed.is_some() {
            return Vec::new();
        }
        let numbers: BTreeSet<u32> =
            state.here.iter().flat_map(|range| self.by_chunk(range).map(|(number, _)| number)).collect();
        let stored = |number: u32| {
            let here: Ranges = state.here.within(ByteRange::at(self.start(number), self.chunk)).collect();
            cost(&here, self.chunk)
        };
        numbers
            .into_iter()
            .map(|number| (number, stored(number), state.touched.get(&number).copied()))
            .collect()
    }

    /// As [`Self::chunks`], but for those of which somebody waits for bytes: what has come of them would have to come again.
    pub fn idle_chunks(&self) -> Vec<(u32, u64, Option<Moment>)> {
        let awaited: Vec<ByteRange> = self.state().wants.ranges().collect();
        let awaited: HashSet<u32> = self.covering(&awaited).into_iter().collect();
        self.chunks().into_iter().filter(|(number, ..)| !awaited.contains(number)).collect()
    }

    /// The chunks of which something is kept, and where in the source that lies.
    pub fn places(&self) -> Vec<(u32, Vec<ByteRange>)> {
        let kept = self.kept();
        let numbers: BTreeSet<u32> =
            kept.iter().flat_map(|range| self.by_chunk(range).map(|(number, _)| number)).collect();
        let within = |number| kept.within(ByteRange::at(self.start(number), self.chunk)).collect();
        numbers.into_iter().map(|number| (number, within(number))).collect()
    }

    /// Bytes of a chunk.
    pub fn chunk(&self) -> u64 {
        self.chunk
    }

    /// Says that somebody feeds it, as long as what is returned is held.
    pub fn feed(self: &Arc<Self>) -> Feeding {
        self.feeders.fetch_add(1, Ordering::Relaxed);
        Feeding(Arc::clone(self))
    }

    /// Whether somebody feeds it.
    pub fn is_fed(&self) -> bool {
        self.feeders.load(Ordering::Relaxed) > 0
    }

    /// Says that it is fed now.
    pub fn fed(&self, now: Moment) {
        self.used.fetch_max(now.0, Ordering::Relaxed);
    }

    /// Says that it is watched now.
    pub fn watched(&self, now: Moment) {
        self.used.fetch_max(now.0, Ordering::Relaxed);
        self.watched.fetch_max(now.0, Ordering::Relaxed);
    }

    /// When it was last watched or fed.
    pub fn used(&self) -> Moment {
        Moment(self.used.load(Ordering::Relaxed))
    }

    /// When it was last watched, in the life of this program.
    pub fn last_watched(&self) -> Moment {
        Moment(self.watched.load(Ordering::Relaxed))
    }

    /// The parts of a range that lie in each chunk.
    fn by_chunk(&self, range: ByteRange) -> impl Iterator<Item = (u32, ByteRange)> + use<> {
        let chunk = self.chunk;
        let numbers = range.start / chunk..range.end.div_ceil(chunk);
        numbers.map(move |number| {
            let part = ByteRange {
                start: range.start.max(number * chunk),
                end: range.end.min((number + 1) * chunk),
            };
            (u32::try_from(number).unwrap_or(u32::MAX), part)
        })
    }

    fn start(&self, number: u32) -> u64 {
        u64::from(number) * self.chunk
    }

    /// An open chunk; `open` opens it if it is not.
    fn file(&self, number: u32, open: impl FnOnce() -> io::Result<File>) -> io::Result<Arc<File>> {
        if let Some((_, file)) = self.state().open.iter().find(|(open, _)| *open == number) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(open()?);
        let mut state = self.state();
        if state.open.len() >= OPEN {
            state.open.remove(0);
        }
        state.open.push((number, Arc::clone(&file)));
        Ok(file)
    }

    fn tell(&self) {
        self.news.send_modify(|version| *version += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Chunks that are being kept; if that is broken off, they are dirty again.
struct Dirty<'a> {
    source: &'a Stored,
    numbers: BTreeSet<u32>,
}

impl<'a> Dirty<'a> {
    fn take(source: &'a Stored) -> Self {
        let numbers = std::mem::take(&mut source.state().dirty);
        Self { source, numbers }
    }
}

impl Drop for Dirty<'_> {
    fn drop(&mut self) {
        self.source.state().dirty.extend(&self.numbers);
    }
}

/// What bytes take on disk: the blocks they lie in, and a file for each chunk.
fn cost(here: &Ranges, chunk: u64) -> u64 {
    let mut last = None;
    let files: u64 = here
        .iter()
        .map(|range| {
            let (from, to) = (range.start / chunk, (range.end - 1) / chunk);
            let shared = u64::from(last == Some(from));
            last = Some(to);
            to - from + 1 - shared
        })
        .sum();
    here.stored(BLOCK) + files * FILE
}
