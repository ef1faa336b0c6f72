//! What a source takes on disk, chunk by chunk, and when it was last used.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use segmenter::bytes::ByteRange;

use super::{State, Stored};
use crate::clock::Moment;
use crate::ranges::Ranges;
use crate::store::{BLOCK, FILE};

/// That somebody feeds a source; it does not expire as long as this is held.
#[derive(Debug)]
pub struct Feeding(Arc<Stored>);

impl Drop for Feeding {
    fn drop(&mut self) {
        self.0.feeders.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stored {
    /// What it takes on disk.
    pub fn stored(&self) -> u64 {
        self.taken(&self.state())
    }

    pub(super) fn taken(&self, state: &State) -> u64 {
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
}

/// What bytes take on disk: the blocks they lie in, and a file for each chunk.
pub(super) fn cost(here: &Ranges, chunk: u64) -> u64 {
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
