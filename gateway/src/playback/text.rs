//! Manifests and playlists as text.

use segmenter::manifest::{dash, hls, json};

use super::{Film, Item};
use crate::source;

/// The text of an item; `None` for media, and where the film has no such item.
pub(super) fn render(film: &Film, item: Item) -> Result<Option<String>, source::Error> {
    let manifest = &*film.manifest()?;
    let rendition = |index: u16| manifest.renditions.get(usize::from(index));
    Ok(match item {
        Item::Manifest => Some(json::json(manifest)),
        Item::Master => Some(hls::master(manifest)),
        Item::Mpd => Some(dash::mpd(manifest)),
        Item::Playlist { rendition: index } => {
            rendition(index).map(|rendition| hls::media(manifest, rendition))
        }
        Item::Frames { rendition: index } => {
            rendition(index).and_then(|rendition| hls::iframes(manifest, rendition))
        }
        Item::Init { .. } | Item::Segment { .. } => None,
    })
}
