//! HEVC: `hvcC` and the sequence parameter set inside it (ISO/IEC 14496-15 8.3.3, 23008-2 7.3.2.2).

use std::fmt::Write as _;

use super::super::boxes::{Fields, FourCc};
use super::bits::{Bits, unescape};
use super::colour::Colour;
use super::stream::{Sequence, Video};

/// `nal_unit_type` of a sequence parameter set.
const SPS: u8 = 33;

/// The string of ISO/IEC 14496-15 Annex E, and what the first parameter set says.
pub(super) fn read(entry: FourCc, hvcc: &[u8]) -> Option<Video> {
    let mut fields = Fields::new(hvcc);
    let _version = fields.u8()?;
    let profile = fields.u8()?;
    let compatibility = fields.u32()?;
    let constraints = fields.array::<6>()?;
    let level = fields.u8()?;
    let rfc6381 = name(entry, profile, compatibility, &constraints, level);
    Some(Video { rfc6381, sequence: first_set(fields).unwrap_or_default() })
}

/// `profile` is `general_profile_space`, `general_tier_flag` and `general_profile_idc` in one byte.
fn name(entry: FourCc, profile: u8, compatibility: u32, constraints: &[u8; 6], level: u8) -> String {
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let idc = profile & 0x1f;
    let mut name = format!("{entry}.{space}{idc}.{:X}.{tier}{level}", compatibility.reverse_bits());
    let said = constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..said] {
        let _ = write!(name, ".{byte:X}");
    }
    name
}

fn first_set(mut fields: Fields<'_>) -> Option<Sequence> {
    fields.skip(9)?; // segmentation, parallelism, chroma, depths, frame rate, lengths
    for _ in 0..fields.u8()? {
        let kind = fields.u8()? & 0x3f;
        for _ in 0..fields.u16()? {
            let len = usize::from(fields.u16()?);
            let nal = fields.take(len)?;
            if kind == SPS && layer(nal)? == 0 {
                return parameter_set(Bits::new(unescape(nal).get(2..)?));
            }
        }
    }
    None
}

/// `nuh_layer_id`: 0 for the base layer, which every player shows.
fn layer(nal: &[u8]) -> Option<u16> {
    Some(Fields::new(nal).u16()? >> 3 & 0x3f)
}

/// `seq_parameter_set_rbsp` up to the colour description.
fn parameter_set(mut bits: Bits<'_>) -> Option<Sequence> {
    bits.skip(4)?; // sps_video_parameter_set_id
    let sub_layers = bits.u32(3)?;
    bits.skip(1)?; // sps_temporal_id_nesting_flag
    profile_tier_level(&mut bits, sub_layers)?;
    bits.ue()?; // sps_seq_parameter_set_id
    let chroma_format = bits.ue()?;
    if chroma_format == 3 {
        bits.skip(1)?; // separate_colour_plane_flag
    }
    let (width, height) = (bits.ue()?, bits.ue()?);
    let window = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
    let (across, down) = match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let cropped = |coded: u32, unit: u32, first: u32, last: u32| {
        coded.checked_sub(first.checked_add(last)?.checked_mul(unit)?)
    };
    let width = cropped(width, across, window[0], window[1])?;
    let height = cropped(height, down, window[2], window[3])?;
    Some(Sequence::new(width, height, colour(&mut bits, sub_layers)))
}

/// Reads on from the bit depths; `None` where the parameter set has no colour description.
fn colour(bits: &mut Bits<'_>, sub_layers: u32) -> Option<Colour> {
    bits.skip_ue(2)?; // bit depths
    let order_bits = bits.ue()?.checked_add(4)?;
    let ordered = if bits.flag()? { sub_layers + 1 } else { 1 };
    bits.skip_ue(3 * ordered)?; // sizes of the decoded picture buffer
    bits.skip_ue(6)?; // sizes and depths of blocks
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag()? {
        bits.skip(8)?; // PCM bit depths
        bits.skip_ue(2)?;
        bits.skip(1)?;
    }
    reference_sets(bits)?;
    if bits.flag()? {
        for _ in 0..bits.ue()? {
            bits.skip(usize::try_from(order_bits).ok()?.checked_add(1)?)?;
        }
    }
    bits.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    if bits.flag()? { Colour::vui(bits) } else { None }
}

/// `profile_tier_level(1, sub_layers)` (7.3.3).
fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    bits.skip(96)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        (sub_layers..8).try_for_each(|_| bits.skip(2))?;
    }
    present.into_iter().try_for_each(|(profile, level)| {
        bits.skip(if profile { 88 } else { 0 })?;
        bits.skip(if level { 8 } else { 0 })
    })
}

/// `scaling_list_data` (7.3.4).
fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            let coefficients = 64.min(1 << (4 + (size << 1)));
            bits.skip_ue(coefficients + u32::from(size > 1))?;
        }
    }
    Some(())
}

/// Every `st_ref_pic_set` (7.3.7); a set may be told as a change to the one before it.
fn reference_sets(bits: &mut Bits<'_>) -> Option<()> {
    const MOST: u32 = 64;
    let count = bits.ue()?;
    if count > MOST {
        return None;
    }
    let mut pictures = 0;
    for index in 0..count {
        if index > 0 && bits.flag()? {
            bits.skip(1)?; // delta_rps_sign
            bits.ue()?; // abs_delta_rps_minus1
            let mut kept = 0;
            for _ in 0..=pictures {
                let used = bits.flag()?;
                kept += u32::from(used || bits.flag()?);
            }
            pictures = kept;
        } else {
            let (before, after) = (bits.ue()?, bits.ue()?);
            pictures = before.checked_add(after).filter(|&pictures| pictures <= MOST)?;
            for _ in 0..pictures {
                bits.ue()?;
                bits.skip(1)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_reverses_compatibility_and_drops_trailing_constraints() {
        let name = |profile, compatibility, constraints, level| {
            super::name(FourCc(*b"hvc1"), profile, compatibility, &constraints, level)
        };
        assert_eq!(name(0x01, 0x6000_0000, [0xb0, 0, 0, 0, 0, 0], 93), "hvc1.1.6.L93.B0");
        assert_eq!(name(0x22, 0x2000_0000, [0xb0, 0, 0, 0, 0, 0], 153), "hvc1.2.4.H153.B0");
        assert_eq!(name(0x44, 0x0000_0001, [0, 8, 0, 0, 0, 0], 0), "hvc1.A4.80000000.L0.0.8");
        assert_eq!(name(0x02, 0x2000_0000, [0; 6], 123), "hvc1.2.4.L123");
    }
}
