//! Uploads: which are under way, and what whoever sends them said.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::media;
use crate::clock::Moment;
use crate::id::{MediaId, UploadId};

/// An upload under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its name in addresses.
    pub id: UploadId,
    /// What it becomes.
    pub media: MediaId,
    /// Bytes it will have, once that has been said.
    pub length: Option<u64>,
    /// When it was last gone on with.
    pub used: Moment,
    /// `Upload-Metadata` as it was sent.
    pub metadata: String,
    /// Whether it is a part of another, to be joined later.
    pub partial: bool,
}

const COLUMNS: &str = "id, media, length, used, metadata, partial";

pub(super) fn get(connection: &Connection, id: UploadId) -> Result<Option<Upload>, rusqlite::Error> {
    let sql = format!("SELECT {COLUMNS} FROM uploads WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.as_str()], read).optional()
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Upload>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM uploads"))?;
    let rows = statement.query_map([], read)?;
    rows.collect()
}

pub(super) fn put(connection: &Connection, upload: &Upload) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO uploads ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ))?
        .execute(params![
            upload.id.as_str(),
            upload.media.as_str(),
            upload.length.map(u64::cast_signed),
            upload.used.0.cast_signed(),
            upload.metadata,
            upload.partial,
        ])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: UploadId) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([id.as_str()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Upload, rusqlite::Error> {
    let id: String = row.get(0)?;
    Ok(Upload {
        id: UploadId::parse(&id).ok_or_else(|| media::damaged(0, "not the id of an upload"))?,
        media: media::id(row, 1)?,
        length: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
        used: Moment(row.get::<_, i64>(3)?.cast_unsigned()),
        metadata: row.get(4)?,
        partial: row.get(5)?,
    })
}
