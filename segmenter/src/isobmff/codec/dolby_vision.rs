//! Dolby Vision: `dvcC`, `dvvC` and `dvwC` (Dolby Vision Streams Within the ISO Base Media File Format 3).

use super::super::boxes::FourCc;
use super::bits::Bits;
use super::colour::Colour;
use super::raw::Boxes;
use super::{Supplemental, VideoRange};

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

    /// How a track whose `entry` names only its base layer says that there is more to it: profiles 8 (HEVC) and 10 (AV1) over a
    /// base layer that other players show (Dolby Vision Streams Within the HTTP Live Streaming Format 2.1).
    pub(super) fn supplemental(self, entry: FourCc, colour: Option<Colour>) -> Option<Supplemental> {
        /// Transfer characteristics of BT.2020 (ISO/IEC 23091-2), which stand beside those of hybrid log-gamma.
        const GAMMA: u8 = 14;
        let code = match (&entry.0, self.profile) {
            (b"hvc1", 8) => FourCc(*b"dvh1"),
            (b"hev1", 8) => FourCc(*b"dvhe"),
            (b"av01", 10) => FourCc(*b"dav1"),
            _ => return None,
        };
        let brand = match self.compatibility {
            1 => "db1p",
            2 => "db2g",
            4 if colour.is_some_and(|colour| colour.transfer == GAMMA) => "db4g",
            4 => "db4h",
            _ => return None,
        };
        Some(Supplemental { codec: self.name(code), brand: brand.to_owned() })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn brand(entry: &[u8; 4], profile: u8, compatibility: u8, transfer: u8) -> Option<String> {
        let vision = DolbyVision { profile, level: 7, compatibility };
        let told = vision.supplemental(FourCc(*entry), Some(Colour { transfer, ..Colour::BT709 }))?;
        Some(format!("{}/{}", told.codec, told.brand))
    }

    #[test]
    fn cross_compatible_profiles_name_what_they_add_and_over_what() {
        let told = |entry, profile, compatibility, transfer| {
            brand(entry, profile, compatibility, transfer).unwrap_or_default()
        };
        assert_eq!(told(b"hvc1", 8, 1, 16), "dvh1.08.07/db1p");
        assert_eq!(told(b"hev1", 8, 2, 1), "dvhe.08.07/db2g");
        assert_eq!(told(b"hvc1", 8, 4, 18), "dvh1.08.07/db4h");
        assert_eq!(told(b"hvc1", 8, 4, 14), "dvh1.08.07/db4g");
        assert_eq!(told(b"av01", 10, 4, 18), "dav1.10.07/db4h");
    }

    #[test]
    fn what_plays_as_nothing_else_or_says_so_itself_adds_nothing() {
        for (entry, profile, compatibility) in
            [(b"dvh1", 5, 0), (b"dvh1", 8, 1), (b"hvc1", 5, 0), (b"hvc1", 8, 0), (b"av01", 8, 1)]
        {
            assert_eq!(brand(entry, profile, compatibility, 16), None);
        }
    }
}
