//! Colour, as every codec writes it: code points of ISO/IEC 23091-2 (the same as H.273).

use super::super::boxes::Fields;
use super::VideoRange;
use super::bits::Bits;

/// Code points that say how samples become light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour {
    /// `ColourPrimaries`.
    pub(super) primaries: u8,
    /// `TransferCharacteristics`.
    pub(super) transfer: u8,
    /// `MatrixCoefficients`.
    pub(super) matrix: u8,
    /// `VideoFullRangeFlag`.
    pub(super) full_range: bool,
}

/// Code point of what nobody has said.
const UNSPECIFIED: u8 = 2;

/// Code point of BT.709 in each of the three tables.
const BT709: u8 = 1;

impl Colour {
    /// What a codec string means when it says nothing: BT.709 in limited range.
    pub(super) const BT709: Self =
        Self { primaries: BT709, transfer: BT709, matrix: BT709, full_range: false };

    /// What `colr` says (ISO/IEC 14496-12 12.1.5); `None` for a profile of colours (`prof`, `rICC`).
    pub(super) fn colr(body: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(body);
        let kind = fields.code()?.0;
        let mut point = || fields.u16().map(|point| u8::try_from(point).unwrap_or(UNSPECIFIED));
        let (primaries, transfer, matrix) = (point()?, point()?, point()?);
        let full_range = match &kind {
            b"nclx" => fields.u8().unwrap_or(0) & 0x80 != 0,
            b"nclc" => false,
            _ => return None,
        };
        Some(Self { primaries, transfer, matrix, full_range })
    }

    /// What the VUI of a sequence parameter set says up to its colour description (ISO/IEC 14496-10 E.1.1).
    pub(super) fn vui(bits: &mut Bits<'_>) -> Option<Self> {
        const EXTENDED_SAR: u32 = 255;
        if bits.flag()? && bits.u32(8)? == EXTENDED_SAR {
            bits.skip(32)?;
        }
        if bits.flag()? {
            bits.skip(1)?; // overscan_appropriate_flag
        }
        if !bits.flag()? {
            return None;
        }
        bits.skip(3)?; // video_format
        let full_range = bits.flag()?;
        if !bits.flag()? {
            return None;
        }
        Some(Self { primaries: bits.u8(8)?, transfer: bits.u8(8)?, matrix: bits.u8(8)?, full_range })
    }

    /// Whether a codec string has to say it: not when it is BT.709, or unknown, in limited range.
    pub(super) fn is_worth_saying(self) -> bool {
        let plain = |point| matches!(point, BT709 | UNSPECIFIED);
        !(plain(self.primaries) && plain(self.transfer) && plain(self.matrix)) || self.full_range
    }

    /// The dynamic range that the transfer function stands for; `None` when it is unspecified.
    pub(super) fn range(self) -> Option<VideoRange> {
        match self.transfer {
            0 | UNSPECIFIED => None,
            16 => Some(VideoRange::Pq),
            18 => Some(VideoRange::Hlg),
            _ => Some(VideoRange::Sdr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_colr_name_the_transfer_function() {
        let nclx = Colour::colr(b"nclx\0\x09\0\x10\0\x09\x80").unwrap();
        assert_eq!((nclx.range(), nclx.full_range), (Some(VideoRange::Pq), true));
        let nclc = Colour::colr(b"nclc\0\x09\0\x12\0\x09").unwrap();
        assert_eq!((nclc.range(), nclc.full_range), (Some(VideoRange::Hlg), false));
        assert_eq!(Colour::colr(b"prof\0\x09\0\x12\0\x09"), None);
    }

    #[test]
    fn an_unspecified_transfer_function_leaves_the_range_open() {
        assert_eq!(Colour::colr(b"nclx\0\x02\0\x02\0\x02\0").unwrap().range(), None);
    }
}
