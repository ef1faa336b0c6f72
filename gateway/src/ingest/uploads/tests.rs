//! Uploads over time: when they expire, what a restart finds.

use std::path::Path;
use std::pin::pin;

use bytes::Bytes;
use futures_util::{StreamExt, poll, stream};
use tempfile::TempDir;

use super::*;
use crate::config::{self, Size, Sync};

const HOUR: Duration = Duration::from_secs(3600);
const QUOTA: u64 = 32 << 20;

struct Place {
    data: TempDir,
    uploads: Arc<Uploads>,
    clock: Clock,
}

impl Place {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Clock::manual();
        clock.advance(HOUR);
        let uploads = start(data.path(), clock.clone()).await;
        Self { data, uploads, clock }
    }

    /// As after the end of the program, however it came.
    async fn restarted(self) -> Self {
        let Self { data, uploads, clock } = self;
        uploads.ground.index.close();
        drop(uploads);
        // What works where blocking is allowed ends when it is done.
        let free = async {
            while matches!(Index::open(data.path(), Sync::Process), Err(index::Error::InUse(_))) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), free).await.expect("nothing holds on to it");
        let uploads = start(data.path(), clock.clone()).await;
        Self { data, uploads, clock }
    }

    async fn make(&self, length: Option<u64>) -> UploadId {
        let new = New { length, name: "film.mp4".to_owned(), ..New::default() };
        self.uploads.create(new).await.unwrap().0.id
    }

    async fn later(&self, by: Duration) {
        self.clock.advance(by);
        self.uploads.look().await.unwrap();
    }

    async fn append(&self, id: UploadId, offset: u64, bytes: &[u8]) -> Result<Status, Error> {
        self.uploads.append(id, append(offset, bytes)).await
    }

    async fn media(&self, id: MediaId) -> bool {
        self.uploads.ground.index.media(id).await.unwrap().is_some()
    }

    fn reserved(&self) -> u64 {
        self.uploads.ground.sources.quota().usage().reserved
    }
}

async fn start(data: &Path, clock: Clock) -> Arc<Uploads> {
    let index = Arc::new(Index::open(data, Sync::Process).unwrap());
    let settings = config::Store {
        quota: Size(QUOTA),
        share: Size(QUOTA),
        chunk: Size(64 << 10),
        sync: Sync::Process,
        ..config::Store::default()
    };
    let sources = Sources::start(Arc::clone(&index), data, &settings, clock.clone()).await.unwrap();
    let ground = Ground {
        index,
        sources: Arc::new(sources),
        events: Arc::new(Events::new(&clock)),
        clock,
        tasks: Tasks::default(),
        expire: HOUR,
        patience: Duration::from_secs(60),
    };
    Uploads::start(ground).await.unwrap()
}

fn body(bytes: &[u8]) -> Body {
    stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed()
}

fn append(offset: u64, bytes: &[u8]) -> Append {
    Append { offset, length: None, announced: Some(bytes.len() as u64), checksum: None, body: body(bytes) }
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_expires_with_its_medium() {
    let place = Place::new().await;
    let id = place.make(Some(1000)).await;
    let status = place.append(id, 0, &[1; 10]).await.unwrap();
    place.later(HOUR / 2).await;
    place.append(id, 10, &[1; 10]).await.unwrap();
    place.later(HOUR * 3 / 4).await;
    assert_eq!(
        place.uploads.status(id).await.unwrap().offset(),
        20,
        "an hour from when it was last gone on with"
    );
    place.later(HOUR / 4).await;
    assert!(matches!(place.uploads.status(id).await, Err(Error::NoUpload)));
    assert!(!place.media(status.media).await);
    assert_eq!(place.reserved(), 0);
}

#[tokio::test]
async fn an_upload_that_is_finished_is_forgotten_and_its_medium_stays() {
    let place = Place::new().await;
    let id = place.make(Some(10)).await;
    let status = place.append(id, 0, &[1; 10]).await.unwrap();
    place.later(HOUR - Duration::from_secs(1)).await;
    assert_eq!(place.uploads.status(id).await.unwrap().offset(), 10);
    place.later(Duration::from_secs(1)).await;
    assert!(matches!(place.uploads.status(id).await, Err(Error::NoUpload)));
    assert!(place.media(status.media).await);
}

#[tokio::test]
async fn a_restart_takes_the_space_again_that_was_promised_and_goes_on() {
    let mut place = Place::new().await;
    let length = 20 << 20;
    let id = place.make(Some(length)).await;
    let later = place.make(None).await;
    place.append(id, 0, &[1; 100]).await.unwrap();
    place.append(later, 0, &[2; 50]).await.unwrap();
    let declared = Append { length: Some(70), ..append(50, &[2; 10]) };
    place.uploads.append(later, declared).await.unwrap();
    place = place.restarted().await;
    assert!(place.reserved() >= length - 4096, "{}", place.reserved());
    let too_much = New { length: Some(length), ..New::default() };
    assert!(matches!(place.uploads.create(too_much).await, Err(Error::Create(_))));
    let status = place.uploads.resume(id).await.unwrap();
    assert_eq!((status.offset(), status.length), (100, Some(length)));
    place.append(id, 100, &[1; 100]).await.unwrap();
    let status = place.uploads.resume(later).await.unwrap();
    assert_eq!((status.offset(), status.length), (60, Some(70)), "a length that was said later is known too");
}

#[tokio::test]
async fn what_is_joined_takes_no_space_twice_and_a_restart_goes_on_with_it() {
    let mut place = Place::new().await;
    // Together more than half of what may be stored.
    let (first, second) = (vec![1; 9 << 20], vec![2; (10 << 20) + 77]);
    let mut parts = Vec::new();
    for bytes in [&first, &second] {
        let length = Some(bytes.len() as u64);
        let new = New { length, partial: true, ..New::default() };
        let status = place.uploads.create(new).await.unwrap().0;
        place.append(status.id, 0, bytes).await.unwrap();
        parts.push(status);
    }
    let listed = index::Query { limit: 10, ..index::Query::default() };
    assert!(place.uploads.ground.index.list(listed).await.unwrap().items.is_empty(), "parts are no films");
    let ids: Vec<_> = parts.iter().map(|part| part.id).collect();
    let new = |parts: &[UploadId]| New { parts: parts.to_vec(), ..New::default() };
    let (whole, _) = place.uploads.create(new(&ids)).await.unwrap();
    assert!(matches!(place.uploads.create(new(&ids)).await, Err(Error::Parts(_))), "each is part of one");
    assert!(matches!(place.append(whole.id, 0, &[1]).await, Err(Error::Final)));
    // Broken off wherever it is.
    tokio::task::yield_now().await;
    place.uploads.ground.tasks.shutdown(Duration::from_secs(10)).await;
    place = place.restarted().await;
    place.uploads.look().await.unwrap();
    let joined = place.uploads.ground.sources.get(whole.media).await.unwrap().unwrap();
    let mut news = joined.news();
    while !joined.is_complete() {
        news.changed().await.unwrap();
    }
    let all = [first, second].concat();
    let read = Arc::clone(&joined);
    let mut bytes = vec![0; all.len()];
    let bytes = tokio::task::spawn_blocking(move || read.read(&mut bytes, 0).map(|()| bytes)).await.unwrap();
    assert!(bytes.unwrap() == all);
}

#[tokio::test]
async fn what_is_no_part_or_not_all_here_is_not_joined() {
    let place = Place::new().await;
    let whole = place.make(Some(10)).await;
    let part = New { length: Some(10), partial: true, ..New::default() };
    let part = place.uploads.create(part).await.unwrap().0.id;
    for parts in [vec![whole], vec![part], vec![UploadId::random()]] {
        let new = New { parts, ..New::default() };
        assert!(matches!(place.uploads.create(new).await, Err(Error::Parts(_))));
    }
    place.append(part, 0, &[0; 10]).await.unwrap();
    let twice = New { parts: vec![part, part], ..New::default() };
    assert!(matches!(place.uploads.create(twice).await, Err(Error::Parts(_))));
}

#[tokio::test]
async fn who_appends_later_ends_who_appended_before_and_what_it_brought_is_kept() {
    let place = Place::new().await;
    let id = place.make(Some(100)).await;
    let dead = stream::iter([Ok(Bytes::from_static(&[1; 10]))]).chain(stream::pending()).boxed();
    let slow = Append { announced: Some(100), ..append(0, &[]) };
    let (uploads, slow) = (Arc::clone(&place.uploads), Append { body: dead, ..slow });
    let before = tokio::spawn(async move { uploads.append(id, slow).await });
    let source = place.uploads.find(id).unwrap().source.clone();
    let mut news = source.news();
    news.wait_for(|_| source.here().prefix() == 10).await.unwrap();
    assert_eq!(place.uploads.resume(id).await.unwrap().offset(), 10);
    assert!(matches!(before.await.unwrap(), Err(Error::TakenOver)));
    assert_eq!(place.append(id, 10, &[2; 90]).await.unwrap().offset(), 100);
}

#[tokio::test]
async fn who_asks_how_far_it_is_is_told_even_if_another_goes_on_meanwhile() {
    let place = Place::new().await;
    let id = place.make(Some(100)).await;
    let dead = stream::iter([Ok(Bytes::from_static(&[1; 10]))]).chain(stream::pending()).boxed();
    let slow = Append { announced: Some(100), body: dead, ..append(0, &[]) };
    let uploads = Arc::clone(&place.uploads);
    tokio::spawn(async move { uploads.append(id, slow).await });
    let source = place.uploads.find(id).unwrap().source.clone();
    source.news().wait_for(|_| source.here().prefix() == 10).await.unwrap();
    let mut asks = pin!(place.uploads.resume(id));
    let mut goes_on = pin!(place.append(id, 10, &[2; 90]));
    assert!(poll!(&mut asks).is_pending() && poll!(&mut goes_on).is_pending());
    let (asked, went_on) = tokio::join!(asks, goes_on);
    assert_eq!((asked.unwrap().offset(), went_on.unwrap().offset()), (10, 100));
}

#[tokio::test]
async fn the_same_key_makes_one_upload_as_long_as_it_lives() {
    let place = Place::new().await;
    let key = |asked: &str| Some(Key { name: "key".to_owned(), asked: asked.to_owned() });
    let new = |asked| New { length: Some(10), key: key(asked), ..New::default() };
    let (one, again) = tokio::join!(place.uploads.create(new("a")), place.uploads.create(new("a")));
    let (one, again) = (one.unwrap(), again.unwrap());
    assert_eq!((one.0.id, one.1, again.1), (again.0.id, false, true));
    assert!(matches!(place.uploads.create(new("b")).await, Err(Error::KeyUsed)));
    place.later(HOUR).await;
    assert!(!place.uploads.create(new("b")).await.unwrap().1);
}
