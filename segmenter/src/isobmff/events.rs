//! The event messages of a source, as they come in between its fragments.

use super::event::Event;
use super::movie::MovieTrack;
use crate::time::Ticks;
use crate::track::TrackId;

/// Bytes that all messages of a source may take; a film of a day with one a second needs a tenth of it.
const MOST: usize = 16 << 20;

/// Messages so far.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// With the fragment it counts from: a track and the composition time of its first sample there.
    told: Vec<(Event, Option<(TrackId, Ticks)>)>,
    /// How many of them have been told their fragment, if they need one.
    settled: usize,
    weight: usize,
    lost: u32,
}

impl Events {
    /// Takes in a whole `emsg`.
    pub(super) fn push(&mut self, emsg: &[u8]) {
        match Event::read(emsg).filter(|event| self.weight + event.weight() <= MOST) {
            Some(event) => {
                self.weight += event.weight();
                self.told.push((event, None));
            }
            None => self.lose(),
        }
    }

    /// One more is not among them.
    pub(super) fn lose(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// A fragment comes: the messages before it count from the sample shown first.
    pub(super) fn fragment(&mut self, track: TrackId, earliest: Ticks) {
        for (_, fragment) in &mut self.told[self.settled..] {
            *fragment = Some((track, earliest));
        }
        self.settled = self.told.len();
    }

    /// Bytes they take in memory.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The messages in their order, and how many are not among them: one that counts from a fragment that never came has no time.
    pub(super) fn finish(self, tracks: &[MovieTrack]) -> (Vec<Event>, u32) {
        let mut lost = self.lost;
        let events = self.told.into_iter().filter_map(|(mut event, fragment)| {
            if event.is_relative() {
                let counted = fragment.and_then(|(id, earliest)| {
                    let track = &tracks.iter().find(|track| track.track.id == id)?.track;
                    Some((track.edits.presentation(earliest), track.timescale))
                });
                let Some((start, clock)) = counted else {
                    lost = lost.saturating_add(1);
                    return None;
                };
                event.counts_from(start.max(Ticks::ZERO), clock);
            }
            Some(event)
        });
        let events = events.collect();
        (events, lost)
    }
}
