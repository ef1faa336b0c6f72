//! MPEG-4 part 2, MPEG-2 and MPEG-1 video in `mp4v` (ISO/IEC 14496-14 5.6, RFC 6381 3.3).

use super::super::boxes::FourCc;
use super::Unsupported;
use super::esds::DecoderConfig;

/// `mp4v.20.N` with the profile and level of the stream, `mp4v.61` for what has none.
pub(super) fn name(entry: FourCc, config: DecoderConfig<'_>) -> Result<String, Unsupported> {
    match config.object_type {
        0x20 => Ok(match profile_and_level(config.specific) {
            Some(profile) => format!("mp4v.20.{profile}"),
            None => "mp4v.20".to_owned(),
        }),
        object_type @ (0x60..=0x65 | 0x6a) => Ok(format!("mp4v.{object_type:02X}")),
        0x6c..=0x6e => Err(Unsupported::NotCarried { entry, name: "a sequence of pictures" }),
        object_type => Err(Unsupported::ObjectType { entry, object_type }),
    }
}

/// `profile_and_level_indication` after the start code of the visual object sequence (14496-2 6.2.2).
fn profile_and_level(specific: &[u8]) -> Option<u8> {
    const VISUAL_OBJECT_SEQUENCE: [u8; 4] = [0, 0, 1, 0xb0];
    let window = specific.windows(5).find(|window| window.starts_with(&VISUAL_OBJECT_SEQUENCE))?;
    window.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(object_type: u8, specific: &[u8]) -> Result<String, Unsupported> {
        name(FourCc(*b"mp4v"), DecoderConfig { object_type, specific })
    }

    #[test]
    fn the_profile_is_read_from_the_visual_object_sequence() {
        assert_eq!(named(0x20, &[0, 0, 1, 0xb0, 0xf5, 0, 0, 1]).unwrap(), "mp4v.20.245");
        assert_eq!(named(0x20, &[]).unwrap(), "mp4v.20");
        assert_eq!(named(0x61, &[]).unwrap(), "mp4v.61");
    }

    #[test]
    fn pictures_are_no_video() {
        assert!(named(0x6c, &[]).is_err());
        assert!(named(0xff, &[]).is_err());
    }
}
