//! What the gateway knows, in SQLite: which media there are, and the timelines that would take long to read again.
//!
//! One thread writes, many read; both hide behind async methods. Services meet here: what one puts in, another finds.
//!
//! # Why
//! SQLite allows one writer at a time anyway. With one thread for it nobody waits for a lock, and what many put in at once (a
//! folder that is seen for the first time) goes to disk in one transaction.

mod media;
mod reader;
mod schema;
mod tables;
mod writer;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::id::{Identity, MediaId};

pub use media::{Known, Media, NO_EPISODE, Order, Page, Query, Rendition};
use reader::Readers;
use writer::{Write, Writer};

/// The database inside the data folder.
const DATABASE: &str = "index.sqlite";
/// Held by the gateway that uses the data folder.
const LOCK: &str = "lock";

/// Why the index can't be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The data folder can't be made or opened.
    #[error("data folder {}: {source}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// Another gateway uses the data folder.
    #[error("data folder {} is in use by another gateway", .0.display())]
    InUse(PathBuf),
    /// The database was written by a later version.
    #[error("data folder {} was written by a later version of segue (index version {found}, known up to {known})", .path.display())]
    TooNew {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version that is understood.
        known: i64,
    },
    /// SQLite refused.
    #[error("index: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// The index has been closed.
    #[error("the index is closed")]
    Closed,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// The index of one data folder.
#[derive(Debug)]
pub struct Index {
    writer: Writer,
    readers: Readers,
    _lock: File,
}

impl Index {
    /// Opens the index of a data folder, which is made if it is not there. Blocks.
    ///
    /// # Errors
    /// When the folder can't be used, or another gateway uses it.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::Folder { path: folder.to_owned(), source: Arc::new(source) };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::InUse(folder.to_owned()),
            TryLockError::Error(source) => failed(source),
        })?;
        let path = folder.join(DATABASE);
        let mut connection = schema::connect(&path)?;
        schema::migrate(&mut connection).map_err(|error| match error {
            schema::Error::TooNew { found, known } => Error::TooNew { path: folder.to_owned(), found, known },
            schema::Error::Sqlite(error) => error.into(),
        })?;
        Ok(Self {
            writer: Writer::start(connection).map_err(failed)?,
            readers: Readers::new(path),
            _lock: lock,
        })
    }

    /// A medium; `None` if there is none of this id.
    pub async fn media(&self, id: MediaId) -> Result<Option<Media>, Error> {
        self.readers.read(move |connection| media::get(connection, id)).await
    }

    /// Media that a query asks for.
    pub async fn list(&self, query: Query) -> Result<Page, Error> {
        self.readers.read(move |connection| media::list(connection, &query)).await
    }

    /// What is known of the files of a served folder.
    pub async fn known(&self, folder: PathBuf) -> Result<Vec<Known>, Error> {
        self.readers.read(move |connection| media::known(connection, &folder)).await
    }

    /// The timeline that was kept of a medium's contents; `None` if there is none of exactly these.
    pub async fn tables(&self, id: MediaId, identity: Identity) -> Result<Option<Vec<u8>>, Error> {
        self.readers.read(move |connection| tables::get(connection, id, identity)).await
    }

    /// Puts a medium in, in the place of what was known of it, with its timeline if that is to be kept. It is on disk when this
    /// returns.
    pub async fn put(&self, media: Media, tables: Option<Vec<u8>>) -> Result<(), Error> {
        self.writer.write(Write::Put(Box::new(media), tables)).await
    }

    /// Takes media out.
    pub async fn remove(&self, ids: Vec<MediaId>) -> Result<(), Error> {
        self.writer.write(Write::Remove(ids)).await
    }

    /// Ends writing, once all that was handed in is on disk. Blocks.
    pub fn close(&self) {
        self.writer.close();
    }
}

#[cfg(test)]
mod tests {
    use super::media::tests::film;
    use super::*;

    #[tokio::test]
    async fn what_was_put_in_is_there_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let index = Index::open(place.path()).unwrap();
        let film = film("/films/a.mp4");
        index.put(film.clone(), Some(vec![1, 2, 3])).await.unwrap();
        drop(index);
        let index = Index::open(place.path()).unwrap();
        assert_eq!(index.media(film.id).await.unwrap(), Some(film.clone()));
        assert_eq!(index.tables(film.id, film.identity).await.unwrap(), Some(vec![1, 2, 3]));
    }

    #[tokio::test]
    async fn kept_tables_hold_only_for_the_contents_they_were_made_of() {
        let place = tempfile::tempdir().unwrap();
        let index = Index::open(place.path()).unwrap();
        let mut film = film("/films/a.mp4");
        index.put(film.clone(), Some(vec![1])).await.unwrap();
        let old = film.identity;
        film.identity.modified += 1;
        assert_eq!(index.tables(film.id, film.identity).await.unwrap(), None);
        index.put(film.clone(), None).await.unwrap();
        assert_eq!(index.tables(film.id, old).await.unwrap(), None, "they go with what they belong to");
    }

    #[tokio::test]
    async fn a_second_gateway_is_kept_out_of_the_data_folder() {
        let place = tempfile::tempdir().unwrap();
        let first = Index::open(place.path()).unwrap();
        assert!(matches!(Index::open(place.path()), Err(Error::InUse(_))));
        drop(first);
        assert!(Index::open(place.path()).is_ok());
    }

    #[tokio::test]
    async fn many_writes_at_once_all_arrive() {
        let place = tempfile::tempdir().unwrap();
        let index = Index::open(place.path()).unwrap();
        let films: Vec<_> = (0..500).map(|n| film(&format!("/films/{n}.mp4"))).collect();
        let writes = films.iter().map(|film| index.put(film.clone(), None));
        for written in futures_util::future::join_all(writes).await {
            written.unwrap();
        }
        assert_eq!(index.known("/films".into()).await.unwrap().len(), 500);
        index.remove(films.iter().map(|film| film.id).collect()).await.unwrap();
        assert!(index.known("/films".into()).await.unwrap().is_empty());
    }
}
