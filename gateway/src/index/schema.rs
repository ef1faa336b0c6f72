//! Tables of the database, and how an older one becomes a newer one.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::config::Sync;

/// Pages of the journal, of 4 KiB, after which it is worked into the database.
const JOURNAL_PAGES: i64 = 256;

/// Each step takes the database one version on; steps that have been released are never changed.
const STEPS: [&str; 7] = [
    "
    CREATE TABLE media (
        id TEXT PRIMARY KEY,
        folder BLOB NOT NULL,
        path BLOB NOT NULL,
        size INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        format INTEGER NOT NULL,
        title TEXT NOT NULL,
        sort TEXT NOT NULL,
        type TEXT,
        tmdb INTEGER,
        season INTEGER,
        episode INTEGER,
        state TEXT NOT NULL,
        error TEXT,
        duration REAL,
        renditions TEXT NOT NULL,
        notes TEXT NOT NULL,
        moov_start INTEGER,
        moov_end INTEGER
    ) STRICT;
    CREATE INDEX media_by_sort ON media (sort, id);
    CREATE INDEX media_by_folder ON media (folder);
    CREATE TABLE tables (
        media TEXT PRIMARY KEY REFERENCES media (id) ON DELETE CASCADE,
        size INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        movie BLOB NOT NULL
    ) STRICT;
",
    "CREATE INDEX media_by_tmdb ON media (tmdb) WHERE tmdb IS NOT NULL;",
    // Media that lie in no folder but in chunks of their own.
    "
    CREATE TABLE media_of_any_origin (
        id TEXT PRIMARY KEY,
        folder BLOB,
        path BLOB,
        chunk INTEGER,
        name TEXT,
        owner TEXT,
        used INTEGER,
        pinned INTEGER,
        part INTEGER,
        size INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        format INTEGER NOT NULL,
        title TEXT NOT NULL,
        sort TEXT NOT NULL,
        type TEXT,
        tmdb INTEGER,
        season INTEGER,
        episode INTEGER,
        state TEXT NOT NULL,
        error TEXT,
        duration REAL,
        renditions TEXT NOT NULL,
        notes TEXT NOT NULL,
        moov_start INTEGER,
        moov_end INTEGER,
        CHECK ((folder IS NULL) = (path IS NULL) AND (folder IS NULL) <> (chunk IS NULL))
    ) STRICT;
    INSERT INTO media_of_any_origin
        (id, folder, path, size, modified, format, title, sort, type, tmdb, season, episode, state, error, duration, renditions, notes,
        moov_start, moov_end)
        SELECT id, folder, path, size, modified, format, title, sort, type, tmdb, season, episode, state, error, duration, renditions,
        notes, moov_start, moov_end FROM media;
    DROP TABLE media;
    ALTER TABLE media_of_any_origin RENAME TO media;
    CREATE INDEX media_by_sort ON media (sort, id);
    CREATE INDEX media_by_folder ON media (folder);
    CREATE INDEX media_by_tmdb ON media (tmdb) WHERE tmdb IS NOT NULL;
    CREATE TABLE chunks (
        media TEXT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        here BLOB NOT NULL,
        stored INTEGER NOT NULL,
        sum BLOB,
        PRIMARY KEY (media, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sealed (
        media TEXT PRIMARY KEY REFERENCES media (id) ON DELETE CASCADE,
        stored INTEGER NOT NULL,
        digest BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE uploads (
        id TEXT PRIMARY KEY,
        media TEXT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
        length INTEGER,
        used INTEGER NOT NULL,
        metadata TEXT NOT NULL,
        partial INTEGER NOT NULL,
        parts TEXT NOT NULL,
        key TEXT UNIQUE,
        asked TEXT
    ) STRICT;
    CREATE INDEX uploads_by_media ON uploads (media);
",
    // What chunks are, wherever they are, and which providers hold a replica of them.
    "
    CREATE TABLE sums (
        media TEXT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        sum BLOB NOT NULL,
        PRIMARY KEY (media, number)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO sums SELECT media, number, sum FROM chunks WHERE sum IS NOT NULL;
    CREATE TABLE providers (
        id TEXT PRIMARY KEY,
        key BLOB NOT NULL,
        store TEXT NOT NULL,
        seen INTEGER NOT NULL,
        faults INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE replicas (
        media TEXT NOT NULL,
        number INTEGER NOT NULL,
        provider TEXT NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
        told INTEGER NOT NULL,
        held INTEGER NOT NULL,
        PRIMARY KEY (media, number, provider),
        FOREIGN KEY (media, number) REFERENCES sums (media, number) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX replicas_by_provider ON replicas (provider, media);
",
    // What receivers are still to be told.
    "
    CREATE TABLE deliveries (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        receiver TEXT NOT NULL,
        about TEXT NOT NULL,
        body TEXT NOT NULL,
        made INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        due INTEGER NOT NULL,
        UNIQUE (receiver, about)
    ) STRICT;
    CREATE INDEX deliveries_by_due ON deliveries (receiver, due);
",
    // Who offers which films.
    "
    CREATE TABLE broadcasters (
        id TEXT PRIMARY KEY,
        key BLOB NOT NULL
    ) STRICT;
    CREATE TABLE offers (
        broadcaster TEXT NOT NULL REFERENCES broadcasters (id) ON DELETE CASCADE,
        item TEXT NOT NULL,
        media TEXT NOT NULL,
        title TEXT NOT NULL,
        sort TEXT NOT NULL,
        type TEXT,
        tmdb INTEGER,
        season INTEGER,
        episode INTEGER,
        filetype TEXT NOT NULL,
        size INTEGER NOT NULL,
        hash TEXT,
        PRIMARY KEY (broadcaster, item)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX offers_by_media ON offers (media);
    CREATE INDEX offers_by_sort ON offers (sort, media);
    CREATE INDEX offers_by_tmdb ON offers (tmdb) WHERE tmdb IS NOT NULL;
",
    // What is to be done in the background.
    "
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        media TEXT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
        state TEXT NOT NULL,
        tries INTEGER NOT NULL,
        error TEXT,
        made INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        due INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX jobs_by_media ON jobs (media);
    CREATE UNIQUE INDEX jobs_to_do ON jobs (kind, media) WHERE state IN ('queued', 'running');
",
];

/// Why a database can't be brought up to date.
#[derive(Debug)]
pub(super) enum Error {
    /// It is of a later version.
    TooNew { found: i64, known: i64 },
    /// SQLite refused.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Opens the database for writing; it is made if it is not there.
pub(super) fn connect(path: &Path, sync: Sync) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = match sync {
        Sync::Full => "full",
        Sync::Process => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // The journal takes of the quota too: it is kept short.
    connection.pragma_update(None, "wal_autocheckpoint", JOURNAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_PAGES * 4096)?;
    Ok(connection)
}

/// Opens the database for reading.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// Takes the database to the version of this program, each step in a transaction of its own. From then on references hold: a step may
/// put a table in another's place.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(found).ok().filter(|done| *done <= STEPS.len());
    let done = done.ok_or(Error::TooNew { found, known })?;
    for (version, step) in (1_i64..).zip(STEPS).skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_database_is_brought_to_the_latest_version_and_stays_there() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, STEPS.len() as i64);
        migrate(&mut connection).unwrap();
    }

    #[test]
    fn a_database_of_a_later_version_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(migrate(&mut connection), Err(Error::TooNew { found: 99, .. })));
    }
}
