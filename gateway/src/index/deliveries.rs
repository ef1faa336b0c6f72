//! Messages that are still to be delivered, so that a restart goes on with them.
//!
//! No more than [`MOST`] are kept for one receiver: when more wait, the oldest go.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::clock::Moment;

/// Messages that may wait for one receiver.
const MOST: u32 = 1000;

/// A message that is to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number, which no other ever has.
    pub number: i64,
    /// Who it is for.
    pub receiver: String,
    /// What it is about: nobody is told twice at once of the same.
    pub about: String,
    /// What it says.
    pub body: String,
    /// When it was made.
    pub made: Moment,
    /// How often it was tried.
    pub tries: u32,
    /// When it is to be tried next.
    pub due: Moment,
}

/// Puts one in, unless one about the same still waits. Its number is given to it here.
pub(super) fn put(connection: &Connection, delivery: &Delivery) -> Result<(), rusqlite::Error> {
    let Delivery { receiver, about, body, made, due, .. } = delivery;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO deliveries (receiver, about, body, made, tries, due) VALUES (?1, ?2, ?3, ?4, 0, ?5)",
        )?
        .execute(params![receiver, about, body, made.0.cast_signed(), due.0.cast_signed()])?;
    connection
        .prepare_cached(
            "DELETE FROM deliveries WHERE number IN
             (SELECT number FROM deliveries WHERE receiver = ?1 ORDER BY number DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![receiver, MOST])?;
    Ok(())
}

/// The one that is due first.
pub(super) fn next(connection: &Connection, receiver: &str) -> Result<Option<Delivery>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT number, receiver, about, body, made, tries, due FROM deliveries
             WHERE receiver = ?1 ORDER BY due, number LIMIT 1",
        )?
        .query_row([receiver], read)
        .optional()
}

/// Tries one again later.
pub(super) fn postpone(connection: &Connection, number: i64, due: Moment) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("UPDATE deliveries SET tries = tries + 1, due = ?2 WHERE number = ?1")?
        .execute(params![number, due.0.cast_signed()])?;
    Ok(())
}

/// One that is delivered, or given up.
pub(super) fn remove(connection: &Connection, number: i64) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("DELETE FROM deliveries WHERE number = ?1")?.execute([number])?;
    Ok(())
}

/// Forgets what is for anybody else.
pub(super) fn keep_only(connection: &Connection, receivers: &[String]) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT receiver FROM deliveries")?;
    let known = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    for gone in known.iter().filter(|known| !receivers.contains(known)) {
        connection.prepare_cached("DELETE FROM deliveries WHERE receiver = ?1")?.execute([gone])?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Delivery, rusqlite::Error> {
    let moment = |column: usize| Ok::<_, rusqlite::Error>(Moment(row.get::<_, i64>(column)?.cast_unsigned()));
    Ok(Delivery {
        number: row.get(0)?,
        receiver: row.get(1)?,
        about: row.get(2)?,
        body: row.get(3)?,
        made: moment(4)?,
        tries: row.get(5)?,
        due: moment(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::schema::migrate;
    use super::*;

    fn delivery(receiver: &str, about: &str, due: u64) -> Delivery {
        let (receiver, about) = (receiver.to_owned(), about.to_owned());
        let body = "{}".to_owned();
        Delivery { number: 0, receiver, about, body, made: Moment(1), tries: 0, due: Moment(due) }
    }

    #[test]
    fn what_is_due_first_comes_first_and_what_failed_later() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        put(&connection, &delivery("a", "x", 5)).unwrap();
        put(&connection, &delivery("a", "y", 6)).unwrap();
        put(&connection, &delivery("a", "x", 1)).unwrap();
        let first = next(&connection, "a").unwrap().unwrap();
        assert_eq!((first.about.as_str(), first.due), ("x", Moment(5)), "nobody is told twice of the same");
        postpone(&connection, first.number, Moment(9)).unwrap();
        let second = next(&connection, "a").unwrap().unwrap();
        assert_eq!(second.about, "y");
        remove(&connection, second.number).unwrap();
        assert_eq!(next(&connection, "a").unwrap().unwrap().tries, 1);
        keep_only(&connection, &["b".to_owned()]).unwrap();
        assert_eq!(next(&connection, "a").unwrap(), None);
    }

    #[test]
    fn the_oldest_go_when_too_many_wait() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        (0..=MOST).for_each(|about| put(&connection, &delivery("a", &about.to_string(), 1)).unwrap());
        put(&connection, &delivery("b", "0", 1)).unwrap();
        assert_eq!(next(&connection, "a").unwrap().unwrap().about, "1");
        assert_eq!(next(&connection, "b").unwrap().unwrap().about, "0");
    }
}
