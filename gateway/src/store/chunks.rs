//! Chunk files: where they lie, writing, reading, checking, removing, sweeping. Blocks.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::config::Sync;
use crate::id::MediaId;

/// Below the data folder.
const FOLDER: &str = "chunks";
/// Where chunks lie that are not what they were; emptied at each start.
const QUARANTINE: &str = "quarantine";
/// Bytes hashed at once.
const PIECE: usize = 256 << 10;

/// BLAKE3 of a whole chunk.
///
/// # Why
/// The same sum tells a rotten disk and a replica that somebody forged, so there is one and not two. A plain CRC would be faster still, but
/// this one is faster than any disk that chunks lie on, and does not let a stranger choose what it passes.
pub type Sum = [u8; 32];

/// The chunk files of a data folder.
#[derive(Debug)]
pub struct Chunks {
    folder: PathBuf,
    quarantine: PathBuf,
    sync: Sync,
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files and folders.
    pub removed: u64,
    /// Chunk files that stay.
    pub kept: u64,
}

impl Chunks {
    /// Chunk files below a data folder.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn open(data: &Path, sync: Sync) -> io::Result<Self> {
        let (folder, quarantine) = (data.join(FOLDER), data.join(QUARANTINE));
        fs::create_dir_all(&folder)?;
        gone(fs::remove_dir_all(&quarantine))?;
        Ok(Self { folder, quarantine, sync })
    }

    /// Opens a chunk to be written; it and its folder are made if they are not there.
    ///
    /// # Errors
    /// When that can't be done.
    pub fn create(&self, media: MediaId, number: u32) -> io::Result<File> {
        let path = self.path(media, number);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = self.folder_of(media);
                fs::create_dir_all(&folder)?;
                if self.sync == Sync::Full {
                    // Its name lies in the folder above.
                    sync_folder(folder.parent().unwrap_or(&self.folder))?;
                    sync_folder(&self.folder)?;
                }
                options.open(&path)
            }
            opened => opened,
        }
    }

    /// Opens a chunk that is there. More may be written to it.
    ///
    /// # Errors
    /// When it is not there, or can't be opened.
    pub fn open_chunk(&self, media: MediaId, number: u32) -> io::Result<File> {
        File::options().read(true).write(true).open(self.path(media, number))
    }

    /// Makes what was written to a chunk survive what it is to survive.
    ///
    /// # Errors
    /// When the system could not write it.
    pub fn keep(&self, file: &File) -> io::Result<()> {
        match self.sync {
            Sync::Full => file.sync_data(),
            Sync::Process => Ok(()),
        }
    }

    /// The same for the names of new chunks.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn keep_names(&self, media: MediaId) -> io::Result<()> {
        match self.sync {
            Sync::Full => sync_folder(&self.folder_of(media)),
            Sync::Process => Ok(()),
        }
    }

    /// Takes chunks away. One that is not there is gone already.
    ///
    /// # Errors
    /// When one can't be removed; the others are.
    pub fn remove(&self, media: MediaId, numbers: &[u32]) -> io::Result<()> {
        let removed = numbers.iter().map(|number| gone(fs::remove_file(self.path(media, *number))));
        removed.fold(Ok(()), io::Result::and)
    }

    /// Takes all chunks of a medium away.
    ///
    /// # Errors
    /// When one can't be removed.
    pub fn remove_all(&self, media: MediaId) -> io::Result<()> {
        gone(fs::remove_dir_all(self.folder_of(media)))
    }

    /// Puts a chunk aside that is not what it was, for people to look at until the next start.
    ///
    /// # Errors
    /// When it can't be moved.
    pub fn quarantine(&self, media: MediaId, number: u32) -> io::Result<()> {
        fs::create_dir_all(&self.quarantine)?;
        gone(fs::rename(self.path(media, number), self.quarantine.join(format!("{media}-{number}"))))
    }

    /// Removes every file that `known` does not know.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn sweep(&self, mut known: impl FnMut(MediaId, u32) -> bool) -> io::Result<Swept> {
        let mut swept = Swept::default();
        for group in fs::read_dir(&self.folder)?.flatten() {
            let Ok(media) = fs::read_dir(group.path()) else {
                swept.removed += u64::from(fs::remove_file(group.path()).is_ok());
                continue;
            };
            for folder in media.flatten() {
                self.sweep_medium(&folder.path(), &mut known, &mut swept);
            }
            // Only if it is empty.
            let _ = fs::remove_dir(group.path());
        }
        Ok(swept)
    }

    fn sweep_medium(&self, folder: &Path, known: &mut impl FnMut(MediaId, u32) -> bool, swept: &mut Swept) {
        let media = folder.file_name().and_then(|name| MediaId::parse(name.to_str()?));
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            if media.zip(number).is_some_and(|(media, number)| known(media, number)) {
                swept.kept += 1;
            } else {
                swept.removed += u64::from(fs::remove_file(entry.path()).is_ok());
            }
        }
        let _ = fs::remove_dir(folder);
    }

    fn folder_of(&self, media: MediaId) -> PathBuf {
        self.folder.join(&media.as_str()[..2]).join(media.as_str())
    }

    fn path(&self, media: MediaId, number: u32) -> PathBuf {
        self.folder_of(media).join(number.to_string())
    }
}

/// The sum of the first `len` bytes of a file.
///
/// # Errors
/// When they can't be read, or there are fewer.
pub fn sum(file: &File, len: u64) -> io::Result<Sum> {
    let (mut hasher, mut piece, mut at) = (blake3::Hasher::new(), vec![0; PIECE], 0);
    while at < len {
        let part = usize::try_from(len - at).unwrap_or(PIECE).min(PIECE);
        file.read_exact_at(&mut piece[..part], at)?;
        hasher.update(&piece[..part]);
        at += part as u64;
    }
    Ok(hasher.finalize().into())
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What is not there need not be taken away.
pub(super) fn gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> MediaId {
        MediaId::of_file(Path::new(name))
    }

    #[test]
    fn a_chunk_reads_back_and_its_sum_tells_a_change_of_one_bit() {
        let place = tempfile::tempdir().unwrap();
        let chunks = Chunks::open(place.path(), Sync::Full).unwrap();
        let mut bytes = vec![7; 600_000];
        chunks.create(id("a"), 3).unwrap().write_all_at(&bytes, 0).unwrap();
        let file = chunks.open_chunk(id("a"), 3).unwrap();
        assert_eq!(sum(&file, 600_000).unwrap(), *blake3::hash(&bytes).as_bytes());
        bytes[599_999] ^= 1;
        assert_ne!(sum(&file, 600_000).unwrap(), *blake3::hash(&bytes).as_bytes());
        assert!(sum(&file, 600_001).is_err());
    }

    #[test]
    fn a_sweep_removes_what_nobody_knows() {
        let place = tempfile::tempdir().unwrap();
        let chunks = Chunks::open(place.path(), Sync::Process).unwrap();
        for (media, number) in [("a", 0), ("a", 1), ("b", 0)] {
            chunks.create(id(media), number).unwrap();
        }
        fs::write(place.path().join("chunks/stray"), b"x").unwrap();
        fs::write(chunks.folder_of(id("a")).join("1.tmp"), b"x").unwrap();
        let swept = chunks.sweep(|media, number| media == id("a") && number == 1).unwrap();
        assert_eq!(swept, Swept { removed: 4, kept: 1 });
        assert!(chunks.open_chunk(id("a"), 1).is_ok() && !chunks.folder_of(id("b")).exists());
    }

    #[test]
    fn what_is_put_aside_is_not_found_again_and_goes_with_the_next_start() {
        let place = tempfile::tempdir().unwrap();
        let chunks = Chunks::open(place.path(), Sync::Process).unwrap();
        chunks.create(id("a"), 0).unwrap();
        chunks.quarantine(id("a"), 0).unwrap();
        assert!(chunks.open_chunk(id("a"), 0).is_err());
        assert!(place.path().join("quarantine").exists());
        Chunks::open(place.path(), Sync::Process).unwrap();
        assert!(!place.path().join("quarantine").exists());
    }
}
