//! A manifest as HLS playlists (RFC 8216bis): one multivariant, one for each rendition, one of I-frames for each video.
//!
//! Nothing that a title, a name or a language holds can break a line or leave its quotes.

mod attributes;
mod master;
mod media;

use crate::isobmff::VideoRange;

pub use master::master;
pub use media::{iframes, media};

/// How every playlist begins; version 7 is what fragmented MP4 and its players are at home in.
const HEADER: &str = "#EXTM3U\n#EXT-X-VERSION:7\n";

/// `VIDEO-RANGE`; `None` for the standard range, which needs no mention.
fn video_range(range: VideoRange) -> Option<&'static str> {
    match range {
        VideoRange::Sdr => None,
        VideoRange::Hlg => Some("HLG"),
        VideoRange::Pq => Some("PQ"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::super::{Manifest, examples};

    fn everything(manifest: &Manifest) -> String {
        let mut text = format!("# master.m3u8\n{}", super::master(manifest));
        for rendition in &manifest.renditions {
            text += &format!("\n# {}\n{}", rendition.playlist_path(), super::media(manifest, rendition));
            if let Some(iframes) = super::iframes(manifest, rendition) {
                text += &format!("\n# {}\n{iframes}", rendition.iframes_path());
            }
        }
        text
    }

    #[test]
    fn playlists_read_as_they_did() {
        for (name, manifest) in examples::all() {
            golden::check(&format!("{name}.m3u8"), &everything(&manifest));
        }
    }

    #[test]
    fn nothing_hostile_leaves_its_line_or_its_quotes() {
        let mut manifest = examples::two_languages();
        for rendition in &mut manifest.renditions {
            rendition.name = Some("a\",DEFAULT=YES\n#EXT-X-ENDLIST\r\u{2028}".into());
            rendition.language = Some("e\"n\n".into());
            rendition.codec.push_str("\"\n#X");
        }
        for line in everything(&manifest).lines().filter(|line| line.starts_with('#')) {
            assert!(line.matches('"').count() % 2 == 0, "{line}");
            assert!(!line.starts_with("#X"), "{line}");
        }
        assert!(!super::master(&manifest).lines().any(|line| line.starts_with("#EXT-X-ENDLIST")));
    }
}
