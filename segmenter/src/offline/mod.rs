//! File in, folder out: the only room that touches a file system.
//!
//! Called by the command line. Reads positions, never whole files; writes a folder that any web server can serve, in the same
//! layout as the gateway's HTTP tree.

mod check;
mod copy;
mod probe;
mod segment;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ::bytes::{Bytes, BytesMut};

use crate::bytes::{ByteRange, Span};
use crate::demux::{self, Demuxer};
use crate::isobmff::Movie;
use crate::plan;

pub use check::{Fault, verify};
pub use probe::{Probe, ProbedTrack, probe};
pub use segment::{Job, Progress, Report, segment};

/// Bytes read ahead of what the demuxer asks for: most fragments' `moof` and the header after it.
const READ_AHEAD: u64 = 32 << 10;

/// What can go wrong between a file and a folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        /// What was being done, as in "reading".
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a file with bytes at positions: a folder, a pipe, a device.
    #[error("{} is {what}, not a file", .path.display())]
    NotAFile {
        /// The path given.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The source can't be understood.
    #[error("{}: {source}", .path.display())]
    Demux {
        /// The source.
        path: PathBuf,
        /// Why not.
        source: demux::Error,
    },
    /// The source can't be cut.
    #[error("{}: {source}", .path.display())]
    Plan {
        /// The source.
        path: PathBuf,
        /// Why not.
        source: plan::Error,
    },
    /// The output folder has something in it.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// Another process is writing to the output folder.
    #[error("{} is being written to by another process", .0.display())]
    Busy(PathBuf),
    /// The source became shorter while it was read.
    #[error("{} became shorter while it was read", .0.display())]
    Shrank(PathBuf),
    /// A folder that was to be verified has no manifest that can be read.
    #[error("{}: {reason}", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why it can't be read.
        reason: String,
    },
}

impl Error {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

/// A source file, open, with its timeline.
#[derive(Debug)]
pub struct Source {
    /// Where it was found.
    pub path: PathBuf,
    /// The open file.
    pub file: File,
    /// Its length in bytes.
    pub len: u64,
    /// Its timeline.
    pub movie: Movie,
    /// Where its `moov` lies.
    pub movie_place: ByteRange,
}

impl Source {
    /// Opens a file and reads its timeline: a few positions of a progressive file, every `moof` of a fragmented one.
    ///
    /// # Errors
    /// When it is no regular file, can't be read, or is nothing that can be segmented.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (file, len) = open_file(path)?;
        let mut demuxer = Demuxer::new(len);
        let failed = |source| Error::Demux { path: path.to_owned(), source };
        while let Some(want) = demuxer.want() {
            let ahead = want.end.max(want.start.saturating_add(READ_AHEAD)).min(len);
            let bytes = read_at(&file, path, ByteRange { start: want.start, end: ahead })?;
            demuxer.supply(&Span { offset: want.start, bytes }).map_err(failed)?;
        }
        let movie_place = demuxer.movie_place().unwrap_or_default();
        let movie = demuxer.finish().map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, len, movie, movie_place })
    }
}

/// Opens a regular file. A pipe is refused before it is opened: opening one can wait for ever.
fn open_file(path: &Path) -> Result<(File, u64), Error> {
    let metadata = path.metadata().map_err(Error::io("opening", path))?;
    let kind = metadata.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { "a pipe, socket or device" };
        return Err(Error::NotAFile { path: path.to_owned(), what });
    }
    let file = File::open(path).map_err(Error::io("opening", path))?;
    Ok((file, metadata.len()))
}

/// The bytes of `range`, all of them.
fn read_at(file: &File, path: &Path, range: ByteRange) -> Result<Bytes, Error> {
    let len = usize::try_from(range.len()).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::zeroed(len);
    file.read_exact_at(&mut bytes, range.start).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => Error::Shrank(path.to_owned()),
        _ => Error::io("reading", path)(source),
    })?;
    Ok(bytes.freeze())
}
