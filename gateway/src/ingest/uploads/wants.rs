//! What of an upload is wanted next, told to whoever sends it as it changes.

use std::sync::Arc;
use std::time::Duration;

use segmenter::bytes::ByteRange;
use segmenter::manifest::State;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::live::Live;
use crate::events::{Event, Events, Listening};
use crate::id::MediaId;
use crate::index::{self, Index};

/// Ranges told at once.
const MOST: usize = 64;
/// What is urgent is told no sooner than this after what was told before.
const SOON: Duration = Duration::from_millis(50);
/// As often it is told that the rest has become less.
const AT_TIMES: Duration = Duration::from_secs(1);

/// What is wanted of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    /// The most urgent first, at most 64.
    pub ranges: Vec<ByteRange>,
    /// How many of them somebody waits for; the others are the rest.
    pub urgent: usize,
    /// How far the medium is.
    pub state: State,
    /// What the upload becomes.
    pub media: MediaId,
}

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// This is wanted now.
    Wants(Wants),
    /// Nothing more is: all is here, or it is over.
    Done(Wants),
}

/// Tells what is wanted of one upload.
#[derive(Debug)]
pub struct Telling {
    live: Arc<Live>,
    index: Arc<Index>,
    events: Arc<Events>,
    stop: CancellationToken,
    listening: Listening,
    news: watch::Receiver<u64>,
    wanted: watch::Receiver<u64>,
    state: Option<State>,
    said: Option<Wants>,
    last: Instant,
    over: bool,
}

impl Telling {
    pub(super) fn new(
        live: Arc<Live>,
        index: Arc<Index>,
        events: Arc<Events>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            listening: events.listen(None),
            news: live.source.news(),
            wanted: live.source.wants(),
            live,
            index,
            events,
            stop,
            state: None,
            said: None,
            last: Instant::now(),
            over: false,
        }
    }

    /// Waits until there is something to say; `None` when nothing more will be.
    pub async fn next(&mut self) -> Option<Say> {
        while !self.over {
            self.news.borrow_and_update();
            self.wanted.borrow_and_update();
            let Ok(wants) = self.look().await else { break };
            if matches!(wants.state, State::Ready | State::Failed | State::Expired) {
                self.over = true;
                return Some(Say::Done(wants));
            }
            let due = self.due(&wants);
            tokio::select! {
                () = sleep_until(due.unwrap_or(self.last)), if due.is_some() => {
                    self.last = Instant::now();
                    self.said = Some(wants.clone());
                    return Some(Say::Wants(wants));
                }
                // The senders live as long as the source, which is held.
                _ = self.news.changed() => {}
                _ = self.wanted.changed() => {}
                event = self.listening.next() => match event.as_deref().map(|numbered| &numbered.event) {
                    Some(Event::Media { id, .. } | Event::Gone { id, .. }) if *id != self.live.source.id() => {}
                    Some(Event::Media { .. } | Event::Gone { .. }) => self.state = None,
                    Some(_) => {}
                    // Some were missed.
                    None => {
                        self.listening = self.events.listen(None);
                        self.state = None;
                    }
                },
                () = self.stop.cancelled() => break,
            }
        }
        self.over = true;
        None
    }

    async fn look(&mut self) -> Result<Wants, index::Error> {
        let media = self.live.source.id();
        let state = match self.state {
            Some(state) => state,
            None => self.index.media(media).await?.map_or(State::Expired, |media| media.state),
        };
        let state = if self.live.source.is_gone() { State::Expired } else { state };
        self.state = Some(state);
        Ok(wants(&self.live, state))
    }

    /// When this is to be told; `None` if it was.
    fn due(&self, wants: &Wants) -> Option<Instant> {
        let Some(said) = &self.said else { return Some(Instant::now()) };
        let urgent = |wants: &Wants| wants.ranges.get(..wants.urgent).map(<[_]>::to_vec);
        if said.state != wants.state || urgent(said) != urgent(wants) {
            return Some(self.last + SOON);
        }
        (said.ranges != wants.ranges).then(|| self.last + AT_TIMES)
    }
}

/// What is wanted of an upload now.
pub(super) fn wants(live: &Live, state: State) -> Wants {
    let urgent = live.source.urgent().len().min(MOST);
    let mut ranges = match state {
        State::Receiving | State::Playable => live.source.wanted(),
        _ => Vec::new(),
    };
    ranges.truncate(MOST);
    Wants { urgent: urgent.min(ranges.len()), ranges, state, media: live.source.id() }
}
