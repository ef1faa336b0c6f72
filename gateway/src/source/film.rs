//! A film opened for playing: its source, its timeline, and where it is cut.

use std::path::Path;
use std::sync::Arc;

use segmenter::bytes::ByteRange;
use segmenter::isobmff::Movie;
use segmenter::plan::Options;
use segmenter::render::Presentation;

use super::{Error, Source, SourceFile, Stored, read_movie};

/// Version of what is made of a film. It goes up with every change of a byte that is served, or of what is told of a film in
/// lists: what was kept of an older one, here or by a client, is then made anew.
pub const FORMAT: u32 = 3;

/// An open film.
#[derive(Debug)]
pub struct OpenFilm {
    /// Its bytes.
    pub file: Source,
    /// Its segments.
    pub presentation: Presentation,
    /// Where `moov` lies, if it was read from there.
    pub moov: Option<ByteRange>,
}

impl OpenFilm {
    /// Opens a film. `kept` is its timeline, if it was kept: then nothing is read.
    ///
    /// # Errors
    /// When the file can't be read, or holds no film.
    pub fn open(
        path: &Path,
        options: &Options,
        kept: impl FnOnce(&SourceFile) -> Option<Movie>,
    ) -> Result<Self, Error> {
        let file = SourceFile::open(path)?;
        let (movie, moov) = match kept(&file) {
            Some(movie) => (movie, None),
            None => read_movie(&file).map(|(movie, moov)| (movie, Some(moov)))?,
        };
        let presentation = Presentation::new(movie, file.len(), options)?;
        Ok(Self { file: Source::File(file), presentation, moov })
    }

    /// A film whose timeline has been read, of chunks of which some are here.
    ///
    /// # Errors
    /// When it can't be cut.
    pub fn of_stored(
        source: Arc<Stored>,
        movie: Movie,
        moov: Option<ByteRange>,
        options: &Options,
    ) -> Result<Self, Error> {
        let presentation = Presentation::new(movie, source.identity().size, options)?;
        Ok(Self { file: Source::Stored(source), presentation, moov })
    }
}
