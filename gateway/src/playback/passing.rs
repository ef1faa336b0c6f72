//! A segment that is made while it is sent, a piece at a time, because it would not stay in memory.
//!
//! # Why
//! A piece is read into memory that the processor still holds when the piece is sent, and that serves the next one: of a segment that is
//! made whole, every byte goes out to memory and comes back. And a segment may be as long as its film. Better still is no reading at all:
//! what lies in a file is [`Lent`] to the kernel.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use segmenter::render::{Body, Recipe};
use tokio::sync::Semaphore;

use super::{Error, Film, Head, Item, Lent, blocking};
use crate::source::{self, Buffers};

/// A segment on its way through.
#[derive(Clone, Debug)]
pub struct Passing {
    film: Arc<Film>,
    recipe: Arc<Recipe>,
    buffers: Buffers,
    gathering: Arc<Semaphore>,
}

impl Passing {
    /// `None` for what is no segment of media.
    pub(super) fn of(
        film: &Arc<Film>,
        item: Item,
        buffers: &Buffers,
        gathering: &Arc<Semaphore>,
    ) -> Option<Self> {
        let Item::Segment { rendition, number } = item else { return None };
        match film.open().presentation.segment(rendition.into(), number)? {
            Body::Media(recipe) => Some(Self {
                film: Arc::clone(film),
                recipe: Arc::new(recipe),
                buffers: buffers.clone(),
                gathering: Arc::clone(gathering),
            }),
            Body::Captions(_) => None,
        }
    }

    /// Bytes of the whole segment.
    pub fn len(&self) -> u64 {
        self.recipe.size
    }

    /// Whether the segment has no bytes.
    pub fn is_empty(&self) -> bool {
        self.recipe.size == 0
    }

    /// What is said of it, `item` of its film.
    pub fn head(&self, item: Item) -> Head {
        self.film.media_head(item, self.recipe.size)
    }

    /// Some of its bytes as they lie in the film, for the kernel to copy from; `None` where they can't be had so. All of them are in
    /// memory when this returns.
    ///
    /// # Errors
    /// When the gateway is ending.
    pub async fn lent(&self, range: Range<u64>) -> Result<Option<Lent>, Error> {
        let Some(lent) = Lent::new(&self.film, &self.recipe, range) else { return Ok(None) };
        if lent.is_loaded() {
            return Ok(Some(lent));
        }
        // What can't be loaded is read as any other, which says why.
        blocking(move || lent.load().is_ok().then_some(lent)).await
    }

    /// Some of its bytes.
    ///
    /// # Errors
    /// When the film's file can't be read, or is not what it was.
    pub async fn piece(self, range: Range<u64>) -> Result<Bytes, Error> {
        let gathering = Arc::clone(&self.gathering);
        let _turn = gathering.acquire().await.map_err(|_| Error::Ending)?;
        blocking(move || self.piece_at_once(range)).await?
    }

    /// As [`Self::piece`], of bytes that are few and in memory. Blocks if they are not.
    ///
    /// # Errors
    /// As [`Self::piece`].
    pub fn piece_at_once(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let made = source::gather_piece(&self.film.open().file, &self.recipe, range, &self.buffers);
        made.map_err(|source| Error::Source { media: self.film.id(), source: Arc::new(source) })
    }
}
