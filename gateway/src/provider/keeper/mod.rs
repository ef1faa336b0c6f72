//! The provider's own side: keeps what it is handed, gives back what is wanted, and comes again when the gateway was away.
//!
//! It works on one frame at a time, in order. What it keeps it has written before it says so.

mod line;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::frame::{
    self, Chunk, Frame, FromGateway, FromProvider, LARGEST_BATCH, Level, Refusal, Replica, VERSION, Why,
};
use crate::clock::Clock;
use crate::id::MediaId;
use crate::index::{Deposit, Deposited, Depot, DepotError, Held};
use crate::peer::{Address, Backoff};

/// A gateway that says nothing for so long is gone: it asks four times as often whether anybody is there.
const SILENCE: Duration = Duration::from_secs(60);
/// The first rest before it tries again, about.
const FIRST: Duration = Duration::from_millis(250);
/// None is longer.
const LONGEST: Duration = Duration::from_secs(15);
/// How long a gateway that hung up may take to have said why.
const LAST_WORD: Duration = Duration::from_secs(5);

/// How a provider is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether it is connected, or why not.
    pub line: Line,
    /// What it is called.
    pub id: String,
    /// Chunks it holds.
    pub chunks: u64,
    /// Bytes they take.
    pub used: u64,
    /// Bytes they may take.
    pub limit: u64,
    /// Chunks it was handed since it started.
    pub kept: u64,
    /// Chunks it gave back since it started.
    pub given: u64,
}

/// Whether a provider is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// Not yet.
    #[default]
    Connecting,
    /// It is, to a gateway of this name.
    Connected(String),
    /// It was, or tried to be; it tries again.
    Lost(String),
}

/// Why a provider ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its database can't be used.
    #[error(transparent)]
    Depot(#[from] DepotError),
    /// The gateway will never want it.
    #[error("the gateway refuses this provider: {}", .0.detail)]
    Refused(Refusal),
    /// The gateway wants a token, or another.
    #[error("the gateway wants a token for providers ({0})")]
    Token(u16),
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Fatal(#[from] Error),
    #[error("{0}")]
    Lost(String),
    #[error("the connection broke off")]
    Broken,
}

impl From<DepotError> for End {
    fn from(error: DepotError) -> Self {
        Self::Fatal(error.into())
    }
}

impl From<frame::Error> for End {
    fn from(error: frame::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        match refusal.is_final() {
            true => Self::Fatal(Error::Refused(refusal)),
            false => Self::Lost(refusal.detail),
        }
    }
}

/// A provider.
#[derive(Debug)]
pub struct Keeper {
    depot: Arc<Mutex<Depot>>,
    id: String,
    key: String,
    store: String,
    clock: Clock,
    status: watch::Sender<Status>,
}

impl Keeper {
    /// Over its database. Blocks.
    ///
    /// # Errors
    /// When the database can't be used.
    pub fn new(depot: Depot, id: Option<String>, clock: Clock) -> Result<Self, DepotError> {
        let random = || MediaId::random().to_string();
        let given = depot.name("id", || format!("provider-{}", &random()[..8]))?;
        let key = depot.name("key", || [random(), random()].concat())?;
        let store = depot.name("store", random)?;
        let id = id.unwrap_or(given);
        let status = watch::Sender::new(Status { id: id.clone(), ..Status::default() });
        let level = depot.level()?;
        let keeper = Self { depot: Arc::new(Mutex::new(depot)), id, key, store, clock, status };
        keeper.count(level);
        Ok(keeper)
    }

    /// How it is doing, and told when that changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Serves a gateway until it is told to stop. When the gateway is away it tries again, more and more seldom.
    ///
    /// # Errors
    /// When the database can't be used, or the gateway will never want this provider.
    pub async fn run(
        &self,
        to: &Address,
        token: Option<&str>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        loop {
            let ended = stop.run_until_cancelled(async {
                match line::connect(to, token).await {
                    Ok((incoming, outgoing)) => {
                        self.serve(incoming, outgoing, &mut || backoff = Backoff::new(FIRST, LONGEST)).await
                    }
                    Err(error) => match line::denied(&error) {
                        Some(status) => End::Fatal(Error::Token(status)),
                        None => End::Lost(error.to_string()),
                    },
                }
            });
            let why = match ended.await {
                None => return Ok(()),
                Some(End::Fatal(error)) => return Err(error),
                Some(end @ (End::Lost(_) | End::Broken)) => end.to_string(),
            };
            self.status.send_modify(|status| status.line = Line::Lost(why));
            if stop.run_until_cancelled(tokio::time::sleep(backoff.rest())).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Speaks with a gateway until the connection ends. `welcome` is called once the gateway wants this provider.
    async fn serve(
        &self,
        mut incoming: impl Stream<Item = Bytes> + Unpin,
        mut outgoing: impl Sink<Bytes> + Unpin,
        welcome: &mut impl FnMut(),
    ) -> End {
        match self.speak(&mut incoming, &mut outgoing, welcome).await {
            Ok(never) => match never {},
            // A gateway that hung up while it was spoken to may have said why.
            Err(End::Broken) => last_word(&mut incoming).await.unwrap_or(End::Broken),
            Err(end) => end,
        }
    }

    /// The same, and says why it ended.
    #[cfg(test)]
    pub(super) async fn serve_once(
        &self,
        incoming: impl Stream<Item = Bytes> + Unpin,
        outgoing: impl Sink<Bytes> + Unpin,
    ) -> String {
        self.serve(incoming, outgoing, &mut || ()).await.to_string()
    }

    async fn speak(
        &self,
        incoming: &mut (impl Stream<Item = Bytes> + Unpin),
        outgoing: &mut (impl Sink<Bytes> + Unpin),
        welcome: &mut impl FnMut(),
    ) -> Result<std::convert::Infallible, End> {
        let Frame::Gateway(hello) = hear(incoming).await? else {
            return Err(End::Lost("whoever answers there is no gateway".to_owned()));
        };
        self.greet(&hello, outgoing).await?;
        // Once it says anything but that it refuses.
        let mut is_in = false;
        loop {
            let answers = match hear(incoming).await? {
                Frame::Store(chunk, bytes) => self.keep(chunk, bytes).await?,
                Frame::Want(chunk) => self.give(chunk).await?,
                Frame::Ping(count) => vec![Frame::Pong(count)],
                Frame::Refused(refusal) => return Err(refusal.into()),
                // Of no interest to a provider.
                _ => Vec::new(),
            };
            if !is_in {
                is_in = true;
                self.status.send_modify(|status| status.line = Line::Connected(hello.name.clone()));
                welcome();
            }
            for answer in answers {
                say(outgoing, &answer).await?;
            }
        }
    }

    /// Says who this is, and what it holds.
    async fn greet(
        &self,
        gateway: &FromGateway,
        outgoing: &mut (impl Sink<Bytes> + Unpin),
    ) -> Result<(), End> {
        let largest = u64::from(gateway.largest);
        let (_, used, limit) = self
            .with(move |depot| {
                depot.expect(largest)?;
                depot.level()
            })
            .await?;
        let hello = FromProvider {
            versions: vec![VERSION],
            id: self.id.clone(),
            key: self.key.clone(),
            store: self.store.clone(),
            used,
            limit,
        };
        say(outgoing, &Frame::Provider(hello)).await?;
        let mut behind = None;
        loop {
            let batch = u32::try_from(LARGEST_BATCH).unwrap_or(u32::MAX);
            let held = self.with(move |depot| depot.held(behind, batch)).await?;
            let last = held.last().map(|held| (held.media, held.number));
            say(outgoing, &Frame::Holds(held.into_iter().map(replica).collect())).await?;
            match last {
                Some(last) => behind = Some(last),
                None => break,
            }
        }
        Ok(())
    }

    /// Keeps a chunk, and says what had to go for it.
    async fn keep(&self, chunk: Chunk, bytes: Bytes) -> Result<Vec<Frame>, End> {
        let now = self.clock.now();
        let done = self.with(move |depot| {
            let head = chunk.encode();
            let Chunk { media, number, sum, .. } = chunk;
            let done = depot.put(&Deposit { media, number, sum, head: &head, bytes: &bytes }, now);
            Ok((done, depot.level()?))
        });
        Ok(match done.await? {
            (Ok(Deposited::Kept(gone)), (_, used, limit)) => {
                self.status.send_modify(|status| status.kept += 1);
                let gone = gone
                    .into_iter()
                    .map(|held| Frame::Gone(Chunk::named(held.media, held.number, held.sum), Why::Evicted));
                gone.chain([Frame::Stored(chunk, Level { used, limit })]).collect()
            }
            (Ok(Deposited::TooLarge), _) => vec![Frame::Gone(chunk, Why::Large)],
            // The disk may have room again later.
            (Err(_), _) => vec![Frame::Gone(chunk, Why::Failed)],
        })
    }

    /// Gives a chunk back as it is kept: whether it is still what it was is for the gateway to tell.
    async fn give(&self, wanted: Chunk) -> Result<Vec<Frame>, End> {
        let now = self.clock.now();
        let found = self.with(move |depot| depot.get(wanted.media, wanted.number, now)).await?;
        let known = found.and_then(|kept| Some((Chunk::decode(&kept.head).ok()?, kept.bytes)));
        Ok(match known {
            Some((chunk, bytes)) => {
                self.status.send_modify(|status| status.given += 1);
                vec![Frame::Chunk(chunk, bytes.into())]
            }
            None => vec![Frame::Gone(wanted, Why::Absent)],
        })
    }

    /// Does something with the database where blocking is allowed.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Depot) -> Result<T, DepotError> + Send + 'static,
    ) -> Result<T, End> {
        let depot = Arc::clone(&self.depot);
        let work = move || {
            // A write that panics is rolled back.
            let mut depot = depot.lock().unwrap_or_else(PoisonError::into_inner);
            let done = work(&mut depot)?;
            Ok::<_, DepotError>((done, depot.level()?))
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (done, level) = done.map_err(|_| End::Lost("the provider is ending".to_owned()))??;
        self.count(level);
        Ok(done)
    }

    fn count(&self, (chunks, used, limit): (u64, u64, u64)) {
        self.status.send_modify(|status| {
            (status.chunks, status.used, status.limit) = (chunks, used, limit);
        });
    }
}

async fn hear(incoming: &mut (impl Stream<Item = Bytes> + Unpin)) -> Result<Frame, End> {
    loop {
        let message = tokio::select! {
            message = incoming.next() => message.ok_or_else(|| End::Lost("the gateway hung up".to_owned()))?,
            () = sleep_until(Instant::now() + SILENCE) => {
                return Err(End::Lost("the gateway said nothing for too long".to_owned()));
            }
        };
        match Frame::decode(&message) {
            // Of a later version: what matters to this one it says in words of this one.
            Err(frame::Error::Kind(_)) => {}
            read => return Ok(read?),
        }
    }
}

/// Why the gateway hung up, if it said so.
async fn last_word(incoming: &mut (impl Stream<Item = Bytes> + Unpin)) -> Option<End> {
    loop {
        let message = tokio::time::timeout(LAST_WORD, incoming.next()).await.ok()??;
        if let Ok(Frame::Refused(refusal)) = Frame::decode(&message) {
            return Some(refusal.into());
        }
    }
}

async fn say(outgoing: &mut (impl Sink<Bytes> + Unpin), frame: &Frame) -> Result<(), End> {
    outgoing.send(frame.encode()).await.map_err(|_| End::Broken)
}

fn replica(held: Held) -> Replica {
    Replica { media: held.media, number: held.number, sum: held.sum }
}
