//! Broadcasters: people with films who send only what they are asked for. Who is connected and what each offers; what viewers want of that
//! becomes wants of one of them; bytes come in by tokens that each give leave to send some bytes once.
//!
//! # Why
//! A film that several offer has one id, made of its size and hash, so it is one medium wherever its bytes come from, its address stays
//! the same when it is gone and comes again, and another can go on where one stopped. Whoever says the same size and hash is trusted to
//! have the same bytes, as far as those that are here agree with what it sends.

mod demand;
pub mod ends;
mod feeder;
mod peer;
#[cfg(test)]
mod tests;
mod want;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use segmenter::bytes::ByteRange;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config;
use crate::events::{Event, Events};
use crate::id::{MediaId, Token};
use crate::index::{self, Index, Offer};
use crate::source::{Answer, CreateError, Giver, New, Sources, Spare, Stored};
use crate::task::Tasks;

pub use peer::{Message, Peer, Standing, Wish};
pub use want::{TakeError, Taking};

/// Films that one broadcaster may offer.
pub const FILMS: usize = 10_000;
/// Broadcasters that may have ids: each costs rows that its bytes don't pay for.
const BROADCASTERS: u64 = 1000;
/// Letters of a broadcaster's id.
const LONGEST_ID: usize = 64;
/// Letters of a key, at least: fewer can be guessed.
pub const SHORTEST_KEY: usize = 16;

/// Why a broadcaster is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The id belongs to somebody else, or needs its key.
    #[error("the key is not the one of this id")]
    Key,
    /// The key can be guessed.
    #[error("a key has {SHORTEST_KEY} characters or more")]
    WeakKey,
    /// No id can be called so.
    #[error("an id is 1 to {LONGEST_ID} letters, digits, and -_. between them")]
    Id,
    /// Nobody has this id.
    #[error("no broadcaster has this id; it has to send its catalogue first")]
    Unknown,
    /// There are as many as there may be.
    #[error("{BROADCASTERS} broadcasters have ids; no more are let in")]
    TooMany,
    /// The index can't be used.
    #[error(transparent)]
    Index(#[from] index::Error),
}

/// Everything about broadcasters.
#[derive(Debug)]
pub struct Broadcasts {
    index: Arc<Index>,
    sources: Arc<Sources>,
    events: Arc<Events>,
    clock: Clock,
    tasks: Tasks,
    settings: config::Broadcast,
    /// How far ahead a film is asked for: a part of what may be stored at most, so that it never pushes out what comes before it.
    ahead: u64,
    peers: Mutex<HashMap<Arc<str>, Arc<Peer>>>,
    /// Told when broadcasters come, go, offer something else, or have room for another film.
    changed: watch::Sender<u64>,
    feeding: Mutex<HashSet<MediaId>>,
    opening: tokio::sync::Mutex<()>,
}

/// What [`Broadcasts`] is built on.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Where offers are known.
    pub index: Arc<Index>,
    /// Where bytes go.
    pub sources: Arc<Sources>,
    /// Who is told of comings and goings.
    pub events: Arc<Events>,
    /// When media are fed.
    pub clock: Clock,
    /// Where work in the background is known.
    pub tasks: Tasks,
}

/// The connection of a broadcaster: what it is told. It is gone when this is dropped.
#[derive(Debug)]
pub struct Connection {
    broadcasts: Arc<Broadcasts>,
    peer: Arc<Peer>,
    messages: mpsc::Receiver<Message>,
    told_end: bool,
}

impl Connection {
    /// What it is told next; `None` when the connection is over.
    pub async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            biased;
            () = self.peer.gone.cancelled() => {
                let last = self.peer.was_replaced() && !std::mem::replace(&mut self.told_end, true);
                last.then_some(Message::Replaced {})
            }
            () = self.broadcasts.tasks.stopping() => None,
            message = self.messages.recv() => message,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.broadcasts.disconnect(&self.peer);
    }
}

impl Broadcasts {
    /// With nobody connected.
    pub fn new(ground: Ground, settings: config::Broadcast, store: &config::Store) -> Arc<Self> {
        let Ground { index, sources, events, clock, tasks } = ground;
        let most = store.quota.0.min(store.share.0) / 4;
        let broadcasts = Arc::new(Self {
            index,
            events,
            clock,
            tasks,
            ahead: settings.ahead.0.min(most),
            settings,
            peers: Mutex::default(),
            changed: watch::Sender::new(0),
            feeding: Mutex::default(),
            opening: tokio::sync::Mutex::new(()),
            sources: Arc::clone(&sources),
        });
        sources.room().add_giver(Arc::new(Connected(Arc::downgrade(&broadcasts))));
        broadcasts
    }

    /// Checks a key. An id that nobody has goes to whoever names it first, with the key that it brings, or with one that is made for it:
    /// then that is returned.
    ///
    /// # Errors
    /// When the id has another key, or can't be had.
    pub async fn register(&self, id: &str, key: Option<&str>) -> Result<Option<Token>, Denied> {
        if !is_id(id) {
            return Err(Denied::Id);
        }
        if self.index.broadcaster_key(id.to_owned()).await?.is_some() {
            return self.authorise(id, key).await.map(|()| None);
        }
        if self.index.broadcasters().await? >= BROADCASTERS {
            return Err(Denied::TooMany);
        }
        let made = key.is_none().then(Token::random);
        let key = made.as_ref().map(Token::as_str).or(key).unwrap_or_default();
        if key.len() < SHORTEST_KEY {
            return Err(Denied::WeakKey);
        }
        self.index.register_broadcaster(id.to_owned(), blake3::hash(key.as_bytes()).into()).await?;
        // Two may have come at once: the first has it.
        self.authorise(id, Some(key)).await?;
        info!(broadcaster = id, "broadcaster registered");
        Ok(made)
    }

    /// Checks the key of an id that somebody has.
    ///
    /// # Errors
    /// When it is not the one.
    pub async fn authorise(&self, id: &str, key: Option<&str>) -> Result<(), Denied> {
        let sum = self.index.broadcaster_key(id.to_owned()).await?.ok_or(Denied::Unknown)?;
        // Comparing two hashes takes as long wherever they differ.
        let same = key.is_some_and(|key| blake3::hash(key.as_bytes()) == blake3::Hash::from_bytes(sum));
        if same { Ok(()) } else { Err(Denied::Key) }
    }

    /// Takes a catalogue in the place of the one before.
    ///
    /// # Errors
    /// When the index can't be written.
    pub async fn offer(&self, id: &str, offers: Vec<Offer>) -> Result<(), index::Error> {
        let media = offers.iter().map(|offer| offer.media).collect();
        info!(broadcaster = id, films = offers.len(), "catalogue taken");
        self.index.put_offers(id.to_owned(), offers).await?;
        if let Some(peer) = self.peer(id) {
            peer.set_offers(media);
        }
        self.tell();
        Ok(())
    }

    /// Connects a broadcaster whose key has been checked, in the place of its connection before.
    ///
    /// # Errors
    /// When the index can't be read.
    pub async fn connect(self: &Arc<Self>, id: &str) -> Result<Connection, index::Error> {
        let offers = self.index.offered_by(id.to_owned()).await?.into_iter().collect();
        let (peer, messages) = Peer::new(id, &self.settings, offers);
        let before = self.peers().insert(Arc::clone(&peer.id), Arc::clone(&peer));
        if let Some(before) = before {
            before.replace();
        }
        info!(broadcaster = id, "broadcaster connected");
        self.events.tell(Event::Peer { role: "broadcaster", peer: id.to_owned(), connected: true });
        self.tell();
        Ok(Connection { broadcasts: Arc::clone(self), peer, messages, told_end: false })
    }

    fn disconnect(&self, peer: &Arc<Peer>) {
        peer.end();
        let mut peers = self.peers();
        if !peers.get(&peer.id).is_some_and(|now| Arc::ptr_eq(now, peer)) {
            // Another has taken its place.
            return;
        }
        peers.remove(&peer.id);
        drop(peers);
        info!(broadcaster = %peer.id, "broadcaster disconnected");
        self.events.tell(Event::Peer { role: "broadcaster", peer: peer.id.to_string(), connected: false });
        self.tell();
    }

    /// Who is connected, by id.
    pub fn connected(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.peers().keys().map(|id| id.to_string()).collect();
        ids.sort();
        ids
    }

    /// How a broadcaster stands.
    pub fn standing(&self, id: &str) -> Standing {
        self.peer(id).map(|peer| peer.standing()).unwrap_or_default()
    }

    /// Whether somebody who is connected can send all bytes of a medium.
    pub fn can_give(&self, id: MediaId) -> bool {
        self.peers().values().any(|peer| peer.offers(id))
    }

    /// Who is connected and offers a medium.
    async fn givers(&self, id: MediaId) -> Result<Vec<(Arc<Peer>, Offer)>, index::Error> {
        if !self.can_give(id) {
            return Ok(Vec::new());
        }
        let offers = self.index.offers_of(id).await?.into_iter();
        let connected = offers.filter_map(|offer| {
            let peer = self.peer(&offer.broadcaster).filter(|peer| peer.offers(id))?;
            Some((peer, offer))
        });
        Ok(connected.collect())
    }

    /// What a broadcaster who is connected offers under this id; `None` if nobody does.
    ///
    /// # Errors
    /// When the index can't be read.
    pub async fn offered(&self, id: MediaId) -> Result<Option<Offer>, index::Error> {
        Ok(self.givers(id).await?.into_iter().next().map(|(_, offer)| offer))
    }

    /// Makes a medium of what somebody offers under this id, if there is none; false if nobody does. Its bytes come when they are wanted.
    ///
    /// # Errors
    /// When there is no space for it, or the index can't be used.
    pub async fn open(&self, id: MediaId) -> Result<bool, CreateError> {
        let mut givers = self.givers(id).await?;
        givers.sort_by_key(|(peer, _)| peer.load());
        let Some((peer, offer)) = givers.into_iter().next() else { return Ok(false) };
        let _turn = self.opening.lock().await;
        if self.index.media(id).await?.is_some() {
            return Ok(true);
        }
        info!(media = %id, title = offer.title.name, broadcaster = %peer.id, "a film is asked for");
        let new = New {
            name: format!("{}.{}", offer.title.name, offer.filetype),
            title: offer.title,
            length: Some(offer.size),
            owner: Some(offer.broadcaster),
            // Space is asked for piece by piece.
            reserve: false,
        };
        self.sources.create_as(id, new).await?;
        Ok(true)
    }

    /// Begins to take bytes that a broadcaster was asked for. `length` is what it says the film has, if it does.
    ///
    /// # Errors
    /// When they were not asked for.
    pub fn take(
        &self,
        id: &str,
        token: Token,
        range: ByteRange,
        length: Option<u64>,
    ) -> Result<Taking, TakeError> {
        self.peer(id).ok_or(TakeError::NotAsked)?.take(token, range, length)
    }

    /// Takes them from a body. Goes to its end even if whoever sends them is gone: what came of them is kept.
    ///
    /// # Errors
    /// When they can't be taken, or are not needed any more.
    pub async fn receive<E: Send + 'static>(
        &self,
        taking: Taking,
        body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Result<(), TakeError> {
        let (done, taken) = oneshot::channel();
        let clock = self.clock.clone();
        self.tasks.spawn(async move {
            // Nobody may be waiting.
            let _ = done.send(taking.take(body, &clock).await);
        });
        taken.await.unwrap_or(Err(TakeError::Cancelled))
    }

    /// Asks for what is wanted of films that broadcasters offer. Never returns.
    pub async fn run(self: Arc<Self>) {
        let (mut sources, mut peers) = (self.sources.changes(), self.changed.subscribe());
        loop {
            sources.borrow_and_update();
            peers.borrow_and_update();
            for source in self.sources.opened() {
                if self.can_feed(&source) {
                    self.start(source);
                }
            }
            // The senders live as long as `self`.
            tokio::select! {
                _ = sources.changed() => {}
                _ = peers.changed() => {}
            }
        }
    }

    fn can_feed(&self, source: &Stored) -> bool {
        !source.is_gone() && source.refused().is_none() && self.can_give(source.id())
    }

    fn start(self: &Arc<Self>, source: Arc<Stored>) {
        let id = source.id();
        if !self.feeding().insert(id) {
            return;
        }
        let broadcasts = Arc::clone(self);
        self.tasks.spawn_until_stop(async move {
            let _fed = Fed(Arc::clone(&broadcasts), id);
            if let Err(error) = feeder::feed(&broadcasts, &source).await {
                warn!(media = %id, %error, "a film is not asked for any more");
            }
        });
    }

    fn peer(&self, id: &str) -> Option<Arc<Peer>> {
        self.peers().get(id).cloned()
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Peer>>> {
        // Nothing panics while it is held.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feeding(&self) -> MutexGuard<'_, HashSet<MediaId>> {
        // Nothing panics while it is held.
        self.feeding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That a film is being asked for; told when it is not any more, for somebody may have come in the meantime.
struct Fed(Arc<Broadcasts>, MediaId);

impl Drop for Fed {
    fn drop(&mut self) {
        self.0.feeding().remove(&self.1);
        self.0.tell();
    }
}

/// What broadcasters could send again, for the one who keeps house.
#[derive(Debug)]
struct Connected(std::sync::Weak<Broadcasts>);

impl Giver for Connected {
    fn spare(&self, id: MediaId) -> Answer<'_, Spare> {
        let can = self.0.upgrade().is_some_and(|broadcasts| broadcasts.can_give(id));
        Box::pin(async move { if can { Spare::All } else { Spare::Nothing } })
    }
}

/// Whether a broadcaster can be called so.
pub fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain) && !id.starts_with('.')
}
