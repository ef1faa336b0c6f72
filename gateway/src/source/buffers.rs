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
    by_class: BTreeMap<usize, Vec<Vec<u8>>>,
    bytes: usize,
}

impl Buffers {
    /// A buffer of `len` bytes, which hold whatever they held before.
    pub(super) fn take(&self, len: usize) -> Lent {
        let class = class(len);
        let waiting = self.0.lock().ok().and_then(|mut idle| idle.take(class));
        Lent { memory: waiting.unwrap_or_else(|| vec![0; class]), len, home: self.clone() }
    }

    fn give_back(&self, memory: Vec<u8>) {
        if memory.len() < SMALLEST {
            return;
        }
        if let Ok(mut idle) = self.0.lock()
            && idle.bytes + memory.len() <= MOST_IDLE
        {
            idle.bytes += memory.len();
            idle.by_class.entry(memory.len()).or_default().push(memory);
        }
    }
}

impl Idle {
    fn take(&mut self, class: usize) -> Option<Vec<u8>> {
        let found = self.by_class.get_mut(&class)?.pop()?;
        self.bytes -= class;
        Some(found)
    }
}

/// The size of buffers for `len` bytes: an eighth more at most, so that segments of about the same length share.
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
    memory: Vec<u8>,
    len: usize,
    home: Buffers,
}

impl Lent {
    /// The bytes, to be written.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[..self.len]
    }

    /// The bytes, as they are now.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_last_holder_drops_serves_the_next() {
        let buffers = Buffers::default();
        let mut lent = buffers.take(1_000_000);
        lent.bytes().fill(7);
        let place = lent.memory.as_ptr();
        let slice = lent.freeze().slice(10..20);
        assert_ne!(buffers.take(1_000_000).memory.as_ptr(), place, "a slice still holds it");
        drop(slice);
        let mut next = buffers.take(990_000);
        assert!(next.bytes().len() == 990_000 && next.memory.as_ptr() == place);
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
