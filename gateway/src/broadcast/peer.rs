//! A broadcaster that is connected: what it has been asked for, what may be asked for more, and the way to it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use segmenter::bytes::ByteRange;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::demand::{Asked, Room};
use super::want::{Progress, Want};
use super::{TakeError, Taking};
use crate::config;
use crate::id::{MediaId, Token};
use crate::index::Offer;
use crate::source::Stored;

/// Messages that may wait to be read. One who leaves more unread is not there any more.
const UNREAD: usize = 256;

/// What a broadcaster is told.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Message {
    /// A film is asked for. What of it follows.
    Request {
        /// Names this request.
        #[schema(value_type = String)]
        token: Token,
        /// The film, as the broadcaster calls it.
        item: String,
        /// What it becomes.
        #[schema(value_type = String)]
        media: MediaId,
        /// Bytes that it is expected to have.
        size: u64,
    },
    /// These bytes are wanted, in this order.
    Want {
        /// Of which request.
        #[schema(value_type = String)]
        request: Token,
        /// The film, as the broadcaster calls it.
        item: String,
        /// Each with a token of its own.
        wants: Vec<Wish>,
        /// Bytes that may be sent now, of all that was asked for: space for these is promised, and no others are taken.
        may: u64,
    },
    /// What is being sent for these tokens is to stop at once: nobody needs it any more. No token names the whole request.
    Cancel {
        /// Of which request.
        #[schema(value_type = String)]
        request: Token,
        /// Which bytes; none of them for all, and for the request itself.
        #[schema(value_type = Vec<String>)]
        tokens: Vec<Token>,
    },
    /// Another connection has taken this one's place with the same key.
    Replaced {},
}

impl Message {
    /// Its name in a stream.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Want { .. } => "want",
            Self::Cancel { .. } => "cancel",
            Self::Replaced {} => "replaced",
        }
    }
}

/// Bytes that are wanted, and the leave to send them, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Wish {
    /// Stands in the address that the bytes go to.
    #[schema(value_type = String)]
    pub token: Token,
    /// The first byte.
    pub from: u64,
    /// The byte behind the last.
    pub to: u64,
}

/// How a broadcaster stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Standing {
    /// Whether it is connected.
    pub connected: bool,
    /// Films that it offers.
    pub films: u64,
    /// Films that it is asked for now.
    pub requests: u64,
    /// Bytes that it may send now: those that it was asked for. Space for them is promised; no others are taken.
    pub may: u64,
    /// Bytes that it sent since it connected.
    pub sent: u64,
}

/// A broadcaster that is connected.
#[derive(Debug)]
pub struct Peer {
    pub(super) id: Arc<str>,
    settings: config::Broadcast,
    out: mpsc::Sender<Message>,
    /// Told when something that it was asked for is over.
    pub(super) freed: watch::Sender<u64>,
    /// Cancelled when it is not connected any more.
    pub(super) gone: CancellationToken,
    replaced: AtomicBool,
    progress: Progress,
    sent: AtomicU64,
    state: Mutex<State>,
}

/// How long one who has just stalled is asked only if nobody else can.
const AVOIDED: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct State {
    offers: HashSet<MediaId>,
    requests: usize,
    wants: HashMap<Token, Arc<Want>>,
    /// Bytes of all that it was asked for.
    flying: u64,
    /// Until when it is asked only if nobody else can be.
    avoided: Option<Instant>,
    /// Films of which it sent what they are not.
    distrusted: HashSet<MediaId>,
}

impl Peer {
    pub(super) fn new(
        id: &str,
        settings: &config::Broadcast,
        offers: HashSet<MediaId>,
    ) -> (Arc<Self>, mpsc::Receiver<Message>) {
        let (out, messages) = mpsc::channel(UNREAD);
        let peer = Self {
            id: id.into(),
            settings: settings.clone(),
            out,
            freed: watch::Sender::new(0),
            gone: CancellationToken::new(),
            replaced: AtomicBool::new(false),
            progress: Progress::new(),
            sent: AtomicU64::new(0),
            state: Mutex::new(State { offers, ..State::default() }),
        };
        (Arc::new(peer), messages)
    }

    pub(super) fn offers(&self, id: MediaId) -> bool {
        let state = self.state();
        !self.gone.is_cancelled() && state.offers.contains(&id) && !state.distrusted.contains(&id)
    }

    /// Never asks it for this film again, as long as it is connected: it sent something else.
    pub(super) fn distrust(&self, id: MediaId) {
        self.state().distrusted.insert(id);
    }

    /// Asks it for a while only if nobody else can be asked.
    pub(super) fn avoid(&self) {
        self.state().avoided = Some(Instant::now() + AVOIDED);
    }

    /// Until when it is avoided; `None` if it is not.
    pub(super) fn avoided(&self) -> Option<Instant> {
        self.state().avoided.filter(|until| *until > Instant::now())
    }

    pub(super) fn set_offers(&self, offers: HashSet<MediaId>) {
        self.state().offers = offers;
    }

    /// Films that it is asked for, and bytes: whoever has less to do is asked first.
    pub(super) fn load(&self) -> (usize, u64) {
        let state = self.state();
        (state.requests, state.flying)
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            connected: !self.gone.is_cancelled(),
            films: state.offers.len() as u64,
            requests: state.requests as u64,
            may: state.flying,
            sent: self.sent.load(Ordering::Relaxed),
        }
    }

    /// Counts bytes that came.
    pub(super) fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.progress.made();
    }

    /// When it last sent anything.
    pub(super) fn last(&self) -> Instant {
        self.progress.last()
    }

    /// Ends its connection, and all that it was asked for.
    pub(super) fn end(&self) {
        self.gone.cancel();
        let wants: Vec<_> = {
            let mut state = self.state();
            state.flying = 0;
            state.wants.drain().map(|(_, want)| want).collect()
        };
        wants.iter().for_each(|want| want.over.cancel());
        self.tell_freed();
    }

    /// As [`Self::end`], because another has come in its place.
    pub(super) fn replace(&self) {
        self.replaced.store(true, Ordering::Relaxed);
        self.end();
    }

    pub(super) fn was_replaced(&self) -> bool {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Says something; one who does not listen is not there any more.
    fn say(&self, message: Message) {
        if self.out.try_send(message).is_err() {
            self.end();
        }
    }

    /// Asks for a film; `None` when it is asked for as many as it may be already.
    pub(super) fn request(self: &Arc<Self>, offer: &Offer, source: &Arc<Stored>) -> Option<Request> {
        let mut state = self.state();
        if self.gone.is_cancelled() || state.requests >= self.settings.requests.max(1) {
            return None;
        }
        state.requests += 1;
        drop(state);
        let token = Token::random();
        let Offer { item, media, size, .. } = offer.clone();
        self.say(Message::Request { token, item: item.clone(), media, size });
        let (peer, source, progress) = (Arc::clone(self), Arc::clone(source), Arc::new(Progress::new()));
        Some(Request { peer, source, token, item, progress, asked: Vec::new() })
    }

    /// The bytes that a token gives leave to send.
    pub(super) fn take(
        self: &Arc<Self>,
        token: Token,
        range: ByteRange,
        length: Option<u64>,
    ) -> Result<Taking, TakeError> {
        let want = self.state().wants.get(&token).cloned().ok_or(TakeError::NotAsked)?;
        Taking::begin(Arc::clone(self), want, range, length)
    }

    /// Something it was asked for is here, or not expected from it any more. False if that is not new.
    pub(super) fn over(&self, want: &Want) -> bool {
        let mut state = self.state();
        let was = state.wants.remove(&want.token).is_some();
        if was {
            state.flying -= want.range.len();
        }
        drop(state);
        want.over.cancel();
        self.tell_freed();
        was
    }

    fn tell_freed(&self) {
        self.freed.send_modify(|count| *count += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A film that a broadcaster is asked for, as long as this is held.
#[derive(Debug)]
pub(super) struct Request {
    peer: Arc<Peer>,
    source: Arc<Stored>,
    token: Token,
    item: String,
    progress: Arc<Progress>,
    asked: Vec<Arc<Want>>,
}

impl Request {
    /// What it was asked for and has not sent.
    pub(super) fn asked(&mut self) -> Vec<Asked> {
        self.asked.retain(|want| !want.is_over());
        self.asked.iter().map(|want| Asked { range: want.range, urgent: want.urgent }).collect()
    }

    /// Bytes that it may be asked for more.
    pub(super) fn room(&self) -> Room {
        let flight = self.peer.settings.flight.0;
        Room { free: flight.saturating_sub(self.peer.state().flying), ahead: flight / 2 }
    }

    /// Asks for these.
    pub(super) fn ask(&mut self, pieces: &[Asked]) {
        if pieces.is_empty() {
            return;
        }
        if self.asked.is_empty() {
            self.progress.made();
        }
        let mut state = self.peer.state();
        if self.peer.gone.is_cancelled() {
            return;
        }
        let mut wants = Vec::with_capacity(pieces.len());
        for piece in pieces {
            // Another film may have taken the room in between.
            if state.flying > 0 && state.flying + piece.range.len() > self.peer.settings.flight.0 {
                break;
            }
            let want = Arc::new(Want::new(&self.source, &self.progress, piece.range, piece.urgent));
            wants.push(Wish { token: want.token, from: piece.range.start, to: piece.range.end });
            state.flying += piece.range.len();
            state.wants.insert(want.token, Arc::clone(&want));
            self.asked.push(want);
        }
        let may = state.flying;
        drop(state);
        if !wants.is_empty() {
            self.peer.say(Message::Want { request: self.token, item: self.item.clone(), wants, may });
        }
    }

    /// Takes back some of what it was asked for, by their places in [`Self::asked`].
    pub(super) fn cancel(&mut self, which: &[usize]) {
        let wants: Vec<_> = which.iter().filter_map(|at| self.asked.get(*at).cloned()).collect();
        let tokens: Vec<_> =
            wants.iter().filter(|want| self.peer.over(want)).map(|want| want.token).collect();
        if !tokens.is_empty() {
            self.peer.say(Message::Cancel { request: self.token, tokens });
        }
    }

    /// Which of what it was asked for is due since long, though it sends other things.
    pub(super) fn overdue(&self, since: Instant) -> Vec<usize> {
        let late = |want: &Arc<Want>| want.last() < since;
        (0..self.asked.len()).filter(|at| late(&self.asked[*at])).collect()
    }

    /// When something of this film came last, or it was asked for something while nothing was under way.
    pub(super) fn last(&self) -> Instant {
        self.progress.last()
    }

    /// Whether it sends other bytes than others did.
    pub(super) fn is_useless(&self) -> bool {
        self.progress.useless()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        for want in &self.asked {
            self.peer.over(want);
        }
        let mut state = self.peer.state();
        state.requests = state.requests.saturating_sub(1);
        drop(state);
        self.peer.say(Message::Cancel { request: self.token, tokens: Vec::new() });
        self.peer.tell_freed();
    }
}
