//! What happens to media, uploads and peers, told to whoever listens.
//!
//! The last `KEPT` events can be had again by one who was away for a moment. One who reads more slowly than events come loses the oldest
//! and is told so; nobody who tells one ever waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use segmenter::manifest::State;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::clock::Clock;
use crate::id::MediaId;
use crate::index::{JobKind, JobState};

/// Events that can be had again.
const KEPT: usize = 1024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// A medium is there, or is in another state.
    Media {
        /// Which.
        #[schema(value_type = String)]
        id: MediaId,
        /// Its title.
        title: String,
        /// `receiving`, `playable`, `ready`, `failed` or `expired`.
        #[schema(value_type = String)]
        state: State,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// More of a medium is here.
    Arrived {
        /// Which.
        #[schema(value_type = String)]
        id: MediaId,
        /// Bytes that are here.
        here: u64,
        /// Bytes there will be.
        bytes: Option<u64>,
    },
    /// A medium is not there any more.
    Gone {
        /// Which.
        #[schema(value_type = String)]
        id: MediaId,
        /// `deleted`, `expired` or `evicted`.
        why: &'static str,
    },
    /// Work in the background began, or ended, or is to be tried again.
    Job {
        /// Its number.
        id: i64,
        /// What is done.
        kind: JobKind,
        /// With which medium.
        #[schema(value_type = String)]
        media: MediaId,
        /// How far it is.
        state: JobState,
    },
    /// A broadcaster or provider came or went.
    Peer {
        /// `broadcaster` or `provider`.
        role: &'static str,
        /// Its id.
        peer: String,
        /// Whether it is connected.
        connected: bool,
    },
}

impl Event {
    /// Its name in a stream.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Media { .. } => "media",
            Self::Arrived { .. } => "arrived",
            Self::Gone { .. } => "gone",
            Self::Job { .. } => "job",
            Self::Peer { .. } => "peer",
        }
    }

    /// The medium it is about; `None` when it is about none.
    pub fn media(&self) -> Option<MediaId> {
        match self {
            Self::Media { id, .. } | Self::Arrived { id, .. } | Self::Gone { id, .. } => Some(*id),
            Self::Job { media, .. } => Some(*media),
            Self::Peer { .. } => None,
        }
    }
}

/// An event and its place among all, which only grows, over restarts too.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// Its place.
    pub number: u64,
    /// What happened.
    pub event: Event,
}

/// Hands events to all who listen.
#[derive(Debug)]
pub struct Events {
    recent: Mutex<Recent>,
    listeners: broadcast::Sender<Arc<Numbered>>,
}

#[derive(Debug)]
struct Recent {
    next: u64,
    /// The last that can't be had again, and was not outdated by a later one.
    forgotten: u64,
    events: VecDeque<Arc<Numbered>>,
}

/// Events from some place on.
#[derive(Debug)]
pub struct Listening {
    missed: VecDeque<Arc<Numbered>>,
    lost: bool,
    coming: broadcast::Receiver<Arc<Numbered>>,
}

impl Events {
    /// With nobody listening. Numbers begin with the time, so that they are larger than those of any gateway before.
    pub fn new(clock: &Clock) -> Self {
        let next = clock.now().0 << 10;
        let recent = Recent { next, forgotten: next.saturating_sub(1), events: VecDeque::new() };
        Self { recent: Mutex::new(recent), listeners: broadcast::Sender::new(KEPT) }
    }

    /// Tells what happened.
    pub fn tell(&self, event: Event) {
        let mut recent = self.recent();
        let numbered = Arc::new(Numbered { number: recent.next, event });
        recent.next += 1;
        if let Event::Arrived { id, .. } = numbered.event {
            // How much is here is told again and again, and only the last word counts: it would crowd out all others.
            let outdated = |event: &Event| matches!(event, Event::Arrived { id: other, .. } if *other == id);
            recent.events.retain(|other| !outdated(&other.event));
        }
        if recent.events.len() == KEPT
            && let Some(oldest) = recent.events.pop_front()
        {
            recent.forgotten = oldest.number;
        }
        recent.events.push_back(Arc::clone(&numbered));
        // Sent while the lock is held, so that all hear the same order. Nobody listening is no fault.
        let _ = self.listeners.send(numbered);
    }

    /// Listens: to what comes, and to what came after the event of this number as far as it can still be had.
    pub fn listen(&self, after: Option<u64>) -> Listening {
        let recent = self.recent();
        let missed = recent.events.iter().filter(|event| after.is_some_and(|after| event.number > after));
        Listening {
            missed: missed.cloned().collect(),
            lost: after.is_some_and(|after| after < recent.forgotten),
            coming: self.listeners.subscribe(),
        }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // Nothing panics while it is held.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening {
    /// Whether events are missing between the one it was to go on after and the next; so it is after a restart, too, since nobody
    /// knows any more.
    pub fn lost(&self) -> bool {
        self.lost
    }

    /// The next event; `None` when some were lost because they were not read in time, or when no more will come.
    pub async fn next(&mut self) -> Option<Arc<Numbered>> {
        match self.missed.pop_front() {
            Some(event) => Some(event),
            None => self.coming.recv().await.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(why: &'static str) -> Event {
        Event::Gone { id: MediaId::of_file(std::path::Path::new("/a")), why }
    }

    #[tokio::test]
    async fn one_who_was_away_hears_what_it_missed_and_then_what_comes() {
        let events = Events::new(&Clock::manual());
        let mut first = events.listen(None);
        events.tell(gone("deleted"));
        events.tell(gone("expired"));
        let heard = first.next().await.unwrap();
        let mut again = events.listen(Some(heard.number));
        events.tell(gone("evicted"));
        let whys =
            [again.next().await.unwrap(), again.next().await.unwrap()].map(|heard| heard.event.clone());
        assert_eq!(whys, [gone("expired"), gone("evicted")]);
    }

    #[tokio::test]
    async fn one_who_was_away_for_too_long_is_told_that_something_is_missing() {
        let events = Events::new(&Clock::manual());
        let mut first = events.listen(None);
        (0..3).for_each(|_| events.tell(gone("expired")));
        let heard = first.next().await.unwrap().number;
        (0..KEPT - 2).for_each(|_| events.tell(gone("expired")));
        assert!(!events.listen(Some(heard)).lost(), "all that came after it is still there");
        events.tell(gone("expired"));
        assert!(events.listen(Some(heard)).lost());
        assert!(!events.listen(None).lost());
    }

    #[tokio::test]
    async fn how_much_is_here_is_kept_once_a_medium() {
        let events = Events::new(&Clock::manual());
        events.tell(gone("expired"));
        let id = MediaId::of_file(std::path::Path::new("/a"));
        (0..5000).for_each(|here| events.tell(Event::Arrived { id, here, bytes: None }));
        let mut listening = events.listen(Some(0));
        assert!(!listening.lost());
        assert_eq!(listening.next().await.unwrap().event, Event::Arrived { id, here: 4999, bytes: None });
    }

    #[tokio::test]
    async fn one_who_is_too_slow_is_told_so_and_holds_nobody_up() {
        let events = Events::new(&Clock::manual());
        let mut slow = events.listen(None);
        (0..=KEPT).for_each(|_| events.tell(gone("expired")));
        assert_eq!(slow.next().await, None);
    }
}
