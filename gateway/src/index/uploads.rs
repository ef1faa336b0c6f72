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
    /// The uploads it is joined of, in their order; none for most.
    pub parts: Vec<UploadId>,
    /// What whoever made it calls it, so that asking again makes no second one.
    pub key: Option<Key>,
}

/// A name that a client gave to a question, and what the question was: sums of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// The question.
    pub asked: String,
}

const COLUMNS: &str = "id, media, length, used, metadata, partial, parts, key, asked";

pub(super) fn get(connection: &Connection, id: UploadId) -> Result<Option<Upload>, rusqlite::Error> {
    let sql = format!("SELECT {COLUMNS} FROM uploads WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.as_str()], read).optional()
}

pub(super) fn of_key(connection: &Connection, name: &str) -> Result<Option<Upload>, rusqlite::Error> {
    let sql = format!("SELECT {COLUMNS} FROM uploads WHERE key = ?1");
    connection.prepare_cached(&sql)?.query_row([name], read).optional()
}

pub(super) fn touch(connection: &Connection, id: UploadId, used: Moment) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare_cached("UPDATE uploads SET used = ?2 WHERE id = ?1")?;
    statement.execute(params![id.as_str(), used.0.cast_signed()])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Upload>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM uploads"))?;
    let rows = statement.query_map([], read)?;
    rows.collect()
}

pub(super) fn put(connection: &Connection, upload: &Upload) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO uploads ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        ))?
        .execute(params![
            upload.id.as_str(),
            upload.media.as_str(),
            upload.length.map(u64::cast_signed),
            upload.used.0.cast_signed(),
            upload.metadata,
            upload.partial,
            upload.parts.iter().map(UploadId::as_str).collect::<Vec<_>>().join(" "),
            upload.key.as_ref().map(|key| &key.name),
            upload.key.as_ref().map(|key| &key.asked),
        ])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: UploadId) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([id.as_str()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Upload, rusqlite::Error> {
    let id = |text: &str, column| {
        UploadId::parse(text).ok_or_else(|| media::damaged(column, "not the id of an upload"))
    };
    let parts: String = row.get(6)?;
    let (name, asked): (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
    Ok(Upload {
        id: id(&row.get::<_, String>(0)?, 0)?,
        media: media::id(row, 1)?,
        length: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
        used: Moment(row.get::<_, i64>(3)?.cast_unsigned()),
        metadata: row.get(4)?,
        partial: row.get(5)?,
        parts: parts.split_whitespace().map(|part| id(part, 6)).collect::<Result<_, _>>()?,
        key: name.zip(asked).map(|(name, asked)| Key { name, asked }),
    })
}
