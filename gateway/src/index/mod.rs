//! What the gateway knows, in SQLite: which media there are, and the timelines that would take long to read again.
//!
//! One thread writes, many read; both hide behind async methods. Services meet here: what one puts in, another finds.
//!
//! # Why
//! SQLite allows one writer at a time anyway. With one thread for it nobody waits for a lock, and what many put in at once (a
//! folder that is seen for the first time) goes to disk in one transaction.

mod broadcasts;
mod chunks;
mod deliveries;
mod depot;
mod jobs;
mod media;
mod reader;
mod replicas;
mod schema;
mod sealed;
mod tables;
mod uploads;
mod writer;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rusqlite::{Connection, ErrorCode};

use crate::clock::Moment;
use crate::config::Sync;
use crate::id::{Identity, MediaId, UploadId};

pub use broadcasts::{Entry, Listed, Offer, Wanted};
pub use chunks::{Chunk, Extent};
pub use deliveries::Delivery;
pub use depot::{Deposit, Deposited, Depot, DepotError, Held, Kept, SMALLEST};
pub use jobs::{Job, JobKind, JobQuery, JobState};
#[cfg(test)]
pub(crate) use media::tests::film;
pub use media::{Keeping, Known, Media, NO_EPISODE, Order, Origin, Page, Query, Rendition, Stored};
use reader::Readers;
pub use replicas::{Holder, Holding, Lacking, Provider};
pub use sealed::Seal;
pub use uploads::{Key, Upload};
use writer::Writer;

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
    /// There is no room on the disk. Nothing is lost of what was written; reading goes on.
    #[error("the disk is full")]
    Full,
    /// The database is not what was written.
    #[error("the index is damaged: {0}")]
    Damaged(Arc<rusqlite::Error>),
    /// SQLite refused.
    #[error("index: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// The index has been closed.
    #[error("the index is closed")]
    Closed,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(Arc::new(error)),
            _ => Self::Sqlite(Arc::new(error)),
        }
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
    pub fn open(folder: &Path, sync: Sync) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::Folder { path: folder.to_owned(), source: Arc::new(source) };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::InUse(folder.to_owned()),
            TryLockError::Error(source) => failed(source),
        })?;
        let path = folder.join(DATABASE);
        let mut connection = schema::connect(&path, sync)?;
        schema::migrate(&mut connection).map_err(|error| match error {
            schema::Error::TooNew { found, known } => Error::TooNew { path: folder.to_owned(), found, known },
            schema::Error::Sqlite(error) => error.into(),
        })?;
        Ok(Self {
            writer: Writer::start(connection, &path).map_err(failed)?,
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
        let write = move |connection: &Connection| {
            media::put(connection, &media)?;
            match tables {
                Some(movie) => tables::put(connection, media.id, media.identity, &movie),
                None => tables::remove(connection, media.id),
            }
        };
        self.writer.write(write).await
    }

    /// As [`Self::put`], if the medium is still there: one that was taken out meanwhile does not come back.
    pub async fn update(&self, media: Media, tables: Option<Vec<u8>>) -> Result<(), Error> {
        let write = move |connection: &Connection| {
            if !media::is_there(connection, media.id)? {
                return Ok(());
            }
            media::put(connection, &media)?;
            match tables {
                Some(movie) => tables::put(connection, media.id, media.identity, &movie),
                None => tables::remove(connection, media.id),
            }
        };
        self.writer.write(write).await
    }

    /// Takes media out.
    pub async fn remove(&self, ids: Vec<MediaId>) -> Result<(), Error> {
        self.writer
            .write(move |connection| ids.iter().try_for_each(|id| media::remove(connection, *id)))
            .await
    }

    /// Says whether a medium stays, whatever its time and whatever space is needed.
    pub async fn pin(&self, id: MediaId, pinned: bool) -> Result<(), Error> {
        self.writer.write(move |connection| media::pin(connection, id, pinned)).await
    }

    /// Tells when media were last watched or fed.
    pub async fn touch(&self, used: Vec<(MediaId, Moment)>) -> Result<(), Error> {
        let touch = move |connection: &Connection| {
            used.iter().try_for_each(|(id, used)| media::touch(connection, *id, *used))
        };
        self.writer.write(touch).await
    }

    /// Which media are kept in chunks.
    pub async fn held(&self) -> Result<Vec<MediaId>, Error> {
        self.readers.read(media::held).await
    }

    /// What decides how long each of them is kept.
    pub async fn keepings(&self) -> Result<Vec<Keeping>, Error> {
        self.readers.read(media::keepings).await
    }

    /// Which of them are still arriving.
    pub async fn arriving(&self) -> Result<Vec<MediaId>, Error> {
        self.readers.read(media::arriving).await
    }

    /// Which of them are all here and still kept in chunks.
    pub async fn unsealed(&self) -> Result<Vec<MediaId>, Error> {
        self.readers.read(media::unsealed).await
    }

    /// The chunks of a medium.
    pub async fn chunks(&self, id: MediaId) -> Result<Vec<Chunk>, Error> {
        self.readers.read(move |connection| chunks::of(connection, id)).await
    }

    /// Every chunk of every medium, and what it takes on disk.
    pub async fn extents(&self) -> Result<Vec<Extent>, Error> {
        self.readers.read(chunks::extents).await
    }

    /// Publishes what is here of some chunks of a medium: from when this returns it is here, come what may.
    pub async fn put_chunks(&self, id: MediaId, chunks: Vec<Chunk>) -> Result<(), Error> {
        let put = move |connection: &Connection| {
            chunks.iter().try_for_each(|chunk| chunks::put(connection, id, chunk))
        };
        self.writer.write(put).await
    }

    /// Takes chunks out; their files are litter from when this returns.
    pub async fn remove_chunks(&self, id: MediaId, numbers: Vec<u32>) -> Result<(), Error> {
        self.writer.write(move |connection| chunks::remove(connection, id, &numbers)).await
    }

    /// What a medium's sealed form takes on disk; `None` if it has none.
    pub async fn sealed(&self, id: MediaId) -> Result<Option<Seal>, Error> {
        self.readers.read(move |connection| sealed::get(connection, id)).await
    }

    /// Every medium that has a sealed form, and what that takes on disk.
    pub async fn seals(&self) -> Result<Vec<(MediaId, Seal)>, Error> {
        self.readers.read(sealed::all).await
    }

    /// Publishes the sealed form of a medium in the place of its chunks, whose files are litter from when this returns.
    pub async fn seal(&self, id: MediaId, seal: Seal) -> Result<(), Error> {
        self.writer.write(move |connection| sealed::put(connection, id, &seal)).await
    }

    /// Takes the sealed form of a medium out; its files are litter from when this returns.
    pub async fn unseal(&self, id: MediaId) -> Result<(), Error> {
        self.writer.write(move |connection| sealed::remove(connection, id)).await
    }

    /// An upload; `None` if there is none of this id.
    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>, Error> {
        self.readers.read(move |connection| uploads::get(connection, id)).await
    }

    /// The upload that a client called by this name; `None` if there is none.
    pub async fn upload_of_key(&self, name: String) -> Result<Option<Upload>, Error> {
        self.readers.read(move |connection| uploads::of_key(connection, &name)).await
    }

    /// Tells when uploads were last gone on with.
    pub async fn touch_uploads(&self, used: Vec<(UploadId, Moment)>) -> Result<(), Error> {
        let touch = move |connection: &Connection| {
            used.iter().try_for_each(|(id, used)| uploads::touch(connection, *id, *used))
        };
        self.writer.write(touch).await
    }

    /// Every upload.
    pub async fn uploads(&self) -> Result<Vec<Upload>, Error> {
        self.readers.read(uploads::all).await
    }

    /// Puts an upload in, in the place of what was known of it. Its medium has to be there.
    pub async fn put_upload(&self, upload: Upload) -> Result<(), Error> {
        self.writer.write(move |connection| uploads::put(connection, &upload)).await
    }

    /// Takes an upload out; its medium stays.
    pub async fn remove_upload(&self, id: UploadId) -> Result<(), Error> {
        self.writer.write(move |connection| uploads::remove(connection, id)).await
    }

    /// Puts a message in that is to be delivered, unless one about the same still waits.
    pub async fn put_delivery(&self, delivery: Delivery) -> Result<(), Error> {
        self.writer.write(move |connection| deliveries::put(connection, &delivery)).await
    }

    /// The message for this receiver that is due first, now or later.
    pub async fn next_delivery(&self, receiver: String) -> Result<Option<Delivery>, Error> {
        self.readers.read(move |connection| deliveries::next(connection, &receiver)).await
    }

    /// Tries a message again later.
    pub async fn postpone_delivery(&self, number: i64, due: Moment) -> Result<(), Error> {
        self.writer.write(move |connection| deliveries::postpone(connection, number, due)).await
    }

    /// Takes out a message that is delivered, or given up.
    pub async fn remove_delivery(&self, number: i64) -> Result<(), Error> {
        self.writer.write(move |connection| deliveries::remove(connection, number)).await
    }

    /// Takes out the messages of everybody but these receivers.
    pub async fn keep_deliveries_only(&self, receivers: Vec<String>) -> Result<(), Error> {
        self.writer.write(move |connection| deliveries::keep_only(connection, &receivers)).await
    }

    /// Puts something in that is to be done with a medium, unless the same is to be done already or the medium is not there.
    pub async fn put_job(&self, kind: JobKind, media: MediaId, now: Moment) -> Result<(), Error> {
        self.writer.write(move |connection| jobs::put(connection, kind, media, now)).await
    }

    /// The job that is to be begun first, now or later.
    pub async fn next_job(&self) -> Result<Option<Job>, Error> {
        self.readers.read(jobs::next).await
    }

    /// Puts in what became of a job; one that is not there any more does not come back.
    pub async fn update_job(&self, job: Job) -> Result<(), Error> {
        self.writer.write(move |connection| jobs::update(connection, &job)).await
    }

    /// Before the next job is begun: one that was broken off is to be begun anew, and those go that were done, and that failed, before
    /// these moments.
    pub async fn tidy_jobs(&self, done: Moment, failed: Moment) -> Result<(), Error> {
        self.writer.write(move |connection| jobs::tidy(connection, done, failed)).await
    }

    /// A job; `None` if there is none of this number.
    pub async fn job(&self, number: i64) -> Result<Option<Job>, Error> {
        self.readers.read(move |connection| jobs::get(connection, number)).await
    }

    /// Jobs that a query asks for.
    pub async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, Error> {
        self.readers.read(move |connection| jobs::list(connection, query)).await
    }

    /// How many jobs there are in each state.
    pub async fn count_jobs(&self) -> Result<Vec<(JobState, u64)>, Error> {
        self.readers.read(jobs::count).await
    }

    /// A provider; `None` if none of this id ever came.
    pub async fn provider(&self, id: Arc<str>) -> Result<Option<Provider>, Error> {
        self.readers.read(move |connection| replicas::provider(connection, &id)).await
    }

    /// Every provider that ever came, and what it holds.
    pub async fn providers(&self) -> Result<Vec<Holding>, Error> {
        self.readers.read(replicas::providers).await
    }

    /// Puts a provider in that came, unless another has its id: nothing changes then. What it was known to hold is forgotten if it has
    /// another database.
    pub async fn put_provider(&self, provider: Provider) -> Result<(), Error> {
        self.writer.write(move |connection| replicas::put_provider(connection, &provider)).await
    }

    /// Remembers that a provider gave back other bytes than it was given.
    pub async fn blame(&self, provider: Arc<str>) -> Result<(), Error> {
        self.writer.write(move |connection| replicas::blame(connection, &provider)).await
    }

    /// What the bytes of a chunk are, wherever they are; `None` as long as it has never been whole.
    pub async fn sum(&self, id: MediaId, number: u32) -> Result<Option<[u8; 32]>, Error> {
        self.readers.read(move |connection| replicas::sum(connection, id, number)).await
    }

    /// Puts in that a provider says it holds these now. Those that are not what they should be, or of no medium, are passed over.
    pub async fn put_replicas(
        &self,
        provider: Arc<str>,
        held: Vec<(MediaId, u32, [u8; 32])>,
        now: Moment,
    ) -> Result<(), Error> {
        let put = move |connection: &Connection| {
            held.iter().try_for_each(|chunk| replicas::put(connection, &provider, *chunk, now))
        };
        self.writer.write(put).await
    }

    /// Forgets that a provider held what it has not told of since.
    pub async fn forget_untold(&self, provider: Arc<str>, since: Moment) -> Result<(), Error> {
        self.writer.write(move |connection| replicas::forget_untold(connection, &provider, since)).await
    }

    /// A provider holds a chunk no more. `for_good` if it is not to be handed over again.
    pub async fn drop_replica(
        &self,
        provider: Arc<str>,
        id: MediaId,
        number: u32,
        for_good: bool,
    ) -> Result<(), Error> {
        let drop =
            move |connection: &Connection| replicas::drop_one(connection, &provider, id, number, for_good);
        self.writer.write(drop).await
    }

    /// Who holds which of the chunks of a medium.
    pub async fn holders(&self, id: MediaId) -> Result<Vec<Holder>, Error> {
        self.readers.read(move |connection| replicas::holders(connection, id)).await
    }

    /// Media of which a provider lacks chunks that are here and that it never had; what was used last comes first.
    pub async fn lacking(&self, provider: Arc<str>) -> Result<Vec<Lacking>, Error> {
        self.readers.read(move |connection| replicas::lacking(connection, &provider)).await
    }

    /// Which chunks of a medium they are.
    pub async fn lacking_of(&self, provider: Arc<str>, id: MediaId) -> Result<Vec<u32>, Error> {
        self.readers.read(move |connection| replicas::lacking_of(connection, &provider, id)).await
    }

    /// The sum of the key of a broadcaster's id; `None` for an id that nobody has.
    pub async fn broadcaster_key(&self, id: String) -> Result<Option<[u8; 32]>, Error> {
        self.readers.read(move |connection| broadcasts::key(connection, &id)).await
    }

    /// How many broadcasters have ids.
    pub async fn broadcasters(&self) -> Result<u64, Error> {
        self.readers.read(broadcasts::count).await
    }

    /// Gives an id to whoever has this key; whoever had it before keeps it.
    pub async fn register_broadcaster(&self, id: String, key: [u8; 32]) -> Result<(), Error> {
        self.writer.write(move |connection| broadcasts::register(connection, &id, key)).await
    }

    /// Puts all in that a broadcaster offers, in the place of what it offered before.
    pub async fn put_offers(&self, broadcaster: String, offers: Vec<Offer>) -> Result<(), Error> {
        self.writer.write(move |connection| broadcasts::put(connection, &broadcaster, &offers)).await
    }

    /// Who offers a medium, whether connected or not.
    pub async fn offers_of(&self, id: MediaId) -> Result<Vec<Offer>, Error> {
        self.readers.read(move |connection| broadcasts::of_media(connection, id)).await
    }

    /// The media that a broadcaster offers.
    pub async fn offered_by(&self, broadcaster: String) -> Result<Vec<MediaId>, Error> {
        self.readers.read(move |connection| broadcasts::media_of(connection, &broadcaster)).await
    }

    /// Offers of one broadcaster.
    pub async fn find_offers(&self, wanted: Wanted) -> Result<Vec<Offer>, Error> {
        self.readers.read(move |connection| broadcasts::find(connection, &wanted)).await
    }

    /// As [`Self::list`], and with it what these broadcasters offer and is not here.
    pub async fn list_with_offers(&self, query: Query, connected: Vec<String>) -> Result<Listed, Error> {
        self.readers.read(move |connection| broadcasts::list(connection, &query, &connected)).await
    }

    /// What these broadcasters offer and is not here.
    pub async fn list_offers(&self, query: Query, connected: Vec<String>) -> Result<Listed, Error> {
        self.readers.read(move |connection| broadcasts::list_offers(connection, &query, &connected)).await
    }

    /// Bytes of the index on disk, kept up as it is written.
    pub fn size(&self) -> Arc<AtomicU64> {
        self.writer.size()
    }

    /// Ends writing, once all that was handed in is on disk. Blocks.
    pub fn close(&self) {
        self.writer.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_put_in_is_there_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let index = Index::open(place.path(), Sync::Process).unwrap();
        let film = film("/films/a.mp4");
        index.put(film.clone(), Some(vec![1, 2, 3])).await.unwrap();
        drop(index);
        let index = Index::open(place.path(), Sync::Process).unwrap();
        assert_eq!(index.media(film.id).await.unwrap(), Some(film.clone()));
        assert_eq!(index.tables(film.id, film.identity).await.unwrap(), Some(vec![1, 2, 3]));
    }

    #[tokio::test]
    async fn kept_tables_hold_only_for_the_contents_they_were_made_of() {
        let place = tempfile::tempdir().unwrap();
        let index = Index::open(place.path(), Sync::Process).unwrap();
        let mut film = film("/films/a.mp4");
        index.put(film.clone(), Some(vec![1])).await.unwrap();
        let old = film.identity;
        film.identity.modified += 1;
        assert_eq!(index.tables(film.id, film.identity).await.unwrap(), None);
        index.put(film.clone(), None).await.unwrap();
        assert_eq!(index.tables(film.id, old).await.unwrap(), None, "they go with what they belong to");
    }

    #[tokio::test]
    async fn what_was_taken_out_does_not_come_back() {
        let place = tempfile::tempdir().unwrap();
        let index = Index::open(place.path(), Sync::Process).unwrap();
        let mut film = film("/films/a.mp4");
        index.put(film.clone(), None).await.unwrap();
        film.title.name = "b".to_owned();
        index.update(film.clone(), Some(vec![1])).await.unwrap();
        assert_eq!(index.media(film.id).await.unwrap(), Some(film.clone()));
        index.remove(vec![film.id]).await.unwrap();
        index.update(film.clone(), None).await.unwrap();
        assert_eq!(index.media(film.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_second_gateway_is_kept_out_of_the_data_folder() {
        let place = tempfile::tempdir().unwrap();
        let first = Index::open(place.path(), Sync::Process).unwrap();
        assert!(matches!(Index::open(place.path(), Sync::Process), Err(Error::InUse(_))));
        drop(first);
        assert!(Index::open(place.path(), Sync::Process).is_ok());
    }

    #[tokio::test]
    async fn many_writes_at_once_all_arrive() {
        let place = tempfile::tempdir().unwrap();
        let index = Index::open(place.path(), Sync::Process).unwrap();
        let films: Vec<_> = (0..500).map(|n| film(&format!("/films/{n}.mp4"))).collect();
        let writes = films.iter().map(|film| index.put(film.clone(), None));
        for written in futures_util::future::join_all(writes).await {
            written.unwrap();
        }
        assert_eq!(index.known("/films".into()).await.unwrap().len(), 500);
        index.remove(films.iter().map(|film| film.id).collect()).await.unwrap();
        assert!(index.known("/films".into()).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_database_that_is_none_is_told_and_left_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let garbage = vec![0x5a; 8192];
        fs::write(place.path().join(DATABASE), &garbage).unwrap();
        assert!(matches!(Index::open(place.path(), Sync::Process), Err(Error::Damaged(_))));
        assert_eq!(fs::read(place.path().join(DATABASE)).unwrap(), garbage);
    }

    #[tokio::test]
    async fn while_somebody_else_writes_reading_goes_on_and_writing_waits() {
        let place = tempfile::tempdir().unwrap();
        let index = Arc::new(Index::open(place.path(), Sync::Process).unwrap());
        let film = film("/films/a.mp4");
        index.put(film.clone(), None).await.unwrap();
        let other = Connection::open(place.path().join(DATABASE)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE; UPDATE media SET format = 77").unwrap();
        let (waiting, id) = (Arc::clone(&index), film.id);
        let removal = tokio::spawn(async move { waiting.remove(vec![id]).await });
        assert_eq!(index.media(id).await.unwrap(), Some(film));
        other.execute_batch("COMMIT").unwrap();
        removal.await.unwrap().unwrap();
        assert_eq!(index.media(id).await.unwrap(), None);
    }
}
