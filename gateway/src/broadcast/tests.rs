//! Broadcasters that do exactly what a test makes them do, and viewers who want bytes.

#![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use segmenter::bytes::Span;
use tempfile::TempDir;

use super::*;
use crate::config::{Size, Span as Time, Sync};
use crate::source::Priority;
use crate::title::Title;

const MEBI: u64 = 1 << 20;
const LENGTH: u64 = 8 * MEBI;

/// A gateway without HTTP.
struct House {
    broadcasts: Arc<Broadcasts>,
    sources: Arc<Sources>,
    index: Arc<Index>,
    _data: TempDir,
}

impl House {
    async fn new() -> Self {
        let settings = config::Broadcast {
            requests: 1,
            flight: Size(2 * MEBI),
            ahead: Size(MEBI),
            stall: Time(Duration::from_millis(200)),
            linger: Time(Duration::from_secs(60)),
        };
        Self::with(settings).await
    }

    async fn with(settings: config::Broadcast) -> Self {
        let data = tempfile::tempdir().unwrap();
        let index = Arc::new(Index::open(data.path(), Sync::Process).unwrap());
        let store = config::Store { sync: Sync::Process, ..config::Store::default() };
        let clock = Clock::default();
        let sources = Sources::start(Arc::clone(&index), data.path(), &store, clock.clone()).await;
        let sources = Arc::new(sources.unwrap());
        let ground = Ground {
            index: Arc::clone(&index),
            sources: Arc::clone(&sources),
            events: Arc::new(Events::new(&clock)),
            clock,
            tasks: Tasks::default(),
        };
        let broadcasts = Broadcasts::new(ground, settings, &store);
        broadcasts.tasks.spawn_until_stop(Arc::clone(&broadcasts).run());
        Self { broadcasts, sources, index, _data: data }
    }

    /// Lets a broadcaster in who offers these films.
    async fn connect(&self, id: &str, films: &[&str]) -> Connection {
        self.broadcasts.register(id, Some("a key of some length")).await.unwrap();
        let offers = films.iter().map(|film| offer(id, film)).collect();
        self.broadcasts.offer(id, offers).await.unwrap();
        self.broadcasts.connect(id).await.unwrap()
    }

    async fn open(&self, film: &str) -> Arc<Stored> {
        let id = offer("", film).media;
        assert!(self.broadcasts.open(id).await.unwrap());
        self.sources.get(id).await.unwrap().unwrap()
    }
}

fn offer(broadcaster: &str, film: &str) -> Offer {
    Offer {
        broadcaster: broadcaster.into(),
        item: film.into(),
        media: MediaId::of_contents(LENGTH, film),
        title: Title::of_file(Path::new(film)),
        filetype: "mp4".into(),
        size: LENGTH,
        hash: Some(film.into()),
    }
}

/// Bytes that differ everywhere.
fn content(range: ByteRange) -> Bytes {
    (range.start..range.end).map(|at| (at * 31 % 251) as u8 ^ (at >> 13) as u8).collect()
}

/// The next wishes that a broadcaster is told.
async fn wishes(connection: &mut Connection) -> Vec<Wish> {
    loop {
        if let Message::Want { wants, .. } = next(connection).await {
            return wants;
        }
    }
}

async fn next(connection: &mut Connection) -> Message {
    let told = tokio::time::timeout(Duration::from_secs(10), connection.next()).await;
    told.expect("something is told in time").expect("the connection is up")
}

fn range(wish: &Wish) -> ByteRange {
    ByteRange { start: wish.from, end: wish.to }
}

/// Sends what one wish asks for.
async fn send(house: &House, id: &str, wish: &Wish, bytes: Bytes) -> Result<(), TakeError> {
    let taking = house.broadcasts.take(id, wish.token, range(wish), Some(LENGTH))?;
    let pieces: Vec<_> =
        bytes.chunks(100_000).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
    taking.take(stream::iter(pieces), &house.broadcasts.clock).await
}

#[tokio::test]
async fn only_what_is_wanted_is_asked_for_and_each_token_is_good_once() {
    let house = House::new().await;
    let mut connection = house.connect("a", &["film"]).await;
    let source = house.open("film").await;
    assert!(source.urgent().is_empty() && source.here().is_empty());
    let wanted = ByteRange::at(5 * MEBI, 700_000);
    let _wanting = source.want(Priority::Viewer, vec![wanted]);
    let Message::Request { item, size, .. } = next(&mut connection).await else {
        panic!("a request comes first")
    };
    assert_eq!((item.as_str(), size), ("film", LENGTH));
    let asked = wishes(&mut connection).await;
    let waited: u64 =
        asked.iter().map(range).filter(|range| wanted.contains(*range)).map(ByteRange::len).sum();
    assert_eq!(waited, wanted.len());
    let ahead: u64 = asked.iter().map(|wish| wish.to - wish.from).sum::<u64>() - waited;
    assert_eq!(ahead, MEBI, "and what comes next, as far as is read ahead");
    for wish in &asked {
        send(&house, "a", wish, content(range(wish))).await.unwrap();
        let again = send(&house, "a", wish, content(range(wish))).await;
        assert!(matches!(again, Err(TakeError::NotAsked)), "{again:?}");
    }
    assert!(source.kept().contains(wanted) && source.urgent().is_empty());
    assert_eq!(house.broadcasts.standing("a").may, 0);
}

#[tokio::test]
async fn bytes_that_nobody_asked_for_and_more_than_was_said_are_refused() {
    let house = House::new().await;
    let mut connection = house.connect("a", &["film"]).await;
    let _other = house.connect("b", &["film"]).await;
    let source = house.open("film").await;
    let _wanting = source.want(Priority::Viewer, vec![ByteRange::at(0, 100_000)]);
    let wish = wishes(&mut connection).await.remove(0);
    let refused = |id: &str, token, range| house.broadcasts.take(id, token, range, None).map(drop);
    for (id, token, range) in [
        ("a", Token::random(), range(&wish)),
        ("b", wish.token, range(&wish)),
        ("c", wish.token, range(&wish)),
        ("a", wish.token, ByteRange::at(0, 100_001)),
        ("a", wish.token, ByteRange::at(MEBI, 1)),
        ("a", wish.token, ByteRange::at(0, 0)),
    ] {
        assert!(matches!(refused(id, token, range), Err(TakeError::NotAsked)), "{id} {range}");
    }
    let taking = house.broadcasts.take("a", wish.token, range(&wish), None).unwrap();
    assert!(matches!(refused("a", wish.token, range(&wish)), Err(TakeError::Busy)));
    drop(taking);
    let wish = wishes(&mut connection).await.remove(0);
    let long = send(&house, "a", &wish, content(ByteRange::at(0, 100_001))).await;
    assert!(matches!(long, Err(TakeError::Length { said: 100_000 })), "{long:?}");
    let wish = wishes(&mut connection).await.into_iter().find(|wish| wish.from == 0).unwrap();
    send(&house, "a", &wish, content(range(&wish))).await.unwrap();
    assert!(source.has(ByteRange::at(0, 100_000)));
}

#[tokio::test]
async fn another_goes_on_where_one_stalls_or_is_gone() {
    let house = House::new().await;
    let mut first = house.connect("a", &["film"]).await;
    let source = house.open("film").await;
    let wanted = ByteRange::at(0, 100_000);
    let _wanting = source.want(Priority::Viewer, vec![wanted]);
    let stale = wishes(&mut first).await.remove(0);
    let mut second = house.connect("b", &["film"]).await;
    // The first sends nothing: the second is asked for the same.
    let asked = wishes(&mut second).await.remove(0);
    assert_eq!(range(&asked), wanted);
    let late = send(&house, "a", &stale, content(wanted)).await;
    assert!(matches!(late, Err(TakeError::NotAsked)), "{late:?}");
    let mut third = house.connect("c", &["film"]).await;
    drop(second);
    let asked = wishes(&mut third).await.remove(0);
    assert_eq!(range(&asked), wanted);
    send(&house, "c", &asked, content(wanted)).await.unwrap();
    assert!(source.has(wanted));
}

#[tokio::test]
async fn one_whose_bytes_differ_from_what_is_here_is_not_asked_again() {
    let house = House::new().await;
    let mut liar = house.connect("a", &["film"]).await;
    let source = house.open("film").await;
    let wanted = ByteRange::at(0, 100_000);
    let (writes, span) = (Arc::clone(&source), content(ByteRange::at(0, 10)));
    let wanting = source.want(Priority::Viewer, vec![wanted]);
    let wish = wishes(&mut liar).await.into_iter().find(|wish| wish.from == 0).unwrap();
    let span = Span { offset: 0, bytes: span };
    tokio::task::spawn_blocking(move || writes.write(&span)).await.unwrap().unwrap();
    let mut honest = house.connect("b", &["film"]).await;
    let zeroes = Bytes::from(vec![1; 100_000]);
    assert!(matches!(send(&house, "a", &wish, zeroes).await, Err(TakeError::Write(_))));
    let asked = wishes(&mut honest).await.remove(0);
    send(&house, "b", &asked, content(range(&asked))).await.unwrap();
    drop(wanting);
    assert!(source.has(wanted));
}

/// Sends whatever is asked for, until it is not connected any more.
fn send_all(house: &House, mut connection: Connection, bytes: fn(ByteRange) -> Bytes) {
    let (broadcasts, id) = (Arc::clone(&house.broadcasts), connection.peer.id.to_string());
    tokio::spawn(async move {
        while let Some(message) = connection.next().await {
            let Message::Want { wants, .. } = message else { continue };
            for wish in wants {
                // It may have been taken back.
                let Ok(taking) = broadcasts.take(&id, wish.token, range(&wish), Some(LENGTH)) else {
                    continue;
                };
                let body = stream::iter([Ok::<_, Infallible>(bytes(range(&wish)))]);
                let _ = taking.take(body, &broadcasts.clock).await;
            }
        }
    });
}

/// Waits until bytes of a film are here, whichever of its sources they are in, and reads them; whoever wants them asks again when the
/// film has begun anew.
async fn arrives(house: &House, id: MediaId, wanted: ByteRange) -> Bytes {
    let arrived = async {
        loop {
            house.broadcasts.open(id).await.unwrap();
            let Some(source) = house.sources.get(id).await.unwrap() else { continue };
            let ready = source.ready(Priority::Viewer, &[wanted], Duration::from_secs(1)).await;
            let mut bytes = vec![0; wanted.len() as usize];
            if ready.is_ok() && source.read(&mut bytes, wanted.start).is_ok() {
                return Bytes::from(bytes);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("it comes")
}

fn lies(range: ByteRange) -> Bytes {
    Bytes::from(vec![9; range.len() as usize])
}

#[tokio::test]
async fn what_is_not_the_film_that_was_offered_goes_and_comes_from_another() {
    let house = House::new().await;
    let read = |bytes: &mut [u8], at| {
        bytes.copy_from_slice(&content(ByteRange::at(at, bytes.len() as u64)));
        Ok(())
    };
    let hash = ends::hash(LENGTH, read).unwrap();
    let liar = house.connect("a", &[&hash]).await;
    let id = offer("", &hash).media;
    send_all(&house, liar, lies);
    let [first, last] = ends::places(LENGTH).map(|place| ByteRange { start: place.start, end: place.end });
    assert_eq!(arrives(&house, id, first).await, lies(first), "what lies between the ends can't be told");
    let honest = house.connect("b", &[&hash]).await;
    send_all(&house, honest, content);
    arrives(&house, id, last).await;
    let all = async {
        while arrives(&house, id, first).await != content(first) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("it begins anew");
    assert_eq!(arrives(&house, id, last).await, content(last));
}

#[tokio::test]
async fn a_film_that_cant_be_played_is_asked_for_from_another() {
    let house = House::new().await;
    let liar = house.connect("a", &["film"]).await;
    let id = offer("", "film").media;
    send_all(&house, liar, lies);
    let wanted = ByteRange::at(0, 100_000);
    arrives(&house, id, wanted).await;
    let honest = house.connect("b", &["film"]).await;
    send_all(&house, honest, content);
    house.sources.get(id).await.unwrap().unwrap().refuse("no film");
    let anew = async {
        while arrives(&house, id, wanted).await != content(wanted) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), anew).await.expect("it begins anew");
}

#[tokio::test]
async fn a_film_of_which_others_are_gone_begins_anew_where_it_cant_go_on() {
    let house = House::new().await;
    let mut honest = house.connect("b", &["film"]).await;
    let source = house.open("film").await;
    let wanted = ByteRange::at(0, 100_000);
    let wanting = source.want(Priority::Viewer, vec![wanted]);
    let wish = wishes(&mut honest).await.into_iter().find(|wish| wish.from == 0).unwrap();
    // Another sent this before it went.
    source.write(&Span { offset: 0, bytes: lies(ByteRange::at(0, 10)) }).unwrap();
    assert!(matches!(send(&house, "b", &wish, content(range(&wish))).await, Err(TakeError::Write(_))));
    drop(wanting);
    send_all(&house, honest, content);
    let anew = async {
        while arrives(&house, source.id(), wanted).await != content(wanted) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), anew).await.expect("it begins anew");
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_taken_back() {
    let house = House::with(config::Broadcast { ahead: Size(0), ..config::Broadcast::default() }).await;
    let mut connection = house.connect("a", &["film"]).await;
    let source = house.open("film").await;
    let wanting = source.want(Priority::Viewer, vec![ByteRange::at(0, 100_000)]);
    let wish = wishes(&mut connection).await.remove(0);
    let taking = house.broadcasts.take("a", wish.token, range(&wish), None).unwrap();
    let clock = house.broadcasts.clock.clone();
    let sending =
        tokio::spawn(
            async move { taking.take(stream::pending::<Result<Bytes, Infallible>>(), &clock).await },
        );
    drop(wanting);
    let Message::Cancel { tokens, .. } = next(&mut connection).await else { panic!("it is taken back") };
    assert_eq!(tokens, [wish.token]);
    assert!(matches!(sending.await.unwrap(), Err(TakeError::Cancelled)));
}

#[tokio::test]
async fn a_film_that_is_deleted_is_not_asked_for_any_more() {
    let house = House::new().await;
    let mut connection = house.connect("a", &["film"]).await;
    let source = house.open("film").await;
    let _wanting = source.want(Priority::Viewer, vec![ByteRange::at(0, 100_000)]);
    wishes(&mut connection).await;
    house.sources.remove(source.id()).await.unwrap();
    let Message::Cancel { tokens, .. } = next(&mut connection).await else { panic!("it is taken back") };
    assert!(tokens.is_empty(), "all of it");
    assert_eq!(house.broadcasts.standing("a"), Standing { connected: true, films: 1, ..Standing::default() });
    assert!(house.broadcasts.open(source.id()).await.unwrap(), "and can be opened again");
}

#[tokio::test]
async fn no_more_is_asked_of_one_than_it_may_send_and_no_more_films() {
    let house = House::new().await;
    let mut connection = house.connect("a", &["film", "other"]).await;
    let (film, other) = (house.open("film").await, house.open("other").await);
    let wanting = film.want(Priority::Viewer, vec![ByteRange::at(0, LENGTH)]);
    let asked = wishes(&mut connection).await;
    assert_eq!(asked.iter().map(|wish| wish.to - wish.from).sum::<u64>(), 2 * MEBI);
    let _too = other.want(Priority::Viewer, vec![ByteRange::at(0, 10)]);
    for wish in &asked {
        send(&house, "a", wish, content(range(wish))).await.unwrap();
        assert!(house.broadcasts.standing("a").may <= 2 * MEBI);
        assert_eq!(house.broadcasts.standing("a").requests, 1);
    }
    drop(wanting);
    house.sources.remove(film.id()).await.unwrap();
    let wanted = loop {
        if let Message::Want { item, wants, .. } = next(&mut connection).await
            && item == "other"
        {
            break wants;
        }
    };
    assert_eq!(range(&wanted[0]), ByteRange::at(0, 10));
}

#[tokio::test]
async fn an_id_belongs_to_its_key_and_a_new_connection_takes_the_place_of_the_old() {
    let house = House::new().await;
    let broadcasts = &house.broadcasts;
    assert!(matches!(broadcasts.authorise("a", Some("x")).await, Err(Denied::Unknown)));
    let made = broadcasts.register("a", None).await.unwrap().expect("a key is made");
    for key in [None, Some("wrong, and long enough"), Some("")] {
        assert!(matches!(broadcasts.register("a", key).await, Err(Denied::Key)), "{key:?}");
    }
    assert!(matches!(broadcasts.register("b", Some("short")).await, Err(Denied::WeakKey)));
    for id in ["", "../x", "a b", ".a", &"x".repeat(65)] {
        assert!(matches!(broadcasts.register(id, None).await, Err(Denied::Id)), "{id}");
    }
    broadcasts.authorise("a", Some(made.as_str())).await.unwrap();
    let mut old = broadcasts.connect("a").await.unwrap();
    let new = broadcasts.connect("a").await.unwrap();
    assert_eq!(old.next().await, Some(Message::Replaced {}));
    assert_eq!(old.next().await, None);
    drop(old);
    assert!(broadcasts.standing("a").connected);
    drop(new);
    assert!(!broadcasts.standing("a").connected && broadcasts.connected().is_empty());
}

#[tokio::test]
async fn what_is_offered_can_be_had_again_as_long_as_its_broadcaster_is_there() {
    let house = House::new().await;
    let connection = house.connect("a", &["film"]).await;
    let id = offer("", "film").media;
    assert!(house.broadcasts.can_give(id));
    assert_eq!(house.sources.room().spare(id).await, Spare::All);
    assert_eq!(house.broadcasts.offered(id).await.unwrap(), Some(offer("a", "film")));
    house.broadcasts.offer("a", vec![offer("a", "other")]).await.unwrap();
    assert!(!house.broadcasts.can_give(id) && house.broadcasts.can_give(offer("", "other").media));
    drop(connection);
    assert!(!house.broadcasts.can_give(offer("", "other").media));
    assert!(!house.broadcasts.open(offer("", "other").media).await.unwrap());
    assert_eq!(house.index.media(id).await.unwrap(), None);
}
