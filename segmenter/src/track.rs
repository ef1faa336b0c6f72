//! What is said of a track: its number, its kind, its place on the timeline and on the screen.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Ticks;

/// `track_ID` of a track in its source (8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackId(pub u32);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a player does with a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles or captions.
    Text,
}

impl Kind {
    /// Its letter in rendition names: `v1`, `a1`, `t1`.
    pub fn letter(self) -> char {
        match self {
            Self::Video => 'v',
            Self::Audio => 'a',
            Self::Text => 't',
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Text => "text",
        })
    }
}

/// What an edit list amounts to (8.6.6), in ticks of the track.
///
/// Empty edits at its head delay the track; the first edit that is not empty, with those that go on where it ends, says
/// which part of the media is shown. Anything more (loops, pauses, other speeds) can't be told in a CMAF track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edits {
    /// How long nothing is shown at first.
    pub empty: Ticks,
    /// Composition time of the media shown first.
    pub start: Ticks,
    /// Composition time where the shown part ends, if it ends before the media does.
    pub end: Option<Ticks>,
    /// Edits that could not be honoured.
    pub ignored: u32,
}

impl Edits {
    /// When something with this composition time is shown; negative when it lies before the edit.
    pub fn presentation(&self, composition: Ticks) -> Ticks {
        composition - self.start + self.empty
    }

    /// Presentation time of the end of the edit.
    pub fn presentation_end(&self) -> Option<Ticks> {
        self.end.map(|end| self.presentation(end))
    }
}

/// Place on the screen, from `tkhd` (8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// Whether it is meant to be shown without being asked for.
    pub enabled: bool,
    /// `layer`.
    pub layer: i16,
    /// Tracks with the same number (not 0) are alternatives of each other.
    pub alternate_group: i16,
    /// `volume`, 8.8 fixed point.
    pub volume: i16,
    /// Rotation, reflection and scale, 16.16 and 2.30 fixed point.
    pub matrix: [i32; 9],
    /// Width in pixels, 16.16 fixed point.
    pub width: u32,
    /// Height in pixels, 16.16 fixed point.
    pub height: u32,
}

impl Display {
    /// The matrix that changes nothing.
    pub const UNITY: [i32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

    /// Degrees to turn clockwise, where the matrix is a plain quarter turn; `None` for anything else.
    pub fn rotation(&self) -> Option<u16> {
        let [a, b, _, c, d, ..] = self.matrix.map(i32::signum);
        match (a, b, c, d) {
            (1, 0, 0, 1) => Some(0),
            (0, 1, -1, 0) => Some(90),
            (-1, 0, 0, -1) => Some(180),
            (0, -1, 1, 0) => Some(270),
            _ => None,
        }
    }
}
