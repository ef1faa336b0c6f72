//! Broadcasters: the keys of their ids, and what each offers.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::media::{self, Media, Narrow, Query};
use crate::id::MediaId;
use crate::title::{Title, Type};

/// A film that a broadcaster can send when it is asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who offers it.
    pub broadcaster: String,
    /// What the broadcaster calls it.
    pub item: String,
    /// What it becomes when it is sent.
    pub media: MediaId,
    /// Its title.
    pub title: Title,
    /// The ending of its file, without the dot, in lower case.
    pub filetype: String,
    /// Bytes.
    pub size: u64,
    /// What tells its contents from all others of this size.
    pub hash: Option<String>,
}

/// Something in a list of what is here and what could be.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// It is here, or on its way.
    Media(Box<Media>),
    /// It comes once somebody asks for it.
    Offer(Box<Offer>),
}

impl Entry {
    fn id(&self) -> MediaId {
        match self {
            Self::Media(media) => media.id,
            Self::Offer(offer) => offer.media,
        }
    }
}

/// Some of what was asked for, of what is here and of what could be.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// In the order that was asked for.
    pub items: Vec<Entry>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<(String, MediaId)>,
}

/// Which offers of a broadcaster.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whose.
    pub broadcaster: String,
    /// Only files with this ending.
    pub filetype: Option<String>,
    /// Only of these titles.
    pub titles: Query,
}

const COLUMNS: &str = "broadcaster, item, media, title, type, tmdb, season, episode, filetype, size, hash";
/// Column of the place in the order, after all of [`COLUMNS`].
const KEY: usize = 11;

pub(super) fn key(connection: &Connection, id: &str) -> Result<Option<[u8; 32]>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT key FROM broadcasters WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

pub(super) fn count(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let count: i64 =
        connection.prepare_cached("SELECT count(*) FROM broadcasters")?.query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// The first key stays.
pub(super) fn register(connection: &Connection, id: &str, key: [u8; 32]) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("INSERT INTO broadcasters (id, key) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![id, key])?;
    Ok(())
}

pub(super) fn put(
    connection: &Connection,
    broadcaster: &str,
    offers: &[Offer],
) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("DELETE FROM offers WHERE broadcaster = ?1")?.execute([broadcaster])?;
    let mut statement = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO offers ({COLUMNS}, sort) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    ))?;
    offers.iter().try_for_each(|offer| {
        let row = params![
            broadcaster,
            offer.item,
            offer.media.as_str(),
            offer.title.name,
            offer.title.kind.map(Type::as_str),
            offer.title.tmdb.map(u64::cast_signed),
            offer.title.season,
            offer.title.episode,
            offer.filetype,
            offer.size.cast_signed(),
            offer.hash,
            offer.title.sort_key(),
        ];
        statement.execute(row).map(drop)
    })
}

/// Who offers a medium, in the order of their ids.
pub(super) fn of_media(connection: &Connection, id: MediaId) -> Result<Vec<Offer>, rusqlite::Error> {
    let sql = format!("SELECT {COLUMNS} FROM offers WHERE media = ?1 ORDER BY broadcaster, item");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([id.as_str()], read)?;
    rows.collect()
}

/// The media that a broadcaster offers.
pub(super) fn media_of(connection: &Connection, broadcaster: &str) -> Result<Vec<MediaId>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT media FROM offers WHERE broadcaster = ?1")?;
    let rows = statement.query_map([broadcaster], |row| media::id(row, 0))?;
    rows.collect()
}

/// Offers of one broadcaster.
pub(super) fn find(connection: &Connection, wanted: &Wanted) -> Result<Vec<Offer>, rusqlite::Error> {
    let mut narrow = Narrow::default();
    narrow.to("broadcaster = ?", vec![wanted.broadcaster.clone().into()]);
    if let Some(filetype) = &wanted.filetype {
        narrow.to("filetype = ?", vec![filetype.to_lowercase().into()]);
    }
    let offers = offers(connection, &wanted.titles, narrow)?;
    Ok(offers.into_iter().map(|(offer, _)| offer).collect())
}

/// What is here, and what these broadcasters offer and is not.
pub(super) fn list(
    connection: &Connection,
    query: &Query,
    connected: &[String],
) -> Result<Listed, rusqlite::Error> {
    let here = media::rows(connection, query)?.into_iter();
    let here = here.map(|(media, key)| (key, Entry::Media(Box::new(media))));
    let offered = if query.state.is_some() { Vec::new() } else { offered(connection, query, connected)? };
    Ok(page(here.chain(offered).collect(), query.limit))
}

/// What these broadcasters offer and is not here.
pub(super) fn list_offers(
    connection: &Connection,
    query: &Query,
    connected: &[String],
) -> Result<Listed, rusqlite::Error> {
    Ok(page(offered(connection, query, connected)?, query.limit))
}

fn page(mut all: Vec<(String, Entry)>, limit: usize) -> Listed {
    all.sort_by(|a, b| (&a.0, a.1.id()).cmp(&(&b.0, b.1.id())));
    let more = all.len() > limit;
    all.truncate(limit);
    let next = all.last().filter(|_| more).map(|(key, last)| (key.clone(), last.id()));
    Listed { items: all.into_iter().map(|(_, entry)| entry).collect(), next }
}

fn offered(
    connection: &Connection,
    query: &Query,
    connected: &[String],
) -> Result<Vec<(String, Entry)>, rusqlite::Error> {
    if connected.is_empty() {
        return Ok(Vec::new());
    }
    let ids = || connected.iter().map(|id| Value::from(id.clone()));
    let marks = vec!["?"; connected.len()].join(", ");
    let mut narrow = Narrow::default();
    narrow.to("media NOT IN (SELECT id FROM media)", Vec::new());
    narrow.to(&format!("broadcaster IN ({marks})"), ids().collect());
    // Offered by several, it is listed once, and as the same each time.
    let first = format!(
        "NOT EXISTS (SELECT 1 FROM offers AS other WHERE other.media = offers.media AND other.broadcaster IN ({marks}) \
         AND (other.broadcaster, other.item) < (offers.broadcaster, offers.item))"
    );
    narrow.to(&first, ids().collect());
    let offers = offers(connection, query, narrow)?;
    Ok(offers.into_iter().map(|(offer, key)| (key, Entry::Offer(Box::new(offer)))).collect())
}

/// Offers with their places in the order, one more than asked for if there are more.
fn offers(
    connection: &Connection,
    query: &Query,
    mut narrow: Narrow,
) -> Result<Vec<(Offer, String)>, rusqlite::Error> {
    narrow.by(query, "media");
    let (key, conditions) = (query.order.key(), narrow.conditions.join(" AND "));
    let limit = i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX);
    let sql =
        format!("SELECT {COLUMNS}, {key} FROM offers WHERE {conditions} ORDER BY {key}, media LIMIT {limit}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(narrow.values), |row| Ok((read(row)?, row.get(KEY)?)))?;
    rows.collect()
}

fn read(row: &Row<'_>) -> Result<Offer, rusqlite::Error> {
    let kind: Option<String> = row.get(4)?;
    Ok(Offer {
        broadcaster: row.get(0)?,
        item: row.get(1)?,
        media: media::id(row, 2)?,
        title: Title {
            name: row.get(3)?,
            kind: kind.as_deref().and_then(Type::parse),
            tmdb: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
            season: row.get(6)?,
            episode: row.get(7)?,
        },
        filetype: row.get(8)?,
        size: row.get::<_, i64>(9)?.cast_unsigned(),
        hash: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::index::media::tests::film;

    fn offer(broadcaster: &str, name: &str) -> Offer {
        Offer {
            broadcaster: broadcaster.into(),
            item: name.into(),
            media: MediaId::of_contents(9, name),
            title: Title::of_file(Path::new(name)),
            filetype: "mp4".into(),
            size: 9,
            hash: Some(name.into()),
        }
    }

    fn filled() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection).unwrap();
        for id in ["a", "b"] {
            register(&connection, id, [0; 32]).unwrap();
        }
        put(&connection, "a", &[offer("a", "One {tmdb-1}.mp4"), offer("a", "Three.mp4")]).unwrap();
        put(&connection, "b", &[offer("b", "One {tmdb-1}.mp4"), offer("b", "Five.mp4")]).unwrap();
        for name in ["Two", "Four"] {
            media::put(&connection, &film(&format!("/films/{name}.mp4"))).unwrap();
        }
        connection
    }

    fn query(limit: usize) -> Query {
        Query { folders: vec!["/films".into()], limit, ..Query::default() }
    }

    fn names(listed: &Listed) -> Vec<String> {
        let name = |entry: &Entry| match entry {
            Entry::Media(media) => media.title.name.clone(),
            Entry::Offer(offer) => format!("({})", offer.title.name),
        };
        listed.items.iter().map(name).collect()
    }

    #[test]
    fn what_is_here_and_what_is_offered_come_in_one_order_over_pages_each_once() {
        let connection = filled();
        let connected = ["a".to_owned(), "b".to_owned()];
        let (mut next, mut seen) = (query(2), Vec::new());
        loop {
            let listed = list(&connection, &next, &connected).unwrap();
            seen.extend(names(&listed));
            next.after = listed.next;
            if next.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["(Five)", "Four", "(One {tmdb-1})", "(Three)", "Two"]);
    }

    #[test]
    fn only_what_connected_broadcasters_offer_and_is_not_here_is_listed() {
        let connection = filled();
        let listed = |connected: &[&str]| {
            let connected: Vec<_> = connected.iter().map(|id| (*id).to_owned()).collect();
            names(&list_offers(&connection, &query(9), &connected).unwrap())
        };
        assert_eq!(listed(&[]), Vec::<String>::new());
        assert_eq!(listed(&["b"]), ["(Five)", "(One {tmdb-1})"]);
        let here = Media { id: MediaId::of_contents(9, "Five.mp4"), ..film("/films/Five.mp4") };
        media::put(&connection, &here).unwrap();
        assert_eq!(listed(&["b"]), ["(One {tmdb-1})"]);
        let titled = Query { tmdb: Some(1), ..query(9) };
        assert_eq!(names(&list(&connection, &titled, &["a".to_owned()]).unwrap()), ["(One {tmdb-1})"]);
    }

    #[test]
    fn a_catalogue_takes_the_place_of_the_one_before_and_the_first_key_stays() {
        let connection = filled();
        put(&connection, "a", &[offer("a", "Nine.mp4")]).unwrap();
        assert_eq!(media_of(&connection, "a").unwrap(), [MediaId::of_contents(9, "Nine.mp4")]);
        assert_eq!(of_media(&connection, MediaId::of_contents(9, "One {tmdb-1}.mp4")).unwrap().len(), 1);
        register(&connection, "a", [1; 32]).unwrap();
        assert_eq!(key(&connection, "a").unwrap(), Some([0; 32]));
        assert_eq!((key(&connection, "c").unwrap(), count(&connection).unwrap()), (None, 2));
    }

    #[test]
    fn a_broadcasters_film_is_found_by_its_ending_and_title() {
        let connection = filled();
        let wanted = |filetype: &str, tmdb| Wanted {
            broadcaster: "b".into(),
            filetype: Some(filetype.into()),
            titles: Query { tmdb, ..query(9) },
        };
        assert_eq!(find(&connection, &wanted("MP4", None)).unwrap().len(), 2);
        assert_eq!(find(&connection, &wanted("mp4", Some(1))).unwrap(), [offer("b", "One {tmdb-1}.mp4")]);
        assert!(find(&connection, &wanted("mov", None)).unwrap().is_empty());
    }
}
