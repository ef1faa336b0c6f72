//! Opus, FLAC and ALAC: formats that came to ISO files with a box of their own.

use super::super::boxes::Fields;
use super::bits::Bits;
use super::stream::Audio;

/// `dOps` (Encapsulation of Opus in ISO Base Media File Format 4.3.2).
pub(super) fn opus(dops: &[u8]) -> Option<Audio> {
    // A decoder puts out this rate whatever went into the encoder (RFC 7845 5.1).
    const SAMPLE_RATE: u32 = 48_000;
    let mut fields = Fields::new(dops);
    let [_version, channels] = fields.array()?;
    fields.skip(9)?; // pre-skip, input rate, gain, mapping family
    Some(Audio {
        rfc6381: "opus".to_owned(),
        channels: Some(u16::from(channels)),
        sample_rate: Some(SAMPLE_RATE),
        joc: None,
    })
}

/// `dfLa`, which opens with `STREAMINFO` (Encapsulation of FLAC in ISO Base Media File Format 3.3.2).
pub(super) fn flac(dfla: &[u8]) -> Option<Audio> {
    const STREAMINFO: u8 = 0;
    let mut fields = Fields::new(dfla);
    fields.version_and_flags()?;
    if fields.u8()? & 0x7f != STREAMINFO {
        return None;
    }
    fields.skip(3 + 10)?; // length of the block; sizes of blocks and frames
    let mut bits = Bits::new(fields.rest());
    let (sample_rate, channels) = (bits.u32(20)?, u16::from(bits.u8(3)?) + 1);
    Some(Audio {
        rfc6381: "flac".to_owned(),
        channels: Some(channels),
        sample_rate: Some(sample_rate),
        joc: None,
    })
}

/// `alac`: the decoder's magic cookie as a full box.
pub(super) fn alac(cookie: &[u8]) -> Option<Audio> {
    let mut fields = Fields::new(cookie);
    fields.version_and_flags()?;
    fields.skip(9)?; // frame length, version, depth, tuning
    let channels = u16::from(fields.u8()?);
    fields.skip(10)?; // longest run, largest frame, bit rate
    let sample_rate = Some(fields.u32()?);
    Some(Audio { rfc6381: "alac".to_owned(), channels: Some(channels), sample_rate, joc: None })
}
