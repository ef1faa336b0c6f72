//! Sends what is asked for, in the order in which it is asked for, and stops at once when it is not needed any more.
//!
//! # Why
//! The bytes of one piece go out at a time, so that what was asked for first comes first on a slow way; those of the next follow while the
//! gateway has yet to say that it has the last, so that a long way is full.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use hyper::Method;
use segmenter::offline::Progress;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

use super::Bars;
use super::link::Link;
use super::shelf::{Film, Shelf};
use crate::cli::failure::one_line;
use crate::cli::progress::Bar;
use crate::id::Identity;
use crate::peer::{Body, Message};

/// Pieces that are under way at once: one of which bytes are sent, and others of which the gateway's answer is on its way.
const AT_ONCE: usize = 4;
/// Bytes that are read at once.
const READ: u64 = 128 << 10;

#[derive(Debug, Deserialize)]
struct Asked {
    token: String,
    item: String,
    size: u64,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    request: String,
    item: String,
    wants: Vec<Wish>,
}

#[derive(Clone, Debug, Deserialize)]
struct Wish {
    token: String,
    from: u64,
    to: u64,
}

#[derive(Debug, Deserialize)]
struct Cancelled {
    request: String,
    tokens: Vec<String>,
}

/// A piece that is to be sent.
#[derive(Debug)]
struct Piece {
    request: String,
    film: Film,
    wish: Wish,
}

/// A film that is asked for.
struct Request {
    name: String,
    sent: u64,
    bar: Bar,
}

/// What is being sent and what is to be.
pub(super) struct Sending<'a> {
    link: &'a Link,
    bars: &'a Bars,
    requests: HashMap<String, Request>,
    waiting: VecDeque<Piece>,
    /// By token, with the request.
    under_way: HashMap<String, (String, AbortHandle)>,
    tasks: JoinSet<Sent>,
    /// Told, or dropped, when the bytes of the last piece that has begun have been sent: then it is the next one's turn.
    turn: Option<oneshot::Receiver<()>>,
    /// Something is not what the gateway was told it is.
    stale: bool,
}

/// How sending a piece ended.
struct Sent {
    token: String,
    request: String,
    bytes: u64,
    /// The file is not the one that was offered, or can't be read.
    stale: bool,
}

impl<'a> Sending<'a> {
    pub(super) fn new(link: &'a Link, bars: &'a Bars) -> Self {
        Self {
            link,
            bars,
            requests: HashMap::new(),
            waiting: VecDeque::new(),
            under_way: HashMap::new(),
            tasks: JoinSet::new(),
            turn: None,
            stale: false,
        }
    }

    /// Whether a film that was asked for is not what was offered any more; true once.
    pub(super) fn found_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }

    /// Does what the gateway says; what is not understood is left alone.
    pub(super) fn told(&mut self, message: &Message, shelf: &Shelf) {
        match message.name.as_str() {
            "request" => self.begin(serde_json::from_str(&message.data).ok()),
            "want" => self.want(serde_json::from_str(&message.data).ok(), shelf),
            "cancel" => self.cancel(serde_json::from_str(&message.data).ok()),
            _ => {}
        }
        self.start();
    }

    fn begin(&mut self, asked: Option<Asked>) {
        let Some(Asked { token, item, size }) = asked else { return };
        let bar = self.bars.film(item.as_ref());
        bar.planned(size);
        self.bars.say(&one_line(&format!("asked for: {item}")));
        self.requests.insert(token, Request { name: item, sent: 0, bar });
    }

    fn want(&mut self, wanted: Option<Wanted>, shelf: &Shelf) {
        let Some(Wanted { request, item, wants }) = wanted else { return };
        // What is not here any more is not sent: the gateway is told, and asks another.
        let Some(film) = shelf.film(&item) else {
            self.stale = true;
            return;
        };
        let pieces = wants.into_iter().filter(|wish| wish.from < wish.to && wish.to <= film.identity.size);
        let piece = |wish| Piece { request: request.clone(), film: film.clone(), wish };
        self.waiting.extend(pieces.map(piece));
    }

    fn cancel(&mut self, cancelled: Option<Cancelled>) {
        let Some(Cancelled { request, tokens }) = cancelled else { return };
        let all = tokens.is_empty();
        let is_over = |of: &str, token: &String| if all { of == request } else { tokens.contains(token) };
        self.waiting.retain(|piece| !is_over(&piece.request, &piece.wish.token));
        self.under_way.retain(|token, (of, task)| {
            let over = is_over(of, token);
            if over {
                // Its connection is closed with it.
                task.abort();
            }
            !over
        });
        if all && let Some(ended) = self.requests.remove(&request) {
            let said = format!("sent {} of: {}", indicatif::HumanBytes(ended.sent), ended.name);
            drop(ended.bar);
            self.bars.say(&one_line(&said));
        }
    }

    /// Waits until a piece has been sent, or could not be, and begins with the next. For ever if none is under way.
    pub(super) async fn some_done(&mut self) {
        let done = match self.tasks.join_next().await {
            Some(done) => done,
            None => std::future::pending().await,
        };
        // One that was taken back is not here any more.
        if let Ok(Sent { token, request, bytes, stale }) = done {
            self.under_way.remove(&token);
            self.stale |= stale;
            if let Some(request) = self.requests.get_mut(&request) {
                request.sent += bytes;
                request.bar.wrote(bytes);
            }
        }
        self.start();
    }

    fn start(&mut self) {
        while self.under_way.len() < AT_ONCE {
            let Some(piece) = self.waiting.pop_front() else { return };
            let (token, request) = (piece.wish.token.clone(), piece.request.clone());
            let (done, next) = oneshot::channel();
            let before = self.turn.replace(next);
            let task = self.tasks.spawn(send(self.link.clone(), piece, before, done));
            self.under_way.insert(token, (request, task));
        }
    }
}

/// Sends a piece, and says how it ended. One that can't be sent is asked for again, here or elsewhere.
async fn send(
    link: Link,
    piece: Piece,
    before: Option<oneshot::Receiver<()>>,
    done: oneshot::Sender<()>,
) -> Sent {
    let Piece { request, film, wish } = piece;
    let mut sent = Sent { token: wish.token.clone(), request, bytes: 0, stale: false };
    if let Some(before) = before {
        // One that was taken back tells nothing, and is over too.
        let _ = before.await;
    }
    match open(&film).await {
        Ok(file) => sent.bytes = try_send(&link, &film, &wish, file, done).await.unwrap_or(0),
        Err(_) => sent.stale = true,
    }
    sent
}

/// Its file. Another film under its name is not sent in its place.
async fn open(film: &Film) -> io::Result<Arc<File>> {
    let (path, offered) = (film.path.clone(), film.identity);
    let opened = tokio::task::spawn_blocking(move || {
        let file = File::open(path)?;
        let same = Identity::of(&file.metadata()?) == offered;
        if same { Ok(Arc::new(file)) } else { Err(io::Error::from(io::ErrorKind::NotFound)) }
    });
    opened.await.map_err(io::Error::other)?
}

async fn try_send(
    link: &Link,
    film: &Film,
    wish: &Wish,
    file: Arc<File>,
    done: oneshot::Sender<()>,
) -> anyhow::Result<u64> {
    let length = wish.to - wish.from;
    let (last, all_sent) = oneshot::channel();
    let body = Body::stream(length, pieces(file, wish.from, wish.to, last));
    let range = format!("bytes {}-{}/{}", wish.from, wish.to - 1, film.identity.size);
    let path = format!("requests/{}/bytes", wish.token);
    let asked = link.request(Method::PUT, &path).header("content-range", range).body(body);
    let mut asking = pin!(link.client().ask(asked));
    let reply = tokio::select! {
        reply = &mut asking => reply,
        // It is the next one's turn while the answer is on its way. One that is answered before all of it was sent ends here too.
        _ = all_sent => {
            drop(done);
            asking.await
        }
    }?;
    // A connection on which some of a piece may still go is not used again.
    anyhow::ensure!(reply.status.is_success(), "{}", reply.status);
    reply.bytes().await?;
    Ok(length)
}

/// The bytes of a piece; `last` is dropped with the last of them.
fn pieces(
    file: Arc<File>,
    from: u64,
    to: u64,
    last: oneshot::Sender<()>,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((file, from, Some(last)), move |(file, at, mut last)| async move {
        if at >= to {
            return Ok(None);
        }
        let length = READ.min(to - at);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            file.read_exact_at(&mut bytes, at).map(|()| (Bytes::from(bytes), file))
        });
        let (bytes, file) = read.await.map_err(io::Error::other)??;
        if at + length >= to {
            last = None;
        }
        Ok(Some((bytes, (file, at + length, last))))
    })
}
