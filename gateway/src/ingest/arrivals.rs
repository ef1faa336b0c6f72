//! Follows media that are arriving, whoever sends them: as soon as a timeline can be read the medium is playable, when all is here it is
//! ready, and when what has come holds no film it has failed and no more of it is taken in.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use segmenter::isobmff::Movie;
use segmenter::manifest::State;
use segmenter::plan::Options;
use segmenter::render::Presentation;
use tracing::{info, warn};

use super::describe::{describe, worth_keeping};
use crate::config::Form;
use crate::events::{Event, Events};
use crate::id::MediaId;
use crate::index::{self, Index, JobKind, Media};
use crate::jobs::Jobs;
use crate::source::{self, Sources, Stored};
use crate::task::Tasks;

/// Bytes come when they come: who sends them gives up, not who waits.
const FOR_EVER: Duration = Duration::from_secs(1 << 32);
/// How often it is told that more has come.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Follows what is arriving.
#[derive(Debug)]
pub struct Arrivals {
    index: Arc<Index>,
    sources: Arc<Sources>,
    events: Arc<Events>,
    jobs: Arc<Jobs>,
    options: Options,
    form: Form,
    tasks: Tasks,
    followed: Mutex<HashSet<MediaId>>,
}

impl Arrivals {
    /// Following nothing yet.
    pub fn new(
        index: Arc<Index>,
        sources: Arc<Sources>,
        events: Arc<Events>,
        jobs: Arc<Jobs>,
        (options, form): (Options, Form),
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self { index, sources, events, jobs, options, form, tasks, followed: Mutex::default() })
    }

    /// Follows what is arriving now and what will. Never returns.
    pub async fn run(self: Arc<Self>) {
        let mut changes = self.sources.changes();
        loop {
            changes.borrow_and_update();
            match self.index.arriving().await {
                Ok(ids) => ids.into_iter().for_each(|id| self.start(id)),
                Err(error) => warn!(%error, "what is arriving can't be followed"),
            }
            // The sender lives as long as the sources.
            let _ = changes.changed().await;
        }
    }

    fn start(self: &Arc<Self>, id: MediaId) {
        if !self.followed.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
            return;
        }
        let arrivals = Arc::clone(self);
        self.tasks.spawn_until_stop(async move {
            if let Err(error) = arrivals.follow(id).await {
                warn!(media = %id, %error, "a medium that is arriving is not followed any more");
            }
            arrivals.followed.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }

    async fn follow(&self, id: MediaId) -> Result<(), index::Error> {
        let Some(source) = self.sources.get(id).await? else { return Ok(()) };
        let Some(media) = self.index.media(id).await? else { return Ok(()) };
        if media.state == State::Receiving {
            self.tell(&media);
            until(&source, |source| source.length().is_some()).await;
            let read = source::read_arriving(&source, FOR_EVER).await;
            match read {
                _ if source.is_gone() => return Ok(()),
                Ok((movie, moov)) => self.playable(&source, movie, moov).await?,
                Err(source::Error::NotAFilm(error)) => return self.failed(&source, &error.to_string()).await,
                // Lost while it was read: the next turn starts anew.
                Err(error) => {
                    warn!(media = %id, %error, "timeline can't be read");
                    return Ok(());
                }
            }
        }
        let mut tell = tokio::time::interval(TELL_EVERY);
        tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut news, mut untold) = (source.news(), true);
        while !source.is_complete() && !source.is_gone() && source.refused().is_none() {
            tokio::select! {
                _ = tell.tick(), if untold => {
                    self.events.tell(Event::Arrived { id, here: source.here().bytes(), bytes: source.length() });
                    untold = false;
                }
                // The sender lives as long as the source.
                _ = news.changed() => untold = true,
            }
        }
        match source.is_complete() {
            true => self.ready(&source).await,
            false => Ok(()),
        }
    }

    async fn playable(
        &self,
        source: &Arc<Stored>,
        movie: Movie,
        moov: segmenter::bytes::ByteRange,
    ) -> Result<(), index::Error> {
        let (options, length) = (self.options.clone(), source.identity().size);
        let planned = tokio::task::spawn_blocking(move || Presentation::new(movie, length, &options)).await;
        let presentation = match planned {
            Ok(Ok(presentation)) => presentation,
            Ok(Err(error)) => return self.failed(source, &error.to_string()).await,
            Err(_) => return Err(index::Error::Closed),
        };
        let Some(mut media) = self.index.media(source.id()).await? else { return Ok(()) };
        media.identity = source.identity();
        media.moov = Some(moov);
        describe(&mut media, &presentation);
        media.state = State::Playable;
        self.index.update(media.clone(), worth_keeping(&presentation)).await?;
        info!(media = %media.id, here = source.here().bytes(), "medium is playable");
        self.tell(&media);
        Ok(())
    }

    async fn ready(&self, source: &Arc<Stored>) -> Result<(), index::Error> {
        let Some(mut media) = self.index.media(source.id()).await? else { return Ok(()) };
        media.state = State::Ready;
        let tables = self.index.tables(media.id, media.identity).await?;
        self.index.update(media.clone(), tables).await?;
        info!(media = %media.id, "medium is all here");
        self.tell(&media);
        match self.form {
            Form::Segments => self.jobs.add(JobKind::Seal, media.id).await,
            Form::Chunks => Ok(()),
        }
    }

    async fn failed(&self, source: &Arc<Stored>, reason: &str) -> Result<(), index::Error> {
        let Some(mut media) = self.index.media(source.id()).await? else { return Ok(()) };
        warn!(media = %media.id, reason, "what was sent holds no film that can be played");
        media.state = State::Failed;
        media.error = Some(reason.to_owned());
        self.index.update(media.clone(), None).await?;
        source.refuse(reason);
        // Nobody has any use for what came.
        source.remove_chunks(source.chunks().into_iter().map(|(number, ..)| number).collect()).await?;
        self.tell(&media);
        Ok(())
    }

    fn tell(&self, media: &Media) {
        // One that was deleted meanwhile is gone, and that has been told.
        if self.sources.opened_one(media.id).is_none() {
            return;
        }
        self.events.tell(Event::Media {
            id: media.id,
            title: media.title.name.clone(),
            state: media.state,
            error: media.error.clone(),
        });
    }
}

/// Waits until something holds of a source, or it is gone.
async fn until(source: &Arc<Stored>, holds: impl Fn(&Stored) -> bool) {
    let mut news = source.news();
    while !holds(source) && !source.is_gone() {
        // The sender lives as long as the source.
        let _ = news.changed().await;
    }
}
