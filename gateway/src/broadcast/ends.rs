//! Hashes that `segue broadcast` tells films by: of their length and of what lies at their ends.
//!
//! # Why
//! A folder of films is offered within moments, for little of it is read. Where a film's tables lie at either end, this is all that two
//! films of one length differ in. It is no proof of what lies between: that is compared only where two have sent the same place.

use std::io;
use std::ops::Range;

/// Bytes at either end of a film that its hash is made of.
pub const END: u64 = 1 << 20;
/// What such a hash begins with.
const NAME: &str = "blake3-ends:";

/// Where the ends of a film of this length lie.
pub fn places(size: u64) -> [Range<u64>; 2] {
    let end = END.min(size);
    [0..end, size - end..size]
}

/// The hash of a film of this length, whose bytes can be read.
///
/// # Errors
/// When they can't be.
pub fn hash(size: u64, mut read: impl FnMut(&mut [u8], u64) -> io::Result<()>) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&size.to_le_bytes());
    for place in places(size) {
        let mut bytes = vec![0; usize::try_from(place.end - place.start).unwrap_or(0)];
        read(&mut bytes, place.start)?;
        hasher.update(&bytes);
    }
    Ok(format!("{NAME}{}", hasher.finalize().to_hex()))
}

/// Whether a hash that is told is one of these.
pub(super) fn is_such(hash: &str) -> bool {
    hash.starts_with(NAME)
}
