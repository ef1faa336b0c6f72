//! Timelines that are kept because reading them again would take long.

use rusqlite::{Connection, OptionalExtension, params};

use crate::id::{Identity, MediaId};

pub(super) fn get(
    connection: &Connection,
    id: MediaId,
    identity: Identity,
) -> Result<Option<Vec<u8>>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT movie FROM tables WHERE media = ?1 AND size = ?2 AND modified = ?3")?
        .query_row(params![id.as_str(), identity.size.cast_signed(), identity.modified], |row| row.get(0))
        .optional()
}

pub(super) fn put(
    connection: &Connection,
    id: MediaId,
    identity: Identity,
    movie: &[u8],
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO tables (media, size, modified, movie) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![id.as_str(), identity.size.cast_signed(), identity.modified, movie])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: MediaId) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("DELETE FROM tables WHERE media = ?1")?.execute([id.as_str()])?;
    Ok(())
}
