//! Files of media that are kept as segments: laid out as `segue segment` does it, with what the source has besides. Blocks.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::chunks::{gone, sync_folder};
use crate::config::Sync;
use crate::id::MediaId;

/// Below the data folder.
const FOLDER: &str = "segments";

/// The segment files of a data folder.
#[derive(Debug)]
pub struct Segments {
    folder: PathBuf,
    sync: Sync,
}

impl Segments {
    /// Segment files below a data folder.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn open(data: &Path, sync: Sync) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, sync })
    }

    /// Makes a file of a medium, `v1/1.m4s` for one; what lay there is overwritten.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn create(&self, media: MediaId, name: &str) -> io::Result<File> {
        let path = self.folder_of(media).join(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        File::options().read(true).write(true).create(true).truncate(true).open(path)
    }

    /// Opens a file of a medium to be read.
    ///
    /// # Errors
    /// When it is not there, or can't be opened.
    pub fn open_file(&self, media: MediaId, name: &str) -> io::Result<File> {
        File::open(self.folder_of(media).join(name))
    }

    /// Makes what was written to a file survive what it is to survive.
    ///
    /// # Errors
    /// When the system could not write it.
    pub fn keep(&self, file: &File) -> io::Result<()> {
        match self.sync {
            Sync::Full => file.sync_data(),
            Sync::Process => Ok(()),
        }
    }

    /// The same for the names of a medium's files.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn keep_names(&self, media: MediaId) -> io::Result<()> {
        if self.sync == Sync::Process {
            return Ok(());
        }
        let folder = self.folder_of(media);
        for entry in fs::read_dir(&folder)?.flatten() {
            if entry.path().is_dir() {
                sync_folder(&entry.path())?;
            }
        }
        sync_folder(&folder)?;
        sync_folder(folder.parent().unwrap_or(&self.folder))?;
        sync_folder(&self.folder)
    }

    /// Takes all files of a medium away.
    ///
    /// # Errors
    /// When one can't be removed.
    pub fn remove_all(&self, media: MediaId) -> io::Result<()> {
        gone(fs::remove_dir_all(self.folder_of(media)))
    }

    /// Removes the files of every medium that is not known; says how many media that were.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn sweep(&self, known: &HashSet<MediaId>) -> io::Result<u64> {
        let mut removed = 0;
        for group in fs::read_dir(&self.folder)?.flatten() {
            for media in fs::read_dir(group.path())?.flatten() {
                let id = media.file_name().to_str().and_then(MediaId::parse);
                if id.is_none_or(|id| !known.contains(&id)) {
                    removed += u64::from(fs::remove_dir_all(media.path()).is_ok());
                }
            }
            // Only if it is empty.
            let _ = fs::remove_dir(group.path());
        }
        Ok(removed)
    }

    fn folder_of(&self, media: MediaId) -> PathBuf {
        self.folder.join(&media.as_str()[..2]).join(media.as_str())
    }
}
