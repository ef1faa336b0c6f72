//! Names in the tree of a medium: what its files are called, on disk and over HTTP alike.

use super::{Layout, Media, Rendition};

impl Rendition {
    /// Whether its init and segments lie one after the other in one file; WebVTT never does.
    pub fn in_one_file(&self, layout: Layout) -> bool {
        layout == Layout::SingleFile && self.media != Media::WebVtt
    }

    /// Path of its init segment from the top of the tree, in one file that file; `None` for WebVTT.
    pub fn init_path(&self, layout: Layout) -> Option<String> {
        match self.media {
            Media::WebVtt => None,
            _ if self.in_one_file(layout) => Some(format!("{}.mp4", self.id)),
            _ => Some(format!("{}/init.mp4", self.id)),
        }
    }

    /// Path of its segments from the top of the tree, with `{n}` for the number; in one file that file, without `{n}`.
    pub fn media_path(&self, layout: Layout) -> String {
        match self.media {
            Media::WebVtt => format!("{}/{{n}}.vtt", self.id),
            _ if self.in_one_file(layout) => format!("{}.mp4", self.id),
            _ => format!("{}/{{n}}.m4s", self.id),
        }
    }

    /// Path of segment `number` from the top of the tree; in one file that file.
    pub fn segment_path(&self, layout: Layout, number: u32) -> String {
        self.media_path(layout).replace("{n}", &number.to_string())
    }

    /// Path of its HLS media playlist from the top of the tree.
    pub fn playlist_path(&self) -> String {
        format!("{}/playlist.m3u8", self.id)
    }

    /// Path of its HLS I-frame playlist from the top of the tree; there is one where `hls::iframes` gives one.
    pub fn iframes_path(&self) -> String {
        format!("{}/iframes.m3u8", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    #[test]
    fn web_vtt_files_stay_apart_in_the_single_file_layout() {
        let manifest = examples::subtitles();
        let captions = manifest.renditions.iter().find(|r| r.media == Media::WebVtt).unwrap();
        assert_eq!(captions.segment_path(Layout::SingleFile, 3), format!("{}/3.vtt", captions.id));
        assert_eq!(captions.init_path(Layout::SingleFile), None);
    }

    #[test]
    fn a_single_file_holds_init_and_segments() {
        let manifest = examples::film();
        let video = &manifest.renditions[0];
        assert_eq!(video.init_path(Layout::SingleFile).as_deref(), Some("v1.mp4"));
        assert_eq!(video.segment_path(Layout::SingleFile, 2), "v1.mp4");
        assert_eq!(video.segment_path(Layout::Segments, 2), "v1/2.m4s");
    }
}
