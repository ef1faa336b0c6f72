//! Keeping house, by a clock that a test moves.

use std::sync::atomic::Ordering::Relaxed;

use segmenter::bytes::Span;

use super::*;
use crate::config::{Size, Sync};
use crate::source::{Answer, CreateError, Giver, New};
use crate::title::{Title, Type};

const MEBI: u64 = 1 << 20;
const HOUR: Duration = Duration::from_secs(3600);

struct House {
    data: tempfile::TempDir,
    index: Arc<Index>,
    sources: Arc<Sources>,
    retention: Arc<Retention>,
    clock: Clock,
}

impl House {
    async fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap(), Clock::manual()).await
    }

    /// With room for a little more than ten mebibytes of chunks.
    async fn at(data: tempfile::TempDir, clock: Clock) -> Self {
        let index = Arc::new(Index::open(data.path(), Sync::Process).unwrap());
        let store = config::Store {
            quota: Size(13 * MEBI),
            share: Size(13 * MEBI),
            chunk: Size(MEBI / 4),
            sync: Sync::Process,
            form: config::Form::Chunks,
        };
        let sources = Sources::start(Arc::clone(&index), data.path(), &store, clock.clone()).await.unwrap();
        let sources = Arc::new(sources);
        let events = Arc::new(Events::new(&clock));
        let spans = config::Retention::default();
        let retention =
            Retention::new(Arc::clone(&index), Arc::clone(&sources), events, clock.clone(), spans);
        Self { data, index, sources, retention: Arc::new(retention), clock }
    }

    /// A medium of so many mebibytes, all of them here.
    async fn medium(&self, kind: Option<Type>, mebis: u64) -> Arc<Stored> {
        let source = self.sources.create(new(kind, mebis)).await.unwrap();
        let bytes = vec![7; usize::try_from(mebis * MEBI).unwrap()];
        let writing = Arc::clone(&source);
        let span = Span { offset: 0, bytes: bytes.into() };
        tokio::task::spawn_blocking(move || writing.write(&span)).await.unwrap().unwrap();
        source.keep().await.unwrap();
        source.fed(self.clock.now());
        source
    }

    async fn state(&self, source: &Stored) -> Option<State> {
        self.index.media(source.id()).await.unwrap().map(|media| media.state)
    }

    /// Keeps house from now on, as the gateway does.
    fn keep_house(&self) -> tokio::task::JoinHandle<()> {
        let retention = Arc::clone(&self.retention);
        tokio::spawn(async move { retention.run().await })
    }
}

fn new(kind: Option<Type>, mebis: u64) -> New {
    let title = Title { name: "Film".into(), kind, ..Title::default() };
    New { title, name: "film.mp4".into(), length: Some(mebis * MEBI), owner: None, reserve: true }
}

#[tokio::test]
async fn a_movie_goes_after_four_hours_and_an_episode_after_one() {
    let house = House::new().await;
    let movie = house.medium(Some(Type::Movie), 1).await;
    let episode = house.medium(Some(Type::Tv), 1).await;
    house.clock.advance(HOUR - Duration::from_secs(1));
    house.retention.look().await.unwrap();
    assert!(movie.is_complete() && episode.is_complete());
    house.clock.advance(Duration::from_secs(1));
    house.retention.look().await.unwrap();
    assert!(movie.is_complete() && episode.here().is_empty());
    assert_eq!(house.state(&episode).await, Some(State::Expired));
    house.clock.advance(3 * HOUR);
    house.retention.look().await.unwrap();
    assert!(movie.here().is_empty());
    assert_eq!(house.retention.evictions().expired.load(Relaxed), 2);
}

#[tokio::test]
async fn watching_and_feeding_put_the_end_off() {
    let house = House::new().await;
    let watched = house.medium(Some(Type::Tv), 1).await;
    let fed = house.medium(Some(Type::Tv), 1).await;
    let feeding = fed.feed();
    house.clock.advance(HOUR / 2);
    watched.watched(house.clock.now());
    house.clock.advance(HOUR / 2);
    house.retention.look().await.unwrap();
    assert!(watched.is_complete() && fed.is_complete());
    drop(feeding);
    house.retention.look().await.unwrap();
    assert!(watched.is_complete() && fed.here().is_empty());
}

#[tokio::test]
async fn when_a_medium_was_watched_is_remembered_over_a_restart() {
    let house = House::new().await;
    let id = house.medium(Some(Type::Tv), 1).await.id();
    house.clock.advance(HOUR / 2);
    house.sources.get(id).await.unwrap().unwrap().watched(house.clock.now());
    house.retention.write_down().await.unwrap();
    let House { data, index, sources, retention, clock } = house;
    drop((index, sources, retention));
    let house = House::at(data, clock).await;
    house.clock.advance(HOUR / 2);
    house.retention.look().await.unwrap();
    let source = house.sources.get(id).await.unwrap().unwrap();
    assert!(source.is_complete());
    house.clock.advance(HOUR / 2);
    house.retention.look().await.unwrap();
    assert!(source.here().is_empty());
}

#[tokio::test]
async fn what_is_gone_is_told_of_for_a_day() {
    let house = House::new().await;
    let source = house.medium(Some(Type::Tv), 1).await;
    house.clock.advance(HOUR);
    house.retention.look().await.unwrap();
    house.clock.advance(REMEMBERED - Duration::from_secs(1));
    house.retention.look().await.unwrap();
    assert_eq!(house.state(&source).await, Some(State::Expired));
    house.clock.advance(Duration::from_secs(1));
    house.retention.look().await.unwrap();
    assert_eq!(house.state(&source).await, None);
    assert_eq!(house.sources.quota().usage().used, 0);
}

#[tokio::test]
async fn the_longest_unused_makes_room_and_what_is_watched_stays() {
    let house = House::new().await;
    let keeping = house.keep_house();
    house.clock.advance(HOUR / 4);
    let watched = house.medium(None, 4).await;
    house.clock.advance(HOUR / 4);
    let idle = house.medium(None, 4).await;
    watched.watched(house.clock.now());
    let third = house.sources.create(new(None, 4)).await.unwrap();
    assert!(watched.is_complete() && idle.here().is_empty());
    let _feeding = third.feed();
    let refused = house.sources.create(new(None, 11)).await.unwrap_err();
    assert!(matches!(refused, CreateError::Refused(_)), "not even all that may go is enough");
    assert!(watched.is_complete());
    keeping.abort();
}

#[tokio::test]
async fn what_is_being_sent_is_not_taken_away_for_another() {
    let house = House::new().await;
    let keeping = house.keep_house();
    let first = house.medium(None, 8).await;
    let _feeding = first.feed();
    assert!(matches!(house.sources.create(new(None, 8)).await, Err(CreateError::Refused(_))));
    assert!(first.is_complete());
    keeping.abort();
}

/// Somebody who has some chunks of every medium.
#[derive(Debug)]
struct Replicas(Vec<u32>);

impl Giver for Replicas {
    fn spare(&self, _: MediaId) -> Answer<'_, Spare> {
        Box::pin(async { Spare::Chunks(self.0.clone()) })
    }
}

#[tokio::test]
async fn chunks_that_can_be_had_again_go_before_media_that_cant_and_are_wanted_again() {
    let house = House::new().await;
    let keeping = house.keep_house();
    house.sources.room().add_giver(Arc::new(Replicas((4..20).collect())));
    let source = house.medium(None, 8).await;
    let second = house.sources.create(new(None, 4)).await.unwrap();
    assert!(second.length().is_some() && !source.is_complete());
    let here = source.here();
    assert!(here.bytes() >= 5 * MEBI, "no more than is needed: {here:?}");
    assert!(source.wanted().iter().all(|range| range.start >= MEBI && range.end <= 5 * MEBI));
    assert!(house.retention.evictions().chunks.load(Relaxed) > 0);
    assert_eq!(house.state(&source).await, Some(State::Receiving));
    keeping.abort();
}
