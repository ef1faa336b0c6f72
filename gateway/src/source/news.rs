//! What happens to all sources, for those who can't follow each: which chunks have landed, and of which media bytes are wanted.
//!
//! Nobody who tells ever waits. One who listens more slowly than it is told loses the oldest, is told so, and looks for itself.

use tokio::sync::broadcast;

use crate::id::MediaId;

/// What may wait for one who listens: of chunks of 4 MiB, those of 16 GiB.
const KEPT: usize = 4096;

/// Tells of all sources.
#[derive(Debug)]
pub struct News {
    landed: broadcast::Sender<(MediaId, u32)>,
    wanted: broadcast::Sender<MediaId>,
}

impl Default for News {
    fn default() -> Self {
        Self { landed: broadcast::Sender::new(KEPT), wanted: broadcast::Sender::new(KEPT) }
    }
}

impl News {
    /// Chunks from when all their bytes are kept.
    pub fn chunks(&self) -> broadcast::Receiver<(MediaId, u32)> {
        self.landed.subscribe()
    }

    /// Media of which somebody wants bytes that are not here.
    pub fn wants(&self) -> broadcast::Receiver<MediaId> {
        self.wanted.subscribe()
    }

    pub(super) fn landed(&self, media: MediaId, number: u32) {
        // Nobody listening is no fault.
        let _ = self.landed.send((media, number));
    }

    pub(super) fn wanted(&self, media: MediaId) {
        let _ = self.wanted.send(media);
    }
}
