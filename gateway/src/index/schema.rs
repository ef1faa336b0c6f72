//! Tables of the database, and how an older one becomes a newer one.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Each step takes the database one version on; steps that have been released are never changed.
const STEPS: [&str; 2] = [
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
pub(super) fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit survives a crash of the program; one of the machine may lose the last ones, which are found again in the folders.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
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

/// Takes the database to the version of this program, each step in a transaction of its own.
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
