//! Shows films: manifests, init segments and segments, made when they are asked for and kept while they are hot.
//!
//! One straight way: film (tables known?) → item of its tree → hot? → recipe → bytes of it here? wanted, waited for → gathered → hot.
//! What a viewer will ask for next is made ahead.

mod content;
#[cfg(test)]
pub(crate) mod example;
mod film;
mod item;
mod lent;
mod passing;
#[cfg(test)]
mod tests;
mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use segmenter::bytes::ByteRange;
use segmenter::manifest::State;
use segmenter::plan::Options;
use segmenter::render::Body;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tracing::{debug, info};

use crate::cache::Cache;
use crate::clock::Clock;
use crate::config;
use crate::id::MediaId;
use crate::index::{self, Index, Media, Origin};
use crate::mapped::Draft;
use crate::source::{self, Buffers, OpenFilm, Priority, Source, Sources, Spare, Stored};
use crate::task::Tasks;

pub use content::{Coding, Content, Head, Keep};
pub use film::Film;
pub use item::Item;
pub use lent::Lent;
pub use passing::Passing;

/// Segments made ahead of a viewer.
const AHEAD: u32 = 3;
/// Viewers for whom segments are made ahead at once; for more of them it is left out, and they wait for each segment.
const AHEAD_AT_ONCE: usize = 4;
/// Viewers for whom bytes that are still elsewhere are wanted ahead at once.
const ARRIVING_AT_ONCE: usize = 256;
/// Segments gathered at once; more wait.
const GATHER_AT_ONCE: usize = 32;
/// A segment larger than this part of the cache would push out more than it saves: it is not kept, and none is made ahead.
const SHARE: u64 = 16;

/// Why something can't be shown.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no such medium.
    #[error("no medium {0}")]
    NoMedia(MediaId),
    /// The medium's tree has no such item.
    #[error("medium {0} has no such item")]
    NoItem(MediaId),
    /// The medium's file holds no film.
    #[error("medium {media} can't be played: {reason}")]
    NotPlayable {
        /// Which.
        media: MediaId,
        /// Why not.
        reason: String,
    },
    /// The medium's file gives no film any more, or can't be read.
    #[error("medium {media}: {source}")]
    Source {
        /// Which.
        media: MediaId,
        /// Why not.
        source: Arc<source::Error>,
    },
    /// Its time is over, and nobody can give it back.
    #[error("the time of medium {0} is over")]
    Expired(MediaId),
    /// Its bytes are somewhere else, and have not come in time.
    #[error("bytes of medium {0} have not come in time")]
    Elsewhere(MediaId),
    /// Its bytes were here, and nobody has them any more.
    #[error("bytes of medium {0} are lost")]
    Lost(MediaId),
    /// The index can't be read.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The gateway is ending.
    #[error("the gateway is ending")]
    Ending,
}

/// Memory that may be used, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// For segments and manifests.
    pub hot: u64,
    /// For tables of open films.
    pub tables: u64,
}

/// What is kept under which key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    film: u64,
    item: Item,
    coding: Coding,
    /// Of text that changes as bytes arrive: what was here when it was made.
    epoch: u64,
}

/// Shows films.
#[derive(Debug)]
pub struct Playback {
    index: Arc<Index>,
    folders: Vec<PathBuf>,
    options: Options,
    clock: Clock,
    tasks: Tasks,
    stale: Arc<Notify>,
    sources: Arc<Sources>,
    patience: Duration,
    spans: config::Retention,
    films: Cache<MediaId, Film>,
    hot: Cache<Key, Content>,
    room: Room,
    buffers: Buffers,
    gathering: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
    enlarging: Arc<Semaphore>,
    arriving: Arc<Semaphore>,
}

/// What [`Playback`] is built on.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Where media are known.
    pub index: Arc<Index>,
    /// The folders that are served: the index may know more.
    pub folders: Vec<PathBuf>,
    /// How films are cut.
    pub options: Options,
    /// When files are looked at again.
    pub clock: Clock,
    /// Where work in the background is known.
    pub tasks: Tasks,
    /// Told when a file is not what the index says.
    pub stale: Arc<Notify>,
    /// Media that are kept in chunks.
    pub sources: Arc<Sources>,
    /// How long a viewer waits for bytes that are still elsewhere.
    pub patience: Duration,
    /// How long media stay that are kept in chunks.
    pub spans: config::Retention,
}

impl Playback {
    /// With nothing in memory yet.
    pub fn new(ground: Ground, room: Room) -> Self {
        let Ground { index, folders, options, clock, tasks, stale, sources, patience, spans } = ground;
        Self {
            index,
            folders,
            options,
            clock,
            tasks,
            stale,
            sources,
            patience,
            spans,
            films: Cache::new(room.tables),
            hot: Cache::in_two_parts(room.hot),
            room,
            buffers: Buffers::default(),
            gathering: Arc::new(Semaphore::new(GATHER_AT_ONCE)),
            ahead: Arc::new(Semaphore::new(AHEAD_AT_ONCE)),
            enlarging: Arc::new(Semaphore::new(1)),
            arriving: Arc::new(Semaphore::new(ARRIVING_AT_ONCE)),
        }
    }

    /// An open film, as its file is now.
    ///
    /// # Errors
    /// When there is no such medium, or its file gives no film.
    pub async fn film(&self, id: MediaId) -> Result<Arc<Film>, Error> {
        let film = self.films.get_or_make(&id, self.open(id)).await?;
        self.watched(&film.open().file);
        if film.looked_at_lately(&self.clock) {
            return Ok(film);
        }
        let looked = Arc::clone(&film);
        match blocking(move || looked.open().file.current()).await? {
            Ok(()) => Ok(film),
            Err(error) => {
                debug!(media = %id, %error, "film is opened again");
                self.forget(id).await;
                self.films.get_or_make(&id, self.open(id)).await
            }
        }
    }

    /// Says that somebody watches what comes from a source: it stays longer.
    pub fn watched(&self, source: &Source) {
        if let Some(stored) = source.stored() {
            stored.watched(self.clock.now());
        }
    }

    /// A film that is open, if its file was looked at a moment ago.
    pub async fn open_film(&self, id: MediaId) -> Option<Arc<Film>> {
        let film = self.films.get(&id).await?;
        self.watched(&film.open().file);
        film.was_looked_at_lately(&self.clock).then_some(film)
    }

    /// What is known of an item before its bytes are read; `None` where only its bytes tell.
    pub fn head(film: &Film, item: Item) -> Option<Head> {
        film.head(item)
    }

    /// An item of a film's tree, in one of the codings that are accepted where it is text.
    ///
    /// # Errors
    /// When it is not there, or its bytes can't be had.
    pub async fn content(
        self: &Arc<Self>,
        film: &Arc<Film>,
        item: Item,
        coding: Coding,
    ) -> Result<Arc<Content>, Error> {
        let content = self.one(film, item, coding).await?;
        self.look_ahead(film, item, &content);
        Ok(content)
    }

    /// An item that is in memory already.
    pub async fn hot(self: &Arc<Self>, film: &Arc<Film>, item: Item, coding: Coding) -> Option<Arc<Content>> {
        let content = self.hot.get(&Key::of(film, item, coding.of(item))).await?;
        self.look_ahead(film, item, &content);
        if content.uses.is_worth_work() && Draft::can_be_enlarged(content.bytes.len()) {
            self.enlarge(Key::of(film, item, Coding::Identity), &content);
        }
        Some(content)
    }

    /// A segment that is not to be kept, to be made as it is sent; `None` for anything else.
    ///
    /// # Errors
    /// When its bytes don't come in time.
    pub async fn passing(&self, film: &Arc<Film>, item: Item) -> Result<Option<Passing>, Error> {
        let passing = self.to_pass(film, item);
        if passing.is_some() {
            self.ready(film, item, Priority::Viewer).await?;
        }
        Ok(passing)
    }

    /// As [`Self::passing`], of a film all of which is here.
    pub fn passing_at_once(&self, film: &Arc<Film>, item: Item) -> Option<Passing> {
        film.open().file.stored().is_none().then(|| self.to_pass(film, item)).flatten()
    }

    fn to_pass(&self, film: &Arc<Film>, item: Item) -> Option<Passing> {
        // A segment is hardly longer than its film: most need not be measured.
        // And one that lies ready is sent from where it lies.
        if self.has_room(film.open().file.len().saturating_mul(2)) || film.ready_made_len(item).is_some() {
            return None;
        }
        let passing = Passing::of(film, item, &self.buffers, &self.gathering)?;
        (!self.has_room(passing.len())).then_some(passing)
    }

    /// Whether the cache keeps something of this length.
    fn has_room(&self, len: u64) -> bool {
        len.saturating_mul(SHARE) <= self.room.hot
    }

    /// Bytes of segments and manifests in memory, and how many there are.
    pub fn in_memory(&self) -> (u64, u64) {
        (self.hot.weight(), self.hot.count())
    }

    async fn one(&self, film: &Arc<Film>, item: Item, coding: Coding) -> Result<Arc<Content>, Error> {
        let coding = coding.of(item);
        let made = match coding {
            Coding::Identity => self.plain(film, item).await,
            _ => {
                let key = Key::of(film, item, coding);
                self.hot.get_or_make(&key, self.coded(film, item, coding)).await
            }
        };
        if made.as_ref().is_err_and(Error::tells_of_a_change) {
            self.forget(film.id()).await;
        }
        made
    }

    async fn plain(&self, film: &Arc<Film>, item: Item) -> Result<Arc<Content>, Error> {
        if film.ready_made_len(item).is_some_and(|len| !self.has_room(len)) {
            return self.make(film, item).await.map(Arc::new);
        }
        let key = Key::of(film, item, Coding::Identity);
        self.hot.get_or_make(&key, self.make(film, item)).await
    }

    /// Waits until the bytes are here that a segment is made of.
    async fn ready(&self, film: &Arc<Film>, item: Item, priority: Priority) -> Result<(), Error> {
        let Some(stored) = film.open().file.stored() else { return Ok(()) };
        let needed = film.needs(item);
        if !needed.iter().all(|range| stored.has(*range)) && self.are_lost(stored, &needed).await? {
            return Err(Error::Lost(film.id()));
        }
        stored.ready(priority, &needed, self.patience).await.map_err(|source| of_source(film.id(), source))
    }

    /// Whether some of these bytes were here and nobody has them any more, whether connected now or not.
    async fn are_lost(&self, stored: &Stored, ranges: &[ByteRange]) -> Result<bool, Error> {
        let id = stored.id();
        if self.index.media(id).await?.is_none_or(|known| known.state != State::Ready) {
            return Ok(false);
        }
        // What is kept as segments is taken back by nobody: it is whole or lost.
        let Some(missing) = stored.missing(ranges) else { return Ok(true) };
        if !self.index.offers_of(id).await?.is_empty() {
            return Ok(false);
        }
        let held = self.index.holders(id).await?;
        Ok(missing.iter().any(|number| held.iter().all(|holder| holder.number != *number)))
    }

    async fn coded(&self, film: &Arc<Film>, item: Item, coding: Coding) -> Result<Content, Error> {
        let plain = self.plain(film, item).await?;
        blocking(move || plain.coded(coding)).await
    }

    async fn make(&self, film: &Arc<Film>, item: Item) -> Result<Content, Error> {
        let end = Instant::now() + self.patience;
        loop {
            self.ready(film, item, Priority::Viewer).await?;
            match self.gather(film, item).await {
                // Found out as it was read that a chunk is lost: it is wanted from now on, and may come back.
                Err(Error::Elsewhere(_)) if Instant::now() < end => {}
                made => return made,
            }
        }
    }

    async fn gather(&self, film: &Arc<Film>, item: Item) -> Result<Content, Error> {
        let _turn = self.gathering.acquire().await.map_err(|_| Error::Ending)?;
        let (film, buffers) = (Arc::clone(film), self.buffers.clone());
        let media = film.id();
        let made = blocking(move || make(&film, item, &buffers)).await?;
        made.map_err(|source| of_source(media, source))?.ok_or(Error::NoItem(media))
    }

    async fn open(&self, id: MediaId) -> Result<Film, Error> {
        let known = self.index.media(id).await?.filter(|known| known.is_served(&self.folders));
        let known = known.ok_or(Error::NoMedia(id))?;
        if let Some(reason) = known.error {
            return Err(Error::NotPlayable { media: id, reason });
        }
        let Origin::Folder { path, .. } = &known.origin else { return self.open_stored(&known).await };
        let kept = self.index.tables(id, known.identity).await?;
        let (options, path, identity) = (self.options.clone(), path.clone(), known.identity);
        let opened = blocking(move || {
            OpenFilm::open(&path, &options, |file| {
                kept.filter(|_| file.identity() == identity).as_deref().and_then(source::decode)
            })
        });
        let opened = opened.await?.map_err(|source| of_source(id, source));
        let opened = opened.inspect_err(|_| self.stale.notify_one())?;
        if opened.file.identity() != identity {
            self.stale.notify_one();
        }
        info!(media = %id, read = opened.moov.is_some(), "film opened");
        Ok(Film::new(&known, opened, self.options.target, None, &self.clock))
    }

    /// A film that is kept in chunks, as soon as its timeline is known.
    async fn open_stored(&self, known: &Media) -> Result<Film, Error> {
        let id = known.id;
        if known.state == State::Expired {
            self.regain(known).await?;
        }
        let source = self.sources.get(id).await?.ok_or(Error::NoMedia(id))?;
        let failed = |source| of_source(id, source);
        let kept = self.index.tables(id, known.identity).await?;
        let kept = blocking(move || kept.as_deref().and_then(source::decode)).await?;
        let (movie, moov) = match kept {
            Some(movie) => (movie, None),
            None => {
                let read = source::read_arriving(&source, self.patience).await.map_err(failed)?;
                (read.0, Some(read.1))
            }
        };
        let options = self.options.clone();
        let opened =
            blocking(move || OpenFilm::of_stored(source, movie, moov, &options)).await?.map_err(failed)?;
        info!(media = %id, read = opened.moov.is_some(), "film opened");
        let life = self.spans.of(known.title.kind);
        Ok(Film::new(known, opened, self.options.target, Some(life), &self.clock))
    }

    /// A medium whose bytes are gone is on its way again, if somebody can give them back.
    async fn regain(&self, known: &Media) -> Result<(), Error> {
        if self.sources.room().spare(known.id).await == Spare::Nothing {
            return Err(Error::Expired(known.id));
        }
        let tables = self.index.tables(known.id, known.identity).await?;
        self.index.put(Media { state: State::Playable, ..known.clone() }, tables).await?;
        self.sources.tell();
        info!(media = %known.id, "medium is wanted back");
        Ok(())
    }

    /// Lets go of a film whose source is not what it was.
    pub async fn forget(&self, id: MediaId) {
        if let Some(film) = self.films.get(&id).await {
            let tag = film.tag();
            self.hot.remove_all(move |key| key.film == tag);
        }
        self.films.remove(&id).await;
        self.stale.notify_one();
    }

    /// Puts a segment that is asked for again and again where it costs less to send, in the background.
    fn enlarge(self: &Arc<Self>, key: Key, content: &Arc<Content>) {
        let Ok(turn) = Arc::clone(&self.enlarging).try_acquire_owned() else { return };
        let (playback, content) = (Arc::clone(self), Arc::clone(content));
        self.tasks.spawn_until_stop(async move {
            let _turn = turn;
            if let Ok(Some(enlarged)) = blocking(move || content.enlarged()).await {
                playback.hot.replace(&key, enlarged).await;
            }
        });
    }

    /// Makes the segments that come after this one, in the background.
    fn look_ahead(self: &Arc<Self>, film: &Arc<Film>, item: Item, content: &Content) {
        let Item::Segment { rendition, number } = item else { return };
        if !self.has_room(content.bytes.len() as u64) {
            return;
        }
        let wanted: Vec<_> = (1..=AHEAD)
            .filter_map(|ahead| number.checked_add(ahead))
            .filter(|number| *number <= film.segments(rendition))
            .map(|number| Item::Segment { rendition, number })
            .filter(|item| !self.hot.holds(&Key::of(film, *item, Coding::Identity)))
            .collect();
        if wanted.is_empty() {
            return;
        }
        self.want_ahead(film, &wanted);
        let Ok(turn) = Arc::clone(&self.ahead).try_acquire_owned() else { return };
        let (playback, film) = (Arc::clone(self), Arc::clone(film));
        self.tasks.spawn_until_stop(async move {
            let _turn = turn;
            for item in wanted {
                if !film.has(item) {
                    return;
                }
                if let Err(error) = playback.one(&film, item, Coding::Identity).await {
                    debug!(media = %film.id(), %error, "segment not made ahead");
                    return;
                }
            }
        });
    }
}

impl Playback {
    /// Says that bytes which are still elsewhere will be wanted next, for as long as their viewer may take to come to them.
    fn want_ahead(&self, film: &Arc<Film>, items: &[Item]) {
        let Some(stored) = film.open().file.stored().filter(|stored| !stored.is_complete()) else { return };
        let needed: Vec<_> = items.iter().flat_map(|item| film.needs(*item)).collect();
        let Ok(turn) = Arc::clone(&self.arriving).try_acquire_owned() else { return };
        let (stored, patience) = (Arc::clone(stored), self.patience);
        self.tasks.spawn_until_stop(async move {
            let _turn = turn;
            // Whether they come in time is for the viewer to find out.
            let _ = stored.ready(Priority::Ahead, &needed, patience).await;
        });
    }
}

impl Key {
    fn of(film: &Film, item: Item, coding: Coding) -> Self {
        let epoch = if item.is_versioned() { 0 } else { film.epoch() };
        Self { film: film.tag(), item, coding, epoch }
    }
}

impl Error {
    /// Whether the film is not what it was: not if its bytes are only late.
    fn tells_of_a_change(&self) -> bool {
        matches!(self, Self::Source { .. })
    }
}

fn of_source(media: MediaId, source: source::Error) -> Error {
    match source {
        source::Error::Elsewhere(_) => Error::Elsewhere(media),
        source::Error::Deleted(_) => Error::NoMedia(media),
        source => Error::Source { media, source: Arc::new(source) },
    }
}

/// Makes an item; `None` if the film has no such item. Blocks.
fn make(film: &Film, item: Item, buffers: &Buffers) -> Result<Option<Content>, source::Error> {
    let open = film.open();
    Ok(match item {
        Item::Init { rendition } => Some(film.media(item, open.presentation.init(rendition.into()))),
        Item::Segment { rendition, number } => match open.presentation.segment(rendition.into(), number) {
            Some(Body::Media(recipe)) => {
                if let Some(bytes) = film.ready_made(rendition, number) {
                    return Ok(Some(film.media(item, bytes)));
                }
                Some(film.media(item, source::keep(&open.file, &recipe, buffers)?))
            }
            Some(Body::Captions(captions)) => Some(film.text(item, film.captions(&captions)?)),
            None => None,
        },
        _ => text::render(film, item)?.map(|text| film.text(item, text)),
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Ending)
}
