//! Media: what is known of each, and lists of them.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use segmenter::bytes::ByteRange;
use segmenter::manifest::State;
use segmenter::track::Kind;
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::id::{Identity, MediaId};
use crate::title::{Title, Type};

/// All that is known of a medium without opening it.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// Its name in addresses.
    pub id: MediaId,
    /// Where its bytes are.
    pub origin: Origin,
    /// What the file was when it was read; of stored bytes, how many there will be and when the first came.
    pub identity: Identity,
    /// Version of what is told here; what an older program found out is found out anew.
    pub format: u32,
    /// Its title, and what the file's name says besides.
    pub title: Title,
    /// Whether it can be played.
    pub state: State,
    /// Why it can't.
    pub error: Option<String>,
    /// Seconds.
    pub duration: Option<f64>,
    /// What it can be played as.
    pub renditions: Vec<Rendition>,
    /// What of the source does not come out as it went in.
    pub notes: Vec<String>,
    /// Where its `moov` lies.
    pub moov: Option<ByteRange>,
}

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file of a served folder.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The file.
        path: PathBuf,
    },
    /// In chunks on disk, as far as they are here.
    Store(Stored),
}

/// A medium that is kept in chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Bytes of a chunk.
    pub chunk: u32,
    /// The file's name, as whoever sent it said.
    pub name: String,
    /// The broadcaster it is of.
    pub owner: Option<String>,
    /// When it was last watched or fed. Putting a medium in again does not change it.
    pub used: Moment,
    /// Whether it stays when its time is over, and when space is needed. Putting a medium in again does not change it.
    pub pinned: bool,
    /// Whether it is no film of its own but a part of one that is sent in parts: nobody is shown it.
    pub part: bool,
}

impl Media {
    /// What is known of its keeping, if it is kept in chunks.
    pub fn stored(&self) -> Option<&Stored> {
        match &self.origin {
            Origin::Store(stored) => Some(stored),
            Origin::Folder { .. } => None,
        }
    }

    /// Whether it is kept here, or lies in one of these folders: the index may know others.
    pub fn is_served(&self, folders: &[PathBuf]) -> bool {
        match &self.origin {
            Origin::Store(stored) => !stored.part,
            Origin::Folder { folder, .. } => folders.contains(folder),
        }
    }

    /// The name of its file.
    pub fn file_name(&self) -> &Path {
        match &self.origin {
            Origin::Store(stored) => Path::new(&stored.name),
            Origin::Folder { path, .. } => Path::new(path.file_name().unwrap_or_default()),
        }
    }
}

/// A rendition in a list of films.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rendition {
    /// `v1`, `a1`, `t1` ...
    pub id: String,
    /// `video`, `audio` or `text`.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// RFC 6381.
    pub codec: String,
    /// Pixels across.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Pixels down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// Channels of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u16>,
    /// BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// What decides how long a medium in chunks is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Which.
    pub id: MediaId,
    /// Movie or episode.
    pub kind: Option<Type>,
    /// Whether it is arriving, here, or gone.
    pub state: State,
    /// When it was last watched or fed, as far as that has been written down.
    pub used: Moment,
    /// Whether it stays.
    pub pinned: bool,
    /// The broadcaster it is of.
    pub owner: Option<String>,
    /// What its chunks take on disk.
    pub stored: u64,
}

/// What a look at a folder is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The medium.
    pub id: MediaId,
    /// Its file.
    pub path: PathBuf,
    /// What the file was when it was read.
    pub identity: Identity,
    /// [`Media::format`].
    pub format: u32,
}

/// Season and episode that clients give for what has none, as a movie.
pub const NO_EPISODE: u32 = 999;

/// What comes first in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By title.
    #[default]
    Title,
    /// By season and episode, then by title.
    Episode,
}

impl Order {
    /// What a medium's place in the order is told by: text that sorts as the media do.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Title => "sort",
            Self::Episode => "format('%010d%010d', ifnull(season, 0), ifnull(episode, 0)) || sort",
        }
    }
}

/// Which media to list.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only those of these folders, and those kept in chunks.
    pub folders: Vec<PathBuf>,
    /// Only those whose title holds this, in any case.
    pub text: Option<String>,
    /// Only those of this type.
    pub kind: Option<Type>,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those with this number in the TMDB.
    pub tmdb: Option<u64>,
    /// Only those of this season; [`NO_EPISODE`] for those of none.
    pub season: Option<u32>,
    /// Only those of this number in their season; [`NO_EPISODE`] for those of none.
    pub episode: Option<u32>,
    /// What comes first.
    pub order: Order,
    /// Only those after this one: what [`Page::next`] said.
    pub after: Option<(String, MediaId)>,
    /// At most so many.
    pub limit: usize,
}

/// Some of the media that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// In the order that was asked for.
    pub items: Vec<Media>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<(String, MediaId)>,
}

const COLUMNS: &str = "id, folder, path, size, modified, format, title, type, tmdb, season, episode, state, error, duration, \
                       renditions, notes, moov_start, moov_end, chunk, name, owner, pinned, used, part";
/// Column of [`Order::key`], after all of [`COLUMNS`].
const KEY: usize = 24;

pub(super) fn get(connection: &Connection, id: MediaId) -> Result<Option<Media>, rusqlite::Error> {
    let sql = format!("SELECT {COLUMNS} FROM media WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.as_str()], read).optional()
}

pub(super) fn is_there(connection: &Connection, id: MediaId) -> Result<bool, rusqlite::Error> {
    connection.prepare_cached("SELECT 1 FROM media WHERE id = ?1")?.exists([id.as_str()])
}

pub(super) fn list(connection: &Connection, query: &Query) -> Result<Page, rusqlite::Error> {
    let mut rows = rows(connection, query)?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = rows.last().filter(|_| more).map(|(last, key)| (key.clone(), last.id));
    Ok(Page { items: rows.into_iter().map(|(media, _)| media).collect(), next })
}

/// Media with their places in the order, one more than asked for if there are more.
pub(super) fn rows(connection: &Connection, query: &Query) -> Result<Vec<(Media, String)>, rusqlite::Error> {
    let mut narrow = Narrow::default();
    let folders: Vec<Value> = query.folders.iter().map(|folder| blob(folder)).collect();
    let marks = vec!["?"; folders.len()].join(", ");
    narrow.to(&format!("((chunk IS NOT NULL AND NOT part) OR folder IN ({marks}))"), folders);
    if let Some(state) = query.state {
        narrow.to("state = ?", vec![word(state).into()]);
    }
    narrow.by(query, "id");
    let Narrow { conditions, values } = narrow;
    let (key, conditions) = (query.order.key(), conditions.join(" AND "));
    let limit = i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX);
    let sql =
        format!("SELECT {COLUMNS}, {key} FROM media WHERE {conditions} ORDER BY {key}, id LIMIT {limit}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| Ok((read(row)?, row.get(KEY)?)))?;
    rows.collect()
}

/// What a list is narrowed by, as it stands in a query.
#[derive(Debug, Default)]
pub(super) struct Narrow {
    pub(super) conditions: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Narrow {
    /// To what this holds of.
    pub(super) fn to(&mut self, condition: &str, given: Vec<Value>) {
        self.conditions.push(condition.to_owned());
        self.values.extend(given);
    }

    /// To titles that are asked for, behind the place that was reached. `id` is the column of the medium's id.
    pub(super) fn by(&mut self, query: &Query, id: &str) {
        if let Some(text) = &query.text {
            self.to("instr(sort, ?) > 0", vec![text.to_lowercase().into()]);
        }
        if let Some(kind) = query.kind {
            self.to("type = ?", vec![kind.as_str().to_owned().into()]);
        }
        if let Some(tmdb) = query.tmdb {
            self.to("tmdb = ?", vec![tmdb.cast_signed().into()]);
        }
        if let Some(season) = query.season {
            self.to(&format!("ifnull(season, {NO_EPISODE}) = ?"), vec![season.into()]);
        }
        if let Some(episode) = query.episode {
            self.to(&format!("ifnull(episode, {NO_EPISODE}) = ?"), vec![episode.into()]);
        }
        if let Some((after, last)) = &query.after {
            let key = query.order.key();
            self.to(&format!("({key}, {id}) > (?, ?)"), vec![after.clone().into(), last.to_string().into()]);
        }
    }
}

pub(super) fn known(connection: &Connection, folder: &Path) -> Result<Vec<Known>, rusqlite::Error> {
    let sql = "SELECT id, path, size, modified, format FROM media WHERE folder = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([blob(folder)], |row| {
        Ok(Known {
            id: id(row, 0)?,
            path: path(row, 1)?,
            identity: Identity { size: row.get::<_, i64>(2)?.cast_unsigned(), modified: row.get(3)? },
            format: row.get(4)?,
        })
    })?;
    rows.collect()
}

pub(super) fn put(connection: &Connection, media: &Media) -> Result<(), rusqlite::Error> {
    // Not INSERT OR REPLACE: that would take the kept timeline out as well.
    let sql = format!(
        "INSERT INTO media ({COLUMNS}, sort) VALUES \
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25) \
         ON CONFLICT (id) DO UPDATE SET (folder, path, size, modified, format, title, type, tmdb, season, episode, state, \
         error, duration, renditions, notes, moov_start, moov_end, chunk, name, owner, part, sort) = (?2, ?3, ?4, ?5, ?6, \
         ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?24, ?25)"
    );
    let (folder, path) = match &media.origin {
        Origin::Folder { folder, path } => (Some(blob(folder)), Some(blob(path))),
        Origin::Store(_) => (None, None),
    };
    let stored = media.stored();
    connection.prepare_cached(&sql)?.execute(params![
        media.id.as_str(),
        folder,
        path,
        media.identity.size.cast_signed(),
        media.identity.modified,
        media.format,
        media.title.name,
        media.title.kind.map(Type::as_str),
        media.title.tmdb.map(u64::cast_signed),
        media.title.season,
        media.title.episode,
        word(media.state),
        media.error,
        media.duration,
        json(&media.renditions),
        json(&media.notes),
        media.moov.map(|moov| moov.start.cast_signed()),
        media.moov.map(|moov| moov.end.cast_signed()),
        stored.map(|stored| stored.chunk),
        stored.map(|stored| &stored.name),
        stored.and_then(|stored| stored.owner.as_ref()),
        stored.map(|stored| stored.pinned),
        stored.map(|stored| stored.used.0.cast_signed()),
        stored.map(|stored| stored.part),
        media.title.sort_key(),
    ])?;
    Ok(())
}

/// Which media are kept in chunks, without what is told of them.
pub(super) fn held(connection: &Connection) -> Result<Vec<MediaId>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT id FROM media WHERE chunk IS NOT NULL")?;
    let rows = statement.query_map([], |row| id(row, 0))?;
    rows.collect()
}

/// What decides how long media are kept.
pub(super) fn keepings(connection: &Connection) -> Result<Vec<Keeping>, rusqlite::Error> {
    let sql = "SELECT id, type, state, used, pinned, owner, (SELECT ifnull(sum(stored), 0) FROM chunks WHERE media = id) + \
               ifnull((SELECT stored FROM sealed WHERE media = id), 0) FROM media WHERE chunk IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let kind: Option<String> = row.get(1)?;
        Ok(Keeping {
            id: id(row, 0)?,
            kind: kind.as_deref().and_then(Type::parse),
            state: parse(row, 2, &format!("\"{}\"", row.get::<_, String>(2)?))?,
            used: Moment(row.get::<_, i64>(3)?.cast_unsigned()),
            pinned: row.get(4)?,
            owner: row.get(5)?,
            stored: row.get::<_, i64>(6)?.cast_unsigned(),
        })
    })?;
    rows.collect()
}

/// Which of them are still arriving.
pub(super) fn arriving(connection: &Connection) -> Result<Vec<MediaId>, rusqlite::Error> {
    let sql =
        "SELECT id FROM media WHERE chunk IS NOT NULL AND NOT part AND state IN ('receiving', 'playable')";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| id(row, 0))?;
    rows.collect()
}

/// Which of them are all here and still kept in chunks.
pub(super) fn unsealed(connection: &Connection) -> Result<Vec<MediaId>, rusqlite::Error> {
    let sql = "SELECT id FROM media WHERE chunk IS NOT NULL AND NOT part AND state = 'ready' \
               AND id NOT IN (SELECT media FROM sealed)";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| id(row, 0))?;
    rows.collect()
}

pub(super) fn pin(connection: &Connection, id: MediaId, pinned: bool) -> Result<(), rusqlite::Error> {
    let mut statement =
        connection.prepare_cached("UPDATE media SET pinned = ?2 WHERE id = ?1 AND chunk IS NOT NULL")?;
    statement.execute(params![id.as_str(), pinned])?;
    Ok(())
}

pub(super) fn touch(connection: &Connection, id: MediaId, used: Moment) -> Result<(), rusqlite::Error> {
    let mut statement =
        connection.prepare_cached("UPDATE media SET used = ?2 WHERE id = ?1 AND chunk IS NOT NULL")?;
    statement.execute(params![id.as_str(), used.0.cast_signed()])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: MediaId) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("DELETE FROM media WHERE id = ?1")?.execute([id.as_str()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Media, rusqlite::Error> {
    let moov: (Option<i64>, Option<i64>) = (row.get(16)?, row.get(17)?);
    let kind: Option<String> = row.get(7)?;
    Ok(Media {
        id: id(row, 0)?,
        origin: origin(row)?,
        identity: Identity { size: row.get::<_, i64>(3)?.cast_unsigned(), modified: row.get(4)? },
        format: row.get(5)?,
        title: Title {
            name: row.get(6)?,
            kind: kind.as_deref().and_then(Type::parse),
            tmdb: row.get::<_, Option<i64>>(8)?.map(i64::cast_unsigned),
            season: row.get(9)?,
            episode: row.get(10)?,
        },
        state: parse(row, 11, &format!("\"{}\"", row.get::<_, String>(11)?))?,
        error: row.get(12)?,
        duration: row.get(13)?,
        renditions: parse(row, 14, &row.get::<_, String>(14)?)?,
        notes: parse(row, 15, &row.get::<_, String>(15)?)?,
        moov: moov
            .0
            .zip(moov.1)
            .map(|(start, end)| ByteRange { start: start.cast_unsigned(), end: end.cast_unsigned() }),
    })
}

fn origin(row: &Row<'_>) -> Result<Origin, rusqlite::Error> {
    let Some(chunk) = row.get(18)? else {
        return Ok(Origin::Folder { folder: path(row, 1)?, path: path(row, 2)? });
    };
    Ok(Origin::Store(Stored {
        chunk,
        name: row.get(19)?,
        owner: row.get(20)?,
        pinned: row.get(21)?,
        used: Moment(row.get::<_, i64>(22)?.cast_unsigned()),
        part: row.get(23)?,
    }))
}

pub(super) fn id(row: &Row<'_>, column: usize) -> Result<MediaId, rusqlite::Error> {
    let text: String = row.get(column)?;
    MediaId::parse(&text).ok_or_else(|| damaged(column, "not the id of a medium"))
}

fn path(row: &Row<'_>, column: usize) -> Result<PathBuf, rusqlite::Error> {
    Ok(OsString::from_vec(row.get(column)?).into())
}

fn parse<T: serde::de::DeserializeOwned>(
    _: &Row<'_>,
    column: usize,
    text: &str,
) -> Result<T, rusqlite::Error> {
    serde_json::from_str(text).map_err(|error| damaged(column, &error.to_string()))
}

pub(super) fn damaged(column: usize, why: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why.into())
}

/// A path as it is, in whatever characters.
fn blob(path: &Path) -> Value {
    Value::Blob(path.as_os_str().as_bytes().to_vec())
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "[]".to_owned())
}

/// A state as it stands in JSON.
fn word(state: State) -> String {
    json(&state).trim_matches('"').to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn film(path: &str) -> Media {
        Media {
            id: MediaId::of_file(Path::new(path)),
            origin: Origin::Folder { folder: "/films".into(), path: path.into() },
            identity: Identity { size: u64::MAX, modified: -5 },
            format: 1,
            title: Title::of_file(Path::new(path)),
            state: State::Ready,
            error: None,
            duration: Some(1.5),
            renditions: vec![Rendition {
                id: "v1".into(),
                kind: Kind::Video,
                codec: "avc1.640028".into(),
                width: Some(1920),
                height: Some(1080),
                channels: None,
                language: None,
            }],
            notes: vec!["track 3 is left out".into()],
            moov: Some(ByteRange { start: 1, end: 2 }),
        }
    }

    fn filled(paths: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection).unwrap();
        for path in paths {
            put(&connection, &film(path)).unwrap();
        }
        connection
    }

    fn names(connection: &Connection, query: Query) -> Vec<String> {
        let query = Query { folders: vec!["/films".into()], limit: query.limit.max(1), ..query };
        list(connection, &query).unwrap().items.into_iter().map(|film| film.title.name).collect()
    }

    #[test]
    fn pages_follow_each_other_without_gaps_or_repeats() {
        let connection =
            filled(&["/films/b.mp4", "/films/A.mp4", "/films/c.mp4", "/films/x/a.mp4", "/films/d.mp4"]);
        let mut query = Query { folders: vec!["/films".into()], limit: 2, ..Query::default() };
        let mut seen = Vec::new();
        loop {
            let page = list(&connection, &query).unwrap();
            seen.extend(page.items.into_iter().map(|film| film.title.name.to_lowercase()));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "a", "b", "c", "d"]);
    }

    #[test]
    fn lists_are_narrowed_by_text_type_state_and_folder() {
        let connection =
            filled(&["/films/Big Bunny (2008).mp4", "/films/Show S01E02.mp4", "/films/100%.mp4"]);
        let all = |query| names(&connection, Query { limit: 9, ..query });
        assert_eq!(all(Query { text: Some("BUNNY".into()), ..Query::default() }), ["Big Bunny (2008)"]);
        assert_eq!(all(Query { text: Some("%".into()), ..Query::default() }), ["100%"]);
        assert_eq!(all(Query { kind: Some(Type::Tv), ..Query::default() }), ["Show S01E02"]);
        assert!(all(Query { state: Some(State::Failed), ..Query::default() }).is_empty());
        assert!(list(&connection, &Query { limit: 9, ..Query::default() }).unwrap().items.is_empty());
    }

    #[test]
    fn episodes_of_a_title_follow_each_other_over_pages() {
        let paths = ["Show S02E01", "Show S01E10", "Show S01E2", "Another S01E01", "Show (2019)"];
        let paths = paths.map(|name| format!("/films/{name} {{tmdb-7}}.mp4"));
        let connection = filled(&paths.each_ref().map(String::as_str));
        put(&connection, &film("/films/Stranger S01E03 {tmdb-8}.mp4")).unwrap();
        let query = Query { tmdb: Some(7), order: Order::Episode, ..Query::default() };
        let mut page = Query { folders: vec!["/films".into()], limit: 2, ..query.clone() };
        let mut seen = Vec::new();
        loop {
            let found = list(&connection, &page).unwrap();
            seen.extend(found.items.into_iter().map(|film| film.title.season.zip(film.title.episode)));
            page.after = found.next;
            if page.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [None, Some((1, 1)), Some((1, 2)), Some((1, 10)), Some((2, 1))]);
        let first = Query { season: Some(1), episode: Some(2), limit: 9, ..query.clone() };
        assert_eq!(names(&connection, first), ["Show S01E2 {tmdb-7}"]);
        let none = Query { season: Some(NO_EPISODE), episode: Some(NO_EPISODE), limit: 9, ..query };
        assert_eq!(names(&connection, none), ["Show (2019) {tmdb-7}"]);
    }

    #[test]
    fn a_medium_reads_back_as_it_was_put_in() {
        let connection = filled(&["/films/a.mp4"]);
        let film = film("/films/a.mp4");
        assert_eq!(get(&connection, film.id).unwrap(), Some(film));
    }

    #[test]
    fn a_medium_in_chunks_is_listed_whatever_folders_are_served_and_keeps_its_use_and_its_pin() {
        let connection = filled(&["/films/a.mp4"]);
        let kept = Stored {
            chunk: 4,
            name: "b.mp4".into(),
            owner: Some("me".into()),
            used: Moment(7),
            pinned: false,
            part: false,
        };
        let mut media = Media { origin: Origin::Store(kept.clone()), ..film("/films/b.mp4") };
        put(&connection, &media).unwrap();
        assert_eq!(get(&connection, media.id).unwrap(), Some(media.clone()));
        let listed = list(&connection, &Query { limit: 9, ..Query::default() }).unwrap();
        assert_eq!(listed.items, [media.clone()]);
        pin(&connection, media.id, true).unwrap();
        media.origin = Origin::Store(Stored { used: Moment(1), ..kept });
        put(&connection, &media).unwrap();
        let again = get(&connection, media.id).unwrap().unwrap();
        assert!(again.stored().is_some_and(|stored| stored.used == Moment(7) && stored.pinned));
    }

    #[test]
    fn putting_a_medium_in_again_replaces_what_was_known() {
        let connection = filled(&["/films/a.mp4", "/films/a.mp4"]);
        let mut changed = film("/films/a.mp4");
        changed.state = State::Failed;
        changed.error = Some("broken".into());
        put(&connection, &changed).unwrap();
        assert_eq!(get(&connection, changed.id).unwrap(), Some(changed));
        assert_eq!(known(&connection, Path::new("/films")).unwrap().len(), 1);
    }
}
