//! Memory for segments, used again.
//!
//! # Why
//! Memory for a few megabytes comes from the kernel and goes back to it, and each time every page of it is cleared and mapped: that costs
//! more than three times what copying the segment's bytes does. A cache that is full lets one segment go for each that it takes in, so what
//! the one leaves serves the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

/// Less than this the allocator serves well by itself.
const SMALLEST: usize = 64 << 10;
/// Bytes that lie idle at most.
const MOST_IDLE: usize = 32 << 20;

/// Buffers that were given back. Copies share them.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Idle>>);

#[derive(Debug, Default)]
struct Idle {
    by_capacity: BTreeMap<usize, Vec<Vec<u8>>>,
    bytes: usize,
}

impl Buffers {
    /// An empty buffer with room for `len` bytes.
    pub(super) fn take(&self, len: usize) -> Lent {
        let capacity = class(len);
        let waiting = self.0.lock().ok().and_then(|mut idle| idle.take(capacity));
        Lent { bytes: waiting.unwrap_or_else(|| Vec::with_capacity(capacity)), home: self.clone() }
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        // A buffer that had to grow is of no class.
        if bytes.capacity() < SMALLEST || class(bytes.capacity()) != bytes.capacity() {
            return;
        }
        bytes.clear();
        if let Ok(mut idle) = self.0.lock()
            && idle.bytes + bytes.capacity() <= MOST_IDLE
        {
            idle.bytes += bytes.capacity();
            idle.by_capacity.entry(bytes.capacity()).or_default().push(bytes);
        }
    }
}

impl Idle {
    fn take(&mut self, capacity: usize) -> Option<Vec<u8>> {
        let found = self.by_capacity.get_mut(&capacity)?.pop()?;
        self.bytes -= capacity;
        Some(found)
    }
}

/// The capacity of buffers for `len` bytes: an eighth more at most, so that segments of about the same length share.
fn class(len: usize) -> usize {
    if len < SMALLEST {
        return len;
    }
    let step = (len.next_power_of_two() / 16).max(1);
    len.next_multiple_of(step)
}

/// A buffer that goes back when it is dropped, or when the last [`Bytes`] made of it are.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) bytes: Vec<u8>,
    home: Buffers,
}

impl Lent {
    /// The bytes, as they are now.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_last_holder_drops_serves_the_next() {
        let buffers = Buffers::default();
        let mut lent = buffers.take(1_000_000);
        lent.bytes.extend_from_slice(&[7; 1_000_000]);
        let place = lent.bytes.as_ptr();
        let slice = lent.freeze().slice(10..20);
        assert_ne!(buffers.take(1_000_000).bytes.as_ptr(), place, "a slice still holds it");
        drop(slice);
        let next = buffers.take(990_000);
        assert!(next.bytes.is_empty() && next.bytes.as_ptr() == place);
    }

    #[test]
    fn no_more_lies_idle_than_may() {
        let buffers = Buffers::default();
        let lent: Vec<_> = (0..100).map(|_| buffers.take(1 << 20)).collect();
        drop(lent);
        assert!(buffers.0.lock().unwrap().bytes <= MOST_IDLE);
    }

    #[test]
    fn a_class_is_its_own_class_and_little_more_than_the_length() {
        for len in (SMALLEST..20_000_000).step_by(9973) {
            let class = super::class(len);
            assert!(class >= len && class <= len + len / 8 && super::class(class) == class, "{len}");
        }
    }
}
