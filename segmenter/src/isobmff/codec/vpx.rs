//! VP8 and VP9: `vpcC` (VP Codec ISO Media File Format Binding).

use std::fmt::Write as _;

use super::super::boxes::{Fields, FourCc};
use super::colour::Colour;
use super::stream::{Sequence, Video};

/// Largest luma picture of each VP9 level (VP9 bitstream Annex A).
const LEVELS: [(u32, u8); 10] = [
    (36_864, 10),
    (73_728, 11),
    (122_880, 20),
    (245_760, 21),
    (552_960, 30),
    (983_040, 31),
    (2_228_224, 40),
    (8_912_896, 50),
    (35_651_584, 60),
    (u32::MAX, 62),
];

/// `vp09.PP.LL.DD`, with the optional fields where they say more than their defaults.
///
/// `size` stands in for a level that the box leaves open: the lowest one such a picture fits into,
/// since players refuse level 0.
pub(super) fn read(entry: FourCc, vpcc: &[u8], colr: Option<Colour>, size: (u16, u16)) -> Option<Video> {
    let mut fields = Fields::new(vpcc);
    let (version, _) = fields.version_and_flags()?;
    let [profile, level, format] = fields.array()?;
    let (depth, chroma) = (format >> 4, format >> 1 & 7);
    let colour = match version {
        0 => None, // a draft with code points of its own
        _ => {
            let [primaries, transfer, matrix] = fields.array()?;
            Some(Colour { primaries, transfer, matrix, full_range: format & 1 == 1 })
        }
    };
    let chroma = if version == 0 { 1 } else { chroma };
    let level = if level == 0 && entry.0 == *b"vp09" { lowest_level(size) } else { level };
    let mut rfc6381 = format!("{entry}.{profile:02}.{level:02}.{depth:02}");
    let said = colr.or(colour).filter(|colour| colour.is_worth_saying());
    if said.is_some() || chroma > 1 {
        let Colour { primaries, transfer, matrix, full_range } = said.unwrap_or(Colour::BT709);
        let full_range = u8::from(full_range);
        let _ = write!(rfc6381, ".{chroma:02}.{primaries:02}.{transfer:02}.{matrix:02}.{full_range:02}");
    }
    Some(Video { rfc6381, sequence: Sequence { size: None, colour } })
}

fn lowest_level((width, height): (u16, u16)) -> u8 {
    let pixels = u32::from(width) * u32::from(height);
    LEVELS.iter().find(|(most, _)| pixels <= *most).map_or(62, |&(_, level)| level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(vpcc: &[u8]) -> String {
        read(FourCc(*b"vp09"), vpcc, None, (1920, 1080)).unwrap().rfc6381
    }

    #[test]
    fn the_short_form_is_for_plain_colour() {
        assert_eq!(name(&[1, 0, 0, 0, 0, 0x1f, 0x82, 2, 2, 2, 0, 0]), "vp09.00.31.08");
    }

    #[test]
    fn the_long_form_says_what_high_dynamic_range_needs() {
        assert_eq!(name(&[1, 0, 0, 0, 2, 50, 0xa2, 9, 16, 9, 0, 0]), "vp09.02.50.10.01.09.16.09.00");
    }

    #[test]
    fn a_level_left_open_is_taken_from_the_size() {
        assert_eq!(name(&[1, 0, 0, 0, 0, 0, 0x82, 1, 1, 1, 0, 0]), "vp09.00.40.08");
    }
}
