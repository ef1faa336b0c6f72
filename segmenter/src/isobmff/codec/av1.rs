//! AV1: `av1C` and the sequence header inside it (AV1 in ISO Base Media File Format 2.3, AV1 5.5).

use std::fmt::Write as _;

use super::bits::Bits;
use super::colour::Colour;
use super::stream::{Sequence, Video};

/// `obu_type` of a sequence header.
const SEQUENCE_HEADER: u32 = 1;

/// Fields of `av1C`.
struct Config {
    profile: u32,
    level: u32,
    tier: char,
    depth: u8,
    monochrome: bool,
    subsampling: [bool; 2],
    sample_position: u32,
}

/// `av01.P.LLT.DD`, with the optional fields where they say more than their defaults.
pub(super) fn read(av1c: &[u8], colr: Option<Colour>) -> Option<Video> {
    let (config, obus) = config(av1c)?;
    let sequence = sequence_header(obus).unwrap_or_default();
    let Config { profile, level, tier, depth, .. } = config;
    let mut rfc6381 = format!("av01.{profile}.{level:02}{tier}.{depth:02}");
    let colour = colr.or(sequence.colour).filter(|colour| colour.is_worth_saying());
    if colour.is_some() || config.monochrome || config.subsampling != [true, true] {
        let Config { monochrome, subsampling: [across, down], sample_position, .. } = config;
        let sample_position = if across && down { sample_position } else { 0 };
        let Colour { primaries, transfer, matrix, full_range } = colour.unwrap_or(Colour::BT709);
        let [monochrome, across, down, full_range] = [monochrome, across, down, full_range].map(u8::from);
        let _ = write!(
            rfc6381,
            ".{monochrome}.{across}{down}{sample_position}.{primaries:02}.{transfer:02}.{matrix:02}.{full_range}"
        );
    }
    Some(Video { rfc6381, sequence })
}

fn config(av1c: &[u8]) -> Option<(Config, &[u8])> {
    const MARKER_AND_VERSION: u32 = 0x81;
    let (fixed, obus) = av1c.split_at_checked(4)?;
    let mut bits = Bits::new(fixed);
    if bits.u32(8)? != MARKER_AND_VERSION {
        return None;
    }
    let (profile, level) = (bits.u32(3)?, bits.u32(5)?);
    let tier = if bits.flag()? { 'H' } else { 'M' };
    let depth = match (bits.flag()?, bits.flag()?) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let (monochrome, subsampling) = (bits.flag()?, [bits.flag()?, bits.flag()?]);
    let sample_position = bits.u32(2)?;
    Some((Config { profile, level, tier, depth, monochrome, subsampling, sample_position }, obus))
}

/// The first sequence header among `obus` (5.3).
fn sequence_header(obus: &[u8]) -> Option<Sequence> {
    let mut rest = obus;
    loop {
        let mut bits = Bits::new(rest);
        bits.skip(1)?; // obu_forbidden_bit
        let kind = bits.u32(4)?;
        let (extended, sized) = (bits.flag()?, bits.flag()?);
        bits.skip(if extended { 9 } else { 1 })?;
        let size = if sized { leb128(&mut bits)? } else { bits.left() / 8 };
        let start = rest.len() - bits.left() / 8;
        let payload = rest.get(start..)?;
        let payload = &payload[..size.min(payload.len())];
        if kind == SEQUENCE_HEADER {
            return sequence(Bits::new(payload));
        }
        rest = rest.get(start + payload.len()..)?;
    }
}

fn leb128(bits: &mut Bits<'_>) -> Option<usize> {
    let mut value = 0;
    for group in 0..4 {
        let more = bits.flag()?;
        value |= bits.u32(7)? << (7 * group);
        if !more {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// `sequence_header_obu` up to the colour description (5.5.1).
fn sequence(mut bits: Bits<'_>) -> Option<Sequence> {
    let profile = bits.u32(3)?;
    bits.skip(1)?; // still_picture
    let reduced = bits.flag()?;
    if reduced {
        bits.skip(5)?; // seq_level_idx
    } else {
        operating_points(&mut bits)?;
    }
    let (width_bits, height_bits) = (bits.u32(4)? + 1, bits.u32(4)? + 1);
    let (width, height) = (bits.u32(width_bits)? + 1, bits.u32(height_bits)? + 1);
    if !reduced && bits.flag()? {
        bits.skip(7)?; // lengths of frame ids
    }
    bits.skip(3)?; // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    if !reduced {
        tools(&mut bits)?;
    }
    bits.skip(3)?; // enable_superres, enable_cdef, enable_restoration
    Some(Sequence::new(width, height, colour(&mut bits, profile)))
}

fn operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?; // num_units_in_display_tick, time_scale
        if bits.flag()? {
            bits.ue()?; // num_ticks_per_picture_minus_1
        }
        if bits.flag()? {
            delay_bits = Some(usize::try_from(bits.u32(5)?).ok()? + 1);
            bits.skip(42)?; // the rest of decoder_model_info
        }
    }
    let initial_display_delay = bits.flag()?;
    for _ in 0..=bits.u32(5)? {
        bits.skip(12)?; // operating_point_idc
        if bits.u32(5)? > 7 {
            bits.skip(1)?; // seq_tier
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * delay_bits + 1)?; // operating_parameters_info
        }
        if initial_display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Some(())
}

fn tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.skip(4)?; // interintra and masked compound, warped motion, dual filter
    let order_hint = bits.flag()?;
    if order_hint {
        bits.skip(2)?; // enable_jnt_comp, enable_ref_frame_mvs
    }
    let screen_content = bits.flag()? || bits.flag()?;
    if screen_content && !bits.flag()? {
        bits.skip(1)?; // seq_force_integer_mv
    }
    bits.skip(if order_hint { 3 } else { 0 })
}

/// `color_config` (5.5.2); `None` without a colour description.
fn colour(bits: &mut Bits<'_>, profile: u32) -> Option<Colour> {
    const SRGB: [u8; 3] = [1, 13, 0];
    let high_depth = bits.flag()?;
    if profile == 2 && high_depth {
        bits.skip(1)?; // twelve_bit
    }
    if profile != 1 {
        bits.skip(1)?; // mono_chrome
    }
    if !bits.flag()? {
        return None;
    }
    let [primaries, transfer, matrix] = [bits.u8(8)?, bits.u8(8)?, bits.u8(8)?];
    let full_range = [primaries, transfer, matrix] == SRGB || bits.flag()?;
    Some(Colour { primaries, transfer, matrix, full_range })
}
