//! One file looked at: what film it holds, or why none. Blocks.

use std::path::Path;

use segmenter::manifest::{self, Layout, Manifest, State};
use segmenter::plan::Options;
use segmenter::render::{Labels, Presentation};

use crate::id::MediaId;
use crate::index::{Media, Rendition};
use crate::source::walk::Found;
use crate::source::{self, FORMAT, OpenFilm};
use crate::title::Title;

/// Timelines of this many bytes are kept whatever they were read from; larger ones only when they are scattered over the file.
const SMALL: usize = 128 << 10;
/// No timeline larger than this is kept.
const LARGE: usize = 32 << 20;

/// What is to be put into the index.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) media: Media,
    /// The timeline, where reading it again would cost more than keeping it.
    pub(super) tables: Option<Vec<u8>>,
}

pub(super) fn look(folder: &Path, found: &Found, options: &Options) -> Looked {
    let mut media = Media {
        id: MediaId::of_file(&found.path),
        folder: folder.to_owned(),
        path: found.path.clone(),
        identity: found.identity,
        format: FORMAT,
        title: Title::of_file(&found.path),
        state: State::Failed,
        error: None,
        duration: None,
        renditions: Vec::new(),
        notes: Vec::new(),
        moov: None,
    };
    match OpenFilm::open(&found.path, options, |_| None) {
        Ok(film) => {
            media.identity = film.file.identity();
            media.moov = film.moov;
            describe(&mut media, &film.presentation);
            Looked { tables: worth_keeping(&film.presentation), media }
        }
        Err(error) => {
            media.error = Some(error.to_string());
            Looked { media, tables: None }
        }
    }
}

fn describe(media: &mut Media, presentation: &Presentation) {
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

fn worth_keeping(presentation: &Presentation) -> Option<Vec<u8>> {
    let movie = presentation.movie();
    let limit = if movie.fragmented { LARGE } else { SMALL };
    (movie.weight() <= limit).then(|| source::encode(movie)).flatten().filter(|blob| blob.len() <= limit)
}
