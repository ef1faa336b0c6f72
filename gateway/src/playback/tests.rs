//! Playback of a small film in a folder of its own.

use std::path::Path;

use segmenter::manifest::State;
use segmenter::render::Part;

use super::*;
use crate::config::{self, Sync};
use crate::id::Identity;
use crate::index::Media;
use crate::source::FORMAT;
use crate::title::Title;

struct Place {
    folder: tempfile::TempDir,
    _data: tempfile::TempDir,
    playback: Arc<Playback>,
    tasks: Tasks,
    clock: Clock,
    id: MediaId,
}

impl Place {
    async fn with_a_film() -> Self {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = folder.path().join("film.mp4");
        std::fs::write(&path, example::film(1)).unwrap();
        let index = Arc::new(Index::open(data.path(), Sync::Process).unwrap());
        let id = MediaId::of_file(&path);
        index.put(media(folder.path(), &path), None).await.unwrap();
        let (clock, tasks) = (Clock::manual(), Tasks::default());
        let started =
            Sources::start(Arc::clone(&index), data.path(), &config::Store::default(), clock.clone()).await;
        let ground = Ground {
            sources: Arc::new(started.unwrap()),
            patience: Duration::ZERO,
            spans: config::Retention::default(),
            index,
            folders: vec![folder.path().to_owned()],
            options: Options::default(),
            clock: clock.clone(),
            tasks: tasks.clone(),
            stale: Arc::default(),
        };
        let playback = Arc::new(Playback::new(ground, Room { hot: 1 << 20, tables: 1 << 20 }));
        Self { folder, _data: data, playback, tasks, clock, id }
    }

    /// What another playback of the same films is built on.
    fn ground(&self) -> Ground {
        Ground {
            sources: Arc::clone(&self.playback.sources),
            patience: Duration::ZERO,
            spans: config::Retention::default(),
            index: Arc::clone(&self.playback.index),
            folders: self.playback.folders.clone(),
            options: Options::default(),
            clock: Clock::manual(),
            tasks: Tasks::default(),
            stale: Arc::default(),
        }
    }

    /// Another film under the same name, whole at once.
    fn replace(&self, fill: u8) {
        let staged = self.folder.path().join("staged");
        std::fs::write(&staged, example::film(fill)).unwrap();
        std::fs::rename(staged, self.path()).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("film.mp4")
    }

    async fn film(&self) -> Arc<Film> {
        self.playback.film(self.id).await.unwrap()
    }

    async fn get(&self, film: &Arc<Film>, path: &str) -> Arc<Content> {
        let item = film.item(path).unwrap_or_else(|| panic!("no {path}"));
        self.playback.content(film, item, Coding::Identity).await.unwrap()
    }
}

fn media(folder: &Path, path: &Path) -> Media {
    Media {
        id: MediaId::of_file(path),
        origin: Origin::Folder { folder: folder.to_owned(), path: path.to_owned() },
        identity: Identity::of(&path.metadata().unwrap()),
        format: FORMAT,
        title: Title::of_file(path),
        state: State::Ready,
        error: None,
        duration: Some(12.0),
        renditions: Vec::new(),
        notes: Vec::new(),
        moov: None,
    }
}

#[tokio::test]
async fn a_segment_is_what_its_recipe_says_byte_for_byte() {
    let place = Place::with_a_film().await;
    let film = place.film().await;
    let file = std::fs::read(place.path()).unwrap();
    assert_eq!(film.segments(0), 3);
    for number in 1..=3 {
        let content = place.get(&film, &format!("v1/{number}.m4s")).await;
        let Some(Body::Media(recipe)) = film.open().presentation.segment(0, number) else {
            panic!("no recipe")
        };
        let pieces = recipe.parts.iter().map(|part| match part {
            Part::Header(range) => recipe.header[range.clone()].to_vec(),
            Part::Source(range) => {
                file[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec()
            }
        });
        assert_eq!(content.bytes, pieces.collect::<Vec<_>>().concat());
        assert_eq!(content.head.length, content.bytes.len() as u64);
        let samples: usize =
            (0..example::SAMPLES).skip((number as usize - 1) * 4).take(4).map(example::size).sum();
        assert!(content.bytes.len() > samples, "its samples are in it");
    }
}

#[tokio::test]
async fn what_is_said_before_bytes_are_read_is_what_they_then_are() {
    let place = Place::with_a_film().await;
    let film = place.film().await;
    for path in ["v1/init.mp4", "v1/1.m4s", "v1/3.m4s"] {
        let head = Playback::head(&film, film.item(path).unwrap()).unwrap();
        assert_eq!(head, place.get(&film, path).await.head, "{path}");
    }
}

#[tokio::test]
async fn a_segment_that_has_no_room_passes_through_in_pieces() {
    let place = Place::with_a_film().await;
    let film = place.film().await;
    let item = film.item("v1/2.m4s").unwrap();
    assert!(place.playback.passing(&film, item).await.unwrap().is_none(), "there is room");
    let whole = place.get(&film, "v1/2.m4s").await;
    let narrow = Playback::new(place.ground(), Room { hot: 100, tables: 1 << 20 });
    let passing = narrow.passing(&film, item).await.unwrap().unwrap();
    assert_eq!(passing.head(item), whole.head);
    let middle = passing.len() / 2;
    let pieces = [passing.clone().piece(0..middle).await, passing.clone().piece(middle..passing.len()).await];
    assert_eq!(pieces.map(Result::unwrap).concat(), whole.bytes);
    assert!(narrow.passing(&film, film.item("v1/init.mp4").unwrap()).await.unwrap().is_none());
    std::fs::write(place.path(), [example::film(50), vec![0; 9]].concat()).unwrap();
    let refused = passing.piece(0..middle).await;
    assert!(
        matches!(&refused, Err(Error::Source { source, .. }) if matches!(**source, source::Error::Changed(_)))
    );
}

#[tokio::test]
async fn items_that_are_not_there_are_told_apart_from_those_that_are() {
    let place = Place::with_a_film().await;
    let film = place.film().await;
    for path in ["v1/4.m4s", "v1/0.m4s", "v1/1.vtt", "a1/1.m4s", "v1", "", "../film.mp4", "v1/../v1/1.m4s"] {
        assert_eq!(film.item(path), None, "{path}");
    }
    for path in ["manifest.json", "master.m3u8", "manifest.mpd", "v1/playlist.m3u8", "v1/iframes.m3u8"] {
        assert!(!place.get(&film, path).await.bytes.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_next_segments_are_made_ahead() {
    let place = Place::with_a_film().await;
    let film = place.film().await;
    place.get(&film, "v1/1.m4s").await;
    // Made by a task in the background; it ends by itself.
    while place.playback.hot(&film, film.item("v1/3.m4s").unwrap(), Coding::Identity).await.is_none() {
        tokio::task::yield_now().await;
    }
    assert!(place.playback.hot(&film, film.item("v1/2.m4s").unwrap(), Coding::Identity).await.is_some());
    assert_eq!(place.tasks.shutdown(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn a_film_that_was_replaced_is_opened_anew_and_has_other_tags() {
    let place = Place::with_a_film().await;
    let old = place.film().await;
    let before = place.get(&old, "v1/1.m4s").await;
    place.replace(50);
    assert_eq!(place.film().await.tag(), old.tag(), "nobody has looked yet");
    place.clock.advance(Duration::from_secs(2));
    let new = place.film().await;
    assert_ne!(new.tag(), old.tag());
    let after = place.get(&new, "v1/1.m4s").await;
    assert_ne!(after.bytes, before.bytes);
    assert_ne!(after.head.etag, before.head.etag);
}

#[tokio::test]
async fn bytes_of_a_file_that_is_written_to_are_never_mixed() {
    let place = Place::with_a_film().await;
    let film = place.film().await;
    // In place, not by a new file: the open film would read the new bytes with the old tables.
    std::fs::write(place.path(), [example::film(50), vec![0; 9]].concat()).unwrap();
    let item = film.item("v1/1.m4s").unwrap();
    let refused = place.playback.content(&film, item, Coding::Identity).await;
    assert!(
        matches!(&refused, Err(Error::Source { source, .. }) if matches!(**source, source::Error::Changed(_)))
    );
    let new = place.film().await;
    assert_ne!(new.tag(), film.tag(), "the next one to ask gets the film as it is now");
}

#[tokio::test]
async fn a_film_that_is_gone_is_no_medium() {
    let place = Place::with_a_film().await;
    place.film().await;
    std::fs::remove_file(place.path()).unwrap();
    place.clock.advance(Duration::from_secs(2));
    let gone = place.playback.film(place.id).await;
    assert!(matches!(&gone, Err(Error::Source { source, .. }) if matches!(**source, source::Error::Gone(_))));
}

#[tokio::test]
async fn a_folder_that_is_not_served_any_more_shows_nothing() {
    let place = Place::with_a_film().await;
    let ground = Ground { folders: vec!["/another".into()], ..place.ground() };
    let other = Playback::new(ground, Room { hot: 0, tables: 0 });
    assert!(matches!(other.film(place.id).await, Err(Error::NoMedia(_))));
}

#[tokio::test]
async fn a_kept_timeline_gives_the_same_film_as_the_file() {
    let place = Place::with_a_film().await;
    let film = place.film().await;
    let kept = source::encode(film.open().presentation.movie()).unwrap();
    let again = OpenFilm::open(&place.path(), &Options::default(), |_| source::decode(&kept)).unwrap();
    assert!(again.moov.is_none(), "nothing of the tables was read from the file");
    assert_eq!(again.presentation.segment(0, 2), film.open().presentation.segment(0, 2));
    for at in [0, 5, 20, kept.len() - 1] {
        let mut damaged = kept.clone();
        damaged[at] ^= 1;
        assert_eq!(source::decode(&damaged), None, "a damaged one is not used");
    }
}

#[tokio::test]
async fn the_form_of_kept_timelines_changes_only_with_its_version() {
    let place = Place::with_a_film().await;
    let kept = source::encode(place.film().await.open().presentation.movie()).unwrap();
    let sum = kept.iter().fold(0_u32, |sum, byte| sum.rotate_left(5) ^ u32::from(*byte));
    assert_eq!(
        (FORMAT, kept.len(), sum),
        (3, 364, 2_365_398_826),
        "raise source::FORMAT, and put the new figures here"
    );
}
