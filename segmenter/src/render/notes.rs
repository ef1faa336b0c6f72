//! What of a source does not come out as it went in, told to whoever segments it.

use std::fmt;

use super::Presentation;
use crate::track::TrackId;

/// Something of the source that does not come out as it went in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A track is left out.
    Skipped {
        /// Which track.
        track: TrackId,
        /// Its sample entry and why.
        reason: String,
    },
    /// Part of an edit list can't be told in a CMAF track.
    EditsIgnored {
        /// Which track.
        track: TrackId,
        /// How many edits.
        edits: u32,
    },
    /// Messages between fragments are left out.
    EventsLost {
        /// How many.
        events: u32,
    },
    /// The source ends before its last samples do.
    CutOff {
        /// Which track.
        track: TrackId,
        /// How many samples.
        samples: u32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped { track, reason } => write!(f, "track {track} is left out: {reason}"),
            Self::EditsIgnored { track, edits } => {
                write!(
                    f,
                    "track {track}: {edits} entries of its edit list (other speeds, parts past the end of the media or that \
                     begin or end where only decoding can) are not followed"
                )
            }
            Self::EventsLost { events } => {
                write!(f, "{events} event messages are left out: they can't be understood, or are too many")
            }
            Self::CutOff { track, samples } => {
                write!(
                    f,
                    "track {track}: the file ends before its last {samples} samples do, they are left out"
                )
            }
        }
    }
}

impl Presentation {
    /// What of the source does not come out as it went in.
    pub fn notes(&self) -> Vec<Note> {
        let skipped = self.movie.skipped.iter().map(|track| Note::Skipped {
            track: track.id,
            reason: track.entry.map_or_else(
                || format!("{} ('{}')", track.reason, track.handler),
                |entry| format!("{} ('{entry}')", track.reason),
            ),
        });
        let left_out = self.plan.left_out.iter();
        let left_out = left_out.map(|&(track, reason)| Note::Skipped { track, reason: reason.to_owned() });
        let edits =
            self.movie.tracks.iter().map(|track| &track.track).filter(|track| track.edits.ignored > 0);
        let edits = edits.map(|track| Note::EditsIgnored { track: track.id, edits: track.edits.ignored });
        let cut_off = self.plan.tracks.iter().filter(|plan| plan.cut_off > 0).map(|plan| Note::CutOff {
            track: self.movie.tracks[plan.track].track.id,
            samples: plan.cut_off,
        });
        let lost = Some(self.movie.lost_events).filter(|&events| events > 0);
        let lost = lost.map(|events| Note::EventsLost { events });
        skipped.chain(left_out).chain(edits).chain(lost).chain(cut_off).collect()
    }
}
