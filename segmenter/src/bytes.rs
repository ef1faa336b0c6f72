//! Places in a source, and the bytes that lie there.

use std::fmt;

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The bytes of a source from `start` up to, not including, `end`; never backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte; at least `start`.
    pub end: u64,
}

impl ByteRange {
    /// `len` bytes from `start`; ends at the last countable byte at most.
    pub fn at(start: u64, len: u64) -> Self {
        Self { start, end: start.saturating_add(len) }
    }

    /// How many bytes it spans.
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether it spans none.
    pub fn is_empty(self) -> bool {
        self.end == self.start
    }

    /// Whether every byte of `other` lies in this range.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// Bytes of a source together with where they lie in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where the first byte lies.
    pub offset: u64,
    /// The bytes.
    pub bytes: Bytes,
}

impl Span {
    /// The range these bytes fill.
    pub fn range(&self) -> ByteRange {
        ByteRange::at(self.offset, self.bytes.len() as u64)
    }
}
