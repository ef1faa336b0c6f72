//! One file looked at: what film it holds, or why none. Blocks.

use std::path::Path;

use segmenter::manifest::State;
use segmenter::plan::Options;

use crate::id::MediaId;
use crate::index::{Media, Origin};
use crate::ingest::describe::{describe, worth_keeping};
use crate::source::walk::Found;
use crate::source::{FORMAT, OpenFilm};
use crate::title::Title;

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
        origin: Origin::Folder { folder: folder.to_owned(), path: found.path.clone() },
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
