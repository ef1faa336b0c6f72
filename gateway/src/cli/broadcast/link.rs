//! The connection to the gateway: the catalogue goes there, wants come back.

use std::future::Future;
use std::time::Duration;

use hyper::Method;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};

use super::Bars;
use super::BroadcastArgs;
use super::Failure;
use super::sending::Sending;
use super::shelf::{Offered, Shelf};
use crate::peer::{Address, Client, Error, EventStream, Reply, Request};

/// A gateway says something at least so often.
const SILENCE: Duration = Duration::from_secs(45);
/// How often the folder is looked through.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why a connection is over.
pub(super) enum Ended {
    /// It may be made again.
    Lost(String),
    /// It would end the same way again.
    Refused(Failure),
}

/// The way to one gateway, as one broadcaster.
#[derive(Clone, Debug)]
pub(super) struct Link {
    client: Client,
    id: String,
    key: String,
}

#[derive(Serialize)]
struct Catalogue<'a> {
    films: Vec<Offered<'a>>,
}

/// What the gateway says when it refuses.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: Option<String>,
}

impl Link {
    pub(super) fn new(args: &BroadcastArgs, key: &str) -> Self {
        let client = Client::with_token(args.to.clone(), args.token.get());
        Self { client, id: args.id.clone(), key: key.to_owned() }
    }

    pub(super) fn address(&self) -> &Address {
        self.client.address()
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Offers the films, and sends what is asked for, until the connection is over.
    pub(super) async fn offer_and_send(
        &self,
        shelf: &mut Shelf,
        bars: &Bars,
        mut connected: impl FnMut(usize),
    ) -> Ended {
        match self.try_offer_and_send(shelf, bars, &mut connected).await {
            Ok(()) => Ended::Lost("the gateway ended it".to_owned()),
            Err(ended) => ended,
        }
    }

    async fn try_offer_and_send(
        &self,
        shelf: &mut Shelf,
        bars: &Bars,
        connected: &mut impl FnMut(usize),
    ) -> Result<(), Ended> {
        self.offer(shelf).await?;
        let asked = self.request(Method::GET, "requests").header("accept", "text/event-stream");
        let reply = accepted(self.client.ask(asked)).await?;
        let mut events = EventStream::new(reply, SILENCE);
        connected(shelf.len());
        let mut sending = Sending::new(self, bars);
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = events.next() => {
                    let Some(message) = message? else { return Ok(()) };
                    if message.name == "replaced" {
                        let failure = Failure::new(format!("another broadcaster has connected as {}", self.id));
                        return Err(Ended::Refused(failure.hint("give each its own --id")));
                    }
                    sending.told(&message, shelf);
                }
                () = sending.some_done() => {}
                _ = look.tick() => self.offer_again(shelf).await?,
            }
            if sending.found_stale() {
                self.offer_again(shelf).await?;
            }
        }
    }

    /// Says what is offered, if that has changed.
    async fn offer_again(&self, shelf: &mut Shelf) -> Result<(), Ended> {
        // Walking a folder and reading what is new takes a moment; bytes under way go on.
        match tokio::task::block_in_place(|| shelf.look_again()) {
            Ok(true) => self.offer(shelf).await,
            _ => Ok(()),
        }
    }

    async fn offer(&self, shelf: &Shelf) -> Result<(), Ended> {
        let catalogue = Catalogue { films: shelf.offered() };
        let text = serde_json::to_string(&catalogue).map_err(|error| Ended::Lost(error.to_string()))?;
        let request = self.request(Method::PUT, "catalogue").header("content-type", "application/json");
        let reply = accepted(self.client.ask(request.body(text))).await?;
        reply.bytes().await?;
        Ok(())
    }

    /// Asks for something below the broadcaster's own address.
    pub(super) fn request(&self, method: Method, path: &str) -> Request {
        Request::new(method, format!("/v1/broadcasters/{}/{path}", self.id))
            .header("broadcaster-key", &self.key)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Lost(error.to_string())
    }
}

/// The answer, if the gateway agrees. One that will come to agree is asked again.
async fn accepted(asked: impl Future<Output = Result<Reply, Error>>) -> Result<Reply, Ended> {
    let reply = asked.await?;
    let status = reply.status;
    if status.is_success() {
        return Ok(reply);
    }
    let problem: Problem = reply.json().await.unwrap_or_default();
    let why = problem.detail.unwrap_or(problem.title);
    let told = if why.is_empty() { status.to_string() } else { why };
    if status.is_server_error() || matches!(status.as_u16(), 404 | 408 | 429) {
        return Err(Ended::Lost(told));
    }
    let failure = Failure::new(format!("the gateway refuses: {told}"));
    Err(Ended::Refused(match status.as_u16() {
        401 | 403 => {
            failure.hint("the id belongs to whoever named it first; use its key with --key, or another --id")
        }
        _ => failure,
    }))
}
