//! Keeps house: media go when their time is over, and sooner when space is needed for others.
//!
//! # Why
//! Those who need space ask and wait: nothing is taken away ahead of need, and what is taken away is decided with all that is known then,
//! by [`store::choose`], a plain function. One task does it all, so two who ask at once don't both take the same away.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use segmenter::manifest::State;
use tracing::{info, warn};

use crate::clock::{Clock, Moment};
use crate::config;
use crate::events::{Event, Events};
use crate::id::MediaId;
use crate::index::{self, Index, Keeping, Media};
use crate::source::{Ask, Sources, Spare, Stored};
use crate::store::{self, Held, Holding, MEDIUM, Victim};

/// How often media are looked at whose time may be over, and use is written down: what a crash may forget of it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often more is taken away for the same need.
const ATTEMPTS: usize = 4;
/// A medium that was asked for so lately is being watched.
const WATCHING: Duration = Duration::from_secs(60);
/// A medium that is gone and can't be had again is told of for so long.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// How many media and chunks went, by reason.
#[derive(Debug, Default)]
pub struct Evictions {
    /// Media whose time was over.
    pub expired: AtomicU64,
    /// Media that made room.
    pub media: AtomicU64,
    /// Chunks that made room and can be had again.
    pub chunks: AtomicU64,
}

/// Keeps house.
#[derive(Debug)]
pub struct Retention {
    index: Arc<Index>,
    sources: Arc<Sources>,
    events: Arc<Events>,
    clock: Clock,
    spans: config::Retention,
    evictions: Evictions,
}

impl Retention {
    /// Nothing goes until [`Self::run`].
    pub fn new(
        index: Arc<Index>,
        sources: Arc<Sources>,
        events: Arc<Events>,
        clock: Clock,
        spans: config::Retention,
    ) -> Self {
        Self { index, sources, events, clock, spans, evictions: Evictions::default() }
    }

    /// How many went.
    pub fn evictions(&self) -> &Evictions {
        &self.evictions
    }

    /// When a medium goes if nobody uses it any more; `None` for what stays.
    pub fn expires(&self, media: &Media) -> Option<Moment> {
        let stored = media.stored().filter(|stored| !stored.pinned && media.state != State::Expired)?;
        let opened = self.sources.opened_one(media.id);
        let used = opened.map_or(stored.used, |source| source.used().max(stored.used));
        Some(used.after(self.spans.of(media.title.kind)))
    }

    /// Keeps house until it is dropped.
    pub async fn run(&self) {
        let Some(mut asked) = self.sources.room().asked() else { return };
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let ask = tokio::select! {
                ask = asked.recv() => ask,
                _ = look.tick() => None,
            };
            let done = match &ask {
                Some(Ask { bytes, .. }) => self.free(*bytes).await,
                None => self.look().await,
            };
            if let Err(error) = done {
                warn!(%error, "nothing can be taken away");
            }
            if let Some(ask) = ask {
                // It may have stopped waiting.
                let _ = ask.done.send(());
            }
        }
    }

    /// Writes down what was used, and takes away what is over.
    pub(crate) async fn look(&self) -> Result<(), index::Error> {
        self.write_down().await?;
        self.free(0).await
    }

    /// Writes down when media were used, so that the next start knows.
    pub async fn write_down(&self) -> Result<(), index::Error> {
        let used: Vec<_> = self.sources.opened().iter().map(|source| (source.id(), source.used())).collect();
        match used.is_empty() {
            true => Ok(()),
            false => self.index.touch(used).await,
        }
    }

    /// Makes it so that as many bytes can be reserved, if that can be done.
    async fn free(&self, bytes: u64) -> Result<(), index::Error> {
        for _ in 0..ATTEMPTS {
            let before = self.sources.quota().usage().free;
            self.take_away(bytes.saturating_sub(before)).await?;
            let free = self.sources.quota().usage().free;
            // The index grows as it is told what went: that may be what is missing.
            if free >= bytes || free <= before {
                break;
            }
        }
        Ok(())
    }

    /// Takes away what is over, and as much more as is needed.
    async fn take_away(&self, need: u64) -> Result<(), index::Error> {
        let now = self.clock.now();
        let keepings = self.index.keepings().await?;
        let opened: HashMap<_, _> =
            self.sources.opened().into_iter().map(|source| (source.id(), source)).collect();
        let mut holdings = Vec::with_capacity(keepings.len());
        for keeping in keepings {
            let source = opened.get(&keeping.id);
            if keeping.state == State::Expired && keeping.stored == 0 {
                self.forget(&keeping, source, now).await?;
                continue;
            }
            holdings.push(self.holding(&keeping, source, now, need > 0).await);
        }
        for victim in store::choose(now, need, &holdings) {
            self.take(victim).await?;
        }
        Ok(())
    }

    async fn holding(
        &self,
        keeping: &Keeping,
        source: Option<&Arc<Stored>>,
        now: Moment,
        needed: bool,
    ) -> Holding {
        let used = source.map_or(keeping.used, |source| source.used().max(keeping.used));
        let held = match source {
            _ if keeping.pinned => Held::Pinned,
            Some(source) if source.is_fed() => Held::Fed,
            Some(source)
                if now.since(source.last_watched()) < WATCHING && source.last_watched() > Moment(0) =>
            {
                Held::Watched
            }
            _ => Held::Idle,
        };
        let expires = (!keeping.pinned).then(|| used.after(self.spans.of(keeping.kind)));
        // Only to make room for something; most media have none.
        let spare = if needed { self.spare(keeping, source, used).await } else { Vec::new() };
        let bytes = source.map_or(keeping.stored, |source| source.stored());
        Holding { id: keeping.id, bytes: bytes + MEDIUM, used, expires, held, spare }
    }

    /// The chunks of a medium that can be had again.
    async fn spare(
        &self,
        keeping: &Keeping,
        source: Option<&Arc<Stored>>,
        used: Moment,
    ) -> Vec<store::Spare> {
        let regained = self.sources.room().spare(keeping.id).await;
        if regained == Spare::Nothing {
            return Vec::new();
        }
        let source = match source {
            Some(source) => Some(Arc::clone(source)),
            None => self.sources.get(keeping.id).await.ok().flatten(),
        };
        let chunks = source.map(|source| source.idle_chunks()).unwrap_or_default();
        let can = |number: &u32| match &regained {
            Spare::Chunks(numbers) => numbers.binary_search(number).is_ok(),
            spare => *spare == Spare::All,
        };
        let chunks = chunks.into_iter().filter(|(number, ..)| can(number));
        // Not touched since the start is longer ago than anything since.
        chunks
            .map(|(number, bytes, at)| store::Spare {
                number,
                bytes,
                used: at.unwrap_or(Moment(0)).min(used),
            })
            .collect()
    }

    async fn take(&self, victim: Victim) -> Result<(), index::Error> {
        match victim {
            Victim::Expired(id) => {
                self.evictions.expired.fetch_add(1, Ordering::Relaxed);
                self.clear(id, "its time is over").await
            }
            Victim::Media(id) => {
                self.evictions.media.fetch_add(1, Ordering::Relaxed);
                self.clear(id, "space is needed").await
            }
            Victim::Chunks(id, numbers) => {
                let Some(source) = self.sources.get(id).await? else { return Ok(()) };
                self.evictions.chunks.fetch_add(numbers.len() as u64, Ordering::Relaxed);
                info!(media = %id, chunks = numbers.len(), "chunks make room; they can be had again");
                source.remove_chunks(numbers).await
            }
        }
    }

    /// Takes all bytes of a medium away; that there was one is remembered for a while, or as long as they can be had again.
    async fn clear(&self, id: MediaId, why: &'static str) -> Result<(), index::Error> {
        let Some(source) = self.sources.get(id).await? else { return Ok(()) };
        let Some(mut media) = self.index.media(id).await? else { return Ok(()) };
        info!(media = %id, title = media.title.name, why, "medium is taken away");
        media.state = State::Expired;
        // A file that holds no film need not be remembered as one that did.
        if media.error.is_some() || media.identity.size == 0 {
            self.sources.remove(id).await?;
            self.events.tell(Event::Gone { id, why: "expired" });
            return Ok(());
        }
        let tables = self.index.tables(id, media.identity).await?;
        self.index.update(media.clone(), tables).await?;
        source.release();
        source.clear().await?;
        self.events.tell(Event::Media { id, title: media.title.name, state: media.state, error: None });
        Ok(())
    }

    /// Forgets a medium that has been gone for long and can't be had again.
    async fn forget(
        &self,
        keeping: &Keeping,
        source: Option<&Arc<Stored>>,
        now: Moment,
    ) -> Result<(), index::Error> {
        let used = source.map_or(keeping.used, |source| source.used().max(keeping.used));
        if now < used.after(self.spans.of(keeping.kind)).after(REMEMBERED) {
            return Ok(());
        }
        if self.sources.room().spare(keeping.id).await != Spare::Nothing {
            return Ok(());
        }
        self.sources.remove(keeping.id).await?;
        self.events.tell(Event::Gone { id: keeping.id, why: "expired" });
        Ok(())
    }
}
