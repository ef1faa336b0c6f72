//! Bytes of a source that are here, in as few pieces as they came in.

use std::collections::BTreeMap;

use ::bytes::{Bytes, BytesMut};

use crate::bytes::{ByteRange, Span};

/// Sparse bytes, bounded.
#[derive(Debug)]
pub(super) struct Held {
    pieces: BTreeMap<u64, BytesMut>,
    len: usize,
    limit: usize,
}

impl Held {
    /// At most `limit` bytes besides those that are needed.
    pub(super) fn new(limit: usize) -> Self {
        Self { pieces: BTreeMap::new(), len: 0, limit }
    }

    /// Keeps what is not here yet. Past the limit, what nobody `needed` goes, the furthest from the start first.
    pub(super) fn insert(&mut self, span: &Span, needed: &[ByteRange]) {
        for hole in self.holes(span.range()) {
            let from = usize::try_from(hole.start - span.offset).unwrap_or(usize::MAX);
            let to = usize::try_from(hole.end - span.offset).unwrap_or(usize::MAX);
            let bytes = &span.bytes[from..to];
            self.len += bytes.len();
            let before = self.pieces.range_mut(..hole.start).next_back();
            match before.filter(|(start, piece)| *start + piece.len() as u64 == hole.start) {
                Some((_, piece)) => piece.extend_from_slice(bytes),
                None => {
                    self.pieces.insert(hole.start, bytes.into());
                }
            }
        }
        while self.len > self.limit {
            let free = |(start, piece): &(&u64, &BytesMut)| {
                let range = ByteRange::at(**start, piece.len() as u64);
                !needed.iter().any(|needed| needed.start < range.end && range.start < needed.end)
            };
            let Some((&start, _)) = self.pieces.iter().rev().find(free) else { break };
            self.len -= self.pieces.remove(&start).map_or(0, |piece| piece.len());
        }
    }

    /// The parts of `range` that are not here.
    fn holes(&self, range: ByteRange) -> Vec<ByteRange> {
        let mut holes = Vec::new();
        let mut at = range.start;
        let first = self.pieces.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
        for (&start, piece) in self.pieces.range(first..range.end) {
            if start > at {
                holes.push(ByteRange { start: at, end: start });
            }
            at = at.max(start + piece.len() as u64);
        }
        if at < range.end {
            holes.push(ByteRange { start: at, end: range.end });
        }
        holes
    }

    /// Whether every byte of `range` is here.
    pub(super) fn has(&self, range: ByteRange) -> bool {
        range.is_empty() || self.holes(range).is_empty()
    }

    /// The bytes of `range`, if all are here.
    pub(super) fn get(&self, range: ByteRange) -> Option<Bytes> {
        self.has(range).then(|| {
            let mut bytes = BytesMut::new();
            self.append(range, &mut bytes);
            bytes.freeze()
        })
    }

    /// Adds those bytes of `range` that are here to `out`.
    pub(super) fn append(&self, range: ByteRange, out: &mut BytesMut) {
        let first = self.pieces.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
        for (&start, piece) in self.pieces.range(first..range.end) {
            let end = start + piece.len() as u64;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                let offset = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX);
                out.extend_from_slice(&piece[offset(from)..offset(to)]);
            }
        }
    }

    /// Lets the bytes of `range` go.
    pub(super) fn release(&mut self, range: ByteRange) {
        let first = self.pieces.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
        let touched: Vec<u64> = self.pieces.range(first..range.end).map(|(start, _)| *start).collect();
        for start in touched {
            let Some(mut piece) = self.pieces.remove(&start) else { continue };
            let cut = |at: u64, len: usize| usize::try_from(at.saturating_sub(start)).unwrap_or(len).min(len);
            let from = cut(range.start, piece.len());
            let to = cut(range.end, piece.len());
            self.len -= to - from;
            let after = piece.split_off(to);
            piece.truncate(from);
            if !piece.is_empty() {
                self.pieces.insert(start, piece);
            }
            if !after.is_empty() {
                self.pieces.insert(start + to as u64, after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(offset: u64, bytes: &'static [u8]) -> Span {
        Span { offset, bytes: Bytes::from_static(bytes) }
    }

    #[test]
    fn overlapping_spans_are_kept_once() {
        let mut held = Held::new(100);
        for span in [span(2, b"cd"), span(6, b"gh"), span(0, b"abcdefgh")] {
            held.insert(&span, &[]);
        }
        assert_eq!(held.get(ByteRange::at(1, 6)).unwrap(), "bcdefg");
        assert_eq!(held.len, 8);
    }

    #[test]
    fn released_bytes_are_gone_and_their_neighbours_are_not() {
        let mut held = Held::new(100);
        held.insert(&span(0, b"abcdefgh"), &[]);
        held.release(ByteRange::at(2, 3));
        assert!(held.get(ByteRange::at(1, 2)).is_none());
        assert_eq!(held.get(ByteRange::at(5, 3)).unwrap(), "fgh");
        assert_eq!(held.len, 5);
    }

    #[test]
    fn past_the_limit_only_what_is_needed_stays() {
        let mut held = Held::new(4);
        held.insert(&span(0, b"ab"), &[]);
        held.insert(&span(10, b"cdef"), &[ByteRange::at(10, 4)]);
        assert!(held.has(ByteRange::at(10, 4)));
        assert!(!held.has(ByteRange::at(0, 1)));
    }
}
