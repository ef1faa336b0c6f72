//! Sample entries: what codec a track speaks, in words a player understands (RFC 6381).
//!
//! A [`SampleEntry`] keeps the box as bytes, so that every codec passes through unharmed; it is
//! looked at only to name it. QuickTime sound entries are the exception: they are put into ISO form.

mod aac;
mod av1;
mod avc;
mod bits;
mod colour;
mod dolby;
mod dolby_vision;
mod esds;
mod hevc;
mod lossless;
mod mpeg4_video;
mod protection;
mod quicktime;
mod raw;
mod sound;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod unsupported;
mod video;
mod vpx;

use std::fmt;

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::boxes::FourCc;
use crate::track::Kind;

pub use unsupported::Unsupported;

/// Reads one entry of `stsd`, header included, in a track of this `handler_type` (8.4.3).
///
/// What comes back is ready for an init segment: in ISO form, with the one data reference that has.
pub(super) fn read(entry: &[u8], handler: FourCc) -> Result<SampleEntry, Unsupported> {
    let raw = raw::Raw::read(entry)?;
    let (reader, handlers): (fn(_) -> _, &[&[u8; 4]]) = match &raw.code.0 {
        b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" | b"dvav" | b"dva1" | b"dav1" | b"av01"
        | b"vp08" | b"vp09" | b"mp4v" | b"encv" => (video::read, &[b"vide"]),
        b"mp4a" | b"Opus" | b"fLaC" | b"ac-3" | b"ec-3" | b"ac-4" | b"alac" | b".mp3" | b"ms\0\x55"
        | b"enca" => (sound::read, &[b"soun"]),
        b"wvtt" | b"stpp" | b"tx3g" | b"enct" => (text::read, &[b"text", b"subt", b"sbtl"]),
        _ => return Err(Unsupported::unread(raw.code)),
    };
    if !handlers.contains(&&handler.0) {
        return Err(Unsupported::Handler { entry: raw.code, handler });
    }
    reader(raw)
}

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
    /// What a player that knows more than the entry's own codec may take the pictures for.
    pub supplemental: Option<Supplemental>,
}

/// A codec that makes more of samples which play without it: Dolby Vision over HEVC or AV1 (RFC 8216bis 4.4.6.2,
/// `SUPPLEMENTAL-CODECS`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplemental {
    /// RFC 6381: `dvh1.08.07`.
    pub codec: String,
    /// Brand of what it is compatible with: `db1p`, `db2g`, `db4g`, `db4h`.
    pub brand: String,
}

impl fmt::Display for Supplemental {
    /// As HLS has it: `dvh1.08.07/db4h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.codec, self.brand)
    }
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
    /// Objects that joint object coding adds to E-AC-3, as its complexity index (ETSI TS 103 420 C.3); `None` without.
    pub joc: Option<u8>,
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
