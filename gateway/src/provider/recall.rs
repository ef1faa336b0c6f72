//! Gets chunks back that somebody wants and that are here no more.
//!
//! One task for each medium that is wanted, as long as there is something to be had of it. Of those who hold a chunk the soundest and
//! least busy is asked first; if it takes long, the next is asked too, and whoever is first with the right bytes has answered.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use segmenter::bytes::Span;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::Providers;
use super::frame::Chunk;
use super::link::Link;
use crate::id::MediaId;
use crate::index;
use crate::source::Stored;

/// Chunks that are got back at once, of all media: what may be in memory.
pub(super) const AT_ONCE: usize = 16;
/// Chunks of one medium.
const OF_ONE: usize = 4;
/// One that takes longer is not the only one that is asked.
const HEDGE: Duration = Duration::from_secs(2);
/// None that takes longer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A chunk that is wanted back.
#[derive(Clone, Copy, Debug)]
struct Lost {
    number: u32,
    offset: u64,
    length: u64,
    sum: [u8; 32],
}

impl Providers {
    /// Somebody wants bytes of a medium: sees what can be had of them.
    pub(super) fn recall(self: &Arc<Self>, media: MediaId) {
        match self.recalled.lock().unwrap_or_else(PoisonError::into_inner).entry(media) {
            Entry::Occupied(mut under_way) => {
                under_way.insert(true);
                return;
            }
            Entry::Vacant(none) => none.insert(false),
        };
        let providers = Arc::clone(self);
        self.tasks.spawn_until_stop(async move {
            loop {
                if let Err(error) = providers.follow(media).await {
                    warn!(%media, %error, "chunks can't be got back");
                }
                let mut recalled = providers.recalled.lock().unwrap_or_else(PoisonError::into_inner);
                // Wanted since: this task was told of it, and nobody else.
                if recalled.insert(media, false) != Some(true) {
                    recalled.remove(&media);
                    return;
                }
            }
        });
    }

    /// The same for every medium of which something is wanted.
    pub(super) fn recall_all(self: &Arc<Self>) {
        let wanted = self.sources.opened().into_iter().filter(|source| !source.urgent().is_empty());
        wanted.for_each(|source| self.recall(source.id()));
    }

    /// Gets back what is wanted of a medium, until nothing of it can be had.
    async fn follow(&self, media: MediaId) -> Result<(), index::Error> {
        let Some(source) = self.sources.get(media).await? else { return Ok(()) };
        let mut wants = source.wants();
        let (mut tried, mut under_way) = (HashSet::new(), FuturesUnordered::new());
        loop {
            wants.borrow_and_update();
            if under_way.len() < OF_ONE {
                let wanted = source.covering(&source.urgent());
                let new: Vec<u32> = wanted.into_iter().filter(|number| !tried.contains(number)).collect();
                let mut holders = if new.is_empty() { HashMap::new() } else { self.holders(media).await? };
                for number in new {
                    let Some(held) = holders.remove(&number) else {
                        tried.insert(number);
                        continue;
                    };
                    if under_way.len() < OF_ONE {
                        tried.insert(number);
                        under_way.push(self.regain(&source, number, held));
                    }
                }
            }
            if under_way.is_empty() || source.is_gone() {
                return Ok(());
            }
            tokio::select! {
                done = under_way.next() => if let Some(back) = done.transpose()?.flatten() {
                    // It may be taken away again while more is wanted.
                    tried.remove(&back);
                },
                // The sender lives as long as the source.
                _ = wants.changed(), if under_way.len() < OF_ONE => {}
            }
        }
    }

    /// Who of those that are connected holds which chunk, the best first.
    async fn holders(&self, media: MediaId) -> Result<HashMap<u32, Vec<Arc<Link>>>, index::Error> {
        let mut holders: HashMap<u32, Vec<(u32, Arc<Link>)>> = HashMap::new();
        for holder in self.index.holders(media).await? {
            if let Some(link) = self.link(&holder.provider) {
                holders.entry(holder.number).or_default().push((holder.faults, link));
            }
        }
        let best_first = |mut links: Vec<(u32, Arc<Link>)>| {
            links.sort_by_key(|(faults, link)| (*faults, link.busy()));
            links.into_iter().map(|(_, link)| link).collect()
        };
        Ok(holders.into_iter().map(|(number, links)| (number, best_first(links))).collect())
    }

    /// Gets one chunk back, if one of those who hold it gives the right bytes; its number, if it is here now.
    async fn regain(
        &self,
        source: &Arc<Stored>,
        number: u32,
        holders: Vec<Arc<Link>>,
    ) -> Result<Option<u32>, index::Error> {
        let Ok(_turn) = self.recalls.acquire().await else { return Ok(None) };
        let Some(sum) = self.index.sum(source.id(), number).await? else { return Ok(None) };
        let place = source.place(number);
        if place.is_empty() {
            return Ok(None);
        }
        if source.has(place) {
            return Ok(Some(number));
        }
        let lost = Lost { number, offset: place.start, length: place.len(), sum };
        let started = Instant::now();
        let Some((link, bytes)) = self.ask(source.id(), lost, holders).await? else {
            debug!(media = %source.id(), number, "nobody gives a chunk back");
            return Ok(None);
        };
        let (writing, span) = (Arc::clone(source), Span { offset: lost.offset, bytes });
        let written = tokio::task::spawn_blocking(move || writing.write(&span)).await;
        let kept = match written {
            Ok(Ok(_)) => source.keep().await,
            Ok(Err(error)) => Err(error),
            Err(_) => return Err(index::Error::Closed),
        };
        source.fed(self.clock.now());
        match kept {
            Ok(()) => {
                let elapsed_ms = started.elapsed().as_millis();
                info!(media = %source.id(), number, provider = %link.id(), elapsed_ms, "chunk is back");
                Ok(Some(number))
            }
            Err(error) => {
                warn!(media = %source.id(), number, %error, "chunk that came back can't be kept");
                Ok(None)
            }
        }
    }

    /// Asks one after the other until one has given the right bytes.
    async fn ask(
        &self,
        media: MediaId,
        lost: Lost,
        holders: Vec<Arc<Link>>,
    ) -> Result<Option<(Arc<Link>, Bytes)>, index::Error> {
        let chunk = Chunk {
            timestamp: self.clock.now().0,
            offset: lost.offset,
            length: u32::try_from(lost.length).unwrap_or(u32::MAX),
            ..Chunk::named(media, lost.number, lost.sum)
        };
        let (mut left, mut asked) = (holders.into_iter(), FuturesUnordered::new());
        let end = Instant::now() + PATIENCE;
        let mut ask_another = true;
        loop {
            if ask_another || asked.is_empty() {
                match left.next() {
                    Some(link) => {
                        let answer = link.ask(&chunk);
                        asked.push(async move { (link, answer.await.ok().flatten()) });
                    }
                    None if asked.is_empty() => return Ok(None),
                    None => {}
                }
            }
            ask_another = false;
            tokio::select! {
                Some((link, answer)) = asked.next() => match answer {
                    Some(bytes) if is_sound(&bytes, lost).await => return Ok(Some((link, bytes))),
                    Some(_) => self.blame(&link, media, lost.number).await?,
                    None => {}
                },
                () = sleep(HEDGE), if left.len() > 0 => ask_another = true,
                () = sleep_until(end) => return Ok(None),
            }
        }
    }

    /// Remembers that a provider gave other bytes than it was given; it is asked after all others from now on.
    async fn blame(&self, link: &Link, media: MediaId, number: u32) -> Result<(), index::Error> {
        warn!(provider = %link.id(), %media, number, "provider gave back other bytes than it was given");
        self.index.blame(Arc::clone(link.id())).await?;
        self.index.drop_replica(Arc::clone(link.id()), media, number, true).await
    }
}

/// Whether these are the bytes that were here before.
async fn is_sound(bytes: &Bytes, lost: Lost) -> bool {
    if bytes.len() as u64 != lost.length {
        return false;
    }
    let bytes = bytes.clone();
    let summed = tokio::task::spawn_blocking(move || *blake3::hash(&bytes).as_bytes()).await;
    summed.is_ok_and(|sum| sum == lost.sum)
}
