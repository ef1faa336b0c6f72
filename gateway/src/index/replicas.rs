//! Replicas: which providers hold which chunks, and what the bytes of chunks are, wherever they are.
//!
//! # Why
//! The sum of a chunk outlives its bytes: what comes back is compared with what was here, not with what the one who gives it back says.
//! A row of what a provider gave up stays too, so that what it had no room for is not handed over again and again.

use rusqlite::{Connection, OptionalExtension, params};

use super::media;
use crate::clock::Moment;
use crate::id::MediaId;

/// A provider that came once.
#[derive(Clone, PartialEq, Eq)]
pub struct Provider {
    /// What it is called.
    pub id: String,
    /// Of the key that only it knows.
    pub key: [u8; 32],
    /// Names its database.
    pub store: String,
    /// When it was last here.
    pub seen: Moment,
    /// How often it gave back other bytes than it was given.
    pub faults: u32,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.id)
    }
}

/// What a provider holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which.
    pub provider: Provider,
    /// Chunks it holds.
    pub chunks: u64,
    /// Chunks that are here, and that it neither holds nor had no room for.
    pub lacking: u64,
}

/// That a provider holds a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The chunk's number.
    pub number: u32,
    /// Who holds it.
    pub provider: String,
    /// How often it gave back other bytes than it was given.
    pub faults: u32,
}

/// A medium of which a provider lacks chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Which.
    pub media: MediaId,
    /// When it was last watched or fed.
    pub used: Moment,
}

pub(super) fn provider(connection: &Connection, id: &str) -> Result<Option<Provider>, rusqlite::Error> {
    let sql = "SELECT id, key, store, seen, faults FROM providers WHERE id = ?1";
    connection.prepare_cached(sql)?.query_row([id], read).optional()
}

pub(super) fn providers(connection: &Connection) -> Result<Vec<Holding>, rusqlite::Error> {
    let sql = format!(
        "SELECT id, key, store, seen, faults, (SELECT count(*) FROM replicas WHERE provider = p.id AND held), \
         (SELECT count(*) FROM sums s WHERE {}) FROM providers p ORDER BY id",
        LACKING.replace("?1", "p.id")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| {
        let count = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.cast_unsigned());
        Ok(Holding { provider: read(row)?, chunks: count(5)?, lacking: count(6)? })
    })?;
    rows.collect()
}

pub(super) fn put_provider(connection: &Connection, provider: &Provider) -> Result<(), rusqlite::Error> {
    let Provider { id, key, store, seen, faults } = provider;
    let sql = "DELETE FROM replicas WHERE provider = ?1 AND EXISTS \
               (SELECT 1 FROM providers WHERE id = ?1 AND key = ?2 AND store <> ?3)";
    connection.prepare_cached(sql)?.execute(params![id, key, store])?;
    let sql = "INSERT INTO providers (id, key, store, seen, faults) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (id) DO UPDATE SET (store, seen) = (?3, ?4) WHERE key = ?2";
    connection.prepare_cached(sql)?.execute(params![id, key, store, seen.0.cast_signed(), faults])?;
    Ok(())
}

pub(super) fn blame(connection: &Connection, provider: &str) -> Result<(), rusqlite::Error> {
    let sql = "UPDATE providers SET faults = faults + 1 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute([provider])?;
    Ok(())
}

pub(super) fn put_sum(
    connection: &Connection,
    id: MediaId,
    number: u32,
    sum: [u8; 32],
) -> Result<(), rusqlite::Error> {
    // Not INSERT OR REPLACE: that would take the replicas out as well.
    let sql = "INSERT INTO sums (media, number, sum) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET sum = ?3";
    connection.prepare_cached(sql)?.execute(params![id.as_str(), number, sum])?;
    Ok(())
}

pub(super) fn sum(
    connection: &Connection,
    id: MediaId,
    number: u32,
) -> Result<Option<[u8; 32]>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT sum FROM sums WHERE media = ?1 AND number = ?2")?
        .query_row(params![id.as_str(), number], |row| row.get(0))
        .optional()
}

pub(super) fn put(
    connection: &Connection,
    provider: &str,
    (id, number, sum): (MediaId, u32, [u8; 32]),
    now: Moment,
) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO replicas (media, number, provider, told, held) \
               SELECT media, number, ?3, ?5, 1 FROM sums WHERE media = ?1 AND number = ?2 AND sum = ?4 \
               ON CONFLICT DO UPDATE SET told = ?5, held = 1";
    let values = params![id.as_str(), number, provider, sum, now.0.cast_signed()];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn forget_untold(
    connection: &Connection,
    provider: &str,
    since: Moment,
) -> Result<(), rusqlite::Error> {
    let sql = "DELETE FROM replicas WHERE provider = ?1 AND held AND told < ?2";
    connection.prepare_cached(sql)?.execute(params![provider, since.0.cast_signed()])?;
    Ok(())
}

pub(super) fn drop_one(
    connection: &Connection,
    provider: &str,
    id: MediaId,
    number: u32,
    for_good: bool,
) -> Result<(), rusqlite::Error> {
    let sql = match for_good {
        true => {
            "INSERT INTO replicas (media, number, provider, told, held) \
             SELECT media, number, ?3, 0, 0 FROM sums WHERE media = ?1 AND number = ?2 \
             ON CONFLICT DO UPDATE SET held = 0"
        }
        false => "DELETE FROM replicas WHERE media = ?1 AND number = ?2 AND provider = ?3",
    };
    connection.prepare_cached(sql)?.execute(params![id.as_str(), number, provider])?;
    Ok(())
}

pub(super) fn holders(connection: &Connection, id: MediaId) -> Result<Vec<Holder>, rusqlite::Error> {
    let sql = "SELECT number, provider, faults FROM replicas JOIN providers ON providers.id = provider \
               WHERE media = ?1 AND held ORDER BY number, faults, provider";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([id.as_str()], |row| {
        Ok(Holder { number: row.get(0)?, provider: row.get(1)?, faults: row.get(2)? })
    })?;
    rows.collect()
}

/// Chunks that are here, whole, in whatever form, and of which a provider has no row. The provider is `?1`.
const LACKING: &str = "\
    NOT EXISTS (SELECT 1 FROM replicas r WHERE r.media = s.media AND r.number = s.number AND r.provider = ?1) \
    AND (EXISTS (SELECT 1 FROM chunks c WHERE c.media = s.media AND c.number = s.number AND c.sum IS NOT NULL) \
        OR EXISTS (SELECT 1 FROM sealed WHERE sealed.media = s.media))";

pub(super) fn lacking(connection: &Connection, provider: &str) -> Result<Vec<Lacking>, rusqlite::Error> {
    let sql = format!(
        "SELECT id, used FROM media WHERE chunk IS NOT NULL AND EXISTS (SELECT 1 FROM sums s WHERE s.media = id AND {LACKING}) ORDER BY used DESC, id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([provider], |row| {
        let used = row.get::<_, Option<i64>>(1)?.unwrap_or(0);
        Ok(Lacking { media: media::id(row, 0)?, used: Moment(used.cast_unsigned()) })
    })?;
    rows.collect()
}

pub(super) fn lacking_of(
    connection: &Connection,
    provider: &str,
    id: MediaId,
) -> Result<Vec<u32>, rusqlite::Error> {
    let sql = format!("SELECT number FROM sums s WHERE s.media = ?2 AND {LACKING} ORDER BY number");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([provider, id.as_str()], |row| row.get(0))?;
    rows.collect()
}

fn read(row: &rusqlite::Row<'_>) -> Result<Provider, rusqlite::Error> {
    Ok(Provider {
        id: row.get(0)?,
        key: row.get(1)?,
        store: row.get(2)?,
        seen: Moment(row.get::<_, i64>(3)?.cast_unsigned()),
        faults: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

    use super::super::{chunks, media, schema};
    use super::*;
    use crate::index::Chunk;
    use crate::ranges::Ranges;
    use segmenter::bytes::ByteRange;

    fn provider_of(store: &str) -> Provider {
        Provider { id: "a".into(), key: [1; 32], store: store.into(), seen: Moment(0), faults: 0 }
    }

    fn with_chunks(count: u32) -> (Connection, MediaId) {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let film = media::tests::film("/films/a.mp4");
        media::put(&connection, &film).unwrap();
        for number in 0..count {
            let here = Ranges::of(ByteRange::at(0, 5));
            let chunk = Chunk { number, here, stored: 1, sum: Some([number as u8; 32]) };
            chunks::put(&connection, film.id, &chunk).unwrap();
        }
        put_provider(&connection, &provider_of("s")).unwrap();
        (connection, film.id)
    }

    fn held(connection: &Connection, id: MediaId) -> Vec<u32> {
        holders(connection, id).unwrap().into_iter().map(|holder| holder.number).collect()
    }

    #[test]
    fn only_what_has_the_right_sum_counts_as_held() {
        let (connection, id) = with_chunks(3);
        for (number, sum) in [(0, 0), (1, 9), (7, 7)] {
            put(&connection, "a", (id, number, [sum; 32]), Moment(5)).unwrap();
        }
        assert_eq!(held(&connection, id), [0]);
        assert_eq!(lacking_of(&connection, "a", id).unwrap(), [1, 2]);
    }

    #[test]
    fn what_is_not_told_of_again_is_forgotten_and_can_be_handed_over_again() {
        let (connection, id) = with_chunks(2);
        put(&connection, "a", (id, 0, [0; 32]), Moment(5)).unwrap();
        put(&connection, "a", (id, 1, [1; 32]), Moment(9)).unwrap();
        forget_untold(&connection, "a", Moment(9)).unwrap();
        assert_eq!((held(&connection, id), lacking_of(&connection, "a", id).unwrap()), (vec![1], vec![0]));
    }

    #[test]
    fn what_a_provider_gave_up_is_not_handed_over_again_unless_its_database_is_another() {
        let (connection, id) = with_chunks(2);
        put(&connection, "a", (id, 0, [0; 32]), Moment(5)).unwrap();
        drop_one(&connection, "a", id, 0, true).unwrap();
        drop_one(&connection, "a", id, 1, true).unwrap();
        assert!(held(&connection, id).is_empty() && lacking(&connection, "a").unwrap().is_empty());
        put_provider(&connection, &provider_of("s")).unwrap();
        assert!(lacking(&connection, "a").unwrap().is_empty());
        put_provider(&connection, &provider_of("t")).unwrap();
        assert_eq!(lacking_of(&connection, "a", id).unwrap(), [0, 1]);
    }

    #[test]
    fn one_with_another_key_changes_nothing() {
        let (connection, id) = with_chunks(1);
        put(&connection, "a", (id, 0, [0; 32]), Moment(5)).unwrap();
        put_provider(&connection, &Provider { key: [2; 32], ..provider_of("t") }).unwrap();
        assert_eq!(provider(&connection, "a").unwrap(), Some(provider_of("s")));
        assert_eq!(held(&connection, id), [0]);
    }

    #[test]
    fn what_a_chunk_was_is_known_after_its_bytes_are_gone_and_goes_with_its_medium() {
        let (connection, id) = with_chunks(1);
        put(&connection, "a", (id, 0, [0; 32]), Moment(5)).unwrap();
        chunks::remove(&connection, id, &[0]).unwrap();
        assert_eq!((sum(&connection, id, 0).unwrap(), held(&connection, id)), (Some([0; 32]), vec![0]));
        media::remove(&connection, id).unwrap();
        assert_eq!((sum(&connection, id, 0).unwrap(), held(&connection, id)), (None, vec![]));
    }
}
