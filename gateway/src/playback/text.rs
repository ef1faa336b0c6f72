//! Manifests and playlists as text.

use segmenter::manifest::{dash, hls, json};

use super::{Film, Item};

/// The text of an item; `None` for media, and where the film has no such item.
pub(super) fn render(film: &Film, item: Item) -> Option<String> {
    let manifest = film.manifest();
    let rendition = |index: u16| manifest.renditions.get(usize::from(index));
    match item {
        Item::Manifest => Some(json::json(manifest)),
        Item::Master => Some(hls::master(manifest)),
        Item::Mpd => Some(dash::mpd(manifest)),
        Item::Playlist { rendition: index } => Some(hls::media(manifest, rendition(index)?)),
        Item::Frames { rendition: index } => hls::iframes(manifest, rendition(index)?),
        Item::Init { .. } | Item::Segment { .. } => None,
    }
}
