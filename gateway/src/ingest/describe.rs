//! What lists tell of a film, out of its timeline.

use segmenter::manifest::{self, Layout, Manifest, State};
use segmenter::render::{Labels, Presentation};

use crate::index::{Media, Rendition};
use crate::source;

/// Timelines of this many bytes are kept whatever they were read from; larger ones only when they are scattered over the file.
const SMALL: usize = 128 << 10;
/// No timeline larger than this is kept.
const LARGE: usize = 32 << 20;

/// Puts what a film is into what is known of its medium.
pub(super) fn describe(media: &mut Media, presentation: &Presentation) {
    let labels = Labels { id: String::new(), title: String::new(), kind: None, state: State::Ready };
    let Manifest { duration, renditions, .. } = presentation.manifest(&labels, Layout::Segments);
    media.state = State::Ready;
    media.duration = Some(duration);
    media.renditions = renditions.into_iter().map(rendition).collect();
    media.notes = presentation.notes().iter().map(ToString::to_string).collect();
}

fn rendition(of: manifest::Rendition) -> Rendition {
    let (mut size, mut sound) = (None, None);
    match of.media {
        manifest::Media::Video { width, height, .. } => size = Some((width, height)),
        manifest::Media::Audio { channels, .. } => sound = Some(channels),
        manifest::Media::Text | manifest::Media::WebVtt => {}
    }
    Rendition {
        kind: of.media.kind(),
        id: of.id,
        codec: of.codec,
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        channels: sound,
        language: of.language,
    }
}

/// A timeline as it is kept, if reading it again would cost more than keeping it.
pub(super) fn worth_keeping(presentation: &Presentation) -> Option<Vec<u8>> {
    let movie = presentation.movie();
    let limit = if movie.fragmented { LARGE } else { SMALL };
    (movie.weight() <= limit).then(|| source::encode(movie)).flatten().filter(|blob| blob.len() <= limit)
}
