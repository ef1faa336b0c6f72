//! Between those who need space and the one who keeps house: what is asked for when the quota has no more, and who could give bytes back
//! that are taken away.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::id::MediaId;

/// Who asks waits no longer than this; then it is told that there is no space.
const PATIENCE: Duration = Duration::from_secs(10);
/// Questions that may wait; more are answered with no.
const QUESTIONS: usize = 1024;

/// Space that somebody needs.
#[derive(Debug)]
pub struct Ask {
    /// Bytes.
    pub bytes: u64,
    /// Told once what could be done has been.
    pub done: oneshot::Sender<()>,
}

/// What of a medium can be had again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Spare {
    /// Nothing.
    #[default]
    Nothing,
    /// These chunks.
    Chunks(Vec<u32>),
    /// Every byte.
    All,
}

/// An answer that is not there yet.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Somebody who can give bytes of media back.
pub trait Giver: Debug + Send + Sync {
    /// What of a medium it could give back now.
    fn spare(&self, id: MediaId) -> Answer<'_, Spare>;
}

/// Where space is asked for, and who could give bytes back.
#[derive(Debug)]
pub struct Room {
    asks: mpsc::Sender<Ask>,
    asked: Mutex<Option<mpsc::Receiver<Ask>>>,
    givers: RwLock<Vec<Arc<dyn Giver>>>,
}

impl Default for Room {
    fn default() -> Self {
        let (asks, asked) = mpsc::channel(QUESTIONS);
        Self { asks, asked: Mutex::new(Some(asked)), givers: RwLock::default() }
    }
}

impl Room {
    /// What is asked for, for the one who keeps house; `None` if another does already.
    pub fn asked(&self) -> Option<mpsc::Receiver<Ask>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks for space, and waits until what can be done has been. Whether it was enough shows when it is tried again.
    pub async fn make(&self, bytes: u64) {
        if self.asked.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            // Nobody keeps house.
            return;
        }
        let (done, told) = oneshot::channel();
        if self.asks.try_send(Ask { bytes, done }).is_ok() {
            // One who stops keeping house answers by hanging up.
            let _ = tokio::time::timeout(PATIENCE, told).await;
        }
    }

    /// Makes somebody known who can give bytes back.
    pub fn add_giver(&self, giver: Arc<dyn Giver>) {
        self.givers.write().unwrap_or_else(PoisonError::into_inner).push(giver);
    }

    /// What of a medium somebody could give back now.
    pub async fn spare(&self, id: MediaId) -> Spare {
        let givers = self.givers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all = Vec::new();
        for giver in givers {
            match giver.spare(id).await {
                Spare::Nothing => {}
                Spare::Chunks(numbers) => all.extend(numbers),
                Spare::All => return Spare::All,
            }
        }
        all.sort_unstable();
        all.dedup();
        if all.is_empty() { Spare::Nothing } else { Spare::Chunks(all) }
    }
}
