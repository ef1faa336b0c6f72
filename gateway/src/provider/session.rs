//! One connection of a provider: greeting, hearing, saying.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::frame::{self, Chunk, Frame, FromGateway, FromProvider, Level, Refusal, VERSION, Why};
use super::link::{Link, Name, Next};
use super::{Full, Providers, id_is_plain};
use crate::events::Event;
use crate::index::{self, Provider};
use crate::title::Title;

/// How long a provider may take to say who it is.
const GREETING: Duration = Duration::from_secs(10);
/// How often one that says nothing is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(15);
/// One that has said nothing for so long is gone: time enough for a chunk over a slow line.
const SILENCE: Duration = Duration::from_secs(90);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("it hung up")]
    HungUp,
    #[error("it can't be written to")]
    Broken,
    #[error("it said nothing for too long")]
    Silent,
    #[error("another connection of it took its place")]
    Replaced,
    #[error("the gateway is ending")]
    Ending,
    #[error("{0}: {1}")]
    Refused(&'static str, String),
    #[error(transparent)]
    Index(#[from] index::Error),
}

impl From<frame::Error> for End {
    fn from(error: frame::Error) -> Self {
        Self::Refused("protocol", error.to_string())
    }
}

impl Providers {
    /// Speaks with a provider until either side ends. `incoming` ends when the connection does.
    pub async fn serve(
        self: &Arc<Self>,
        mut incoming: impl Stream<Item = Bytes> + Send + Unpin,
        mut outgoing: impl Sink<Bytes> + Send + Unpin,
    ) {
        let end = match self.greet(&mut incoming, &mut outgoing).await {
            Ok(link) => {
                let end = self.session(&link, &mut incoming, &mut outgoing).await;
                link.hang_up();
                if self.take_out(&link) {
                    self.tell(&link, false);
                }
                info!(provider = %link.id(), why = %end, "provider is gone");
                end
            }
            Err(end) => {
                debug!(why = %end, "provider not let in");
                end
            }
        };
        if let End::Refused(code, detail) = end {
            warn!(code, detail, "provider is refused");
            let refusal = Frame::Refused(Refusal { code: code.to_owned(), detail });
            let _ = timeout(GREETING, outgoing.send(refusal.encode())).await;
        }
        let _ = timeout(GREETING, outgoing.close()).await;
    }

    /// Says who is here, hears who is there, and lets it in.
    async fn greet(
        &self,
        incoming: &mut (impl Stream<Item = Bytes> + Unpin),
        outgoing: &mut (impl Sink<Bytes> + Unpin),
    ) -> Result<Arc<Link>, End> {
        let hello = FromGateway {
            versions: vec![VERSION],
            name: concat!("segue/", env!("CARGO_PKG_VERSION")).to_owned(),
            largest: self.sources.chunk(),
        };
        outgoing.send(Frame::Gateway(hello).encode()).await.map_err(|_| End::Broken)?;
        let heard = timeout(GREETING, incoming.next()).await.map_err(|_| End::Silent)?;
        let Frame::Provider(hello) = Frame::decode(&heard.ok_or(End::HungUp)?)? else {
            return Err(End::Refused("protocol", "it did not say who it is".to_owned()));
        };
        let (id, now) = (Arc::from(hello.id.as_str()), self.clock.now());
        let known = self.index.provider(Arc::clone(&id)).await?;
        admit(&hello, known.as_ref())?;
        // Later than any before, whatever the clock says: what was told then and is not told now is told apart by it.
        let (before, since) = known
            .map_or((now, now), |known| (known.seen, now.max(known.seen.after(Duration::from_millis(1)))));
        let key = digest(&hello.key);
        let provider =
            Provider { id: hello.id.clone(), key, store: hello.store.clone(), seen: since, faults: 0 };
        self.index.put_provider(provider).await?;
        // Another may have come with the same new id at the same time: one of them has it now.
        admit(&hello, self.index.provider(Arc::clone(&id)).await?.as_ref())?;
        let level = Level { used: hello.used, limit: hello.limit };
        let link = Link::new(id, level, before, since);
        self.add(&link)
            .map_err(|Full| End::Refused("full", "too many providers are connected".to_owned()))?;
        // It hears that it is let in.
        link.say(&Frame::Ping(0));
        info!(provider = %link.id(), used = level.used, limit = level.limit, "provider is here");
        self.tell(&link, true);
        Ok(link)
    }

    async fn session(
        self: &Arc<Self>,
        link: &Arc<Link>,
        incoming: &mut (impl Stream<Item = Bytes> + Send + Unpin),
        outgoing: &mut (impl Sink<Bytes> + Send + Unpin),
    ) -> End {
        tokio::select! {
            end = self.hear(link, incoming) => end,
            end = self.speak(link, outgoing) => end,
            () = link.ended() => End::Replaced,
            () = self.tasks.stopping() => End::Ending,
        }
    }

    /// Hears until the connection ends.
    async fn hear(
        self: &Arc<Self>,
        link: &Arc<Link>,
        incoming: &mut (impl Stream<Item = Bytes> + Unpin),
    ) -> End {
        let mut heard = Instant::now();
        loop {
            let message = tokio::select! {
                message = incoming.next() => message,
                () = sleep_until(heard + SILENCE) => return End::Silent,
                () = tokio::time::sleep(ASK_EVERY) => {
                    link.say(&Frame::Ping(0));
                    continue;
                }
            };
            heard = Instant::now();
            let Some(message) = message else { return End::HungUp };
            let done = match Frame::decode(&message) {
                Ok(frame) => self.take(link, frame).await,
                // Of a later version: what matters to this one it says in words of this one.
                Err(frame::Error::Kind(kind)) => {
                    debug!(provider = %link.id(), kind, "unknown kind of frame");
                    Ok(ControlFlow::Continue(()))
                }
                Err(error) => Err(error.into()),
            };
            match done {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(end)) | Err(end) => return end,
            }
        }
    }

    async fn take(self: &Arc<Self>, link: &Arc<Link>, frame: Frame) -> Result<ControlFlow<End>, End> {
        let id = || Arc::clone(link.id());
        match frame {
            Frame::Holds(held) if held.is_empty() => {
                self.index.forget_untold(id(), link.since).await?;
                link.told();
                self.recall_all();
            }
            Frame::Holds(held) => {
                let held = held.into_iter().map(|held| (held.media, held.number, held.sum)).collect();
                self.index.put_replicas(id(), held, link.since).await?;
            }
            Frame::Stored(Chunk { media, number, sum, .. }, level) => {
                // The row first: what is acknowledged is not looked for again.
                self.index.put_replicas(id(), vec![(media, number, sum)], link.since).await?;
                if !link.acknowledged((media, number), Some(level)) {
                    debug!(provider = %link.id(), %media, number, "keeps what it was not handed");
                }
            }
            Frame::Chunk(Chunk { media, number, .. }, bytes) => {
                // Late, or never asked for: nobody needs it.
                link.answer((media, number), Some(&bytes));
            }
            Frame::Gone(Chunk { media, number, .. }, why) => {
                if !matches!(why, Why::Failed) {
                    let for_good = matches!(why, Why::Evicted | Why::Large);
                    self.index.drop_replica(id(), media, number, for_good).await?;
                }
                debug!(provider = %link.id(), %media, number, ?why, "holds a chunk no more");
                link.acknowledged((media, number), None);
                link.answer((media, number), None);
            }
            Frame::Ping(count) => drop(link.say(&Frame::Pong(count))),
            Frame::Pong(_) => {}
            Frame::Gateway(_)
            | Frame::Provider(_)
            | Frame::Refused(_)
            | Frame::Store(..)
            | Frame::Want(_) => {
                let what = "a provider does not say this".to_owned();
                return Ok(ControlFlow::Break(End::Refused("protocol", what)));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Says what waits, until the connection ends.
    async fn speak(&self, link: &Arc<Link>, outgoing: &mut (impl Sink<Bytes> + Unpin)) -> End {
        let mut titled = None;
        loop {
            let message = match link.next().await {
                Next::Say(message) => message,
                Next::Hand(name) => match self.chunk(name, &mut titled).await {
                    Ok(Some(message)) => {
                        link.handed(name);
                        message
                    }
                    // Gone since, or not to be read: nothing to hand over.
                    Ok(None) => continue,
                    Err(error) => return End::Index(error),
                },
                Next::Look => match self.look(link).await {
                    Ok(()) => continue,
                    Err(error) => return End::Index(error),
                },
            };
            if outgoing.send(message).await.is_err() {
                return End::Broken;
            }
        }
    }

    /// Lists what a provider lacks. What it lost sight of while it was away comes even if something colder has to go for it; what is
    /// older only as far as there is room.
    async fn look(&self, link: &Link) -> Result<(), index::Error> {
        let Level { used, limit } = link.level();
        let (mut room, chunk) = (limit.saturating_sub(used), u64::from(self.sources.chunk()));
        for lacking in self.index.lacking(Arc::clone(link.id())).await? {
            let numbers = self.index.lacking_of(Arc::clone(link.id()), lacking.media).await?;
            for number in numbers {
                let is_owed = lacking.used > link.before;
                if !is_owed && room < chunk * 2 {
                    return Ok(());
                }
                room = room.saturating_sub(chunk);
                link.relay(lacking.media, number);
            }
        }
        Ok(())
    }

    /// A chunk as it is handed over; `None` if it is not here.
    async fn chunk(
        &self,
        (media, number): Name,
        titled: &mut Option<(Title, String, crate::id::MediaId)>,
    ) -> Result<Option<Bytes>, index::Error> {
        let Some(sum) = self.index.sum(media, number).await? else { return Ok(None) };
        let Some(source) = self.sources.get(media).await? else { return Ok(None) };
        if titled.as_ref().is_none_or(|(_, _, of)| *of != media) {
            let known = self.index.media(media).await?;
            *titled = known.map(|known| {
                let name = known.file_name().to_string_lossy().into_owned();
                (known.title, name, media)
            });
        }
        let Some((title, name, _)) = titled else { return Ok(None) };
        let place = source.place(number);
        let chunk = Chunk {
            timestamp: self.clock.now().0,
            offset: place.start,
            length: u32::try_from(place.len()).unwrap_or(0),
            ..Chunk::named(media, number, sum)
        };
        let chunk = chunk.titled(title, Path::new(name));
        let read = tokio::task::spawn_blocking(move || {
            Frame::store_filled(&chunk, |bytes| source.read(bytes, place.start))
        });
        match read.await {
            Ok(Ok(message)) => Ok(Some(message)),
            Ok(Err(error)) => {
                debug!(%media, number, %error, "chunk not handed over");
                Ok(None)
            }
            Err(_) => Err(index::Error::Closed),
        }
    }

    fn tell(&self, link: &Link, connected: bool) {
        self.events.tell(Event::Peer { role: "provider", peer: link.id().to_string(), connected });
    }
}

/// Whether a provider is let in: one that came before only with the key it had then.
fn admit(hello: &FromProvider, known: Option<&Provider>) -> Result<(), End> {
    if !hello.versions.contains(&VERSION) {
        return Err(End::Refused("version", format!("version {VERSION} is spoken here")));
    }
    if !id_is_plain(&hello.id) {
        let what = "an id has 1 to 64 letters, digits, dots, dashes and underscores";
        return Err(End::Refused("id", what.to_owned()));
    }
    match known {
        // Digests are compared: how long that takes tells nothing of the key.
        Some(known) if known.key != digest(&hello.key) => {
            Err(End::Refused("key", format!("the id {} is another provider's", hello.id)))
        }
        _ => Ok(()),
    }
}

fn digest(key: &str) -> [u8; 32] {
    blake3::hash(key.as_bytes()).into()
}
