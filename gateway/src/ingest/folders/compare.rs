//! What differs between a folder and what is known of it.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::id::MediaId;
use crate::index::Known;
use crate::source::FORMAT;
use crate::source::walk::Found;

/// What has to be put right.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Files to be read: new, or not what they were.
    pub(super) changed: Vec<Found>,
    /// Media whose file is not there any more.
    pub(super) gone: Vec<MediaId>,
}

pub(super) fn compare(known: Vec<Known>, found: Vec<Found>) -> Changes {
    let mut known: HashMap<PathBuf, Known> =
        known.into_iter().map(|known| (known.path.clone(), known)).collect();
    let same = |known: &Known, found: &Found| known.identity == found.identity && known.format == FORMAT;
    let changed =
        found.into_iter().filter(|found| !known.remove(&found.path).is_some_and(|known| same(&known, found)));
    let changed = changed.collect();
    let mut gone: Vec<_> = known.into_values().map(|known| known.id).collect();
    gone.sort();
    Changes { changed, gone }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Identity;
    use std::path::Path;

    fn found(path: &str, modified: i64) -> Found {
        Found { path: path.into(), identity: Identity { size: 1, modified } }
    }

    fn known(path: &str, modified: i64, format: u32) -> Known {
        let Found { path, identity } = found(path, modified);
        Known { id: MediaId::of_file(&path), path, identity, format }
    }

    #[test]
    fn what_is_as_it_was_is_left_alone() {
        assert_eq!(compare(vec![known("a", 1, FORMAT)], vec![found("a", 1)]), Changes::default());
    }

    #[test]
    fn new_changed_and_outdated_files_are_read() {
        let changes = compare(
            vec![known("same", 1, FORMAT), known("changed", 1, FORMAT), known("outdated", 1, 0)],
            vec![found("same", 1), found("changed", 2), found("outdated", 1), found("new", 1)],
        );
        let changed: Vec<_> = changes.changed.iter().map(|found| found.path.to_str().unwrap()).collect();
        assert_eq!(changed, ["changed", "outdated", "new"]);
        assert!(changes.gone.is_empty());
    }

    #[test]
    fn a_renamed_file_is_a_new_one_and_the_old_one_is_gone() {
        let changes = compare(vec![known("old", 1, FORMAT)], vec![found("new", 1)]);
        assert_eq!(changes.gone, [MediaId::of_file(Path::new("old"))]);
        assert_eq!(changes.changed.len(), 1);
    }
}
