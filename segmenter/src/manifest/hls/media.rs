//! The playlist of one rendition, and that of its I-frames.

use std::fmt::Write;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::extent::{self, Extent};
use super::super::protection::{self, KeySystem, Pssh};
use super::super::{Layout, Manifest, Protected, Rendition, Version};
use super::HEADER;
use super::attributes::Tag;
use crate::bytes::ByteRange;
use crate::track::Kind;

/// `{rendition}/playlist.m3u8`. URLs are relative to it.
pub fn media(manifest: &Manifest, rendition: &Rendition) -> String {
    let extents = extent::segments(rendition, manifest.layout);
    let in_one_file = rendition.in_one_file(manifest.layout);
    let playlist = Playlist::new(manifest, rendition, &extents);
    let body = |extent: &Extent| in_one_file.then_some(extent.bytes);
    playlist.write("#EXT-X-INDEPENDENT-SEGMENTS\n", body)
}

/// `{rendition}/iframes.m3u8`: one entry a sync picture, as a byte range of its segment. `None` where there is no video.
pub fn iframes(manifest: &Manifest, rendition: &Rendition) -> Option<String> {
    let pictures = pictures(rendition, manifest.layout)?;
    let playlist = Playlist::new(manifest, rendition, &pictures);
    Some(playlist.write("#EXT-X-I-FRAMES-ONLY\n", |extent| Some(extent.bytes)))
}

/// Sync pictures of a video; `None` where there are none to list.
pub(super) fn pictures(rendition: &Rendition, layout: Layout) -> Option<Vec<Extent>> {
    let pictures = extent::pictures(rendition, layout);
    (rendition.media.kind() == Kind::Video && !pictures.is_empty()).then_some(pictures)
}

/// What both kinds of playlist are made of.
struct Playlist<'a> {
    layout: Layout,
    version: Option<Version>,
    rendition: &'a Rendition,
    extents: &'a [Extent],
    lengths: Vec<u64>,
}

impl<'a> Playlist<'a> {
    fn new(manifest: &Manifest, rendition: &'a Rendition, extents: &'a [Extent]) -> Self {
        let lengths = extent::micros(rendition.timescale, extents);
        Self { layout: manifest.layout, version: manifest.version, rendition, extents, lengths }
    }

    /// The whole text; `range` says which bytes of its file an entry is, if not all.
    fn write(&self, flavour: &str, range: impl Fn(&Extent) -> Option<ByteRange>) -> String {
        let mut text = format!(
            "{HEADER}#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n{flavour}",
            extent::target(&self.lengths)
        );
        if let Some(protected) = &self.rendition.protection {
            text.extend(keys(protected));
        }
        text.extend(self.map());
        let path = self.url(&self.rendition.media_path(self.layout));
        let (before, after) = path.split_once("{n}").unwrap_or((path.as_str(), ""));
        for (extent, micros) in self.extents.iter().zip(&self.lengths) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "#EXTINF:{}.{:06},", micros / extent::MICROS, micros % extent::MICROS);
            if let Some(range) = range(extent) {
                let _ = writeln!(text, "#EXT-X-BYTERANGE:{}@{}", range.len(), range.start);
            }
            let _ = match self.rendition.in_one_file(self.layout) {
                true => writeln!(text, "{path}"),
                false => writeln!(text, "{before}{}{after}", extent.number),
            };
        }
        text + "#EXT-X-ENDLIST\n"
    }

    /// `EXT-X-MAP`, for what has an init segment.
    fn map(&self) -> Option<String> {
        let path = self.rendition.init_path(self.layout)?;
        let range = format!("{}@0", self.rendition.init.len());
        let in_one_file = self.rendition.in_one_file(self.layout);
        let tag = Tag::new("EXT-X-MAP").quoted("URI", &self.url(&path));
        Some(tag.quoted_if("BYTERANGE", in_one_file.then_some(range.as_str())).line())
    }

    /// `path` as seen from the rendition's folder, where its playlists lie, with the version.
    fn url(&self, path: &str) -> String {
        let inside = path.strip_prefix(&self.rendition.id).and_then(|rest| rest.strip_prefix('/'));
        Version::url(self.version, inside.map_or_else(|| format!("../{path}"), str::to_owned))
    }
}

/// One `EXT-X-KEY` for each key system that HLS has a name for; none for schemes HLS can't signal.
fn keys(protected: &Protected) -> Vec<String> {
    let method = match protected.scheme.as_str() {
        "cbcs" => "SAMPLE-AES",
        "cenc" => "SAMPLE-AES-CTR",
        _ => return Vec::new(),
    };
    let mut named = Vec::new();
    let mut lines = Vec::new();
    for (pssh, whole) in protected.systems() {
        // A second tag of one format would replace the first.
        let Some(system) = KeySystem::of(pssh.system).filter(|system| !named.contains(system)) else {
            continue;
        };
        named.push(system);
        let key_id = (system == KeySystem::Widevine).then(|| protection::hex(protected.key_id));
        let tag = Tag::new("EXT-X-KEY")
            .plain("METHOD", method)
            .quoted("URI", &key_uri(system, pssh, whole, protected))
            .quoted("KEYFORMAT", system.key_format())
            .quoted("KEYFORMATVERSIONS", "1")
            .plain_if("KEYID", key_id.map(|id| format!("0x{id}")));
        lines.push(tag.line());
    }
    lines
}

/// What each key system's players take from the URI: Widevine the whole box, PlayReady its own object from inside
/// the box (UTF-16 within), clear key the sixteen bytes of the key id.
fn key_uri(system: KeySystem, pssh: Pssh<'_>, whole: &[u8], protected: &Protected) -> String {
    let (charset, data) = match system {
        KeySystem::Widevine => ("", whole),
        KeySystem::PlayReady => ("charset=UTF-16;", pssh.data),
        KeySystem::ClearKey => ("", &protected.key_id[..]),
    };
    format!("data:text/plain;{charset}base64,{}", BASE64_STANDARD.encode(data))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::examples;
    use super::*;
    use crate::time::{Ticks, Timescale};

    fn lengths(playlist: &str) -> Vec<f64> {
        let infs = playlist.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
        infs.map(|inf| inf.trim_end_matches(',').parse().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn the_lengths_of_a_playlist_add_up_within_a_millisecond(
            hz in 1_u32..,
            durations in prop::collection::vec(0_i64..1_000_000_000, 0..100),
        ) {
            let timescale = Timescale::new(hz).unwrap();
            let mut manifest = examples::film();
            manifest.renditions = vec![examples::timeline(timescale, 77, &durations)];
            let playlist = media(&manifest, &manifest.renditions[0]);
            let real = timescale.seconds(Ticks(durations.iter().sum()));
            let sum: f64 = lengths(&playlist).iter().sum();
            prop_assert!((sum - real).abs() < 1e-3 + real * 1e-9, "{sum} for {real}");
        }
    }

    #[test]
    fn pictures_of_one_file_lie_past_its_head() {
        let mut manifest = examples::film();
        manifest.layout = Layout::SingleFile;
        manifest.renditions[0].head = 5000;
        let playlist = iframes(&manifest, &manifest.renditions[0]).unwrap();
        let first = manifest.renditions[0].segments[0].fragments[0];
        assert!(
            playlist.contains(&format!("#EXT-X-BYTERANGE:{}@5000\n../v1.mp4\n", first.key)),
            "{playlist}"
        );
    }

    #[test]
    fn sound_has_no_pictures() {
        let manifest = examples::film();
        assert_eq!(iframes(&manifest, &manifest.renditions[1]), None);
    }

    #[test]
    fn a_key_system_without_a_name_in_hls_gives_no_key() {
        let mut manifest = examples::protected();
        let unknown = examples::pssh([9; 16], &[], b"?");
        manifest.renditions[0].protection.as_mut().unwrap().pssh = vec![unknown];
        assert!(!media(&manifest, &manifest.renditions[0]).contains("EXT-X-KEY"));
    }

    #[test]
    fn two_boxes_of_one_key_system_give_one_key() {
        let mut manifest = examples::protected();
        let boxes = &mut manifest.renditions[0].protection.as_mut().unwrap().pssh;
        *boxes = vec![boxes[0].clone(), boxes[0].clone()];
        assert_eq!(media(&manifest, &manifest.renditions[0]).matches("EXT-X-KEY").count(), 1);
    }

    #[test]
    fn a_scheme_unknown_to_hls_gives_no_key() {
        let mut manifest = examples::protected();
        manifest.renditions[0].protection.as_mut().unwrap().scheme = "cens".into();
        assert!(!media(&manifest, &manifest.renditions[0]).contains("EXT-X-KEY"));
    }
}
