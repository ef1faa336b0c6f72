//! Tells receivers of the user's what happens to media: by HTTP, signed, and again until they take it.
//!
//! What is to be told is written into the index at once, and taken out when its receiver has said 2xx; so a restart goes on with it. A
//! receiver has a task of its own and hears one message at a time, so that none waits for another's. Messages may come twice, when an
//! answer is lost, and out of their order, when one is tried again.

mod message;

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use crate::clock::{Clock, Moment};
use crate::config;
use crate::events::{Event, Events, Listening};
use crate::index::{self, Delivery, Index};
use crate::peer::{Address, Backoff, Client, Request};
use crate::task::Tasks;

/// How long a receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first rest after a message was not taken, and the longest.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15 * 60));
/// After so long a message is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// How long nothing is tried when the index can't be read.
const FAULT: Duration = Duration::from_secs(5);

/// Why there are no webhooks.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its address is none that we can speak to.
    #[error("webhook {0}: an address is written like https://host/path or http://host:8080/path")]
    Address(String),
    /// It has no secret.
    #[error("webhook {0}: has no secret")]
    NoSecret(String),
}

/// Tells receivers.
#[derive(Debug)]
pub struct Webhooks {
    index: Arc<Index>,
    events: Arc<Events>,
    listening: Listening,
    clock: Clock,
    receivers: Receivers,
}

/// Those who are told.
#[derive(Debug)]
pub struct Receivers(Vec<Arc<Receiver>>);

/// One who is told.
#[derive(Debug)]
struct Receiver {
    settings: config::Webhook,
    client: Client,
    news: Notify,
}

impl Receivers {
    /// As they are configured.
    ///
    /// # Errors
    /// When one makes no sense.
    pub fn new(settings: &[config::Webhook]) -> Result<Self, Error> {
        let receivers = settings.iter().map(|settings| Receiver::new(settings.clone()).map(Arc::new));
        receivers.collect::<Result<_, _>>().map(Self)
    }
}

impl Webhooks {
    /// For these receivers, who are told of all that happens from now on.
    pub fn new(receivers: Receivers, index: Arc<Index>, events: Arc<Events>, clock: Clock) -> Self {
        let listening = events.listen(None);
        Self { index, events, listening, clock, receivers }
    }

    /// Tells, until it is dropped; receivers are told by tasks of their own.
    pub async fn run(mut self, tasks: Tasks) {
        let urls = self.receivers.0.iter().map(|receiver| receiver.settings.url.clone()).collect();
        if let Err(error) = self.index.keep_deliveries_only(urls).await {
            warn!(%error, "messages for receivers that are gone stay");
        }
        for receiver in &self.receivers.0 {
            let (receiver, index) = (Arc::clone(receiver), Arc::clone(&self.index));
            let clock = self.clock.clone();
            tasks.spawn_until_stop(async move { receiver.run(&index, &clock).await });
        }
        if self.receivers.0.is_empty() {
            return;
        }
        let mut last = None;
        loop {
            match self.listening.next().await {
                Some(numbered) => {
                    last = Some(numbered.number);
                    self.heard(&numbered.event).await;
                }
                // Too many came at once: the later ones can still be had.
                None => {
                    self.listening = self.events.listen(last);
                    if self.listening.lost() {
                        warn!("so much happened at once that receivers are not told of all");
                    }
                }
            }
        }
    }

    /// Writes down what is to be told because of an event.
    async fn heard(&self, event: &Event) {
        let Some((occasion, id)) = message::occasion(event) else { return };
        let now = self.clock.now();
        for receiver in self.receivers.0.iter().filter(|other| other.settings.events.contains(&occasion)) {
            let delivery = Delivery {
                number: 0,
                receiver: receiver.settings.url.clone(),
                about: format!("{} {id}", occasion.as_str()),
                body: message::body(event, occasion, id, now),
                made: now,
                tries: 0,
                due: now,
            };
            match self.index.put_delivery(delivery).await {
                Ok(()) => receiver.news.notify_one(),
                Err(error) => warn!(%error, media = %id, "a receiver is not told"),
            }
        }
    }
}

impl Receiver {
    fn new(settings: config::Webhook) -> Result<Self, Error> {
        let address: Address = settings.url.parse().map_err(|_| Error::Address(settings.url.clone()))?;
        if settings.secret.is_empty() {
            return Err(Error::NoSecret(settings.url));
        }
        Ok(Self { client: Client::new(address), settings, news: Notify::new() })
    }

    /// Delivers what waits, one after another, until it is dropped.
    async fn run(&self, index: &Index, clock: &Clock) {
        loop {
            let rest = match self.deliver_next(index, clock).await {
                Ok(rest) => rest,
                Err(error) => {
                    warn!(%error, "what is to be told can't be read");
                    Some(FAULT)
                }
            };
            match rest {
                Some(rest) => drop(tokio::time::timeout(rest, self.news.notified()).await),
                None => self.news.notified().await,
            }
        }
    }

    /// Delivers what is due; gives back how long nothing else will be, `None` if nothing waits.
    async fn deliver_next(&self, index: &Index, clock: &Clock) -> Result<Option<Duration>, index::Error> {
        let Some(delivery) = index.next_delivery(self.settings.url.clone()).await? else { return Ok(None) };
        let now = clock.now();
        if delivery.due > now {
            return Ok(Some(delivery.due.since(now)));
        }
        match self.deliver(&delivery, now).await {
            Ok(()) => {
                debug!(receiver = self.settings.url, about = delivery.about, "receiver told");
                index.remove_delivery(delivery.number).await?;
            }
            Err(why) if clock.now().since(delivery.made) > GIVEN_UP_AFTER => {
                warn!(receiver = self.settings.url, about = delivery.about, why, "message given up");
                index.remove_delivery(delivery.number).await?;
            }
            Err(why) => {
                info!(receiver = self.settings.url, about = delivery.about, why, "message tried again later");
                index.postpone_delivery(delivery.number, clock.now().after(rest(delivery.tries))).await?;
            }
        }
        Ok(Some(Duration::ZERO))
    }

    async fn deliver(&self, delivery: &Delivery, now: Moment) -> Result<(), String> {
        let Delivery { number, body, .. } = delivery;
        let secret = self.settings.secret.each().next().unwrap_or_default();
        // The address is the whole path.
        let path = if self.client.address().below.is_empty() { "/" } else { "" };
        let request = Request::new(Method::POST, path)
            .header("content-type", "application/json")
            .header("user-agent", "segue")
            .header("segue-delivery", number.to_string())
            .header("segue-signature", message::signature(secret, body, now))
            .body(body.clone());
        let answered = tokio::time::timeout(PATIENCE, self.client.ask(request)).await;
        let reply = answered.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
        if reply.status.is_success() { Ok(()) } else { Err(format!("answered {}", reply.status.as_u16())) }
    }
}

/// How long a message rests that was tried so often before.
fn rest(tries: u32) -> Duration {
    let whole = REST.0.saturating_mul(1_u32.checked_shl(tries).unwrap_or(u32::MAX)).min(REST.1);
    Backoff::new(whole, REST.1).rest()
}

#[cfg(test)]
mod tests {
    use segmenter::manifest::State;

    use super::*;
    use crate::config::Sync;
    use crate::id::MediaId;

    fn settings(url: &str, secret: &str) -> config::Webhook {
        let events = vec![config::Occasion::Ready];
        config::Webhook { url: url.to_owned(), secret: secret.parse().unwrap(), events }
    }

    #[tokio::test]
    async fn what_happens_before_it_runs_is_told_too() {
        const NOBODY: &str = "http://127.0.0.1:9/";
        let data = tempfile::tempdir().unwrap();
        let index = Arc::new(Index::open(data.path(), Sync::Process).unwrap());
        let (events, tasks) = (Arc::new(Events::new(&Clock::manual())), Tasks::default());
        let receivers = Receivers::new(&[settings(NOBODY, "0123456789abcdef")]).unwrap();
        let webhooks = Webhooks::new(receivers, Arc::clone(&index), Arc::clone(&events), Clock::manual());
        let id = MediaId::of_file(std::path::Path::new("/a"));
        events.tell(Event::Media { id, title: "a".to_owned(), state: State::Ready, error: None });
        tasks.spawn_until_stop(webhooks.run(tasks.clone()));
        let written = async {
            loop {
                if let Some(delivery) = index.next_delivery(NOBODY.to_owned()).await.unwrap() {
                    return delivery.about;
                }
            }
        };
        let written = tokio::time::timeout(Duration::from_secs(30), written).await;
        assert_eq!(written.expect("it is written down"), format!("ready {id}"));
    }

    #[test]
    fn rests_double_and_are_never_longer_than_a_quarter_of_an_hour() {
        for (tries, whole) in [(0, 1), (1, 2), (5, 32), (12, 900), (40, 900)] {
            let (rest, whole) = (rest(tries), Duration::from_secs(whole));
            assert!(rest >= whole / 2 && rest <= whole, "{tries}: {rest:?}");
        }
    }

    #[test]
    fn a_receiver_that_makes_no_sense_is_refused() {
        let receiver = |url: &str, secret: &str| Receiver::new(settings(url, secret));
        assert!(receiver("http://a/b", "0123456789abcdef").is_ok());
        assert!(receiver("https://a/b", "0123456789abcdef").is_ok());
        assert!(matches!(receiver("ftp://a/b", "0123456789abcdef"), Err(Error::Address(_))));
        assert!(matches!(receiver("http://a/b", ""), Err(Error::NoSecret(_))));
    }
}
