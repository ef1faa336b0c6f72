//! AVC: `avcC` and the sequence parameter set inside it (ISO/IEC 14496-15 5.3.3, 14496-10 7.3.2.1).

use super::super::boxes::{Fields, FourCc};
use super::bits::{Bits, unescape};
use super::colour::Colour;
use super::stream::{Sequence, Video};

/// Profiles whose parameter sets say how chroma is sampled (14496-10 7.3.2.1.1).
const HIGH_PROFILES: [u32; 13] = [44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244];

/// `avc1.PPCCLL`, and what the first parameter set says.
pub(super) fn read(entry: FourCc, avcc: &[u8]) -> Option<Video> {
    let mut fields = Fields::new(avcc);
    let [version, profile, compatibility, level, _lengths] = fields.array()?;
    if version != 1 {
        return None;
    }
    let rfc6381 = format!("{entry}.{profile:02x}{compatibility:02x}{level:02x}");
    Some(Video { rfc6381, sequence: first_set(fields).unwrap_or_default() })
}

fn first_set(mut fields: Fields<'_>) -> Option<Sequence> {
    if fields.u8()? & 0x1f == 0 {
        return None;
    }
    let len = usize::from(fields.u16()?);
    let nal = unescape(fields.take(len)?);
    parameter_set(Bits::new(nal.get(1..)?))
}

/// `seq_parameter_set_data`, as far as the colour description.
fn parameter_set(mut bits: Bits<'_>) -> Option<Sequence> {
    let profile = bits.u32(8)?;
    bits.skip(16)?; // constraint flags, level_idc
    bits.ue()?; // seq_parameter_set_id
    let chroma = if HIGH_PROFILES.contains(&profile) { chroma(&mut bits)? } else { Chroma::YUV420 };
    bits.ue()?; // log2_max_frame_num_minus4
    picture_order(&mut bits)?;
    bits.ue()?; // max_num_ref_frames
    bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
    let (width_in_mbs, height_in_maps) = (bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?);
    let fields_per_map = if bits.flag()? { 1 } else { 2 };
    if fields_per_map == 2 {
        bits.skip(1)?; // mb_adaptive_frame_field_flag
    }
    bits.skip(1)?; // direct_8x8_inference_flag
    let crop = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
    let colour = if bits.flag()? { Colour::vui(&mut bits) } else { None };

    let cropped = |coded: Option<u32>, unit: u32, first: u32, last: u32| {
        coded?.checked_sub(first.checked_add(last)?.checked_mul(unit)?)
    };
    let [left, right, top, bottom] = crop;
    let width = cropped(width_in_mbs.checked_mul(16), chroma.width_unit, left, right)?;
    let height = height_in_maps.checked_mul(16 * fields_per_map);
    let height = cropped(height, chroma.height_unit * fields_per_map, top, bottom)?;
    Some(Sequence::new(width, height, colour))
}

/// How many luma samples one unit of cropping is (7.4.2.1.1).
struct Chroma {
    width_unit: u32,
    height_unit: u32,
}

impl Chroma {
    const YUV420: Self = Self { width_unit: 2, height_unit: 2 };
}

fn chroma(bits: &mut Bits<'_>) -> Option<Chroma> {
    let format = bits.ue()?;
    let separate_planes = format == 3 && bits.flag()?;
    bits.skip_ue(2)?; // bit depths
    bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(match format {
        1 => Chroma::YUV420,
        2 if !separate_planes => Chroma { width_unit: 2, height_unit: 1 },
        _ => Chroma { width_unit: 1, height_unit: 1 },
    })
}

fn scaling_list(bits: &mut Bits<'_>, len: usize) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.ue()? {
        0 => bits.skip_ue(1), // log2_max_pic_order_cnt_lsb_minus4
        1 => {
            bits.skip(1)?; // delta_pic_order_always_zero_flag
            bits.skip_ue(2)?; // two offsets
            let frames = bits.ue()?;
            bits.skip_ue(frames)
        }
        _ => Some(()),
    }
}
