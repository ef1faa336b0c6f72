//! Work in the background: written down before anybody does it, tried again when it fails, and told of.
//!
//! One job is done at a time. What it is to do and how far it is stands in the index; how far the one that is being done has come is
//! known only here.
//!
//! # Why
//! No lease and no heartbeat, as queues have that several machines work on: the data folder is one gateway's, so what was being done
//! when it was opened is done by nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{info, warn};

use crate::clock::{Clock, Moment};
use crate::id::MediaId;
use crate::index::{self, Index, Job, JobKind, JobQuery, JobState};
use crate::task::Progress;

/// How long a job rests that failed: once, twice, three times. After that it has failed.
const RESTS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(20)];
/// How long one that is done is remembered, and one that has failed.
const REMEMBERED: (Duration, Duration) =
    (Duration::from_secs(24 * 60 * 60), Duration::from_secs(7 * 24 * 60 * 60));
/// How often it is looked for old ones when nothing is to be done.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// How long nothing is tried when the index can't be read or written.
const FAULT: Duration = Duration::from_secs(5);

/// What is to be done, and what was.
#[derive(Debug)]
pub struct Jobs {
    index: Arc<Index>,
    clock: Clock,
    current: Mutex<Option<(i64, Arc<Progress>)>>,
    news: Notify,
}

impl Jobs {
    /// Those of the index.
    pub fn new(index: Arc<Index>, clock: Clock) -> Self {
        Self { index, clock, current: Mutex::default(), news: Notify::new() }
    }

    /// Writes down that something is to be done with a medium, unless it is already, or the medium is gone.
    ///
    /// # Errors
    /// When the index can't be written.
    pub async fn add(&self, kind: JobKind, media: MediaId) -> Result<(), index::Error> {
        self.index.put_job(kind, media, self.clock.now()).await?;
        self.news.notify_one();
        Ok(())
    }

    /// Jobs that a query asks for, and how far each is: 0 to 1.
    ///
    /// # Errors
    /// When the index can't be read.
    pub async fn list(&self, query: JobQuery) -> Result<Vec<(Job, f64)>, index::Error> {
        let jobs = self.index.jobs(query).await?;
        Ok(jobs.into_iter().map(|job| self.with_progress(job)).collect())
    }

    /// A job, and how far it is: 0 to 1; `None` if there is none of this number.
    ///
    /// # Errors
    /// When the index can't be read.
    pub async fn get(&self, number: i64) -> Result<Option<(Job, f64)>, index::Error> {
        Ok(self.index.job(number).await?.map(|job| self.with_progress(job)))
    }

    fn with_progress(&self, job: Job) -> (Job, f64) {
        let share = match job.state {
            JobState::Done => 1.0,
            JobState::Running => match &*self.current() {
                Some((number, progress)) if *number == job.number => progress.share(),
                _ => 0.0,
            },
            JobState::Queued | JobState::Failed => 0.0,
        };
        (job, share)
    }

    /// Does what is to be done, one after another, until it is dropped. `work` does one, and says why it could not; `told` hears of
    /// each that is in another state.
    pub async fn run<W, Done>(&self, work: W, told: impl Fn(&Job))
    where
        W: Fn(Job, Arc<Progress>) -> Done,
        Done: Future<Output = Result<(), String>>,
    {
        loop {
            let rest = match self.turn(&work, &told).await {
                Ok(rest) => rest,
                Err(error) => {
                    warn!(%error, "what is to be done can't be read or written");
                    FAULT
                }
            };
            // A zero is over at once.
            let _ = tokio::time::timeout(rest, self.news.notified()).await;
        }
    }

    /// Does one, if one is due; gives back how long nothing else is.
    async fn turn<W, Done>(&self, work: &W, told: &impl Fn(&Job)) -> Result<Duration, index::Error>
    where
        W: Fn(Job, Arc<Progress>) -> Done,
        Done: Future<Output = Result<(), String>>,
    {
        let now = self.clock.now();
        let before = |span: Duration| Moment(now.0.saturating_sub(Moment(0).after(span).0));
        self.index.tidy_jobs(before(REMEMBERED.0), before(REMEMBERED.1)).await?;
        let Some(job) = self.index.next_job().await? else { return Ok(LOOK) };
        if job.due > now {
            return Ok(job.due.since(now).min(LOOK));
        }
        let job = Job { state: JobState::Running, tries: job.tries + 1, changed: now, ..job };
        let progress = Arc::new(Progress::default());
        *self.current() = Some((job.number, Arc::clone(&progress)));
        self.put(job.clone(), told).await?;
        let ended = work(job.clone(), progress).await;
        *self.current() = None;
        self.put(after(&job, ended, self.clock.now()), told).await?;
        Ok(Duration::ZERO)
    }

    async fn put(&self, job: Job, told: &impl Fn(&Job)) -> Result<(), index::Error> {
        self.index.update_job(job.clone()).await?;
        let (kind, media) = (job.kind.as_str(), job.media);
        match &job.error {
            Some(why) if job.state != JobState::Running => {
                warn!(kind, %media, tries = job.tries, why, "job failed")
            }
            _ => info!(kind, %media, state = job.state.as_str(), "job"),
        }
        told(&job);
        Ok(())
    }

    fn current(&self) -> MutexGuard<'_, Option<(i64, Arc<Progress>)>> {
        // Nothing panics while it is held.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a job is after it was tried.
fn after(job: &Job, ended: Result<(), String>, now: Moment) -> Job {
    let rest = RESTS.get(job.tries.saturating_sub(1) as usize);
    let (state, error, due) = match (ended, rest) {
        (Ok(()), _) => (JobState::Done, None, job.due),
        (Err(why), Some(rest)) => (JobState::Queued, Some(why), now.after(*rest)),
        (Err(why), None) => (JobState::Failed, Some(why), job.due),
    };
    Job { state, error, due, changed: now, ..job.clone() }
}

#[cfg(test)]
mod tests;
