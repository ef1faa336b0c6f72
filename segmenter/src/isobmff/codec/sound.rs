//! Audio sample entries (ISO/IEC 14496-12 12.2.3): their name, channels and rate.

use super::super::boxes::FourCc;
use super::aac::AudioConfig;
use super::esds::DecoderConfig;
use super::raw::{self, Boxes, Raw};
use super::stream::Audio;
use super::{Codec, Format, SampleEntry, Sound, Unsupported, dolby, lossless, protection, quicktime};

/// Reads an audio sample entry.
pub(super) fn read(raw: Raw<'_>) -> Result<SampleEntry, Unsupported> {
    let entry = quicktime::Entry::read(raw)?;
    let (format, protection) = protection::read(entry.code, &entry.boxes)?;
    let stream = stream(format, Boxes { entry: format, body: &entry.boxes })?;
    let sound = Sound {
        channels: stream.channels.filter(|&channels| channels > 0).unwrap_or(entry.sound.channels),
        sample_rate: stream.sample_rate.filter(|&rate| rate > 0).unwrap_or(entry.sound.sample_rate),
        joc: stream.joc,
    };
    let bytes = raw::write(entry.code, &entry.fields(&sound), &entry.boxes);
    let codec =
        Codec { entry: entry.code, rfc6381: stream.rfc6381, format: Format::Audio(sound), protection };
    Ok(SampleEntry { bytes, codec })
}

fn stream(format: FourCc, boxes: Boxes<'_>) -> Result<Audio, Unsupported> {
    match &format.0 {
        b"mp4a" => mpeg4(format, boxes),
        b"Opus" => boxes.read(b"dOps", lossless::opus),
        b"fLaC" => boxes.read(b"dfLa", lossless::flac),
        b"alac" => boxes.read(b"alac", lossless::alac),
        b"ac-3" => boxes.read(b"dac3", dolby::ac3),
        b"ec-3" => boxes.read(b"dec3", dolby::eac3),
        b"ac-4" => boxes.read(b"dac4", dolby::ac4),
        _ => Err(Unsupported::unread(format)),
    }
}

/// `mp4a`, named by its object type; players compare its hexadecimal digits as upper case (RFC 6381 3.3).
fn mpeg4(entry: FourCc, boxes: Boxes<'_>) -> Result<Audio, Unsupported> {
    let config = boxes.read(b"esds", DecoderConfig::read)?;
    match config.object_type {
        0x40 => {
            let audio = boxes.read(b"esds", |_| AudioConfig::read(config.specific))?;
            let rfc6381 = format!("mp4a.40.{}", audio.object_type);
            Ok(Audio { rfc6381, channels: audio.channels, sample_rate: audio.sample_rate, joc: None })
        }
        // AAC, MP3, AC-3 and E-AC-3.
        object_type @ (0x66..=0x69 | 0x6b | 0xa5 | 0xa6) => {
            let audio = (object_type <= 0x68).then(|| AudioConfig::read(config.specific)).flatten();
            Ok(Audio {
                rfc6381: format!("mp4a.{object_type:02X}"),
                channels: audio.and_then(|audio| audio.channels),
                sample_rate: audio.and_then(|audio| audio.sample_rate),
                joc: None,
            })
        }
        0xa9..=0xac => Err(Unsupported::NotCarried { entry, name: "DTS audio" }),
        0xdd => Err(Unsupported::NotCarried { entry, name: "Vorbis audio" }),
        object_type => Err(Unsupported::ObjectType { entry, object_type }),
    }
}
