//! The shape of `manifest.json`: field for field what is written and what is read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::State;
use crate::track::Kind;

/// What a player needs to know of a medium before it fetches media. URLs are relative to this document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Segue manifest")]
pub struct Document {
    /// Version of this shape: 1.
    pub version: u32,
    /// Id of the medium; empty for a folder written by the command line.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// What the medium is to its library, such as `movie` or `tv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Where the presentation ends, in seconds from its start.
    pub duration: f64,
    /// Segment length asked for, in seconds.
    pub target: f64,
    /// How far the medium has got.
    pub state: State,
    /// Video first, then audio, then text.
    pub renditions: Vec<Rendition>,
}

/// One encoding of one track. Every tick is a presentation time (after the edit list) counted in `timescale`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rendition {
    /// `v1`, `a1`, `t1` ...
    pub id: String,
    /// What a player does with it.
    pub kind: Kind,
    /// RFC 6381.
    pub codec: String,
    /// MIME type of its segments, without the codec; `text/vtt` for WebVTT files.
    pub mime: String,
    /// Ticks in a second; never zero.
    #[schemars(range(min = 1))]
    pub timescale: u32,
    /// Bits a second that a link must bear at worst.
    pub bandwidth: u64,
    /// Bits a second on average.
    pub average_bandwidth: u64,
    /// Pixels across, as shown: once turned by `rotation`, before `pixelAspect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Pixels down, as shown: once turned by `rotation`, before `pixelAspect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// Degrees that the init segment has players turn the coded picture clockwise: 90, 180 or 270. Absent when it stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<u16>,
    /// Frames a second, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<f64>,
    /// Horizontal and vertical spacing of a pixel as shown, where it is not square.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_aspect: Option<[u32; 2]>,
    /// Dynamic range, where it is not the standard one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_range: Option<Range>,
    /// A codec that makes more of the same samples, and the brand of what they are without it, as `dvh1.08.07/db4h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplemental_codec: Option<String>,
    /// BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Name of the track for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Channels of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u16>,
    /// Samples of sound a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Complexity index of joint object coding (E-AC-3), where there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joc: Option<u8>,
    /// URL of the init segment; WebVTT files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// Where in `init` the init segment lies, first byte and one past the last; the whole of it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_range: Option<[u64; 2]>,
    /// The init segment itself, base64: no request is needed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_data: Option<String>,
    /// URL of the segments, with `{n}` for the number. Without `{n}` it is one file that holds them all, one after
    /// the other from byte `mediaStart`.
    pub media: String,
    /// First byte of segment 1 in `media`, where that is one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_start: Option<u64>,
    /// The tick shown as time zero; the same time in every rendition.
    pub presentation_offset: i64,
    /// Segments, from number 1.
    pub segments: Segments,
    /// For each segment its fragments, each as `[tick, byte, key]`: ticks from the start of the segment to the first
    /// sample, bytes from there to the fragment, bytes of the fragment up to the end of that first sample. A player
    /// may fetch from any fragment on. Absent for WebVTT files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragments: Option<Vec<Vec<(i64, u64, u64)>>>,
    /// Numbers of the segments that can be had now, as `[first, last]`.
    pub available: Vec<[u32; 2]>,
    /// Kinds of messages that its segments carry (`emsg`), if they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_streams: Vec<EventStream>,
    /// How samples are encrypted, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Key>,
}

/// Segments one after the other: each starts where the one before ends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Segments {
    /// Tick at which segment 1 starts.
    pub start: i64,
    /// Ticks that each lasts.
    pub durations: Vec<u64>,
    /// Bytes of each.
    pub sizes: Vec<u64>,
}

/// A kind of messages in segments (ISO/IEC 23009-1 5.10.3.3).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EventStream {
    /// `schemeIdUri`.
    pub scheme: String,
    /// `value`; may be empty.
    pub value: String,
}

/// A dynamic range that is not the standard one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Range {
    /// Hybrid log-gamma.
    Hlg,
    /// Perceptual quantiser.
    Pq,
}

/// Encryption (ISO/IEC 23001-7).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// `cenc` or `cbcs`.
    pub scheme: String,
    /// Key id, 32 hexadecimal digits.
    pub key_id: String,
    /// Whole `pssh` boxes, base64.
    pub pssh: Vec<String>,
}
