//! What is done in the background, a room for each kind of job.

mod seal;

use std::sync::Arc;

use segmenter::plan::Options;

use crate::events::{Event, Events};
use crate::index::{Index, Job, JobKind};
use crate::jobs::Jobs;
use crate::source::Sources;

pub use seal::seal_the_rest;

/// What jobs are done with.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Where media are known.
    pub index: Arc<Index>,
    /// Their bytes.
    pub sources: Arc<Sources>,
    /// Whoever listens hears of what is done.
    pub events: Arc<Events>,
    /// How they are cut.
    pub options: Options,
}

/// Does what is to be done until it is dropped.
pub async fn run(jobs: Arc<Jobs>, ground: Ground) {
    let work = async |job: Job, progress| match job.kind {
        JobKind::Seal => seal::seal(&ground, job.media, progress).await,
    };
    let told = |job: &Job| {
        let Job { number: id, kind, media, state, .. } = *job;
        ground.events.tell(Event::Job { id, kind, media, state });
    };
    jobs.run(work, told).await;
}
