//! MPEG-4 audio: `AudioSpecificConfig` (ISO/IEC 14496-3 1.6.2.1), far enough to name it and count channels.

use super::bits::Bits;

/// What an `AudioSpecificConfig` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AudioConfig {
    /// Audio object type a decoder needs: with SBR 5, with parametric stereo 29.
    pub(super) object_type: u32,
    /// Channels that come out; `None` when only the stream tells.
    pub(super) channels: Option<u16>,
    /// Samples a second that come out.
    pub(super) sample_rate: Option<u32>,
}

const SBR: u32 = 5;
const SCALABLE: u32 = 6;
const BSAC: u32 = 22;
const PARAMETRIC_STEREO: u32 = 29;
const USAC: u32 = 42;

/// `samplingFrequencyIndex` (1.6.3.3); the values above are reserved, and 15 escapes.
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Channels of each `channelConfiguration` (1.6.3.4); zero where it does not say.
const CHANNELS: [u16; 16] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0];

/// Channels of each `channelConfigurationIndex` of USAC (23003-3 Table 72).
const USAC_CHANNELS: [u16; 14] = [0, 1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 7, 8, 24];

impl AudioConfig {
    /// Reads `DecoderSpecificInfo`.
    pub(super) fn read(specific: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(specific);
        let object_type = object_type(&mut bits)?;
        let sample_rate = sample_rate(&mut bits)?;
        let configuration = usize::try_from(bits.u32(4)?).ok()?;
        let mut config = Self { object_type, sample_rate, channels: said(CHANNELS.get(configuration)) };
        match object_type {
            SBR | PARAMETRIC_STEREO => {
                config.sample_rate = self::sample_rate(&mut bits)?;
                let core = self::object_type(&mut bits)?;
                if core == BSAC {
                    bits.skip(4)?; // extensionChannelConfiguration
                }
                if configuration == 0 {
                    config.channels = general(&mut bits, core, true).flatten();
                }
            }
            USAC if configuration == 0 => config.channels = usac_channels(&mut bits),
            1..=4 | SCALABLE | 7 | 17 | 19..=23 => {
                let elements = general(&mut bits, object_type, configuration == 0);
                config.channels = config.channels.or(elements.flatten());
                if elements.is_some() && object_type < 17 {
                    let _ = config.extend(&mut bits);
                }
            }
            _ => {}
        }
        if config.object_type == PARAMETRIC_STEREO && config.channels == Some(1) {
            config.channels = Some(2);
        }
        Some(config)
    }

    /// The extension that decoders without SBR pass over (1.6.6.1).
    fn extend(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        const SBR_FOLLOWS: u32 = 0x2b7;
        const PARAMETRIC_STEREO_FOLLOWS: u32 = 0x548;
        if bits.u32(11)? != SBR_FOLLOWS || object_type(bits)? != SBR || !bits.flag()? {
            return None;
        }
        self.sample_rate = sample_rate(bits)?;
        self.object_type = SBR;
        if bits.u32(11)? == PARAMETRIC_STEREO_FOLLOWS && bits.flag()? {
            self.object_type = PARAMETRIC_STEREO;
        }
        Some(())
    }
}

fn said(channels: Option<&u16>) -> Option<u16> {
    channels.copied().filter(|&channels| channels > 0)
}

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    const ESCAPE: u32 = 31;
    match bits.u32(5)? {
        ESCAPE => Some(32 + bits.u32(6)?),
        object_type => Some(object_type),
    }
}

/// `Some(None)` for a reserved index.
fn sample_rate(bits: &mut Bits<'_>) -> Option<Option<u32>> {
    const ESCAPE: usize = 15;
    match usize::try_from(bits.u32(4)?).ok()? {
        ESCAPE => Some(Some(bits.u32(24)?).filter(|&rate| rate > 0)),
        index => Some(SAMPLE_RATES.get(index).copied()),
    }
}

/// `GASpecificConfig` (4.4.1); `Some` of the channels its elements add up to, if it has them.
fn general(bits: &mut Bits<'_>, object_type: u32, elements: bool) -> Option<Option<u16>> {
    bits.skip(1)?; // frameLengthFlag
    if bits.flag()? {
        bits.skip(14)?; // coreCoderDelay
    }
    let extended = bits.flag()?;
    let channels = if elements { Some(program(bits)?).filter(|&channels| channels > 0) } else { None };
    if matches!(object_type, SCALABLE | 20) {
        bits.skip(3)?; // layerNr
    }
    if extended {
        bits.skip(match object_type {
            BSAC => 16,
            17 | 19 | 20 | 23 => 3,
            _ => 0,
        })?;
        bits.skip(1)?; // extensionFlag3
    }
    Some(channels)
}

/// `program_config_element` (4.4.1.1): how many channels its elements have.
fn program(bits: &mut Bits<'_>) -> Option<u16> {
    bits.skip(10)?; // tag, object type, sampling frequency
    let [front, side, back] = [bits.u32(4)?, bits.u32(4)?, bits.u32(4)?];
    let [low, associated, coupled] = [bits.u32(2)?, bits.u32(3)?, bits.u32(4)?];
    for mixdown in [4, 4, 3] {
        if bits.flag()? {
            bits.skip(mixdown)?;
        }
    }
    let mut channels = u16::try_from(low).ok()?;
    for _ in 0..front + side + back {
        channels += if bits.flag()? { 2 } else { 1 };
        bits.skip(4)?; // element tag
    }
    let tags = usize::try_from(4 * (low + associated) + 5 * coupled).ok()?;
    bits.skip(tags)?;
    bits.align();
    let comment = usize::try_from(bits.u32(8)?).ok()?;
    bits.skip(8 * comment)?;
    Some(channels)
}

/// `UsacConfig` up to its channels (23003-3 5.2).
fn usac_channels(bits: &mut Bits<'_>) -> Option<u16> {
    const ESCAPE: u32 = 31;
    if bits.u32(5)? == ESCAPE {
        bits.skip(24)?; // usacSamplingFrequency
    }
    bits.skip(3)?; // coreSbrFrameLengthIndex
    said(USAC_CHANNELS.get(usize::try_from(bits.u32(5)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Configurations with what a decoder puts out: object type, channels, rate.
    const CASES: [(&str, &[u8], u32, u16, u32); 9] = [
        ("low complexity", &[0x12, 0x10], 2, 2, 44_100),
        ("SBR, told first", &[0x2b, 0x11, 0x88, 0x00], 5, 2, 48_000),
        ("parametric stereo, told first", &[0xeb, 0x09, 0x88, 0x00], 29, 2, 48_000),
        ("SBR, told last", &[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x00], 5, 1, 44_100),
        ("parametric stereo, told last", &[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80], 29, 2, 44_100),
        ("an extension that is off", &[0x12, 0x08, 0x56, 0xe5, 0x00], 2, 1, 44_100),
        ("7.1", &[0x11, 0xb8], 2, 8, 48_000),
        ("an escaped rate", &[0x17, 0x80, 0x2e, 0xe0, 0x08], 2, 1, 24_000),
        ("unified speech and audio", &[0xf9, 0x48, 0x24, 0x21, 0x1c], 42, 1, 44_100),
    ];

    #[test]
    fn a_configuration_says_what_comes_out_of_the_decoder() {
        for (what, bytes, object_type, channels, rate) in CASES {
            let expected = AudioConfig { object_type, channels: Some(channels), sample_rate: Some(rate) };
            assert_eq!(AudioConfig::read(bytes), Some(expected), "{what}");
        }
    }

    #[test]
    fn channels_without_a_configuration_are_counted_from_the_elements() {
        // Low complexity at 48 kHz: one front single, one front pair, one back pair, one low frequency.
        let bytes = [0x11, 0x80, 0x04, 0xc8, 0x05, 0x00, 0x01, 0x08, 0x80, 0x00];
        let config = AudioConfig::read(&bytes).unwrap();
        assert_eq!((config.object_type, config.channels), (2, Some(6)));
    }
}
