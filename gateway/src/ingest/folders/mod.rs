//! Finds the films of served folders and keeps the index true to them: new, changed, renamed, deleted.
//!
//! # Why
//! Whatever the system says has changed, the whole folder is compared with the index: names, lengths and times, a few
//! microseconds a film. Events are only a reason to look. So nothing depends on their being complete or in order, and network file
//! systems, which send none, differ only in how soon a change is seen.

mod compare;
mod look;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::{StreamExt, stream};
use segmenter::plan::Options;
use tokio::sync::{Notify, watch as told};
use tracing::{info, warn};

use crate::events::{Event, Events};
use crate::id::Identity;
use crate::index::Index;
use crate::source::walk::{self, Found};
use compare::Changes;
use look::Looked;

/// How long a file that can't be read yet may have gone without change and still be thought of as being copied.
const COPYING: Duration = Duration::from_secs(2);
/// When such a file is tried again.
const RETRY: Duration = Duration::from_millis(700);

/// What to look after, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folders, canonical.
    pub folders: Vec<PathBuf>,
    /// How films are cut.
    pub options: Options,
    /// How long a folder must be quiet before it is looked through.
    pub settle: Duration,
    /// How often it is looked through anyway.
    pub rescan: Duration,
    /// Films read at once.
    pub at_once: usize,
}

/// Keeps the index true to folders.
#[derive(Debug)]
pub struct Folders {
    index: Arc<Index>,
    events: Arc<Events>,
    settings: Settings,
    stale: Arc<Notify>,
    ready: told::Sender<bool>,
    waiting: AtomicU64,
}

/// How one look at the folders went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    ready: usize,
    failed: usize,
    gone: usize,
    /// Files that seem to be still being written.
    held_back: usize,
}

impl Folders {
    /// `stale` is told by anybody who sees that the index is not true any more.
    pub fn new(index: Arc<Index>, events: Arc<Events>, settings: Settings, stale: Arc<Notify>) -> Self {
        let (ready, waiting) = (told::Sender::new(false), AtomicU64::new(0));
        Self { index, events, settings, stale, ready, waiting }
    }

    /// Whether every folder has been looked through since the start.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Films that were found and have not been read yet.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns once every folder has been looked through.
    pub async fn ready(&self) {
        // It ends only with the gateway.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Looks through the folders, now and whenever something changes. Never returns.
    pub async fn run(&self) {
        let watcher = watch::watch(&self.settings.folders, &self.stale);
        loop {
            let outcome = self.look_through().await;
            self.ready.send_replace(true);
            let pause = if outcome.held_back > 0 { RETRY } else { self.settings.rescan };
            if tokio::time::timeout(pause, self.stale.notified()).await.is_ok() {
                self.settle().await;
            }
            // Held as long as this runs.
            let _ = &watcher;
        }
    }

    /// Waits until nothing has changed for a while, but not for ever: somebody may be copying all day.
    async fn settle(&self) {
        let enough = tokio::time::sleep(self.settings.settle * 8);
        tokio::pin!(enough);
        loop {
            tokio::select! {
                () = &mut enough => return,
                more = tokio::time::timeout(self.settings.settle, self.stale.notified()) => {
                    if more.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Compares every folder with the index and puts right what differs.
    async fn look_through(&self) -> Outcome {
        let mut outcome = Outcome::default();
        for folder in &self.settings.folders {
            match self.changes(folder).await {
                Ok(changes) => self.put_right(folder, changes, &mut outcome).await,
                Err(error) => warn!(folder = %folder.display(), %error, "folder can't be looked through"),
            }
        }
        outcome
    }

    async fn changes(&self, folder: &Path) -> Result<Changes, Box<dyn std::error::Error + Send + Sync>> {
        let walked = folder.to_owned();
        let found = tokio::task::spawn_blocking(move || walk::films(&walked)).await??;
        let known = self.index.known(folder.to_owned()).await?;
        Ok(compare::compare(known, found))
    }

    async fn put_right(&self, folder: &Path, changes: Changes, outcome: &mut Outcome) {
        let started = Instant::now();
        let before = (outcome.ready, outcome.failed);
        self.waiting.store(changes.changed.len() as u64, Ordering::Relaxed);
        let reads = changes.changed.into_iter().map(|found| self.read(folder, found));
        let mut reads = stream::iter(reads).buffer_unordered(self.settings.at_once);
        while let Some(read) = reads.next().await {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match read {
                Read::Ready => outcome.ready += 1,
                Read::Failed => outcome.failed += 1,
                Read::HeldBack => outcome.held_back += 1,
            }
        }
        let gone = changes.gone.len();
        outcome.gone += gone;
        match self.index.remove(changes.gone.clone()).await {
            Ok(()) => {
                let told = changes.gone.into_iter().map(|id| Event::Gone { id, why: "deleted" });
                told.for_each(|event| self.events.tell(event));
            }
            Err(error) => {
                warn!(folder = %folder.display(), %error, "films that are gone stay in the index");
            }
        }
        let (ready, failed) = (outcome.ready - before.0, outcome.failed - before.1);
        if ready + failed + gone > 0 {
            let elapsed_ms = started.elapsed().as_millis();
            info!(folder = %folder.display(), ready, failed, gone, elapsed_ms, "folder looked through");
        }
    }

    /// Reads one film and puts what it is into the index.
    async fn read(&self, folder: &Path, found: Found) -> Read {
        let (folder, options, path) = (folder.to_owned(), self.settings.options.clone(), found.path.clone());
        let looked = tokio::task::spawn_blocking(move || look::look(&folder, &found, &options)).await;
        let Ok(Looked { media, tables }) = looked else {
            warn!(path = %path.display(), "reading a film ended without a result");
            return Read::Failed;
        };
        let failed = media.error.clone();
        if failed.is_some() && is_fresh(media.identity, SystemTime::now()) {
            return Read::HeldBack;
        }
        let id = media.id;
        let told = Event::Media {
            id,
            title: media.title.name.clone(),
            state: media.state,
            error: media.error.clone(),
        };
        if let Err(error) = self.index.put(media, tables).await {
            warn!(media = %id, path = %path.display(), %error, "film not put into the index");
            return Read::Failed;
        }
        self.events.tell(told);
        match failed {
            None => Read::Ready,
            Some(error) => {
                warn!(media = %id, path = %path.display(), error, "file holds no film that can be played");
                Read::Failed
            }
        }
    }
}

/// How reading one film ended.
enum Read {
    Ready,
    Failed,
    HeldBack,
}

/// Whether a file was changed so lately that somebody may still be writing it.
fn is_fresh(identity: Identity, now: SystemTime) -> bool {
    let changed = Duration::from_nanos(u64::try_from(identity.modified).unwrap_or(0));
    now.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|now| now.saturating_sub(changed) < COPYING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Sync;
    use segmenter::manifest::State;
    use std::fs;
    use std::fs::FileTimes;

    struct Place {
        folder: tempfile::TempDir,
        _data: tempfile::TempDir,
        ingest: Folders,
    }

    fn place() -> Place {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let index = Arc::new(Index::open(data.path(), Sync::Process).unwrap());
        let settings = Settings {
            folders: vec![folder.path().canonicalize().unwrap()],
            options: Options::default(),
            settle: Duration::from_millis(1),
            rescan: Duration::from_secs(3600),
            at_once: 2,
        };
        let events = Arc::new(Events::new(&Clock::manual()));
        let ingest = Folders::new(index, events, settings, Arc::default());
        Place { folder, _data: data, ingest }
    }

    /// A file that holds no film and was last changed long ago.
    fn old_junk(place: &Place, name: &str) {
        let path = place.folder.path().join(name);
        fs::write(&path, b"no film at all").unwrap();
        let long_ago = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        fs::File::options().write(true).open(path).unwrap().set_times(long_ago).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_cant_be_played_is_listed_with_its_reason_and_not_read_again() {
        let place = place();
        old_junk(&place, "junk.mp4");
        assert_eq!(place.ingest.look_through().await, Outcome { failed: 1, ..Outcome::default() });
        assert_eq!(place.ingest.look_through().await, Outcome::default());
        let known = place.ingest.index.known(place.ingest.settings.folders[0].clone()).await.unwrap();
        let media = place.ingest.index.media(known[0].id).await.unwrap().unwrap();
        assert_eq!(media.state, State::Failed);
        assert!(media.error.is_some_and(|error| !error.is_empty()));
    }

    #[tokio::test]
    async fn a_file_that_is_still_being_written_is_held_back() {
        let place = place();
        fs::write(place.folder.path().join("new.mp4"), b"no film yet").unwrap();
        assert_eq!(place.ingest.look_through().await, Outcome { held_back: 1, ..Outcome::default() });
    }

    #[tokio::test]
    async fn a_file_that_is_gone_leaves_the_index() {
        let place = place();
        old_junk(&place, "junk.mp4");
        let mut events = place.ingest.events.listen(None);
        place.ingest.look_through().await;
        fs::remove_file(place.folder.path().join("junk.mp4")).unwrap();
        assert_eq!(place.ingest.look_through().await, Outcome { gone: 1, ..Outcome::default() });
        let heard = [events.next().await.unwrap(), events.next().await.unwrap()];
        assert_eq!([heard[0].event.name(), heard[1].event.name()], ["media", "gone"]);
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_takes_nothing_out_of_the_index() {
        let place = place();
        old_junk(&place, "junk.mp4");
        place.ingest.look_through().await;
        fs::remove_dir_all(place.folder.path()).unwrap();
        assert_eq!(place.ingest.look_through().await, Outcome::default());
        fs::create_dir(place.folder.path()).unwrap();
    }
}
