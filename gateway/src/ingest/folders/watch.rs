//! Asks the system to tell when a folder changes.

use std::path::PathBuf;
use std::sync::Arc;

use notify::{Event, EventKind, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tracing::warn;

/// Tells `stale` whenever something in one of `folders` changes, as long as what is given back is held. Where the system can't tell,
/// that is logged, and only the regular looks remain.
pub(super) fn watch(folders: &[PathBuf], stale: &Arc<Notify>) -> Option<impl Watcher + use<>> {
    let told = Arc::clone(stale);
    let on_event = move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| matters(event.kind)) {
            told.notify_one();
        }
    };
    let mut watcher = notify::recommended_watcher(on_event)
        .inspect_err(
            |error| warn!(%error, "folders are not watched: changes are seen at the next regular look"),
        )
        .ok()?;
    for folder in folders {
        if let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) {
            warn!(folder = %folder.display(), %error, "folder is not watched: changes are seen at the next regular look");
        }
    }
    Some(watcher)
}

/// Reading a film is no change of it.
fn matters(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_) | EventKind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_file_is_told_of_and_reading_it_is_not() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().canonicalize().unwrap();
        let stale = Arc::new(Notify::new());
        let watcher = watch(std::slice::from_ref(&folder), &stale);
        assert!(watcher.is_some());
        std::fs::create_dir(folder.join("new")).unwrap();
        stale.notified().await;
        assert!(!matters(EventKind::Access(notify::event::AccessKind::Any)));
    }
}
