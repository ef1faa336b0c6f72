//! Dolby audio: `dac3` and `dec3` (ETSI TS 102 366 F.4, F.6), `dac4` (ETSI TS 103 190-2 E.5).

use super::bits::Bits;
use super::stream::Audio;

/// Full-range channels of each `acmod` (TS 102 366 4.4.2.3).
const CHANNELS: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

/// Samples a second of each `fscod`; the fourth is told by the stream alone (4.4.1.3).
const SAMPLE_RATES: [u32; 3] = [48_000, 44_100, 32_000];

/// Channels that each bit of `chan_loc` adds, first bit first (F.6.2.13).
const LOCATIONS: [u16; 9] = [2, 2, 1, 1, 2, 2, 2, 1, 1];

/// AC-3.
pub(super) fn ac3(dac3: &[u8]) -> Option<Audio> {
    let mut bits = Bits::new(dac3);
    let rate = sample_rate(bits.u32(2)?);
    let stream = bits.u32(5)?;
    bits.skip(3)?; // bsmod
    // Streams of 9 and 10 are a later addition: half and a quarter of the rate.
    let sample_rate = rate.map(|rate| rate >> stream.saturating_sub(8).min(2));
    Some(Audio { rfc6381: "ac-3".to_owned(), channels: Some(channels(&mut bits)?), sample_rate })
}

/// Enhanced AC-3: the first independent substream and what belongs to it.
pub(super) fn eac3(dec3: &[u8]) -> Option<Audio> {
    let mut bits = Bits::new(dec3);
    bits.skip(16)?; // data_rate, num_ind_sub
    let sample_rate = sample_rate(bits.u32(2)?);
    bits.skip(10)?; // bsid, reserved, asvc, bsmod
    let mut channels = channels(&mut bits)?;
    bits.skip(3)?; // reserved
    if bits.u32(4)? > 0 {
        for added in LOCATIONS {
            channels += if bits.flag()? { added } else { 0 };
        }
    }
    Some(Audio { rfc6381: "ec-3".to_owned(), channels: Some(channels), sample_rate })
}

/// AC-4: `ac-4.BB.PP.MM` of the first presentation (TS 103 190-2 E.13); channels are the entry's.
pub(super) fn ac4(dac4: &[u8]) -> Option<Audio> {
    let mut bits = Bits::new(dac4);
    bits.skip(3)?; // ac4_dsi_version
    let bitstream = bits.u32(7)?;
    let sample_rate = Some(if bits.flag()? { 48_000 } else { 44_100 });
    let rfc6381 = match presentation(&mut bits, bitstream) {
        Some((version, level)) => format!("ac-4.{bitstream:02X}.{version:02X}.{level:02X}"),
        None => "ac-4".to_owned(),
    };
    Some(Audio { rfc6381, channels: None, sample_rate })
}

/// Version and `mdcompat` of the first presentation, reading on from `frame_rate_index`.
fn presentation(bits: &mut Bits<'_>, bitstream: u32) -> Option<(u32, u32)> {
    const NO_COMPATIBILITY: u32 = 6;
    bits.skip(4)?; // frame_rate_index
    if bits.u32(9)? == 0 {
        return None;
    }
    if bitstream > 1 && bits.flag()? {
        bits.skip(16)?; // short_program_id
        if bits.flag()? {
            bits.skip(128)?; // program_uuid
        }
    }
    bits.skip(66)?; // ac4_bitrate_dsi
    bits.align();
    let version = bits.u32(8)?;
    if bits.u32(8)? == 255 {
        bits.skip(16)?; // add_pres_bytes
    }
    let configuration = bits.u32(5)?;
    let level = if configuration == NO_COMPATIBILITY { 0 } else { bits.u32(3)? };
    Some((version, level))
}

fn sample_rate(code: u32) -> Option<u32> {
    SAMPLE_RATES.get(usize::try_from(code).ok()?).copied()
}

/// `acmod` and `lfeon`.
fn channels(bits: &mut Bits<'_>) -> Option<u16> {
    let full_range = *CHANNELS.get(usize::try_from(bits.u32(3)?).ok()?)?;
    Some(full_range + u16::from(bits.flag()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(stream: Option<Audio>) -> Option<(Option<u16>, Option<u32>)> {
        stream.map(|stream| (stream.channels, stream.sample_rate))
    }

    #[test]
    fn the_low_frequency_channel_counts() {
        assert_eq!(shape(ac3(&[0x10, 0x3d, 0xe0])), Some((Some(6), Some(48_000))));
        assert_eq!(shape(eac3(&[0x14, 0, 0x20, 0x0f, 0])), Some((Some(6), Some(48_000))));
    }

    #[test]
    fn a_dependent_substream_adds_its_channels() {
        assert_eq!(shape(eac3(&[0x12, 0, 0x20, 0x0f, 0x02, 0x04])), Some((Some(8), Some(48_000))));
    }

    #[test]
    fn a_low_rate_stream_halves_its_rate() {
        assert_eq!(shape(ac3(&[0x52, 0x09, 0])), Some((Some(1), Some(22_050))));
    }
}
