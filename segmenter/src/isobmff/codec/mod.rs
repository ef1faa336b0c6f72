//! Sample entries: what codec a track speaks, in words a player understands (RFC 6381).
//!
//! A [`SampleEntry`] keeps the box as bytes, so that every codec passes through unharmed; it is
//! looked at only to name it. QuickTime sound entries are the exception: they are put into ISO form.

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::boxes::FourCc;
use crate::track::Kind;

/// One entry of `stsd`, ready to be written into an init segment (ISO/IEC 14496-12 8.5.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleEntry {
    /// The whole box, in ISO form.
    pub bytes: Bytes,
    /// What it says.
    pub codec: Codec,
}

/// What a sample entry says about its samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Codec {
    /// Type of the sample entry as it is written: `avc1`, `mp4a`, `encv`.
    pub entry: FourCc,
    /// RFC 6381: `avc1.64001f`, `mp4a.40.2`. For encrypted entries, of what is encrypted.
    pub rfc6381: String,
    /// What media it is, with what only that kind has.
    pub format: Format,
    /// How its samples are encrypted (`sinf`), if they are.
    pub protection: Option<Protection>,
}

impl Codec {
    /// What a player does with it.
    pub fn kind(&self) -> Kind {
        match self.format {
            Format::Video(_) => Kind::Video,
            Format::Audio(_) => Kind::Audio,
            Format::Text(_) => Kind::Text,
        }
    }
}

/// What only one kind of media has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Format {
    /// Pictures.
    Video(Picture),
    /// Sound.
    Audio(Sound),
    /// Subtitles.
    Text(Subtitle),
}

/// Size and shape of pictures (12.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Coded width in pixels.
    pub width: u16,
    /// Coded height in pixels.
    pub height: u16,
    /// `pasp`: horizontal and vertical spacing of a pixel, where it is not square.
    pub pixel_aspect: Option<(u32, u32)>,
    /// What the transfer function of `colr` (or of the codec's own configuration) amounts to.
    pub range: VideoRange,
}

/// `VIDEO-RANGE` of RFC 8216bis 4.4.6.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VideoRange {
    /// Standard dynamic range.
    #[default]
    Sdr,
    /// Hybrid log-gamma.
    Hlg,
    /// Perceptual quantiser.
    Pq,
}

/// Shape of sound (12.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sound {
    /// Channels, as the codec's own configuration says where it does.
    pub channels: u16,
    /// Samples a second a decoder puts out, as the codec's own configuration says where it does.
    pub sample_rate: u32,
}

/// How subtitles are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subtitle {
    /// WebVTT in boxes, `wvtt` (ISO/IEC 14496-30).
    Wvtt,
    /// TTML, `stpp` (ISO/IEC 14496-30).
    Stpp,
    /// 3GPP timed text, `tx3g` (3GPP TS 26.245); turned into WebVTT on its way out.
    Tx3g,
}

/// What `sinf` says (ISO/IEC 14496-12 8.12, 23001-7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// `cenc`, `cbcs`, `cens`, `cbc1`.
    pub scheme: FourCc,
    /// `default_KID` of `tenc`.
    pub key_id: [u8; 16],
    /// `default_Per_Sample_IV_Size` of `tenc`: 0, 8 or 16 bytes.
    pub iv_size: u8,
}
