//! Work in the background, written down so that a restart goes on with it.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::media;
use crate::clock::Moment;
use crate::id::MediaId;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = JobKind)]
pub enum JobKind {
    /// A medium is to be kept as segments, in the place of its chunks.
    Seal,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = JobState)]
pub enum JobState {
    /// It waits for its turn, or to be tried again.
    Queued,
    /// It is being done.
    Running,
    /// It is done.
    Done,
    /// It was tried as often as it is.
    Failed,
}

/// Something to do in the background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number, which no other ever has.
    pub number: i64,
    /// What is to be done.
    pub kind: JobKind,
    /// With which medium. When that goes, so does the job.
    pub media: MediaId,
    /// How far it is.
    pub state: JobState,
    /// How often it was begun.
    pub tries: u32,
    /// Why it could not be done the last time.
    pub error: Option<String>,
    /// When it was written down.
    pub made: Moment,
    /// When its state changed last.
    pub changed: Moment,
    /// When it is to be begun.
    pub due: Moment,
}

/// Which jobs to list: the latest first.
#[derive(Clone, Copy, Debug)]
pub struct JobQuery {
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those of this medium.
    pub media: Option<MediaId>,
    /// Only those before this number.
    pub before: Option<i64>,
    /// How many.
    pub limit: usize,
}

impl JobKind {
    const ALL: [Self; 1] = [Self::Seal];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seal => "seal",
        }
    }
}

impl JobState {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Done, Self::Failed];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

const COLUMNS: &str = "number, kind, media, state, tries, error, made, changed, due";

/// Puts one in that is due at once, unless the same is to be done already, or the medium is not there.
pub(super) fn put(
    connection: &Connection,
    kind: JobKind,
    media: MediaId,
    now: Moment,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO jobs (kind, media, state, tries, made, changed, due)
             SELECT ?1, id, 'queued', 0, ?3, ?3, ?3 FROM media WHERE id = ?2",
        )?
        .execute(params![kind.as_str(), media.as_str(), now.0.cast_signed()])?;
    Ok(())
}

/// The one that is due first.
pub(super) fn next(connection: &Connection) -> Result<Option<Job>, rusqlite::Error> {
    let text = format!("SELECT {COLUMNS} FROM jobs WHERE state = 'queued' ORDER BY due, number LIMIT 1");
    connection.prepare_cached(&text)?.query_row([], read).optional()
}

/// What became of one, as far as that can change.
pub(super) fn update(connection: &Connection, job: &Job) -> Result<(), rusqlite::Error> {
    let Job { number, state, tries, error, changed, due, .. } = job;
    connection
        .prepare_cached(
            "UPDATE jobs SET state = ?2, tries = ?3, error = ?4, changed = ?5, due = ?6 WHERE number = ?1",
        )?
        .execute(params![
            number,
            state.as_str(),
            tries,
            error,
            changed.0.cast_signed(),
            due.0.cast_signed()
        ])?;
    Ok(())
}

/// Begins anew what was broken off, and forgets what was done, and what failed, before these moments.
pub(super) fn tidy(connection: &Connection, done: Moment, failed: Moment) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("UPDATE jobs SET state = 'queued' WHERE state = 'running'")?.execute([])?;
    connection
        .prepare_cached(
            "DELETE FROM jobs WHERE state = 'done' AND changed < ?1 OR state = 'failed' AND changed < ?2",
        )?
        .execute(params![done.0.cast_signed(), failed.0.cast_signed()])?;
    Ok(())
}

pub(super) fn get(connection: &Connection, number: i64) -> Result<Option<Job>, rusqlite::Error> {
    let text = format!("SELECT {COLUMNS} FROM jobs WHERE number = ?1");
    connection.prepare_cached(&text)?.query_row([number], read).optional()
}

pub(super) fn list(connection: &Connection, query: JobQuery) -> Result<Vec<Job>, rusqlite::Error> {
    let JobQuery { state, media, before, limit } = query;
    let text = format!(
        "SELECT {COLUMNS} FROM jobs
         WHERE state = coalesce(?1, state) AND media = coalesce(?2, media) AND number < coalesce(?3, number + 1)
         ORDER BY number DESC LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&text)?;
    let (state, media) = (state.map(JobState::as_str), media.as_ref().map(MediaId::as_str));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![state, media, before, limit], read)?;
    rows.collect()
}

/// How many there are in each state.
pub(super) fn count(connection: &Connection) -> Result<Vec<(JobState, u64)>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM jobs WHERE state = ?1")?;
    let counts = JobState::ALL.into_iter().map(|state| {
        let count = statement.query_row([state.as_str()], |row| row.get::<_, i64>(0))?;
        Ok((state, count.cast_unsigned()))
    });
    counts.collect()
}

fn read(row: &Row<'_>) -> Result<Job, rusqlite::Error> {
    let moment = |column: usize| Ok::<_, rusqlite::Error>(Moment(row.get::<_, i64>(column)?.cast_unsigned()));
    let (kind, state) = (row.get::<_, String>(1)?, row.get::<_, String>(3)?);
    let kind = JobKind::ALL.into_iter().find(|known| known.as_str() == kind);
    let state = JobState::ALL.into_iter().find(|known| known.as_str() == state);
    Ok(Job {
        number: row.get(0)?,
        kind: kind.ok_or_else(|| media::damaged(1, "not the kind of a job"))?,
        media: media::id(row, 2)?,
        state: state.ok_or_else(|| media::damaged(3, "not the state of a job"))?,
        tries: row.get(4)?,
        error: row.get(5)?,
        made: moment(6)?,
        changed: moment(7)?,
        due: moment(8)?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::media::tests::film;
    use super::super::schema::migrate;
    use super::*;

    /// A database with two media.
    fn database() -> (Connection, [MediaId; 2]) {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let media = ["/films/a.mp4", "/films/b.mp4"].map(film);
        media.iter().for_each(|media| super::media::put(&connection, media).unwrap());
        (connection, media.map(|media| media.id))
    }

    fn all(connection: &Connection) -> Vec<Job> {
        list(connection, JobQuery { state: None, media: None, before: None, limit: 10 }).unwrap()
    }

    #[test]
    fn the_same_is_to_be_done_only_once_and_again_when_it_was_done() {
        let (connection, [a, _]) = database();
        (0..2).for_each(|_| put(&connection, JobKind::Seal, a, Moment(5)).unwrap());
        let mut job = next(&connection).unwrap().unwrap();
        assert_eq!((all(&connection), job.media, job.state), (vec![job.clone()], a, JobState::Queued));
        job = Job { state: JobState::Done, tries: 1, changed: Moment(7), ..job };
        update(&connection, &job).unwrap();
        assert_eq!((get(&connection, job.number).unwrap(), next(&connection).unwrap()), (Some(job), None));
        put(&connection, JobKind::Seal, a, Moment(8)).unwrap();
        assert_eq!(all(&connection).len(), 2);
    }

    #[test]
    fn what_was_being_done_is_begun_anew_and_what_is_due_first_comes_first() {
        let (connection, [a, b]) = database();
        put(&connection, JobKind::Seal, a, Moment(5)).unwrap();
        put(&connection, JobKind::Seal, b, Moment(4)).unwrap();
        let first = next(&connection).unwrap().unwrap();
        assert_eq!(first.media, b);
        update(&connection, &Job { state: JobState::Running, tries: 1, ..first.clone() }).unwrap();
        assert_eq!(next(&connection).unwrap().unwrap().media, a);
        assert_eq!(count(&connection).unwrap()[..2], [(JobState::Queued, 1), (JobState::Running, 1)]);
        tidy(&connection, Moment(0), Moment(0)).unwrap();
        assert_eq!(next(&connection).unwrap(), Some(Job { tries: 1, ..first }));
    }

    #[test]
    fn jobs_are_listed_by_state_and_medium_the_latest_first() {
        let (connection, [a, b]) = database();
        for media in [a, b] {
            put(&connection, JobKind::Seal, media, Moment(1)).unwrap();
        }
        let query = JobQuery { state: None, media: None, before: None, limit: 1 };
        let [last] = &list(&connection, query).unwrap()[..] else { panic!("as many as were asked for") };
        assert_eq!(last.media, b);
        let before = list(&connection, JobQuery { before: Some(last.number), ..query }).unwrap();
        assert_eq!(before.iter().map(|job| job.media).collect::<Vec<_>>(), [a]);
        assert_eq!(list(&connection, JobQuery { media: Some(a), ..query }).unwrap(), before);
        assert_eq!(list(&connection, JobQuery { state: Some(JobState::Failed), ..query }).unwrap(), []);
    }

    #[test]
    fn jobs_are_forgotten_when_they_are_old_and_when_their_medium_goes() {
        let (connection, [a, b]) = database();
        for (media, state) in [(a, JobState::Done), (a, JobState::Failed), (b, JobState::Queued)] {
            put(&connection, JobKind::Seal, media, Moment(1)).unwrap();
            let job = next(&connection).unwrap().unwrap();
            update(&connection, &Job { state, changed: Moment(10), ..job }).unwrap();
        }
        tidy(&connection, Moment(11), Moment(10)).unwrap();
        let states = |connection| all(connection).iter().map(|job| job.state).collect::<Vec<_>>();
        assert_eq!(states(&connection), [JobState::Queued, JobState::Failed]);
        super::media::remove(&connection, b).unwrap();
        assert_eq!(states(&connection), [JobState::Failed]);
        put(&connection, JobKind::Seal, MediaId::of_file(Path::new("/nowhere")), Moment(1)).unwrap();
        assert_eq!(all(&connection).len(), 1, "there is no such medium");
    }
}
