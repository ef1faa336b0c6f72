//! Bytes of a source from many places into one piece.
//!
//! # Why
//! A file as most muxers write it holds one sample a chunk, video and audio in turns: a segment is a hundred ranges a few hundred
//! bytes apart. One read for each costs more than the bytes, so ranges that lie close together are read in one call. Where they are
//! large the call puts each where it belongs, and what lies between them aside: nothing is copied twice. Where they are small that
//! costs the kernel more for each than a copy does; then the call fills a window that stays in the processor's cache.

use std::io::IoSliceMut;
use std::ops::Range;

use bytes::Bytes;
use segmenter::bytes::ByteRange;
use segmenter::render::{Part, Recipe};

use super::{Buffers, Error, Source};

/// Bytes of the window, and of the source that ranges read in one call take up; a single range may be longer.
const WINDOW: u64 = 256 << 10;
/// Bytes between two ranges that cost less to read along than a read of their own.
const GAP: u64 = 8 << 10;
/// Ranges of a call that have this many bytes on average are put where they belong by the kernel.
const LARGE: u64 = 4 << 10;

/// A range of the source, and where its bytes go.
type Wanted<'a> = (ByteRange, &'a mut [u8]);

/// A segment, from its recipe.
///
/// # Errors
/// When the file can't be read or is not what it was.
pub fn gather(source: &Source, recipe: &Recipe, buffers: &Buffers) -> Result<Bytes, Error> {
    gather_piece(source, recipe, 0..recipe.size, buffers)
}

/// Some bytes of a segment, counted from its start.
///
/// # Errors
/// As [`gather`].
pub fn gather_piece(
    source: &Source,
    recipe: &Recipe,
    piece: Range<u64>,
    buffers: &Buffers,
) -> Result<Bytes, Error> {
    let mut lent = buffers.take(index(piece.end.saturating_sub(piece.start)));
    let mut wanted = Vec::new();
    let (mut at, mut rest) = (0, lent.bytes());
    for part in &recipe.parts {
        let start = at;
        at += len(part);
        let (from, to) = (piece.start.max(start), piece.end.min(at));
        if from >= to {
            continue;
        }
        let Some((place, after)) = std::mem::take(&mut rest).split_at_mut_checked(index(to - from)) else {
            break;
        };
        rest = after;
        match part {
            Part::Header(range) => {
                let header = range.start + index(from - start);
                place.copy_from_slice(&recipe.header[header..header + place.len()]);
            }
            Part::Source(range) => wanted.push((ByteRange::at(range.start + from - start, to - from), place)),
        }
    }
    debug_assert!(rest.is_empty(), "a recipe has as many bytes as it says");
    read(source, &mut wanted, buffers)?;
    drop(wanted);
    source.unchanged()?;
    Ok(lent.freeze())
}

/// The bytes of each range, by themselves.
///
/// # Errors
/// As [`gather`].
pub fn gather_each(source: &Source, ranges: &[ByteRange]) -> Result<Vec<Bytes>, Error> {
    let mut pieces: Vec<Vec<u8>> = ranges.iter().map(|range| vec![0; index(range.len())]).collect();
    let mut wanted: Vec<_> = ranges.iter().copied().zip(pieces.iter_mut().map(Vec::as_mut_slice)).collect();
    read(source, &mut wanted, &Buffers::default())?;
    source.unchanged()?;
    Ok(pieces.into_iter().map(Bytes::from).collect())
}

/// Reads every range, those that lie close together in one call.
fn read(source: &Source, mut wanted: &mut [Wanted<'_>], buffers: &Buffers) -> Result<(), Error> {
    while !wanted.is_empty() {
        let together = close(wanted);
        let (run, rest) = std::mem::take(&mut wanted).split_at_mut(together);
        wanted = rest;
        let bytes: u64 = run.iter().map(|(range, _)| range.len()).sum();
        match run {
            [(range, place)] => source.read(place, range.start)?,
            run if bytes >= LARGE * run.len() as u64 => scatter(source, run)?,
            run => copy(source, run, buffers)?,
        }
    }
    Ok(())
}

/// How many ranges, from the first, are read in one call; at least one.
fn close(wanted: &[Wanted<'_>]) -> usize {
    let start = wanted.first().map_or(0, |(range, _)| range.start);
    let belongs = |pair: &[Wanted<'_>]| {
        let (before, next) = (pair[0].0, pair[1].0);
        before.end <= next.start && next.start - before.end <= GAP && next.end - start <= WINDOW
    };
    1 + wanted.windows(2).take_while(|pair| belongs(pair)).count()
}

/// One call that puts each range in its place, and what lies between aside.
fn scatter(source: &Source, run: &mut [Wanted<'_>]) -> Result<(), Error> {
    let Some(start) = run.first().map(|(range, _)| range.start) else { return Ok(()) };
    let end = run.last().map_or(start, |(range, _)| range.end);
    let bytes: u64 = run.iter().map(|(range, _)| range.len()).sum();
    let mut aside = vec![0; index(end - start - bytes)];
    let (mut aside, mut at) = (&mut aside[..], start);
    let mut places = Vec::with_capacity(run.len() * 2);
    for (range, place) in run {
        let (between, rest) = std::mem::take(&mut aside).split_at_mut(index(range.start - at));
        places.extend((!between.is_empty()).then(|| IoSliceMut::new(between)));
        places.push(IoSliceMut::new(place));
        (aside, at) = (rest, range.end);
    }
    source.read_scattered(&mut places, start)
}

/// One call into a window, and each range copied out of it.
fn copy(source: &Source, run: &mut [Wanted<'_>], buffers: &Buffers) -> Result<(), Error> {
    let Some(start) = run.first().map(|(range, _)| range.start) else { return Ok(()) };
    let end = run.last().map_or(start, |(range, _)| range.end);
    // Always of one size: it is used again and again.
    let mut window = buffers.take(index(WINDOW.max(end - start)));
    let window = &mut window.bytes()[..index(end - start)];
    source.read(window, start)?;
    for (range, place) in run {
        place.copy_from_slice(&window[index(range.start - start)..index(range.end - start)]);
    }
    Ok(())
}

fn len(part: &Part) -> u64 {
    match part {
        Part::Header(range) => range.len() as u64,
        Part::Source(range) => range.len(),
    }
}

/// A count of bytes that are in memory.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

    use super::*;
    use crate::source::SourceFile;
    use proptest::prelude::*;

    fn file_of(len: usize) -> (tempfile::TempDir, Vec<u8>, Source) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("film.mp4");
        let bytes: Vec<u8> = (0..len).map(|at| (at * 31 % 251) as u8 ^ (at >> 11) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let source = Source::File(SourceFile::open(&path).unwrap());
        (place, bytes, source)
    }

    fn at(start: u64, len: u64) -> ByteRange {
        ByteRange::at(start, len)
    }

    #[test]
    fn neighbours_are_read_together_and_strangers_are_not() {
        for (ranges, expected) in [
            (vec![at(0, 10), at(10, 5), at(20 + GAP, 10)], 2),
            (vec![at(0, 10), at(10 + GAP, 10), at(5, 1)], 2),
            (vec![at(9, 10), at(5, 10)], 1),
            (vec![at(0, WINDOW * 2), at(WINDOW * 2, 1)], 1),
            (vec![at(0, WINDOW - 1), at(WINDOW - 1, 1), at(WINDOW, 1)], 2),
            (vec![at(3, 0)], 1),
        ] {
            let wanted: Vec<Wanted<'_>> = ranges.iter().map(|range| (*range, &mut [][..])).collect();
            assert_eq!(close(&wanted), expected, "{ranges:?}");
        }
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
            gaps in prop::collection::vec((0_u64..GAP * 2, prop_oneof![0_u64..3000, 0_u64..60_000]), 0..12),
            apart in prop::collection::vec((0_u64..900_000, 0_u64..400_000), 0..4),
        ) {
            let (_place, bytes, source) = file_of(1_300_000);
            let mut end = 0;
            let near = gaps.into_iter().map(|(gap, len)| {
                let range = at(end + gap, len);
                end = range.end;
                range
            });
            let ranges: Vec<_> = near.collect::<Vec<_>>().into_iter().chain(apart.into_iter().map(|(start, len)| at(start, len))).collect();
            let pieces = gather_each(&source, &ranges).unwrap();
            for (range, piece) in ranges.iter().zip(pieces) {
                let (start, end) = (range.start as usize, range.end as usize);
                prop_assert!(piece == bytes[start..end]);
            }
        }

        #[test]
        fn a_segment_is_its_headers_and_ranges_in_order(
            parts in prop::collection::vec((0_u64..90_000, 1_u64..9_000, 0_usize..40), 1..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
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
            let buffers = Buffers::default();
            prop_assert!(gather(&source, &recipe, &buffers).unwrap() == expected);
            let mut cuts: Vec<u64> = cuts.iter().map(|cut| cut.index(expected.len()) as u64).collect();
            cuts.extend([0, recipe.size]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| gather_piece(&source, &recipe, cut[0]..cut[1], &buffers).unwrap());
            prop_assert!(pieces.collect::<Vec<_>>().concat() == expected, "in pieces");
        }
    }
}
