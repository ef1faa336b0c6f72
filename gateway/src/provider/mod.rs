//! Database providers: remote stores that are handed every chunk as it lands, and give chunks back that are here no more.
//!
//! `frame` is what is said, `session` one connection at the gateway, `link` what waits to be said over it, `recall` gets chunks back;
//! `keeper` is the provider's own side, which runs in another process.
//!
//! # Why
//! Chunks wait by name, not by their bytes: a provider that is slow or stands still costs a few hundred kilobytes and holds nobody up.
//! What it missed is what is here and not held there; the index knows, and it is handed over when the provider has nothing else to do.
//! What comes back is compared with the sum that was taken here before the chunk was handed over, never with what the provider says.

pub mod frame;
pub mod keeper;
mod link;
mod recall;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;
use tracing::warn;

use crate::clock::Clock;
use crate::events::Events;
use crate::id::MediaId;
use crate::index::{self, Index};
use crate::source::{Answer, Giver, Sources, Spare};
use crate::task::Tasks;

pub use frame::largest_frame;
use link::Link;

/// Providers that may be connected at once.
const PROVIDERS: usize = 64;
/// Letters that an id may have.
const LONGEST_ID: usize = 64;

/// Every provider, connected or not.
#[derive(Debug)]
pub struct Providers {
    index: Arc<Index>,
    sources: Arc<Sources>,
    events: Arc<Events>,
    clock: Clock,
    tasks: Tasks,
    links: Mutex<HashMap<Arc<str>, Arc<Link>>>,
    /// Media of which chunks are being got back, and whether something has been wanted since.
    recalled: Mutex<HashMap<MediaId, bool>>,
    recalls: Arc<Semaphore>,
}

/// A provider, as it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it is called.
    pub id: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Chunks it holds.
    pub chunks: u64,
    /// Chunks that are here and that it has still to be handed.
    pub lacking: u64,
    /// Bytes its database takes; `None` while it is not connected.
    pub used: Option<u64>,
    /// Bytes it may take.
    pub limit: Option<u64>,
    /// How often it gave back other bytes than it was given.
    pub faults: u32,
}

impl Providers {
    /// With none connected.
    pub fn new(
        index: Arc<Index>,
        sources: Arc<Sources>,
        events: Arc<Events>,
        clock: Clock,
        tasks: Tasks,
    ) -> Arc<Self> {
        let recalls = Arc::new(Semaphore::new(recall::AT_ONCE));
        let (links, recalled) = Default::default();
        Arc::new(Self { index, sources, events, clock, tasks, links, recalled, recalls })
    }

    /// Hands chunks on as they land, and gets back what is wanted. Never returns.
    pub async fn run(self: Arc<Self>) {
        let (mut landed, mut wanted) = (self.sources.news().chunks(), self.sources.news().wants());
        loop {
            tokio::select! {
                chunk = landed.recv() => match chunk {
                    Ok((media, number)) => self.links().values().for_each(|link| link.relay(media, number)),
                    Err(RecvError::Lagged(_)) => self.links().values().for_each(|link| link.look()),
                    Err(RecvError::Closed) => return,
                },
                media = wanted.recv() => match media {
                    Ok(media) => self.recall(media),
                    Err(RecvError::Lagged(_)) => self.recall_all(),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// Every provider that ever came.
    ///
    /// # Errors
    /// When the index can't be read.
    pub async fn standing(&self) -> Result<Vec<Standing>, index::Error> {
        let known = self.index.providers().await?;
        let links = self.links();
        let told = known.into_iter().map(|holding| {
            let level = links.get(holding.provider.id.as_str()).map(|link| link.level());
            Standing {
                connected: level.is_some(),
                chunks: holding.chunks,
                lacking: holding.lacking,
                used: level.map(|level| level.used),
                limit: level.map(|level| level.limit),
                faults: holding.provider.faults,
                id: holding.provider.id,
            }
        });
        Ok(told.collect())
    }

    /// Makes a provider known to those who need one; another connection of the same provider ends.
    fn add(&self, link: &Arc<Link>) -> Result<(), Full> {
        let mut links = self.links();
        if links.len() >= PROVIDERS && !links.contains_key(link.id()) {
            return Err(Full);
        }
        if let Some(before) = links.insert(Arc::clone(link.id()), Arc::clone(link)) {
            before.end();
        }
        Ok(())
    }

    /// Takes it out, if another connection has not taken its place.
    fn take_out(&self, link: &Arc<Link>) -> bool {
        let mut links = self.links();
        let is_this = links.get(link.id()).is_some_and(|known| Arc::ptr_eq(known, link));
        if is_this {
            links.remove(link.id());
        }
        is_this
    }

    fn link(&self, id: &str) -> Option<Arc<Link>> {
        self.links().get(id).cloned()
    }

    fn links(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Link>>> {
        // Nothing panics while it is held.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There are as many providers as there may be.
#[derive(Debug)]
struct Full;

impl Giver for Providers {
    /// The chunks that a provider holds which is connected and has never given back other bytes.
    fn spare(&self, id: MediaId) -> Answer<'_, Spare> {
        Box::pin(async move {
            let holders = match self.index.holders(id).await {
                Ok(holders) => holders,
                Err(error) => {
                    warn!(media = %id, %error, "what providers hold can't be told");
                    return Spare::Nothing;
                }
            };
            let links = self.links();
            let sound = holders.into_iter().filter(|held| held.faults == 0);
            let mut numbers: Vec<u32> = sound
                .filter(|held| links.contains_key(held.provider.as_str()))
                .map(|held| held.number)
                .collect();
            numbers.dedup();
            if numbers.is_empty() { Spare::Nothing } else { Spare::Chunks(numbers) }
        })
    }
}

/// Whether a provider may be called so: letters, digits, `.`, `_` and `-`, at most 64.
pub fn id_is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain)
}
