//! Dolby Vision: `dvcC`, `dvvC` and `dvwC` (Dolby Vision Streams Within the ISO Base Media File Format 3).

use super::super::boxes::FourCc;
use super::VideoRange;
use super::bits::Bits;
use super::raw::Boxes;

/// The boxes that hold the configuration: for profiles up to 7, up to 10, and above.
pub(super) const BOXES: [&[u8; 4]; 3] = [b"dvcC", b"dvvC", b"dvwC"];

/// Fields of `DOVIDecoderConfigurationRecord`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DolbyVision {
    profile: u8,
    level: u8,
    compatibility: u8,
}

impl DolbyVision {
    /// The configuration among the boxes of an entry, if it has one.
    pub(super) fn find(boxes: Boxes<'_>) -> Option<Self> {
        BOXES.into_iter().find_map(|code| Self::read(boxes.find(code)?))
    }

    /// Reads one of [`BOXES`].
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(body);
        bits.skip(16)?; // dv_version_major, dv_version_minor
        let (profile, level) = (bits.u8(7)?, bits.u8(6)?);
        bits.skip(3)?; // which layers are present
        Some(Self { profile, level, compatibility: bits.u8(4)? })
    }

    /// `dvh1.PP.LL`.
    pub(super) fn name(self, entry: FourCc) -> String {
        format!("{entry}.{:02}.{:02}", self.profile, self.level)
    }

    /// What the base layer looks like to a player that knows no Dolby Vision; for a profile without such
    /// a layer, what Dolby Vision itself is.
    pub(super) fn range(self) -> VideoRange {
        match self.compatibility {
            2 => VideoRange::Sdr,
            4 => VideoRange::Hlg,
            _ => VideoRange::Pq,
        }
    }
}
