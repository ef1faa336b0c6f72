//! A gateway's side and providers in one process: real ones over their own database, and ones that lie.

#![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use segmenter::bytes::{ByteRange, Span};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::frame::{Chunk, Frame, FromProvider, Level, Replica, VERSION, Why};
use super::keeper::Keeper;
use super::*;
use crate::config::{self, Size, Sync};
use crate::index::Depot;
use crate::source::{New, Priority, Stored};
use crate::title::{Title, Type};

const CHUNK: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(20);

struct House {
    place: tempfile::TempDir,
    sources: Arc<Sources>,
    index: Arc<Index>,
    providers: Arc<Providers>,
}

impl House {
    async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("gateway");
        let index = Arc::new(Index::open(&data, Sync::Process).unwrap());
        let settings = config::Store { chunk: Size(CHUNK), sync: Sync::Process, ..config::Store::default() };
        let clock = Clock::default();
        let sources = Sources::start(Arc::clone(&index), &data, &settings, clock.clone()).await.unwrap();
        let (sources, events, tasks) = (Arc::new(sources), Arc::new(Events::new(&clock)), Tasks::default());
        let providers =
            Providers::new(Arc::clone(&index), Arc::clone(&sources), events, clock, tasks.clone());
        tasks.spawn_until_stop(Arc::clone(&providers).run());
        // It listens from its first turn on.
        tokio::task::yield_now().await;
        Self { place, sources, index, providers }
    }

    async fn medium(&self, chunks: u64) -> Arc<Stored> {
        let title =
            Title { name: "Film".into(), kind: Some(Type::Movie), tmdb: Some(603), ..Title::default() };
        let length = Some(chunks * CHUNK - 100);
        let new = New { title, name: "film.MP4".into(), length, owner: None, reserve: true };
        let source = self.sources.create(new).await.unwrap();
        write(&source).await;
        source
    }

    /// A connection to the gateway, as its other end sees it.
    fn connect(&self) -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
        let (to_gateway, incoming) = mpsc::channel::<Bytes>(64);
        let (outgoing, from_gateway) = mpsc::channel::<Bytes>(64);
        let providers = Arc::clone(&self.providers);
        tokio::spawn(async move {
            let incoming = Box::pin(stream::unfold(incoming, |mut incoming| async {
                incoming.recv().await.map(|bytes| (bytes, incoming))
            }));
            providers.serve(incoming, sink(outgoing)).await;
        });
        (to_gateway, from_gateway)
    }

    /// A real provider.
    fn provider(&self, name: &str) -> JoinHandle<String> {
        let depot = Depot::open(&self.place.path().join(name), 32 << 20).unwrap();
        let keeper = Keeper::new(depot, Some(name.to_owned()), Clock::default()).unwrap();
        let (outgoing, incoming) = self.connect();
        tokio::spawn(async move {
            let incoming = Box::pin(stream::unfold(incoming, |mut incoming| async {
                incoming.recv().await.map(|bytes| (bytes, incoming))
            }));
            keeper.serve_once(incoming, sink(outgoing)).await
        })
    }

    async fn holding(&self, id: &str, chunks: u64) {
        eventually(|| async {
            let standing = self.providers.standing().await.unwrap();
            standing.iter().any(|one| one.id == id && one.chunks == chunks && one.lacking == 0)
        })
        .await;
    }
}

/// What a test plays: a provider that says what it likes.
struct Actor {
    say: mpsc::Sender<Bytes>,
    heard: mpsc::Receiver<Bytes>,
}

impl Actor {
    async fn enter(house: &House, id: &str, key: &str, holds: Vec<Replica>) -> Self {
        let (say, heard) = house.connect();
        let mut actor = Self { say, heard };
        assert!(matches!(actor.hear().await, Some(Frame::Gateway(_))));
        let hello = FromProvider {
            versions: vec![VERSION],
            id: id.to_owned(),
            key: key.to_owned(),
            store: "s".to_owned(),
            used: 0,
            limit: 1 << 30,
        };
        actor.say(Frame::Provider(hello)).await;
        if !holds.is_empty() {
            actor.say(Frame::Holds(holds)).await;
        }
        actor.say(Frame::Holds(Vec::new())).await;
        actor
    }

    async fn say(&self, frame: Frame) {
        // The gateway may have hung up.
        let _ = self.say.send(frame.encode()).await;
    }

    /// What it is told next, but for being asked whether it is there.
    async fn hear(&mut self) -> Option<Frame> {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await.expect("something is said");
            match Frame::decode(&heard?).unwrap() {
                Frame::Ping(_) => {}
                frame => return Some(frame),
            }
        }
    }

    /// The next chunk that it is handed, which it says to keep.
    async fn keep(&mut self) -> Option<(Chunk, Bytes)> {
        let Frame::Store(chunk, bytes) = self.hear().await? else { return None };
        self.say(Frame::Stored(chunk, Level { used: 0, limit: 1 << 30 })).await;
        Some((chunk, bytes))
    }
}

fn sink(to: mpsc::Sender<Bytes>) -> impl futures_util::Sink<Bytes, Error = ()> + Send + Unpin {
    Box::pin(futures_util::sink::unfold(to, |to, bytes| async {
        to.send(bytes).await.map_err(drop)?;
        Ok(to)
    }))
}

async fn eventually<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let waits = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("it comes to hold");
}

fn content(range: ByteRange) -> Bytes {
    (range.start..range.end).map(|at| (at * 31 % 251) as u8 ^ (at >> 13) as u8).collect()
}

async fn write(source: &Arc<Stored>) {
    let range = ByteRange { start: 0, end: source.length().unwrap() };
    let (writing, span) = (Arc::clone(source), Span { offset: 0, bytes: content(range) });
    tokio::task::spawn_blocking(move || writing.write(&span)).await.unwrap().unwrap();
    source.keep().await.unwrap();
}

async fn comes_back(source: &Arc<Stored>, number: u32) {
    let place = source.place(number);
    source.ready(Priority::Viewer, &[place], PATIENCE).await.unwrap();
    let reading = Arc::clone(source);
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; place.len() as usize];
        reading.read(&mut bytes, place.start).map(|()| bytes)
    });
    assert!(read.await.unwrap().unwrap() == content(place));
}

#[tokio::test]
async fn every_chunk_is_handed_to_every_provider_as_it_lands_and_what_was_there_before_too() {
    let house = House::new().await;
    house.medium(3).await;
    let (first, second) = (house.provider("first"), house.provider("second"));
    house.holding("first", 3).await;
    house.medium(5).await;
    house.holding("first", 8).await;
    house.holding("second", 8).await;
    first.abort();
    second.abort();
}

#[tokio::test]
async fn what_is_handed_over_says_what_it_is() {
    let house = House::new().await;
    let mut actor = Actor::enter(&house, "a", "k", Vec::new()).await;
    let source = house.medium(2).await;
    let (_, _) = actor.keep().await.unwrap();
    let (chunk, bytes) = actor.keep().await.unwrap();
    assert_eq!((chunk.media, chunk.number, chunk.offset), (source.id(), 1, CHUNK));
    assert_eq!((chunk.tmdb, chunk.kind, chunk.season), (Some(603), Some(Type::Movie), None));
    assert_eq!((chunk.filetype.as_str(), u64::from(chunk.length)), ("mp4", CHUNK - 100));
    assert!(bytes == content(source.place(1)) && chunk.sum == *blake3::hash(&bytes).as_bytes());
}

#[tokio::test]
async fn a_chunk_that_is_gone_comes_back_when_somebody_wants_it() {
    let house = House::new().await;
    let provider = house.provider("first");
    let source = house.medium(6).await;
    house.holding("first", 6).await;
    source.remove_chunks(vec![0, 1, 2, 3, 4, 5]).await.unwrap();
    assert!(source.here().is_empty());
    for number in [5, 0, 3] {
        comes_back(&source, number).await;
    }
    assert_eq!(source.here().bytes(), 3 * CHUNK - 100, "nothing that nobody wants");
    eventually(|| async { source.kept() == source.here() }).await;
    provider.abort();
}

#[tokio::test]
async fn a_forged_chunk_is_refused_its_provider_marked_and_another_asked() {
    let house = House::new().await;
    let honest = house.provider("z-honest");
    let source = house.medium(2).await;
    house.holding("z-honest", 2).await;
    let sum = house.index.sum(source.id(), 0).await.unwrap().unwrap();
    let holds = vec![Replica { media: source.id(), number: 0, sum }];
    let mut liar = Actor::enter(&house, "a-liar", "k", holds).await;
    let forge = tokio::spawn(async move {
        let mut asked = 0;
        loop {
            match liar.hear().await {
                Some(Frame::Want(chunk)) => {
                    asked += 1;
                    let length = chunk.length as usize;
                    liar.say(Frame::Chunk(chunk, vec![0; length].into())).await;
                }
                Some(Frame::Store(chunk, _)) => liar.say(Frame::Gone(chunk, Why::Failed)).await,
                Some(_) => {}
                None => return asked,
            }
        }
    });
    eventually(|| async { house.index.holders(source.id()).await.unwrap().len() == 3 }).await;
    source.remove_chunks(vec![0]).await.unwrap();
    comes_back(&source, 0).await;
    let marked = house.index.provider("a-liar".into()).await.unwrap().unwrap();
    assert_eq!(marked.faults, 1);
    assert_eq!(
        house.providers.spare(source.id()).await,
        Spare::Chunks(vec![0, 1]),
        "the honest one has both"
    );
    honest.abort();
    house.link_ends("a-liar").await;
    assert_eq!(forge.await.unwrap(), 1, "it was asked, and not again");
}

#[tokio::test]
async fn one_that_does_not_answer_does_not_hold_back_one_that_does() {
    let house = House::new().await;
    let provider = house.provider("z-quick");
    let source = house.medium(1).await;
    house.holding("z-quick", 1).await;
    let sum = house.index.sum(source.id(), 0).await.unwrap().unwrap();
    let holds = vec![Replica { media: source.id(), number: 0, sum }];
    let _silent = Actor::enter(&house, "a-silent", "k", holds).await;
    eventually(|| async { house.index.holders(source.id()).await.unwrap().len() == 2 }).await;
    source.remove_chunks(vec![0]).await.unwrap();
    comes_back(&source, 0).await;
    provider.abort();
}

#[tokio::test]
async fn an_id_belongs_to_whoever_had_it_first() {
    let house = House::new().await;
    let first = Actor::enter(&house, "a", "the key", Vec::new()).await;
    eventually(|| async { house.providers.link("a").is_some() }).await;
    drop(first);
    let mut thief = Actor::enter(&house, "a", "another key", Vec::new()).await;
    let told = thief.hear().await;
    assert!(matches!(&told, Some(Frame::Refused(refusal)) if refusal.code == "key"), "{told:?}");
    assert_eq!(thief.hear().await, None);
    let mut odd = Actor::enter(&house, "../a", "k", Vec::new()).await;
    assert!(matches!(odd.hear().await, Some(Frame::Refused(refusal)) if refusal.code == "id"));
    let _owner = Actor::enter(&house, "a", "the key", Vec::new()).await;
    eventually(|| async { house.providers.standing().await.unwrap()[0].connected }).await;
}

#[tokio::test]
async fn a_new_connection_of_a_provider_takes_the_place_of_the_old_one() {
    let house = House::new().await;
    let mut first = Actor::enter(&house, "a", "k", Vec::new()).await;
    eventually(|| async { house.providers.link("a").is_some() }).await;
    let mut second = Actor::enter(&house, "a", "k", Vec::new()).await;
    assert_eq!(first.hear().await, None);
    house.medium(1).await;
    assert!(second.keep().await.is_some());
}

#[tokio::test]
async fn what_a_provider_says_to_hold_counts_only_if_it_is_what_was_here() {
    let house = House::new().await;
    let source = house.medium(2).await;
    let sum = house.index.sum(source.id(), 0).await.unwrap().unwrap();
    let stranger = MediaId::of_file(Path::new("/stranger"));
    let holds = [(source.id(), 0, sum), (source.id(), 1, [0; 32]), (stranger, 0, [1; 32])];
    let holds = holds.map(|(media, number, sum)| Replica { media, number, sum }).to_vec();
    let mut actor = Actor::enter(&house, "a", "k", holds).await;
    let (chunk, _) = actor.keep().await.unwrap();
    assert_eq!(chunk.number, 1, "it is handed what it does not hold");
    house.holding("a", 2).await;
    drop(actor);
    let mut emptied = Actor::enter(&house, "a", "k", Vec::new()).await;
    let handed = [emptied.keep().await.unwrap().0.number, emptied.keep().await.unwrap().0.number];
    assert_eq!(handed, [0, 1], "what it says nothing of any more, it lost");
}

#[tokio::test]
async fn what_a_provider_had_no_room_for_is_not_handed_to_it_again() {
    let house = House::new().await;
    let mut actor = Actor::enter(&house, "a", "k", Vec::new()).await;
    let source = house.medium(2).await;
    actor.keep().await.unwrap();
    let Some(Frame::Store(chunk, _)) = actor.hear().await else { panic!("it is handed the second") };
    actor.say(Frame::Gone(Chunk { number: 0, ..chunk }, Why::Evicted)).await;
    actor.say(Frame::Stored(chunk, Level { used: 0, limit: 1 << 30 })).await;
    eventually(|| async {
        let holders = house.index.holders(source.id()).await.unwrap();
        holders.iter().map(|held| held.number).collect::<Vec<_>>() == [1]
    })
    .await;
    house.holding("a", 1).await;
}

#[tokio::test]
async fn bytes_that_are_no_frame_end_the_connection_and_nothing_else() {
    let house = House::new().await;
    let mut actor = Actor::enter(&house, "a", "k", Vec::new()).await;
    actor.say.send(Bytes::from_static(b"GET / HTTP/1.1")).await.unwrap();
    assert!(matches!(actor.hear().await, Some(Frame::Refused(refusal)) if refusal.code == "protocol"));
    let other = house.provider("b");
    house.medium(1).await;
    house.holding("b", 1).await;
    other.abort();
}

#[tokio::test]
async fn a_provider_ends_for_good_only_when_it_will_never_be_wanted() {
    let house = House::new().await;
    let _first = Actor::enter(&house, "taken", "k", Vec::new()).await;
    eventually(|| async { house.providers.link("taken").is_some() }).await;
    let told = house.provider("taken").await.unwrap();
    assert!(told.contains("refuses") && told.contains("taken"), "{told}");
    let stop = CancellationToken::new();
    let depot = Depot::open(&house.place.path().join("c"), 32 << 20).unwrap();
    let keeper = Keeper::new(depot, None, Clock::default()).unwrap();
    let nowhere = "http://127.0.0.1:1".parse().unwrap();
    let mut status = keeper.status();
    let running = keeper.run(&nowhere, None, &stop);
    let stopped = async {
        status.wait_for(|status| matches!(status.line, super::keeper::Line::Lost(_))).await.unwrap();
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(running, stopped);
    ended.unwrap();
}

impl House {
    async fn link_ends(&self, id: &str) {
        if let Some(link) = self.providers.link(id) {
            link.end();
        }
        eventually(|| async { self.providers.link(id).is_none() }).await;
    }
}
