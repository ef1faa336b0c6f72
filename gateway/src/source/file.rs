//! A file as it was when it was opened: once it changes, nothing more is read from it.

use std::fs::{File, Metadata};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::io::Errno;
use segmenter::{demux, plan};

use crate::id::{Identity, MediaId};
use crate::mapped::View;

/// Why a source gives no film.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there any more.
    #[error("{} is gone", .0.display())]
    Gone(PathBuf),
    /// A folder, a pipe, a device.
    #[error("{} is {what}, not a file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The operating system refused.
    #[error("reading {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not the file any more that it was when it was opened.
    #[error("{} changed while it was read", .0.display())]
    Changed(PathBuf),
    /// Its bytes are still elsewhere.
    #[error("bytes of {0} have not come in time")]
    Elsewhere(MediaId),
    /// Its medium is deleted.
    #[error("{0} has been deleted")]
    Deleted(MediaId),
    /// It holds nothing that can be played.
    #[error("{0}")]
    NotAFilm(#[from] demux::Error),
    /// Its film can't be cut.
    #[error("{0}")]
    Plan(#[from] plan::Error),
}

/// An open source.
#[derive(Debug)]
pub struct SourceFile {
    path: PathBuf,
    file: File,
    identity: Identity,
    view: OnceLock<Option<View>>,
}

impl SourceFile {
    /// Opens a regular file; nothing else, for opening a pipe can wait for ever.
    ///
    /// # Errors
    /// When it is not there, no regular file, or can't be opened.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::Gone(path.to_owned()),
            _ => Error::Unreadable { path: path.to_owned(), source },
        };
        regular(path, &path.metadata().map_err(unreadable)?)?;
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        regular(path, &metadata)?;
        Ok(Self { path: path.to_owned(), file, identity: Identity::of(&metadata), view: OnceLock::new() })
    }

    /// What it was when it was opened.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Bytes, when it was opened.
    pub fn len(&self) -> u64 {
        self.identity.size
    }

    /// Whether it was empty.
    pub fn is_empty(&self) -> bool {
        self.identity.size == 0
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills `buffer` with the bytes from `offset`.
    ///
    /// # Errors
    /// When the file became shorter, or can't be read.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        self.file.read_exact_at(buffer, offset).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Error::Changed(self.path.clone()),
            _ => Error::Unreadable { path: self.path.clone(), source },
        })
    }

    /// Fills `places` one after the other with the bytes from `offset`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_scattered(&self, mut places: &mut [IoSliceMut<'_>], mut offset: u64) -> Result<(), Error> {
        while !places.is_empty() {
            match rustix::io::preadv(&self.file, places, offset) {
                Ok(0) => return Err(Error::Changed(self.path.clone())),
                Ok(read) => {
                    offset += read as u64;
                    IoSliceMut::advance_slices(&mut places, read);
                }
                Err(Errno::INTR) => {}
                Err(error) => {
                    return Err(Error::Unreadable { path: self.path.clone(), source: error.into() });
                }
            }
        }
        Ok(())
    }

    /// The whole file, for the kernel to copy from; `None` where it can't be mapped.
    pub fn view(&self) -> Option<&View> {
        self.view.get_or_init(|| View::new(&self.file, self.identity.size).ok()).as_ref()
    }

    /// Whether the open file is still what it was: asked after reading, so that no bytes of two versions are mixed.
    ///
    /// # Errors
    /// When it is not.
    pub fn unchanged(&self) -> Result<(), Error> {
        let unreadable = |source| Error::Unreadable { path: self.path.clone(), source };
        match Identity::of(&self.file.metadata().map_err(unreadable)?) == self.identity {
            true => Ok(()),
            false => Err(Error::Changed(self.path.clone())),
        }
    }

    /// Whether the file that lies at the path now is still this one.
    ///
    /// # Errors
    /// When another lies there, or none.
    pub fn current(&self) -> Result<(), Error> {
        match self.path.metadata() {
            Ok(metadata) if Identity::of(&metadata) == self.identity => Ok(()),
            Ok(_) => Err(Error::Changed(self.path.clone())),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(Error::Gone(self.path.clone())),
            Err(source) => Err(Error::Unreadable { path: self.path.clone(), source }),
        }
    }
}

fn regular(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a pipe",
        () => "a device or socket",
    };
    Err(Error::NotAFile { path: path.to_owned(), what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_grew_is_no_longer_what_was_opened() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("film.mp4");
        fs::write(&path, b"one").unwrap();
        let source = SourceFile::open(&path).unwrap();
        assert!(source.unchanged().is_ok() && source.current().is_ok());
        fs::write(&path, b"three").unwrap();
        assert!(matches!(source.unchanged(), Err(Error::Changed(_))));
        fs::remove_file(&path).unwrap();
        assert!(matches!(source.current(), Err(Error::Gone(_))));
    }

    #[test]
    fn only_regular_files_are_opened() {
        let place = tempfile::tempdir().unwrap();
        assert!(matches!(SourceFile::open(place.path()), Err(Error::NotAFile { what: "a folder", .. })));
        assert!(matches!(SourceFile::open(Path::new("/dev/zero")), Err(Error::NotAFile { .. })));
        assert!(matches!(SourceFile::open(&place.path().join("x")), Err(Error::Gone(_))));
    }
}
