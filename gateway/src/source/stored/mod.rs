//! A source in chunks: some of its bytes are here, some are not yet.
//!
//! Bytes are here from when they are written, so that whoever waits for them goes on at once; they are kept, and may be acknowledged,
//! from when their row is ([`Stored::keep`]). A crash between the two loses nothing that anybody was promised.
//!
//! # Why
//! The first read of a chunk in the life of the program checks its sum: a disk that rots is noticed when it matters and not by reading
//! everything at each start. A chunk that is not what it was is put aside, and its bytes are wanted again as if they had never come.

mod keep;
mod leave;
mod read;
mod usage;
mod want;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use segmenter::bytes::ByteRange;
use tokio::sync::{Semaphore, watch};

use crate::clock::Moment;
use crate::id::{Identity, MediaId};
use crate::index::{Chunk, Index};
use crate::ranges::Ranges;
use crate::source::sealed::Sealed;
use crate::source::wants::Wants;
use crate::source::{News, Room};
use crate::store::{Chunks, Owner, Quota, Reservation, Segments, Sum};

pub use usage::Feeding;
pub use want::Wanting;
pub use write::WriteError;

/// Chunk files that one source keeps open.
const OPEN: usize = 8;

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

    /// Whether it has been deleted.
    pub fn is_gone(&self) -> bool {
        self.state().gone
    }

    /// Bytes of a chunk.
    pub fn chunk(&self) -> u64 {
        self.chunk
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
