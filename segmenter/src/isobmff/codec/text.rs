//! Subtitle sample entries: WebVTT and TTML in boxes (ISO/IEC 14496-30), 3GPP timed text.

use super::super::boxes::FourCc;
use super::protection;
use super::raw::{self, Boxes, Raw};
use super::{Codec, Format, Protection, SampleEntry, Subtitle, Unsupported};

/// Bytes every sample entry begins with (ISO/IEC 14496-12 8.5.2.2).
const FIXED: usize = 8;

/// Bytes of the fields of `tx3g` after those (3GPP TS 26.245 5.16).
const TX3G_FIELDS: usize = 30;

/// TTML profiles that RFC 6381 has a name for: words of a document's profile, and the name.
const TTML_PROFILES: [(&[&str], &str); 4] = [
    (&["imsc1/text", "im1t"], "im1t"),
    (&["imsc1/image", "im1i"], "im1i"),
    (&["imsc1.1/text", "im2t"], "im2t"),
    (&["imsc1.1/image", "im2i"], "im2i"),
];

/// Reads a subtitle sample entry.
pub(super) fn read(raw: Raw<'_>) -> Result<SampleEntry, Unsupported> {
    let (fixed, rest) = raw.split(FIXED)?;
    let (format, protection) = match &raw.code.0 {
        b"enct" => protected(raw.code, rest)?,
        _ => (raw.code, None),
    };
    let (subtitle, rfc6381) = match &format.0 {
        b"wvtt" => {
            Boxes { entry: format, body: rest }.read(b"vttC", Some)?;
            (Subtitle::Wvtt, "wvtt".to_owned())
        }
        b"stpp" => (Subtitle::Stpp, ttml(rest)),
        b"tx3g" => {
            raw.split(FIXED + TX3G_FIELDS)?;
            (Subtitle::Tx3g, "wvtt".to_owned())
        }
        _ => return Err(Unsupported::unread(format)),
    };
    let boxes = if subtitle == Subtitle::Wvtt { &raw::sound(rest) } else { rest };
    let codec = Codec { entry: raw.code, rfc6381, format: Format::Text(subtitle), protection };
    Ok(SampleEntry { bytes: raw::write(raw.code, fixed, boxes), codec })
}

/// An encrypted entry has the fields of what it was, which only its boxes tell: they lie after the
/// strings of `stpp`, or at once.
fn protected(entry: FourCc, rest: &[u8]) -> Result<(FourCc, Option<Protection>), Unsupported> {
    match after_strings(rest).map(|boxes| protection::read(entry, boxes)) {
        Some(Ok(found)) => Ok(found),
        _ => protection::read(entry, rest),
    }
}

/// What follows the three strings of `stpp`: namespaces, schema locations, auxiliary types (14496-30 5.2).
fn after_strings(rest: &[u8]) -> Option<&[u8]> {
    rest.splitn(4, |&byte| byte == 0).nth(3)
}

/// `stpp.ttml.im1t`, where the entry says what profile its documents keep to.
///
/// Words are looked for rather than fields read: profiles stand in namespaces, in schema locations, or in
/// the `codecs` of a `mime` box, and writers differ.
fn ttml(rest: &[u8]) -> String {
    let words = String::from_utf8_lossy(rest);
    let profile = TTML_PROFILES.iter().find(|(signs, _)| signs.iter().any(|sign| words.contains(sign)));
    profile.map_or_else(|| "stpp".to_owned(), |(_, name)| format!("stpp.ttml.{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttml_profile_is_named_wherever_it_is_written() {
        let namespaces = b"http://www.w3.org/ns/ttml http://www.w3.org/ns/ttml/profile/imsc1/text\0\0\0";
        assert_eq!(ttml(namespaces), "stpp.ttml.im1t");
        let mime = b"http://www.w3.org/ns/ttml\0\0\0\0\0\0\x2bmime\0\0\0\0application/ttml+xml;codecs=im2t\0";
        assert_eq!(ttml(mime), "stpp.ttml.im2t");
        assert_eq!(ttml(b"http://www.w3.org/ns/ttml\0\0\0"), "stpp");
    }
}
