//! Chunks: what is here of the bytes of media.

use rusqlite::{Connection, Row, params};

use super::{media, replicas};
use crate::id::MediaId;
use crate::ranges::Ranges;

/// What is here of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// From 0.
    pub number: u32,
    /// Its bytes that are here, counted from its own start.
    pub here: Ranges,
    /// What it takes on disk.
    pub stored: u64,
    /// Of all its bytes, once they are here.
    pub sum: Option<[u8; 32]>,
}

/// That a chunk is here, and what it takes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Of which medium.
    pub media: MediaId,
    /// From 0.
    pub number: u32,
    /// Bytes.
    pub stored: u64,
}

pub(super) fn of(connection: &Connection, id: MediaId) -> Result<Vec<Chunk>, rusqlite::Error> {
    let sql = "SELECT number, here, stored, sum FROM chunks WHERE media = ?1 ORDER BY number";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([id.as_str()], |row| {
        let here: Vec<u8> = row.get(1)?;
        let damaged = |error: postcard::Error| media::damaged(1, &error.to_string());
        Ok(Chunk {
            number: row.get(0)?,
            here: postcard::from_bytes(&here).map_err(damaged)?,
            stored: stored(row, 2)?,
            sum: row.get(3)?,
        })
    })?;
    rows.collect()
}

pub(super) fn extents(connection: &Connection) -> Result<Vec<Extent>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT media, number, stored FROM chunks")?;
    let rows = statement.query_map([], |row| {
        Ok(Extent { media: media::id(row, 0)?, number: row.get(1)?, stored: stored(row, 2)? })
    })?;
    rows.collect()
}

pub(super) fn put(connection: &Connection, id: MediaId, chunk: &Chunk) -> Result<(), rusqlite::Error> {
    let here = postcard::to_stdvec(&chunk.here).unwrap_or_default();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO chunks (media, number, here, stored, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id.as_str(), chunk.number, here, chunk.stored.cast_signed(), chunk.sum])?;
    match chunk.sum {
        Some(sum) => replicas::put_sum(connection, id, chunk.number, sum),
        None => Ok(()),
    }
}

pub(super) fn remove(connection: &Connection, id: MediaId, numbers: &[u32]) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare_cached("DELETE FROM chunks WHERE media = ?1 AND number = ?2")?;
    numbers.iter().try_for_each(|number| statement.execute(params![id.as_str(), number]).map(drop))
}

fn stored(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}
