//! Where in memory files are mapped: from an address to the file and the place in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, PoisonError, RwLock};

/// By the address at which each starts; they never overlap.
static REGIONS: RwLock<BTreeMap<usize, Region>> = RwLock::new(BTreeMap::new());

#[derive(Debug)]
struct Region {
    len: usize,
    file: Arc<File>,
}

/// Where bytes lie in a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: Arc<File>,
    /// Bytes before them.
    pub offset: u64,
}

/// The file that `bytes` are, and where; `None` for ordinary memory.
pub fn find(bytes: &[u8]) -> Option<Place> {
    let address = bytes.as_ptr().addr();
    let regions = REGIONS.read().unwrap_or_else(PoisonError::into_inner);
    let (start, region) = regions.range(..=address).next_back()?;
    let offset = address - start;
    (offset + bytes.len() <= region.len)
        .then(|| Place { file: Arc::clone(&region.file), offset: offset as u64 })
}

/// Makes known that `file` lies at `memory`.
pub(super) fn enter(memory: &[u8], file: &Arc<File>) {
    let region = Region { len: memory.len(), file: Arc::clone(file) };
    REGIONS.write().unwrap_or_else(PoisonError::into_inner).insert(memory.as_ptr().addr(), region);
}

/// Forgets what lies at `memory`, before it is given back.
pub(super) fn leave(memory: &[u8]) {
    REGIONS.write().unwrap_or_else(PoisonError::into_inner).remove(&memory.as_ptr().addr());
}

/// Whether something is known to lie around this address.
#[cfg(test)]
pub(crate) fn is_known(address: usize) -> bool {
    let regions = REGIONS.read().unwrap_or_else(PoisonError::into_inner);
    regions.range(..=address).next_back().is_some_and(|(start, region)| address - start < region.len)
}
