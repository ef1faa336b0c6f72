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
    Some(Audio { rfc6381: "ac-3".to_owned(), channels: Some(channels(&mut bits)?), sample_rate, joc: None })
}

/// Enhanced AC-3: the first independent substream and what belongs to it.
pub(super) fn eac3(dec3: &[u8]) -> Option<Audio> {
    let mut bits = Bits::new(dec3);
    bits.skip(13)?; // data_rate
    let more = bits.u32(3)?; // num_ind_sub
    let (sample_rate, channels) = substream(&mut bits)?;
    let joc = (0..more).try_for_each(|_| substream(&mut bits).map(|_| ())).and_then(|()| joc(&mut bits));
    Some(Audio { rfc6381: "ec-3".to_owned(), channels: Some(channels), sample_rate, joc })
}

/// An independent substream: its rate, and its channels with those that depend on it.
fn substream(bits: &mut Bits<'_>) -> Option<(Option<u32>, u16)> {
    let sample_rate = sample_rate(bits.u32(2)?);
    bits.skip(10)?; // bsid, reserved, asvc, bsmod
    let mut channels = channels(bits)?;
    bits.skip(3)?; // reserved
    if bits.u32(4)? > 0 {
        for added in LOCATIONS {
            channels += if bits.flag()? { added } else { 0 };
        }
    } else {
        // The last bit of a box that was written short may be missing; nothing follows it then.
        let _ = bits.skip(1);
    }
    Some((sample_rate, channels))
}

/// `flag_ec3_extension_type_a` and `complexity_index_type_a` (ETSI TS 103 420 C.3.1), which follow the substreams.
fn joc(bits: &mut Bits<'_>) -> Option<u8> {
    bits.skip(7)?; // reserved
    let complexity = if bits.flag()? { bits.u8(8)? } else { 0 };
    (complexity > 0).then_some(complexity)
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
    Some(Audio { rfc6381, channels: None, sample_rate, joc: None })
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
    fn joint_object_coding_follows_the_substreams() {
        let joc = |dec3: &[u8]| eac3(dec3).unwrap().joc;
        assert_eq!(joc(&[0x18, 0, 0x20, 0x0f, 0x00, 0x01, 0x10]), Some(16));
        assert_eq!(joc(&[0x18, 0, 0x20, 0x0f, 0x00, 0x00, 0x10]), None, "the flag is not set");
        assert_eq!(joc(&[0x18, 0, 0x20, 0x0f, 0x00, 0x01]), None, "there is no index");
        assert_eq!(joc(&[0x18, 0, 0x20, 0x0f, 0x00]), None);
        let dependent = [0x18, 0, 0x20, 0x0f, 0x02, 0x04, 0x01, 0x0c];
        assert_eq!(joc(&dependent), Some(12));
        let two = [0x18, 0x01, 0x20, 0x0f, 0x00, 0x20, 0x0f, 0x00, 0x01, 0x0a];
        assert_eq!(joc(&two), Some(10));
    }

    #[test]
    fn a_low_rate_stream_halves_its_rate() {
        assert_eq!(shape(ac3(&[0x52, 0x09, 0])), Some((Some(1), Some(22_050))));
    }
}
