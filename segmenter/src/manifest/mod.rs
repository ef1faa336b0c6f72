//! What a player needs to know of a medium before it fetches media: one [`Manifest`], shown as JSON, HLS and DASH.
//!
//! Built from a plan by the rooms above; the three renderings read nothing else, so they cannot disagree.
//! They are pure: no file is opened here and no clock read. [`json::parse`] is the way back, for whoever checks a folder.
//!
//! # Why
//! A picture's size is the one it is shown at. Players turn a picture as the matrix in its init segment says, and then measure
//! it against their window: hls.js by `RESOLUTION`, Shaka and dash.js by `width` and `height`, which in DASH are the size of
//! "visual presentation" (ISO/IEC 23009-1 5.3.7.2). The coded size would let a film held upright pass for a wide one; the cost is
//! that the numbers differ from those in the sample entry, for which `rotation` stands beside them.

pub mod dash;
mod extent;
pub mod hls;
pub mod json;
mod protection;
mod rate;
mod tree;
mod version;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod golden;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::isobmff::{Supplemental, VideoRange};
use crate::time::{Ticks, Timescale};
use crate::track::Kind;
pub use version::Version;

/// A medium as players see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Id of the medium; empty for a folder written by the command line.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// What the medium is to its library (`movie`, `tv`), if somebody said so.
    pub r#type: Option<String>,
    /// Where the presentation ends, in seconds from its start.
    pub duration: f64,
    /// Segment length asked for, in seconds: what players may use to size their buffers.
    pub target: f64,
    /// How far the medium has got.
    pub state: State,
    /// How segments are laid out.
    pub layout: Layout,
    /// What URLs of inits and segments carry, so that no cache mixes them with those the medium had before; `None` in a folder.
    pub version: Option<Version>,
    /// Video first, then audio, then text.
    pub renditions: Vec<Rendition>,
}

/// How far a medium has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Bytes are arriving, the timeline is not known yet.
    Receiving,
    /// Bytes are arriving, the timeline is known.
    Playable,
    /// Everything is here.
    Ready,
    /// It can't be played.
    Failed,
    /// Its time is over.
    Expired,
}

/// How the segments of a rendition lie in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `{rendition}/init.mp4` and `{rendition}/{n}.m4s`.
    Segments,
    /// One `{rendition}.mp4`: init, `sidx`, segments one after the other. `head` of each rendition says where the first begins.
    SingleFile,
}

/// One encoding of one track.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendition {
    /// `v1`, `a1`, `t1` ...: also its folder.
    pub id: String,
    /// What it holds.
    pub media: Media,
    /// RFC 6381.
    pub codec: String,
    /// Clock of every tick below.
    pub timescale: Timescale,
    /// BCP 47, `None` when not known.
    pub language: Option<String>,
    /// Name of the track for people, if the source gives one.
    pub name: Option<String>,
    /// Init segment; empty for WebVTT files, which need none.
    pub init: bytes::Bytes,
    /// Bytes before the first segment in the single-file layout (init and `sidx`), and where its `sidx` lies.
    pub head: u64,
    /// Presentation time of the first segment, after the edit list.
    pub start: Ticks,
    /// Every segment, in order; the first has number 1.
    pub segments: Vec<Segment>,
    /// The tick that players show as time zero: equal in seconds for all renditions.
    pub presentation_offset: Ticks,
    /// Kinds of messages that its segments carry (`emsg`).
    pub event_streams: Vec<EventStream>,
    /// Whether samples are encrypted, and how.
    pub protection: Option<Protected>,
    /// Numbers of the segments that can be had now, in order and apart; `None` when every one can.
    pub available: Option<Vec<RangeInclusive<u32>>>,
}

impl Rendition {
    /// MIME type of its segments, without the codec.
    pub fn mime(&self) -> &'static str {
        match self.media {
            Media::Video { .. } => "video/mp4",
            Media::Audio { .. } => "audio/mp4",
            Media::Text => "application/mp4",
            Media::WebVtt => "text/vtt",
        }
    }

    /// Presentation time at which its last segment ends.
    pub fn end(&self) -> Ticks {
        self.segments.iter().fold(self.start, |end, segment| end + segment.duration)
    }

    /// Number of its last segment; zero when it has none.
    pub fn last(&self) -> u32 {
        u32::try_from(self.segments.len()).unwrap_or(u32::MAX)
    }
}

/// What a rendition holds, with what only that kind has.
#[derive(Clone, Debug, PartialEq)]
pub enum Media {
    /// Pictures.
    Video {
        /// Pixels across, as shown: once turned.
        width: u16,
        /// Pixels down, as shown: once turned.
        height: u16,
        /// Degrees that players turn the coded picture clockwise, as its init segment tells them: 0, 90, 180, 270.
        rotation: u16,
        /// Frames a second, on average.
        frame_rate: f64,
        /// Horizontal and vertical spacing of a pixel as shown, where it is not square.
        pixel_aspect: Option<(u32, u32)>,
        /// Dynamic range.
        range: VideoRange,
        /// What a player that knows more than `codec` may take it for.
        supplemental: Option<Supplemental>,
    },
    /// Sound.
    Audio {
        /// Channels.
        channels: u16,
        /// Samples a second.
        sample_rate: u32,
        /// Complexity index of joint object coding (Dolby Atmos in E-AC-3); `None` without.
        joc: Option<u8>,
    },
    /// Subtitles in CMAF segments (`wvtt`, `stpp`).
    Text,
    /// Subtitles in WebVTT files, `{rendition}/{n}.vtt`.
    WebVtt,
}

impl Manifest {
    /// The rendition with this id.
    pub fn rendition(&self, id: &str) -> Option<&Rendition> {
        self.renditions.iter().find(|rendition| rendition.id == id)
    }

    /// Renditions of one kind, in order.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Rendition> {
        self.renditions.iter().filter(move |rendition| rendition.media.kind() == kind)
    }
}

impl Media {
    /// What a player does with it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Video { .. } => Kind::Video,
            Self::Audio { .. } => Kind::Audio,
            Self::Text | Self::WebVtt => Kind::Text,
        }
    }
}

/// A planned segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Until the next segment starts; the last one's until its last sample ends.
    pub duration: Ticks,
    /// Bytes of the whole segment.
    pub size: u64,
    /// Its fragments, in order; empty for WebVTT files.
    pub fragments: Vec<Fragment>,
}

/// One `moof` and its `mdat` inside a segment; a player may start at any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Presentation time of its first sample in decode order (for video: the sync sample).
    pub time: Ticks,
    /// Where it begins, in bytes from the start of the segment.
    pub offset: u64,
    /// Bytes from there to the end of its first sample: enough to show the sync picture.
    pub key: u64,
}

/// A kind of messages in segments (ISO/IEC 23009-1 5.10.3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventStream {
    /// `schemeIdUri`.
    pub scheme: String,
    /// `value`.
    pub value: String,
}

/// Encryption as manifests signal it (ISO/IEC 23001-7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// `cenc` or `cbcs`.
    pub scheme: String,
    /// Key id.
    pub key_id: [u8; 16],
    /// Whole `pssh` boxes of the source.
    pub pssh: Vec<bytes::Bytes>,
}
