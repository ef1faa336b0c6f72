//! The films of a folder, as they are offered.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Failure;
use crate::broadcast::ends;
use crate::id::Identity;
use crate::source::walk;
use crate::title::{Title, Type};

/// The films of a folder, by what they are called in the catalogue.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    films: BTreeMap<String, Film>,
}

/// A film that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Film {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) title: Title,
    hash: String,
}

/// A film as the gateway is told of it.
#[derive(Debug, Serialize)]
pub(super) struct Offered<'a> {
    item: &'a str,
    title: &'a str,
    r#type: Option<Type>,
    tmdb: Option<u64>,
    season: Option<u32>,
    episode: Option<u32>,
    filetype: String,
    size: u64,
    hash: &'a str,
}

impl Shelf {
    /// Looks through a folder.
    pub(super) fn look(folder: &Path) -> Result<Self, Failure> {
        let mut shelf = Self { folder: folder.to_owned(), films: BTreeMap::new() };
        shelf.look_again().map_err(|error| Failure::new(error.to_string()))?;
        Ok(shelf)
    }

    /// Looks through it again; says whether anything is not what it was. Only what is new is read.
    pub(super) fn look_again(&mut self) -> Result<bool, walk::Error> {
        let mut films = BTreeMap::new();
        for found in walk::films(&self.folder)? {
            let item =
                found.path.strip_prefix(&self.folder).unwrap_or(&found.path).to_string_lossy().into_owned();
            let known = self.films.get(&item).filter(|known| known.identity == found.identity);
            if found.identity.size == 0 {
                continue;
            }
            // If it can't be read now, perhaps it can next time.
            let Some(hash) =
                known.map(|known| known.hash.clone()).or_else(|| hash(&found.path, found.identity.size).ok())
            else {
                continue;
            };
            let title = Title::of_file(&found.path);
            films.insert(item, Film { path: found.path, identity: found.identity, title, hash });
        }
        let changed = films != self.films;
        self.films = films;
        Ok(changed)
    }

    /// A film, if it is still the one that was offered.
    pub(super) fn film(&self, item: &str) -> Option<&Film> {
        self.films.get(item)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.films.len()
    }

    /// All of them.
    pub(super) fn offered(&self) -> Vec<Offered<'_>> {
        self.films.iter().map(|(item, film)| film.offered(item)).collect()
    }
}

impl Film {
    fn offered<'a>(&'a self, item: &'a str) -> Offered<'a> {
        let ending = self.path.extension().unwrap_or_default().to_string_lossy();
        Offered {
            item,
            title: &self.title.name,
            r#type: self.title.kind,
            tmdb: self.title.tmdb,
            season: self.title.season,
            episode: self.title.episode,
            filetype: ending.to_ascii_lowercase(),
            size: self.identity.size,
            hash: &self.hash,
        }
    }
}

/// Tells a file's contents from others of its length without reading all of it.
fn hash(path: &Path, size: u64) -> io::Result<String> {
    let file = File::open(path)?;
    ends::hash(size, |bytes, at| file.read_exact_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn films_are_offered_by_their_path_in_the_folder_with_what_their_names_say() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("Show {tmdb-7}/Season 1")).unwrap();
        fs::write(place.path().join("Show {tmdb-7}/Season 1/Show S01E02.MP4"), b"abc").unwrap();
        fs::write(place.path().join("empty.mp4"), b"").unwrap();
        let shelf = Shelf::look(place.path()).unwrap();
        let told = serde_json::to_value(shelf.offered()).unwrap();
        assert_eq!(shelf.len(), 1, "an empty file is no film: {told}");
        for (key, value) in [
            ("item", "Show {tmdb-7}/Season 1/Show S01E02.MP4".into()),
            ("title", "Show S01E02".into()),
            ("type", "tv".into()),
            ("tmdb", serde_json::Value::from(7)),
            ("season", 1.into()),
            ("episode", 2.into()),
            ("filetype", "mp4".into()),
            ("size", 3.into()),
        ] {
            assert_eq!(told[0][key], value, "{key}");
        }
    }

    #[test]
    fn copies_have_one_hash_wherever_they_lie_and_a_change_is_noticed() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("a.mp4"), vec![1; 3 << 20]).unwrap();
        fs::copy(path("a.mp4"), path("b.mp4")).unwrap();
        let mut shelf = Shelf::look(place.path()).unwrap();
        let hash = |shelf: &Shelf, item: &str| shelf.film(item).unwrap().hash.clone();
        assert_eq!(hash(&shelf, "a.mp4"), hash(&shelf, "b.mp4"));
        assert!(!shelf.look_again().unwrap());
        fs::write(path("b.mp4"), vec![2; 3 << 20]).unwrap();
        fs::write(path("c.mp4"), vec![1; 2 << 20]).unwrap();
        assert!(shelf.look_again().unwrap() && shelf.len() == 3);
        assert_ne!(hash(&shelf, "a.mp4"), hash(&shelf, "b.mp4"));
        fs::remove_file(path("a.mp4")).unwrap();
        assert!(shelf.look_again().unwrap() && shelf.film("a.mp4").is_none());
    }
}
