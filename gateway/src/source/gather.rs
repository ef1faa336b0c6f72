//! Bytes of a source from many places into one piece.
//!
//! # Why
//! Files as most muxers write them hold one sample a chunk, video and audio in turns: a segment is a hundred ranges a few
//! kilobytes apart. One read for each costs more than the bytes; so neighbours are read together into a window that stays in
//! the processor's cache, and copied out of it. The copy is cheaper than clearing the memory that a direct read would need.

use bytes::Bytes;
use segmenter::bytes::ByteRange;
use segmenter::render::{Part, Recipe};

use super::buffers::Lent;
use super::{Buffers, Error, SourceFile};

/// Bytes of the window.
const WINDOW: u64 = 256 << 10;
/// Bytes between two ranges that cost less to read along than a read of their own.
const GAP: u64 = 8 << 10;

/// A stretch of the source that has been read.
struct Window<'a> {
    source: &'a SourceFile,
    buffer: Lent,
    holds: ByteRange,
}

impl<'a> Window<'a> {
    fn over(source: &'a SourceFile, buffers: &Buffers, ranges: impl Iterator<Item = ByteRange>) -> Self {
        let needed = ranges.map(ByteRange::len).sum::<u64>().saturating_mul(2).clamp(1, WINDOW);
        let needed = usize::try_from(needed).unwrap_or(1);
        let mut buffer = buffers.take(needed);
        buffer.bytes.resize(needed, 0);
        Self { source, buffer, holds: ByteRange::default() }
    }

    /// Appends the bytes of `range` to `out`. `reach` is where the ranges that follow closely end: they are read along.
    fn copy(&mut self, range: ByteRange, reach: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut at = range.start;
        while at < range.end {
            if !(self.holds.start <= at && at < self.holds.end) {
                self.fill(at, reach.max(range.end))?;
            }
            let end = range.end.min(self.holds.end);
            out.extend_from_slice(&self.buffer.bytes[self.index(at)..self.index(end)]);
            at = end;
        }
        Ok(())
    }

    fn fill(&mut self, start: u64, reach: u64) -> Result<(), Error> {
        let end = reach.min(start.saturating_add(self.buffer.bytes.len() as u64));
        self.holds = ByteRange::default();
        let holds = ByteRange { start, end };
        let len = usize::try_from(holds.len()).unwrap_or(usize::MAX).min(self.buffer.bytes.len());
        self.source.read(&mut self.buffer.bytes[..len], start)?;
        self.holds = holds;
        Ok(())
    }

    /// Where a byte of the source that the window holds, or the one after its last, lies in the buffer.
    fn index(&self, at: u64) -> usize {
        usize::try_from(at - self.holds.start).unwrap_or(usize::MAX)
    }
}

/// For each range, where the run of ranges that one window can hold with it ends.
fn reaches(ranges: &[ByteRange]) -> Vec<u64> {
    let mut reaches = vec![0; ranges.len()];
    let mut run: Option<ByteRange> = None;
    let mut first = 0;
    for (at, range) in ranges.iter().enumerate() {
        let joined = run.map(|run| ByteRange { start: run.start, end: run.end.max(range.end) });
        let close = run.is_some_and(|run| run.start <= range.start && range.start <= run.end + GAP);
        match joined.filter(|joined| close && joined.len() <= WINDOW) {
            Some(joined) => run = Some(joined),
            None => {
                if let Some(run) = run {
                    reaches[first..at].fill(run.end);
                }
                (run, first) = (Some(*range), at);
            }
        }
    }
    if let Some(run) = run {
        reaches[first..].fill(run.end);
    }
    reaches
}

/// A segment, from its recipe.
///
/// # Errors
/// When the file can't be read or is not what it was.
pub fn gather(source: &SourceFile, recipe: &Recipe, buffers: &Buffers) -> Result<Bytes, Error> {
    let ranges: Vec<_> = recipe.ranges().collect();
    let mut reaches = reaches(&ranges).into_iter();
    let mut window = Window::over(source, buffers, ranges.iter().copied());
    let mut segment = buffers.take(usize::try_from(recipe.size).unwrap_or(0));
    for part in &recipe.parts {
        match part {
            Part::Header(range) => segment.bytes.extend_from_slice(&recipe.header[range.clone()]),
            Part::Source(range) => window.copy(*range, reaches.next().unwrap_or(0), &mut segment.bytes)?,
        }
    }
    source.unchanged()?;
    Ok(segment.freeze())
}

/// The bytes of each range, by themselves.
///
/// # Errors
/// As [`gather`].
pub fn gather_each(source: &SourceFile, ranges: &[ByteRange]) -> Result<Vec<Bytes>, Error> {
    let mut window = Window::over(source, &Buffers::default(), ranges.iter().copied());
    let pieces = ranges.iter().zip(reaches(ranges)).map(|(range, reach)| {
        let mut piece = Vec::with_capacity(usize::try_from(range.len()).unwrap_or(0));
        window.copy(*range, reach, &mut piece)?;
        Ok(piece.into())
    });
    let pieces = pieces.collect::<Result<Vec<_>, Error>>()?;
    source.unchanged()?;
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

    use super::*;
    use proptest::prelude::*;

    fn file_of(len: usize) -> (tempfile::TempDir, Vec<u8>, SourceFile) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("film.mp4");
        let bytes: Vec<u8> = (0..len).map(|at| (at * 31 % 251) as u8 ^ (at >> 11) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let source = SourceFile::open(&path).unwrap();
        (place, bytes, source)
    }

    fn at(start: u64, len: u64) -> ByteRange {
        ByteRange::at(start, len)
    }

    #[test]
    fn neighbours_are_read_together_and_strangers_are_not() {
        let ranges = [at(0, 10), at(20, 10), at(31 + GAP, 10), at(5, 1), at(7, WINDOW * 2)];
        assert_eq!(reaches(&ranges), [30, 30, GAP + 41, 6, 7 + WINDOW * 2]);
    }

    #[test]
    fn a_recipe_past_the_end_of_the_file_is_a_change_of_the_file() {
        let (_place, _, source) = file_of(100);
        assert!(matches!(gather_each(&source, &[at(90, 20)]), Err(Error::Changed(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_range_comes_out_as_it_lies_in_the_file(
            ranges in prop::collection::vec((0_u64..900_000, 0_u64..400_000), 0..12),
        ) {
            let (_place, bytes, source) = file_of(1_300_000);
            let ranges: Vec<_> = ranges.into_iter().map(|(start, len)| at(start, len)).collect();
            let pieces = gather_each(&source, &ranges).unwrap();
            for (range, piece) in ranges.iter().zip(pieces) {
                let (start, end) = (range.start as usize, range.end as usize);
                prop_assert!(piece == bytes[start..end]);
            }
        }

        #[test]
        fn a_segment_is_its_headers_and_ranges_in_order(
            parts in prop::collection::vec((0_u64..90_000, 1_u64..9_000, 0_usize..40), 1..12),
        ) {
            let (_place, bytes, source) = file_of(100_000);
            let (mut recipe, mut expected) =
                (Recipe { header: Vec::new(), parts: Vec::new(), fragments: Vec::new(), size: 0 }, Vec::new());
            for (start, len, head) in parts {
                let from = recipe.header.len();
                recipe.header.resize(from + head, 0xEE);
                recipe.parts.push(Part::Header(from..from + head));
                recipe.parts.push(Part::Source(at(start, len)));
                expected.resize(expected.len() + head, 0xEE);
                expected.extend_from_slice(&bytes[start as usize..(start + len) as usize]);
            }
            recipe.size = expected.len() as u64;
            prop_assert!(gather(&source, &recipe, &Buffers::default()).unwrap() == expected);
        }
    }
}
