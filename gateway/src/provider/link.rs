//! What waits to be said to one provider, and what it was asked for.
//!
//! Every queue is bounded. Names of chunks to hand over: when there are too many, the newest are left out, to be found in the index later.
//! Questions: when there are too many, the next is not asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::frame::{Chunk, Frame, Level};
use crate::clock::Moment;
use crate::id::MediaId;

/// Names that may wait: of chunks of 4 MiB, those of 64 GiB.
const NAMES: usize = 16 << 10;
/// Questions and answers that may wait.
const WORDS: usize = 256;
/// Chunks that are on their way to the provider and that it has not said to keep.
const UNACKNOWLEDGED: usize = 2;

/// What tells chunks apart.
pub(super) type Name = (MediaId, u32);

/// A provider that is connected.
#[derive(Debug)]
pub(super) struct Link {
    id: Arc<str>,
    /// When it was here before, and for how long its own eviction need not be feared.
    pub(super) before: Moment,
    /// When this connection began.
    pub(super) since: Moment,
    state: Mutex<State>,
    /// Told when there is something to do.
    work: Notify,
    ended: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    level: Level,
    /// Whether it has told all that it holds.
    told: bool,
    words: VecDeque<Bytes>,
    relays: VecDeque<Name>,
    /// Whether the index may know of more that it lacks.
    look: bool,
    unacknowledged: Vec<Name>,
    asked: HashMap<Name, Vec<oneshot::Sender<Option<Bytes>>>>,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Next {
    /// Say this.
    Say(Bytes),
    /// Hand this chunk over.
    Hand(Name),
    /// Nothing waits: look into the index for what it lacks.
    Look,
}

impl Link {
    pub(super) fn new(id: Arc<str>, level: Level, before: Moment, since: Moment) -> Arc<Self> {
        let state = Mutex::new(State { level, ..State::default() });
        Arc::new(Self { id, before, since, state, work: Notify::new(), ended: CancellationToken::new() })
    }

    pub(super) fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Bytes its database takes, and may take.
    pub(super) fn level(&self) -> Level {
        self.state().level
    }

    /// Ends the connection.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// Waits until it is ended.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// A chunk is to be handed over, when its turn comes.
    pub(super) fn relay(&self, media: MediaId, number: u32) {
        let mut state = self.state();
        if state.relays.len() < NAMES {
            state.relays.push_back((media, number));
        } else {
            state.look = true;
        }
        drop(state);
        self.work.notify_one();
    }

    /// The index may know of chunks that it lacks.
    pub(super) fn look(&self) {
        self.state().look = true;
        self.work.notify_one();
    }

    /// It has told all that it holds.
    pub(super) fn told(&self) {
        self.state().told = true;
        self.look();
    }

    /// Something is to be said, before the next chunk; false if too much waits already.
    pub(super) fn say(&self, frame: &Frame) -> bool {
        let mut state = self.state();
        let has_room = state.words.len() < WORDS;
        if has_room {
            state.words.push_back(frame.encode());
        }
        drop(state);
        self.work.notify_one();
        has_room
    }

    /// Waits for something to do. One at a time asks.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.state().next() {
                return next;
            }
            self.work.notified().await;
        }
    }

    /// It was handed a chunk.
    pub(super) fn handed(&self, name: Name) {
        self.state().unacknowledged.push(name);
    }

    /// It keeps a chunk that it was handed, or won't; false if it was handed none of this name.
    pub(super) fn acknowledged(&self, name: Name, level: Option<Level>) -> bool {
        let mut state = self.state();
        state.level = level.unwrap_or(state.level);
        let place = state.unacknowledged.iter().position(|handed| *handed == name);
        if let Some(place) = place {
            state.unacknowledged.swap_remove(place);
        }
        drop(state);
        self.work.notify_one();
        place.is_some()
    }

    /// Asks for a chunk. The answer is its bytes as they came, nothing if it does not have them, and never comes if the connection ends.
    pub(super) fn ask(&self, chunk: &Chunk) -> oneshot::Receiver<Option<Bytes>> {
        let (answer, answered) = oneshot::channel();
        let name = (chunk.media, chunk.number);
        let mut state = self.state();
        // Those who stopped waiting.
        state.asked.retain(|_, waiting| {
            waiting.retain(|answer| !answer.is_closed());
            !waiting.is_empty()
        });
        let is_new = !state.asked.contains_key(&name);
        if state.asked.len() < WORDS && !self.ended.is_cancelled() {
            state.asked.entry(name).or_default().push(answer);
        }
        drop(state);
        if is_new && !self.say(&Frame::Want(*chunk)) {
            self.state().asked.remove(&name);
        }
        answered
    }

    /// What it was asked for came, or won't; false if it was not asked.
    pub(super) fn answer(&self, name: Name, bytes: Option<&Bytes>) -> bool {
        let Some(waiting) = self.state().asked.remove(&name) else { return false };
        // Who has stopped waiting needs nothing.
        waiting.into_iter().for_each(|answer| drop(answer.send(bytes.cloned())));
        true
    }

    /// It answers nothing any more: those who wait are told so.
    pub(super) fn hang_up(&self) {
        self.end();
        self.state().asked.clear();
    }

    /// Questions that it has not answered yet.
    pub(super) fn busy(&self) -> usize {
        self.state().asked.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<Next> {
        if let Some(words) = self.words.pop_front() {
            return Some(Next::Say(words));
        }
        if self.unacknowledged.len() < UNACKNOWLEDGED
            && let Some(name) = self.relays.pop_front()
        {
            return Some(Next::Hand(name));
        }
        // Only when nothing is under way: what is has no row yet, and would be found again.
        let is_idle = self.unacknowledged.is_empty() && self.relays.is_empty();
        (self.told && self.look && is_idle).then(|| {
            self.look = false;
            Next::Look
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

    use super::*;
    use std::path::Path;

    fn link() -> Arc<Link> {
        Link::new("a".into(), Level::default(), Moment(0), Moment(0))
    }

    fn media() -> MediaId {
        MediaId::of_file(Path::new("/a"))
    }

    fn numbers(link: &Link, count: usize) -> Vec<u32> {
        let mut state = link.state();
        let mut next = || match state.next() {
            Some(Next::Hand((_, number))) => Some(number),
            _ => None,
        };
        (0..count).map_while(|_| next()).collect()
    }

    #[test]
    fn one_that_stands_still_costs_a_bounded_list_of_names_and_is_looked_after_later() {
        let link = link();
        link.told();
        assert!(matches!(link.state().next(), Some(Next::Look)));
        (0..=NAMES as u32).for_each(|number| link.relay(media(), number));
        assert_eq!(numbers(&link, NAMES), (0..NAMES as u32).collect::<Vec<_>>());
        assert!(matches!(link.state().next(), Some(Next::Look)), "for the one that was left out");
    }

    #[test]
    fn no_more_is_under_way_than_it_has_said_to_keep_and_what_is_said_goes_first() {
        let link = link();
        (0..4).for_each(|number| link.relay(media(), number));
        for number in numbers(&link, UNACKNOWLEDGED) {
            link.handed((media(), number));
        }
        assert!(numbers(&link, 1).is_empty());
        assert!(link.say(&Frame::Ping(1)));
        assert!(matches!(link.state().next(), Some(Next::Say(_))));
        assert!(link.acknowledged((media(), 0), None) && !link.acknowledged((media(), 0), None));
        assert_eq!(numbers(&link, 1), [2]);
    }

    #[tokio::test]
    async fn an_answer_reaches_all_who_asked_and_what_nobody_asked_for_none() {
        let link = link();
        let chunk = Chunk::named(media(), 1, [0; 32]);
        let (first, second) = (link.ask(&chunk), link.ask(&chunk));
        assert!(matches!(link.state().next(), Some(Next::Say(_))));
        assert!(link.state().next().is_none(), "it is asked once");
        let bytes = Bytes::from_static(b"bytes");
        assert!(link.answer((media(), 1), Some(&bytes)) && !link.answer((media(), 1), Some(&bytes)));
        assert_eq!((first.await, second.await), (Ok(Some(bytes.clone())), Ok(Some(bytes))));
    }
}
