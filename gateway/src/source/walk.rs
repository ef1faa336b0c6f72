//! Which films lie in a folder: names, lengths and times of change, nothing read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::id::Identity;

/// Endings of files that may hold a film, in lower case.
pub const ENDINGS: [&str; 8] = ["mp4", "m4v", "mov", "m4a", "3gp", "3g2", "f4v", "ismv"];
/// A folder that holds this was written by `segue segment`: its files are pieces of a film, not films.
const SEGMENTED: &str = "master.m3u8";
/// Folders inside folders that are followed.
const MAX_DEPTH: usize = 64;

/// A file that may hold a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it lies, below the folder as it was named.
    pub path: PathBuf,
    /// What it is now.
    pub identity: Identity,
}

/// Why a folder can't be looked through.
#[derive(Debug, thiserror::Error)]
#[error("reading {}: {source}", .folder.display())]
pub struct Error {
    folder: PathBuf,
    source: io::Error,
}

/// Every film below `folder`, in the order of their paths. Hidden files, and links that lead out of the folder, are left out, and so
/// is what can't be read below it.
///
/// # Errors
/// When the folder itself can't be read.
pub fn films(folder: &Path) -> Result<Vec<Found>, Error> {
    let unreadable = |source| Error { folder: folder.to_owned(), source };
    let root = folder.canonicalize().map_err(unreadable)?;
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((next, depth)) = open.pop() {
        let entries: Vec<_> = match fs::read_dir(&next) {
            Ok(entries) => entries.flatten().collect(),
            Err(source) if depth == 0 => return Err(unreadable(source)),
            Err(_) => continue,
        };
        if entries.iter().any(|entry| entry.file_name() == SEGMENTED) {
            continue;
        }
        for entry in entries {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            // Folders behind links are found where they lie.
            if kind.is_dir() && depth < MAX_DEPTH {
                open.push((path, depth + 1));
            } else if is_film(&path) && (kind.is_file() || (kind.is_symlink() && leads_inside(&path, &root)))
            {
                found.extend(look(path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Whether a file is called like a film.
pub fn is_film(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn leads_inside(link: &Path, root: &Path) -> bool {
    link.canonicalize().is_ok_and(|target| target.starts_with(root))
}

fn look(path: PathBuf) -> Option<Found> {
    let metadata = path.metadata().ok().filter(fs::Metadata::is_file)?;
    Some(Found { identity: Identity::of(&metadata), path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(folder: &Path) -> Vec<String> {
        let found = films(folder).unwrap().into_iter();
        found.map(|film| film.path.strip_prefix(folder).unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn films_are_told_by_their_ending_in_any_case_and_at_any_depth() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        for name in ["z.mp4", "a/x.MOV", "a/b/y.m4a", "a/notes.txt", "mp4", ".hidden.mp4"] {
            fs::write(place.path().join(name), b"x").unwrap();
        }
        assert_eq!(names(place.path()), ["a/b/y.m4a", "a/x.MOV", "z.mp4"]);
    }

    #[test]
    fn a_link_is_followed_only_if_it_stays_in_the_folder() {
        let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret.mp4"), b"x").unwrap();
        fs::write(place.path().join("blob"), b"x").unwrap();
        symlink(outside.path().join("secret.mp4"), place.path().join("out.mp4")).unwrap();
        symlink(place.path().join("blob"), place.path().join("in.mp4")).unwrap();
        symlink(outside.path(), place.path().join("folder")).unwrap();
        symlink(place.path(), place.path().join("loop")).unwrap();
        symlink("nowhere.mp4", place.path().join("dangling.mp4")).unwrap();
        assert_eq!(names(place.path()), ["in.mp4"]);
    }

    #[test]
    fn pieces_of_a_segmented_film_are_no_films() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("out/v1")).unwrap();
        for name in ["out/master.m3u8", "out/v1/init.mp4", "film.mp4"] {
            fs::write(place.path().join(name), b"x").unwrap();
        }
        assert_eq!(names(place.path()), ["film.mp4"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(films(Path::new("/nowhere/at/all")).is_err());
    }
}
