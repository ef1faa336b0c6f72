//! Folders: what lies in them, and how to spoil them on purpose.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Every file under a folder, by its path relative to it.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    paths(folder)
        .into_iter()
        .map(|path| {
            let bytes = fs::read(folder.join(&path)).expect("a file of the folder can be read");
            (path, bytes)
        })
        .collect()
}

/// The path of every file under a folder, relative to it.
pub(crate) fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("reading {}: {error}", next.display()))
        {
            let path = entry.expect("an entry of a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).expect("it lies below").to_owned());
            }
        }
    }
    found
}

/// Where the bodies of all boxes of this kind lie, at the top level.
pub(crate) fn bodies(bytes: &[u8], kind: &[u8; 4]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + 8) {
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let long =
            || bytes.get(at + 8..at + 16).and_then(|size| Some(u64::from_be_bytes(size.try_into().ok()?)));
        let (size, header) = match short {
            1 => (usize::try_from(long().unwrap_or(0)).unwrap_or(0), 16),
            size => (size as usize, 8),
        };
        if size < header {
            break;
        }
        if &head[4..] == kind {
            found.push(at + header..at + size);
        }
        at += size;
    }
    found
}

/// The bodies of all boxes at this path of kinds.
pub(crate) fn bodies_at<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Vec<&'a [u8]> {
    let Some((kind, rest)) = path.split_first() else { return vec![bytes] };
    let found = bodies(bytes, kind).into_iter().map(|range| &bytes[range.start..range.end.min(bytes.len())]);
    found.flat_map(|body| bodies_at(body, rest)).collect()
}

/// The bodies of all `mdat`, one after another.
pub(crate) fn media(bytes: &[u8]) -> Vec<u8> {
    bodies(bytes, b"mdat").into_iter().flat_map(|range| bytes[range].to_vec()).collect()
}

/// Rewrites one file.
pub(crate) fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    change(&mut bytes);
    fs::write(path, bytes).expect("the output can be written to");
}

/// Where these bytes first are.
pub(crate) fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("the bytes are there")
}
