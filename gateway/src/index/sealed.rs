//! Media that are kept as segments.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::media;
use crate::id::MediaId;

/// That a medium is kept as segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// What they take on disk, with all that belongs to them.
    pub stored: u64,
    /// SHA-256 of the source, which was put together of them before its chunks went.
    pub digest: [u8; 32],
}

pub(super) fn get(connection: &Connection, id: MediaId) -> Result<Option<Seal>, rusqlite::Error> {
    let mut statement =
        connection.prepare_cached("SELECT media, stored, digest FROM sealed WHERE media = ?1")?;
    Ok(statement.query_row([id.as_str()], read).optional()?.map(|(_, seal)| seal))
}

pub(super) fn all(connection: &Connection) -> Result<Vec<(MediaId, Seal)>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT media, stored, digest FROM sealed")?;
    let rows = statement.query_map([], read)?;
    rows.collect()
}

pub(super) fn put(connection: &Connection, id: MediaId, seal: &Seal) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO sealed (media, stored, digest) VALUES (?1, ?2, ?3)")?
        .execute(params![id.as_str(), seal.stored.cast_signed(), seal.digest])?;
    connection.prepare_cached("DELETE FROM chunks WHERE media = ?1")?.execute([id.as_str()])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: MediaId) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("DELETE FROM sealed WHERE media = ?1")?.execute([id.as_str()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<(MediaId, Seal), rusqlite::Error> {
    Ok((media::id(row, 0)?, Seal { stored: row.get::<_, i64>(1)?.cast_unsigned(), digest: row.get(2)? }))
}
