//! The sources that are kept in chunks: opening, making, deleting, and putting right at the start what a crash left.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use segmenter::manifest::State;
use tokio::sync::{OnceCell, watch};
use tracing::{info, warn};

use super::sealed::Sealed;
use super::stored::{Ground, Kept};
use super::{FORMAT, News, Room, Stored};
use crate::clock::Clock;
use crate::config;
use crate::id::{Identity, MediaId};
use crate::index::{self, Index, Media, Origin};
use crate::store::{Chunks, MEDIUM, Owner, Quota, Refusal, Segments};
use crate::title::Title;

/// Why a source can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is no space for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The index can't be written.
    #[error(transparent)]
    Index(#[from] index::Error),
}

/// Why sources can't be kept at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder of chunks can't be used.
    #[error("chunks: {0}")]
    Chunks(#[from] io::Error),
    /// The index can't be read.
    #[error(transparent)]
    Index(#[from] index::Error),
}

/// What a new source is.
#[derive(Clone, Debug)]
pub struct New {
    /// Its title.
    pub title: Title,
    /// The name of its file.
    pub name: String,
    /// Bytes it will have, if that is known.
    pub length: Option<u64>,
    /// The broadcaster it is of.
    pub owner: Option<String>,
    /// Whether space for all of it is promised now. If not, it is asked for as bytes come.
    pub reserve: bool,
}

/// Every source that is kept in chunks.
#[derive(Debug)]
pub struct Sources {
    ground: Ground,
    clock: Clock,
    chunk: u32,
    open: Mutex<HashMap<MediaId, Arc<OnceCell<Arc<Stored>>>>>,
    changes: watch::Sender<u64>,
}

impl Sources {
    /// Opens what is kept below a data folder: files that the index does not know are removed, and so are rows whose file is gone.
    ///
    /// # Errors
    /// When folder or index can't be used.
    pub async fn start(
        index: Arc<Index>,
        data: &Path,
        settings: &config::Store,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let files = Arc::new(Chunks::open(data, settings.sync)?);
        let quota = Quota::new(settings.quota.0, settings.share.0, index.size(), data);
        let chunk = settings.chunk();
        let segments = Arc::new(Segments::open(data, settings.sync)?);
        let ground = Ground { files, index, quota, room: Arc::default(), news: Arc::default(), segments };
        sweep(&ground).await?;
        Ok(Self { ground, clock, chunk, open: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// How much of the disk is taken.
    pub fn quota(&self) -> &Arc<Quota> {
        &self.ground.quota
    }

    /// Where space is asked for, and who can give bytes back.
    pub fn room(&self) -> &Arc<Room> {
        &self.ground.room
    }

    /// Which chunks land and which media are wanted, for those who follow all of them.
    pub fn news(&self) -> &Arc<News> {
        &self.ground.news
    }

    /// Bytes of a chunk of a new source.
    pub fn chunk(&self) -> u32 {
        self.chunk
    }

    /// Told when sources come, go, or are opened.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The source of a medium; `None` if it is not kept in chunks.
    ///
    /// # Errors
    /// When the index can't be read.
    pub async fn get(&self, id: MediaId) -> Result<Option<Arc<Stored>>, index::Error> {
        let known = self.open().get(&id).cloned();
        if let Some(source) = known.as_ref().and_then(|cell| cell.get()) {
            return Ok(Some(Arc::clone(source)));
        }
        let Some(media) = self.ground.index.media(id).await? else { return Ok(None) };
        if media.stored().is_none() {
            return Ok(None);
        }
        let cell = Arc::clone(self.open().entry(id).or_default());
        let opened = Arc::clone(cell.get_or_try_init(|| self.load(&media)).await?);
        self.tell();
        Ok(Some(opened))
    }

    async fn load(&self, media: &Media) -> Result<Arc<Stored>, index::Error> {
        let stored = media.stored();
        let kept = Kept {
            id: media.id,
            created: media.identity.modified,
            // A length that nobody has said is none.
            length: Some(media.identity.size).filter(|length| *length > 0),
            chunk: stored.map_or(self.chunk, |stored| stored.chunk),
            owner: stored.and_then(|stored| stored.owner.as_deref()).map(Arc::from),
            used: stored.map(|stored| stored.used).unwrap_or_default(),
            chunks: self.ground.index.chunks(media.id).await?,
            sealed: self.sealed(media.id).await?,
        };
        Ok(Arc::new(Stored::new(kept, self.ground.clone())))
    }

    async fn sealed(&self, id: MediaId) -> Result<Option<Sealed>, index::Error> {
        let Some(seal) = self.ground.index.sealed(id).await? else { return Ok(None) };
        let files = Arc::clone(&self.ground.segments);
        let opened = tokio::task::spawn_blocking(move || Sealed::open(id, files, seal)).await;
        match opened.map_err(|_| index::Error::Closed)? {
            Ok(sealed) => Ok(Some(sealed)),
            Err(error) => {
                warn!(media = %id, %error, "segments of a medium are gone");
                self.ground.index.unseal(id).await?;
                self.ground.quota.give_back(seal.stored, &None);
                Ok(None)
            }
        }
    }

    /// Makes a source with no byte in it, and its medium, which is `receiving`. Where there is no space, some is made if that can be.
    ///
    /// # Errors
    /// When there is no space, or the index can't be written.
    pub async fn create(&self, new: New) -> Result<Arc<Stored>, CreateError> {
        self.make(MediaId::random(), new, false).await
    }

    /// As [`Self::create`], with an id that is known before. No medium has it now: whoever calls this sees to that.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn create_as(&self, id: MediaId, new: New) -> Result<Arc<Stored>, CreateError> {
        self.make(id, new, false).await
    }

    /// As [`Self::create`], for what is a part of a film that is sent in parts: nobody is shown it.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn create_part(&self, new: New) -> Result<Arc<Stored>, CreateError> {
        self.make(MediaId::random(), new, true).await
    }

    async fn make(&self, id: MediaId, new: New, part: bool) -> Result<Arc<Stored>, CreateError> {
        match self.try_create(id, new.clone(), part).await {
            Err(CreateError::Refused(Refusal::Full { needed, .. } | Refusal::Disk { needed, .. })) => {
                // What a medium takes besides may have been promised before the rest was refused.
                self.ground.room.make(needed.saturating_add(MEDIUM)).await;
                self.try_create(id, new, part).await
            }
            done => done,
        }
    }

    async fn try_create(&self, id: MediaId, new: New, part: bool) -> Result<Arc<Stored>, CreateError> {
        let now = self.clock.now();
        let owner: Owner = new.owner.as_deref().map(Arc::from);
        // What a medium takes besides its chunks is used from the start.
        let mut medium = self.ground.quota.reserve(MEDIUM, &owner)?;
        let created = i64::try_from(now.0).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let media = Media {
            id,
            origin: Origin::Store(index::Stored {
                chunk: self.chunk,
                name: new.name,
                owner: new.owner,
                used: now,
                pinned: false,
                part,
            }),
            identity: Identity { size: new.length.unwrap_or(0), modified: created },
            format: FORMAT,
            title: new.title,
            state: State::Receiving,
            error: None,
            duration: None,
            renditions: Vec::new(),
            notes: Vec::new(),
            moov: None,
        };
        let source = self.load(&media).await?;
        if new.reserve {
            source.reserve()?;
        }
        self.ground.index.put(media, None).await?;
        medium.spend(MEDIUM);
        let cell = Arc::new(OnceCell::new_with(Some(Arc::clone(&source))));
        self.open().insert(id, cell);
        self.tell();
        Ok(source)
    }

    /// Deletes a medium that is kept in chunks, with all that is here of it; false if there is none.
    ///
    /// # Errors
    /// When the index can't be written; then nothing is deleted.
    pub async fn remove(&self, id: MediaId) -> Result<bool, index::Error> {
        let Some(source) = self.get(id).await? else { return Ok(false) };
        if source.is_gone() {
            return Ok(false);
        }
        self.ground.index.remove(vec![id]).await?;
        self.open().remove(&id);
        let (files, segments) = (Arc::clone(&self.ground.files), Arc::clone(&self.ground.segments));
        let quota = Arc::clone(&self.ground.quota);
        // Goes to its end even if nobody waits; a crash leaves litter for the next start.
        let work = tokio::task::spawn_blocking(move || {
            source.end();
            quota.give_back(MEDIUM, source.owner());
            files.remove_all(id).and(segments.remove_all(id))
        });
        if let Ok(Err(error)) = work.await {
            warn!(media = %id, %error, "files of a deleted medium stay until the next start");
        }
        self.tell();
        Ok(true)
    }

    /// The source of a medium, if it is open.
    pub fn opened_one(&self, id: MediaId) -> Option<Arc<Stored>> {
        self.open().get(&id).and_then(|cell| cell.get().cloned())
    }

    /// The sources that are open: every one that was read or fed since the start.
    pub fn opened(&self) -> Vec<Arc<Stored>> {
        self.open().values().filter_map(|cell| cell.get().cloned()).collect()
    }

    /// Says that something has changed of which source is arriving.
    pub fn tell(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn open(&self) -> MutexGuard<'_, HashMap<MediaId, Arc<OnceCell<Arc<Stored>>>>> {
        // Nothing panics while it is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes files and rows agree, and counts what is there.
async fn sweep(ground: &Ground) -> Result<(), StartError> {
    let extents = ground.index.extents().await?;
    let held = ground.index.held().await?;
    let files = Arc::clone(&ground.files);
    let known: HashSet<_> = extents.iter().map(|extent| (extent.media, extent.number)).collect();
    let (swept, found) = tokio::task::spawn_blocking(move || {
        let mut found = HashSet::with_capacity(known.len());
        let swept = files.sweep(|media, number| {
            let is_known = known.contains(&(media, number));
            if is_known {
                found.insert((media, number));
            }
            is_known
        });
        swept.map(|swept| (swept, found))
    })
    .await
    .map_err(io::Error::other)??;
    let mut lost: HashMap<MediaId, Vec<u32>> = HashMap::new();
    let mut owners = HashMap::new();
    for media in held {
        let owner = ground.index.media(media).await?.and_then(|media| media.stored()?.owner.clone());
        let owner: Owner = owner.map(Arc::from);
        ground.quota.found(MEDIUM, &owner);
        owners.insert(media, owner);
    }
    for extent in extents {
        match found.contains(&(extent.media, extent.number)) {
            true => ground.quota.found(extent.stored, owners.get(&extent.media).unwrap_or(&None)),
            false => lost.entry(extent.media).or_default().push(extent.number),
        }
    }
    let seals = ground.index.seals().await?;
    for (media, seal) in &seals {
        ground.quota.found(seal.stored, owners.get(media).unwrap_or(&None));
    }
    let (segments, sealed) =
        (Arc::clone(&ground.segments), seals.into_iter().map(|(media, _)| media).collect());
    tokio::task::spawn_blocking(move || segments.sweep(&sealed)).await.map_err(io::Error::other)??;
    for (media, numbers) in lost {
        warn!(%media, chunks = numbers.len(), "chunks are not on the disk any more");
        ground.index.remove_chunks(media, numbers).await?;
    }
    if swept.removed > 0 {
        info!(files = swept.removed, "litter removed");
    }
    Ok(())
}
