//! Items of a film's tree, and the one place that reads their paths.

use segmenter::render::Presentation;
use segmenter::track::Kind;

/// An item of the tree of a film. Renditions are counted as the film lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// `manifest.json`
    Manifest,
    /// `master.m3u8`
    Master,
    /// `manifest.mpd`
    Mpd,
    /// `{rendition}/playlist.m3u8`
    Playlist {
        /// Which.
        rendition: u16,
    },
    /// `{rendition}/iframes.m3u8`
    Frames {
        /// Which.
        rendition: u16,
    },
    /// `{rendition}/init.mp4`
    Init {
        /// Which.
        rendition: u16,
    },
    /// `{rendition}/{n}.m4s`, or `{rendition}/{n}.vtt` where segments are WebVTT files
    Segment {
        /// Which.
        rendition: u16,
        /// From 1.
        number: u32,
    },
}

impl Item {
    /// The item that lies at `path` of a film's tree; `None` if none does.
    pub fn at(film: &Presentation, path: &str) -> Option<Self> {
        match path {
            "manifest.json" => return Some(Self::Manifest),
            "master.m3u8" => return Some(Self::Master),
            "manifest.mpd" => return Some(Self::Mpd),
            _ => {}
        }
        let (folder, name) = path.split_once('/')?;
        let index = film.find(folder)?;
        let (output, rendition) = (&film.renditions()[index], u16::try_from(index).ok()?);
        match name {
            "playlist.m3u8" => Some(Self::Playlist { rendition }),
            "iframes.m3u8" => (output.kind() == Kind::Video).then_some(Self::Frames { rendition }),
            "init.mp4" => (!output.is_captions()).then_some(Self::Init { rendition }),
            _ => {
                let ending = if output.is_captions() { ".vtt" } else { ".m4s" };
                let number = number(name.strip_suffix(ending)?)?;
                (number <= output.segments()).then_some(Self::Segment { rendition, number })
            }
        }
    }

    /// Whether its URL carries the film's version in manifests: whoever has it keeps it for ever.
    pub fn is_versioned(self) -> bool {
        matches!(self, Self::Init { .. } | Self::Segment { .. })
    }

    /// What an item is called in an ETag: short, and no other of the film has it.
    pub(super) fn tag(self) -> String {
        match self {
            Self::Manifest => "json".to_owned(),
            Self::Master => "hls".to_owned(),
            Self::Mpd => "mpd".to_owned(),
            Self::Playlist { rendition } => format!("{rendition}-hls"),
            Self::Frames { rendition } => format!("{rendition}-key"),
            Self::Init { rendition } => format!("{rendition}-0"),
            Self::Segment { rendition, number } => format!("{rendition}-{number}"),
        }
    }
}

/// A number as it is written in a path, in one way only: digits, from 1, no zero before them.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_number_is_written_in_one_way() {
        assert_eq!([number("1"), number("4294967295")], [Some(1), Some(u32::MAX)]);
        for text in ["", "0", "01", "+1", "-1", "1 ", "4294967296", "x", "１"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
