//! What a track is: its clock, its sample entries, its place on the timeline and on the screen. Not its samples.

use serde::{Deserialize, Serialize};

use super::{Format, SampleEntry, Subtitle};
use crate::time::Timescale;
use crate::track::{Display, Edits, Kind, TrackId};

/// One track of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Its number in the source.
    pub id: TrackId,
    /// What a player does with it.
    pub kind: Kind,
    /// Clock of its samples.
    pub timescale: Timescale,
    /// BCP 47, `None` when the source does not say.
    pub language: Option<String>,
    /// Its name for people, where it has one of its own.
    pub name: Option<String>,
    /// Sample entries; samples refer to them by number, from 1. Never empty.
    pub entries: Vec<SampleEntry>,
    /// Which part of it is shown, and when.
    pub edits: Edits,
    /// How it is shown.
    pub display: Display,
}

impl Track {
    /// The entry most of what is said about the track is taken from: the first.
    pub fn entry(&self) -> Option<&SampleEntry> {
        self.entries.first()
    }

    /// Whether it is 3GPP timed text, which goes out as WebVTT.
    pub fn is_timed_text(&self) -> bool {
        self.entry().is_some_and(|entry| entry.codec.format == Format::Text(Subtitle::Tx3g))
    }
}
