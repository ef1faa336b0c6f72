//! `Accept-Encoding` (RFC 9110 12.5.3): which coding a client wants. A pure function of the header.

use crate::playback::Coding;

/// The coding to send: the client's favourite, and of equals the one that makes text smallest.
pub(super) fn coding(header: Option<&str>) -> Coding {
    let Some(header) = header else { return Coding::Identity };
    let mut best = (0, Coding::Identity);
    for coding in [Coding::Brotli, Coding::Gzip] {
        let Some(name) = coding.name() else { continue };
        let quality = quality(header, name);
        if quality > best.0 && quality >= self::quality(header, "identity") {
            best = (quality, coding);
        }
    }
    best.1
}

/// How much a coding is wanted, in thousandths; 0 when it is refused or not named.
fn quality(header: &str, coding: &str) -> u32 {
    let mut any = None;
    for entry in header.split(',') {
        let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let quality = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
        let quality = quality.map_or(1000, thousandths);
        match name.trim() {
            name if name.eq_ignore_ascii_case(coding) => return quality,
            "*" => any = Some(quality),
            _ => {}
        }
    }
    // No coding at all is always welcome, but never preferred.
    if coding == "identity" { any.map_or(0, |_| 0) } else { any.unwrap_or(0) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000 before")]
fn thousandths(text: &str) -> u32 {
    text.trim().parse::<f32>().map_or(0, |quality| (quality.clamp(0.0, 1.0) * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_coding_that_is_accepted_is_sent() {
        for (header, expected) in [
            ("gzip, deflate, br, zstd", Coding::Brotli),
            ("gzip", Coding::Gzip),
            ("GZIP", Coding::Gzip),
            ("br;q=0.5, gzip;q=0.9", Coding::Gzip),
            ("gzip;q=0, identity", Coding::Identity),
            ("gzip;q=0.5, identity", Coding::Identity),
            ("*", Coding::Brotli),
            ("*;q=0", Coding::Identity),
            ("deflate", Coding::Identity),
            ("", Coding::Identity),
        ] {
            assert_eq!(coding(Some(header)), expected, "{header}");
        }
        assert_eq!(coding(None), Coding::Identity);
    }
}
