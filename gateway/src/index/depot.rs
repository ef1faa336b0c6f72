//! The database of a provider: chunks that gateways have handed over, in a file that never takes more than it may.
//!
//! One at a time uses it, and blocks. What is coldest goes when something else needs its place.
//!
//! # Why
//! The bound holds for what `du` says: the pages of the database, and the journal while a chunk is in both. So room for the journal of the
//! largest chunk is kept free, each chunk is worked into the database before the next comes, and pages of what goes are used again. The
//! file is held by one program alone, which spares the journal's shared memory. The bytes of a chunk lie in a table of their own, for a
//! row is written anew as a whole when it is used.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::media;
use crate::clock::Moment;
use crate::id::MediaId;

/// The database inside the provider's folder.
const DATABASE: &str = "replicas.sqlite";
/// Bytes of a page: large, for nearly all is bytes of chunks.
const PAGE: u64 = 16 << 10;
/// What the folder takes besides pages: its entry, the journal's head, rows of a write.
const SLACK: u64 = 512 << 10;
/// The smallest bound with which there is room for anything.
pub const SMALLEST: u64 = 2 << 20;
/// Version of the tables.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE names (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE chunks (
        id INTEGER PRIMARY KEY,
        media TEXT NOT NULL,
        number INTEGER NOT NULL,
        sum BLOB NOT NULL,
        head BLOB NOT NULL,
        used INTEGER NOT NULL,
        UNIQUE (media, number)
    ) STRICT;
    CREATE INDEX chunks_by_use ON chunks (used, id);
    CREATE TABLE contents (id INTEGER PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE, bytes BLOB NOT NULL) STRICT;
    PRAGMA user_version = 1;
";

/// Why the database of a provider can't be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DepotError {
    /// The folder can't be made, or the file not opened.
    #[error("folder {}: {source}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// Another program uses it.
    #[error("folder {} is in use by another provider", .0.display())]
    InUse(PathBuf),
    /// It was written by a later version.
    #[error("folder {} was written by a later version of segue", .0.display())]
    TooNew(PathBuf),
    /// There would be no room for a single chunk.
    #[error("{limit} bytes are too few: at least {needed} are needed")]
    TooSmall {
        /// Bytes it may take.
        limit: u64,
        /// Bytes it would have to take.
        needed: u64,
    },
    /// SQLite refused.
    #[error("database: {0}")]
    Sqlite(Arc<rusqlite::Error>),
}

impl From<rusqlite::Error> for DepotError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// A chunk that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Deposit<'a> {
    /// Of which medium.
    pub media: MediaId,
    /// Which chunk.
    pub number: u32,
    /// BLAKE3 of its bytes.
    pub sum: [u8; 32],
    /// What was said of it, as it was said.
    pub head: &'a [u8],
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A chunk, as it was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was said of it.
    pub head: Vec<u8>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A chunk that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of which medium.
    pub media: MediaId,
    /// Which chunk.
    pub number: u32,
    /// BLAKE3 of its bytes.
    pub sum: [u8; 32],
}

/// Whether a chunk was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deposited {
    /// It is kept, and these went for it.
    Kept(Vec<Held>),
    /// It could never fit.
    TooLarge,
}

/// The database of a provider.
#[derive(Debug)]
pub struct Depot {
    connection: Connection,
    limit: u64,
    /// Bytes of the largest chunk that may come.
    largest: u64,
}

impl Depot {
    /// Opens the database of a folder; both are made if they are not there. If it is larger than it may be now, it shrinks first.
    ///
    /// # Errors
    /// When it can't be used.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, DepotError> {
        let failed =
            |source: io::Error| DepotError::Folder { path: folder.to_owned(), source: Arc::new(source) };
        fs::create_dir_all(folder).map_err(failed)?;
        let path = folder.join(DATABASE);
        // Its key is in it: nobody else is to read it.
        let mut made = File::options();
        made.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
        let connection = Connection::open(&path)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        // Before anything is read: else the journal gets shared memory.
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        let fresh: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).map_err(
            |error| match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    DepotError::InUse(folder.to_owned())
                }
                _ => error.into(),
            },
        )?;
        if fresh == 0 {
            connection.pragma_update(None, "page_size", PAGE.cast_signed())?;
            connection.pragma_update(None, "auto_vacuum", "incremental")?;
        }
        let mode: rusqlite::Result<String> =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
        mode.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DepotError::InUse(folder.to_owned()),
            _ => error.into(),
        })?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Each write is worked in by hand.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => connection.execute_batch(&format!("BEGIN; {TABLES} COMMIT;"))?,
            VERSION => {}
            _ => return Err(DepotError::TooNew(folder.to_owned())),
        }
        let largest: i64 =
            connection
                .query_row("SELECT ifnull(max(length(bytes)), 0) FROM contents", [], |row| row.get(0))?;
        let mut depot = Self { connection, limit, largest: 0 };
        depot.work_in()?;
        depot.expect(largest.cast_unsigned())?;
        Ok(depot)
    }

    /// Sees to it that there is room for the journal of chunks of as many bytes; what is coldest goes if there is not.
    ///
    /// # Errors
    /// When not a single one would fit.
    pub fn expect(&mut self, largest: u64) -> Result<Vec<Held>, DepotError> {
        let chunk = self.largest.max(largest);
        let needed = (SLACK + journal(chunk) + pages(chunk) * PAGE + 16 * PAGE).max(SMALLEST);
        if self.limit < needed {
            return Err(DepotError::TooSmall { limit: self.limit, needed });
        }
        self.largest = chunk;
        self.shrink()
    }

    /// A name that is kept in it: what it is now, or what `make` says if it had none.
    ///
    /// # Errors
    /// When the database can't be used.
    pub fn name(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, DepotError> {
        let known = self
            .connection
            .query_row("SELECT value FROM names WHERE name = ?1", [name], |row| row.get::<_, String>(0));
        if let Some(known) = known.optional()? {
            return Ok(known);
        }
        let made = make();
        self.connection.execute("INSERT INTO names (name, value) VALUES (?1, ?2)", [name, &made])?;
        self.work_in()?;
        Ok(made)
    }

    /// Takes a chunk in, in the place of the coldest if there is no other. It survives the program's end from when this returns.
    ///
    /// # Errors
    /// When it can't be written; then nothing has changed.
    pub fn put(&mut self, deposit: &Deposit<'_>, now: Moment) -> Result<Deposited, DepotError> {
        let length = deposit.bytes.len() as u64;
        if length > self.largest {
            match self.expect(length) {
                Ok(_) => {}
                Err(DepotError::TooSmall { .. }) => return Ok(Deposited::TooLarge),
                Err(error) => return Err(error),
            }
        }
        let most = self.most_pages();
        let transaction = self.connection.transaction()?;
        take_out(&transaction, deposit.media, deposit.number)?;
        let mut gone = Vec::new();
        // A row, and what a tree may need to grow.
        let needed = pages(length) + 8;
        while free(&transaction, most)? < needed {
            match take_coldest(&transaction)? {
                Some(held) => gone.push(held),
                None => return Ok(Deposited::TooLarge),
            }
        }
        transaction
            .prepare_cached(
                "INSERT INTO chunks (media, number, sum, head, used) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                deposit.media.as_str(),
                deposit.number,
                deposit.sum,
                deposit.head,
                now.0.cast_signed()
            ])?;
        let id = transaction.last_insert_rowid();
        transaction
            .prepare_cached("INSERT INTO contents (id, bytes) VALUES (?1, ?2)")?
            .execute(params![id, deposit.bytes])?;
        transaction.commit()?;
        self.work_in()?;
        Ok(Deposited::Kept(gone))
    }

    /// A chunk, as it was handed over. `None` if it is not here. It is warm again.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn get(&self, media: MediaId, number: u32, now: Moment) -> Result<Option<Kept>, DepotError> {
        let sql = "SELECT chunks.id, head, bytes FROM chunks JOIN contents USING (id) WHERE media = ?1 AND number = ?2";
        let found = self.connection.prepare_cached(sql)?.query_row(params![media.as_str(), number], |row| {
            Ok((row.get::<_, i64>(0)?, Kept { head: row.get(1)?, bytes: row.get(2)? }))
        });
        let Some((id, kept)) = found.optional()? else { return Ok(None) };
        self.connection
            .prepare_cached("UPDATE chunks SET used = max(used, ?2) WHERE id = ?1")?
            .execute(params![id, now.0.cast_signed()])?;
        self.work_in()?;
        Ok(Some(kept))
    }

    /// Lets go of a chunk.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn remove(&mut self, media: MediaId, number: u32) -> Result<(), DepotError> {
        let transaction = self.connection.transaction()?;
        take_out(&transaction, media, number)?;
        transaction.commit()?;
        self.work_in()
    }

    /// What is held, in order, behind one that was told of: at most `limit`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn held(&self, behind: Option<(MediaId, u32)>, limit: u32) -> Result<Vec<Held>, DepotError> {
        let sql = "SELECT media, number, sum FROM chunks WHERE (media, number) > (?1, ?2) ORDER BY media, number LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (media, number) =
            behind.map_or((String::new(), 0), |(media, number)| (media.to_string(), number));
        let rows = statement.query_map(params![media, number, limit], held)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Chunks that are held, bytes that are used, and how many may be.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn level(&self) -> Result<(u64, u64, u64), DepotError> {
        let chunks: i64 = self.connection.query_row("SELECT count(*) FROM chunks", [], |row| row.get(0))?;
        let used =
            (count(&self.connection, "page_count")? - count(&self.connection, "freelist_count")?) * PAGE;
        Ok((chunks.cast_unsigned(), used, self.most_pages() * PAGE))
    }

    /// Pages that the file may have.
    fn most_pages(&self) -> u64 {
        self.limit.saturating_sub(SLACK + journal(self.largest)) / PAGE
    }

    /// Makes the file as small as it may be now.
    fn shrink(&mut self) -> Result<Vec<Held>, DepotError> {
        let (most, mut gone) = (self.most_pages(), Vec::new());
        loop {
            let excess = count(&self.connection, "page_count")?.saturating_sub(most);
            if excess == 0 {
                self.connection.pragma_update(None, "max_page_count", most.cast_signed())?;
                return Ok(gone);
            }
            if count(&self.connection, "freelist_count")? < excess {
                let transaction = self.connection.transaction()?;
                let Some(held) = take_coldest(&transaction)? else { return Ok(gone) };
                transaction.commit()?;
                gone.push(held);
            }
            // Pages are moved through the journal: no more at once than it has room for.
            let at_once = excess.min((journal(self.largest) / PAGE / 2).max(16));
            self.connection.execute_batch(&format!("PRAGMA incremental_vacuum({at_once})"))?;
            self.work_in()?;
        }
    }

    /// Works the journal into the database, and empties it.
    fn work_in(&self) -> Result<(), DepotError> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// Bytes of the journal while a chunk is written: its pages with their heads, the ends of trees, and lists of free pages.
fn journal(chunk: u64) -> u64 {
    chunk + chunk / 16 + (1 << 20)
}

/// Pages that bytes lie in.
fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE - 4) + 1
}

fn count(connection: &Connection, pragma: &str) -> Result<u64, rusqlite::Error> {
    connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// Pages that can be written before the file has `most`.
fn free(connection: &Connection, most: u64) -> Result<u64, rusqlite::Error> {
    Ok(count(connection, "freelist_count")? + most.saturating_sub(count(connection, "page_count")?))
}

fn take_out(connection: &Connection, media: MediaId, number: u32) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare_cached("DELETE FROM chunks WHERE media = ?1 AND number = ?2")?;
    statement.execute(params![media.as_str(), number]).map(drop)
}

fn take_coldest(connection: &Connection) -> Result<Option<Held>, rusqlite::Error> {
    let sql = "SELECT media, number, sum FROM chunks ORDER BY used, id LIMIT 1";
    let coldest = connection.prepare_cached(sql)?.query_row([], held).optional()?;
    if let Some(coldest) = coldest {
        take_out(connection, coldest.media, coldest.number)?;
    }
    Ok(coldest)
}

fn held(row: &rusqlite::Row<'_>) -> Result<Held, rusqlite::Error> {
    Ok(Held { media: media::id(row, 0)?, number: row.get(1)?, sum: row.get(2)? })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

    use super::*;

    const CHUNK: usize = 256 << 10;
    const LIMIT: u64 = 6 << 20;

    fn id(name: &str) -> MediaId {
        MediaId::of_file(Path::new(name))
    }

    fn bytes(number: u32) -> Vec<u8> {
        (0..CHUNK).map(|at| (at as u32 * 31 + number) as u8).collect()
    }

    fn put(depot: &mut Depot, name: &str, number: u32, now: u64) -> Deposited {
        let bytes = bytes(number);
        let sum = [number as u8; 32];
        let deposit = Deposit { media: id(name), number, sum, head: b"head", bytes: &bytes };
        depot.put(&deposit, Moment(now)).unwrap()
    }

    /// What `du` says.
    fn on_disk(folder: &Path) -> u64 {
        use std::os::unix::fs::MetadataExt;
        let files = fs::read_dir(folder).unwrap().flatten().map(|file| file.metadata().unwrap().blocks());
        (fs::metadata(folder).unwrap().blocks() + files.sum::<u64>()) * 512
    }

    #[test]
    fn a_chunk_reads_back_as_it_was_handed_over_and_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let mut depot = Depot::open(place.path(), LIMIT).unwrap();
        assert_eq!(put(&mut depot, "a", 3, 1), Deposited::Kept(Vec::new()));
        let key = depot.name("key", || "secret".to_owned()).unwrap();
        assert!(matches!(Depot::open(place.path(), LIMIT), Err(DepotError::InUse(_))));
        drop(depot);
        let depot = Depot::open(place.path(), LIMIT).unwrap();
        assert_eq!(
            depot.get(id("a"), 3, Moment(2)).unwrap(),
            Some(Kept { head: b"head".to_vec(), bytes: bytes(3) })
        );
        assert_eq!(depot.get(id("a"), 4, Moment(2)).unwrap(), None);
        assert_eq!(depot.name("key", || "another".to_owned()).unwrap(), key);
    }

    #[test]
    fn it_never_takes_more_than_it_may_and_the_coldest_goes_first() {
        let place = tempfile::tempdir().unwrap();
        let mut depot = Depot::open(place.path(), LIMIT).unwrap();
        let mut gone = Vec::new();
        for number in 0..60 {
            let Deposited::Kept(evicted) = put(&mut depot, "a", number, u64::from(number)) else {
                panic!("it fits");
            };
            gone.extend(evicted.into_iter().map(|held| held.number));
            assert!(on_disk(place.path()) <= LIMIT, "{} bytes", on_disk(place.path()));
            // The first is asked for all the time.
            assert!(depot.get(id("a"), 0, Moment(u64::from(number))).unwrap().is_some());
        }
        assert!(gone.is_sorted() && gone.first() == Some(&1), "{gone:?}");
        let (chunks, used, limit) = depot.level().unwrap();
        assert!(chunks >= 12 && used <= limit && limit <= LIMIT, "{chunks} chunks in {used} of {limit}");
        assert_eq!(chunks as usize + gone.len(), 60);
    }

    #[test]
    fn a_smaller_bound_makes_the_file_smaller() {
        let place = tempfile::tempdir().unwrap();
        let mut depot = Depot::open(place.path(), LIMIT).unwrap();
        (0..15).for_each(|number| drop(put(&mut depot, "a", number, u64::from(number))));
        drop(depot);
        let mut depot = Depot::open(place.path(), LIMIT / 2).unwrap();
        assert!(on_disk(place.path()) <= LIMIT / 2);
        assert!(depot.get(id("a"), 14, Moment(99)).unwrap().is_some());
        assert!(matches!(put(&mut depot, "a", 20, 20), Deposited::Kept(gone) if !gone.is_empty()));
        assert!(on_disk(place.path()) <= LIMIT / 2);
    }

    #[test]
    fn what_could_never_fit_is_refused_and_nothing_goes_for_it() {
        let place = tempfile::tempdir().unwrap();
        let mut depot = Depot::open(place.path(), LIMIT).unwrap();
        put(&mut depot, "a", 0, 0);
        let bytes = vec![1; LIMIT as usize];
        let deposit = Deposit { media: id("a"), number: 1, sum: [0; 32], head: &[], bytes: &bytes };
        assert_eq!(depot.put(&deposit, Moment(1)).unwrap(), Deposited::TooLarge);
        assert_eq!(depot.level().unwrap().0, 1);
        assert!(matches!(Depot::open(&place.path().join("b"), 1 << 20), Err(DepotError::TooSmall { .. })));
        assert!(matches!(put(&mut depot, "a", 2, 2), Deposited::Kept(_)), "and goes on");
    }

    #[test]
    fn what_is_held_is_told_in_batches_and_what_is_removed_no_more() {
        let place = tempfile::tempdir().unwrap();
        let mut depot = Depot::open(place.path(), LIMIT).unwrap();
        for (name, number) in [("a", 0), ("a", 1), ("b", 0)] {
            put(&mut depot, name, number, 0);
        }
        depot.remove(id("a"), 0).unwrap();
        let (mut told, mut behind) = (Vec::new(), None);
        while let [held] = depot.held(behind, 1).unwrap()[..] {
            behind = Some((held.media, held.number));
            told.push((held.media, held.number));
        }
        let mut expected = vec![(id("a"), 1), (id("b"), 0)];
        expected.sort();
        assert_eq!(told, expected);
    }
}
