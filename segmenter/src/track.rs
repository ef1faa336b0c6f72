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
/// which part of the media is shown. Where more follow (cuts, loops, pauses), the samples of the track already are in the order
/// and at the times they ask for, if that can be; other speeds can't be told in a CMAF track.
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

    /// What becomes of pictures whose movie has this matrix of its own, applied after the track's (8.2.2).
    pub fn turn(&self, movie: &[i32; 9]) -> Turn {
        let [a, b, _, c, d, ..] = self.matrix.map(i128::from);
        let [e, f, _, g, h, ..] = movie.map(i128::from);
        let both = [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];
        let [a, b, c, d] = both.map(i128::signum);
        Turn {
            sideways: a == 0 && d == 0 && b != 0 && c != 0,
            clockwise: match (a, b, c, d) {
                (0, 1, -1, 0) => 90,
                (-1, 0, 0, -1) => 180,
                (0, -1, 1, 0) => 270,
                _ => 0,
            },
        }
    }
}

/// How pictures are turned before they are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Whether their width is shown as height: after a quarter turn, mirrored or not.
    pub sideways: bool,
    /// Degrees clockwise: 0, 90, 180, 270; 0 also for what is no plain turn (mirrored, slanted).
    pub clockwise: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(track: [i32; 4], movie: [i32; 4]) -> Turn {
        let whole = |[a, b, c, d]: [i32; 4]| [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 0x4000_0000];
        let matrix = whole(track);
        let display =
            Display { enabled: true, layer: 0, alternate_group: 0, volume: 0, matrix, width: 0, height: 0 };
        display.turn(&whole(movie))
    }

    const PLAIN: [i32; 4] = [1, 0, 0, 1];
    const QUARTER: [i32; 4] = [0, 1, -1, 0];

    #[test]
    fn turns_of_track_and_movie_add_up() {
        assert_eq!(turn(PLAIN, PLAIN), Turn::default());
        assert_eq!(turn(QUARTER, PLAIN), Turn { sideways: true, clockwise: 90 });
        assert_eq!(turn(PLAIN, QUARTER), Turn { sideways: true, clockwise: 90 });
        assert_eq!(turn(QUARTER, QUARTER), Turn { sideways: false, clockwise: 180 });
        assert_eq!(turn([0, -1, 1, 0], PLAIN), Turn { sideways: true, clockwise: 270 });
        assert_eq!(turn([0, -1, 1, 0], QUARTER), Turn::default());
    }

    #[test]
    fn a_mirrored_quarter_turn_is_sideways_but_no_plain_turn() {
        assert_eq!(turn([0, 1, 1, 0], PLAIN), Turn { sideways: true, clockwise: 0 });
        assert_eq!(turn([-1, 0, 0, 1], PLAIN), Turn::default());
    }

    #[test]
    fn a_matrix_of_zeros_turns_nothing() {
        assert_eq!(turn([0; 4], PLAIN), Turn::default());
    }
}
