//! Where segments and I-frames lie in time and in bytes: one walk that every rendering shares.

use super::{Layout, Rendition};
use crate::bytes::ByteRange;
use crate::time::{Ticks, Timescale};

/// A stretch of a rendition that a player can fetch by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Number of the segment it lies in.
    pub(super) number: u32,
    /// Presentation time of its start.
    pub(super) start: Ticks,
    /// Presentation time of its end.
    pub(super) end: Ticks,
    /// Where it lies in its file.
    pub(super) bytes: ByteRange,
}

/// Every segment in order; `bytes` count from the start of the file that holds it.
pub(super) fn segments(rendition: &Rendition, layout: Layout) -> Vec<Extent> {
    let one_file = rendition.in_one_file(layout);
    let (mut start, mut offset) = (rendition.start, if one_file { rendition.head } else { 0 });
    (1..)
        .zip(&rendition.segments)
        .map(|(number, segment)| {
            let end = start + segment.duration;
            let extent = Extent { number, start, end, bytes: ByteRange::at(offset, segment.size) };
            start = end;
            offset = if one_file { extent.bytes.end } else { 0 };
            extent
        })
        .collect()
}

/// Every sync picture in order, each lasting until the next; `bytes` cover just enough to show it.
pub(super) fn pictures(rendition: &Rendition, layout: Layout) -> Vec<Extent> {
    let mut pictures: Vec<Extent> = segments(rendition, layout)
        .iter()
        .zip(&rendition.segments)
        .flat_map(|(extent, segment)| segment.fragments.iter().map(move |fragment| (extent, fragment)))
        .map(|(extent, fragment)| Extent {
            start: fragment.time,
            bytes: ByteRange::at(extent.bytes.start.saturating_add(fragment.offset), fragment.key),
            ..*extent
        })
        .collect();
    let mut next = rendition.end();
    for picture in pictures.iter_mut().rev() {
        picture.end = next.max(picture.start);
        next = picture.start;
    }
    pictures
}

/// Lengths in microseconds whose sum is the rounded length of the whole: the error of one never adds to the next.
pub(super) fn micros(timescale: Timescale, extents: &[Extent]) -> Vec<u64> {
    extents
        .iter()
        .map(|extent| {
            let length = rounded_micros(timescale, extent.end) - rounded_micros(timescale, extent.start);
            u64::try_from(length).unwrap_or(0)
        })
        .collect()
}

/// `EXT-X-TARGETDURATION` in seconds: no length exceeds it once rounded (RFC 8216bis 4.4.3.1).
pub(super) fn target(lengths: &[u64]) -> u64 {
    lengths.iter().map(|micros| micros.saturating_add(MICROS / 2) / MICROS).max().unwrap_or(0).max(1)
}

/// Microseconds in a second.
pub(super) const MICROS: u64 = 1_000_000;

/// `ticks` in microseconds, to the nearest (halves up).
pub(super) fn rounded_micros(timescale: Timescale, ticks: Ticks) -> i128 {
    let den = i128::from(timescale.get());
    (i128::from(ticks.0) * i128::from(MICROS) * 2 + den).div_euclid(den * 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::examples;
    use super::*;

    proptest! {
        #[test]
        fn lengths_add_up_to_the_whole_for_any_clock(
            hz in 1_u32..,
            start in -1_000_000_i64..1_000_000,
            durations in prop::collection::vec(0_i64..10_000_000, 1..200),
        ) {
            let timescale = Timescale::new(hz).unwrap();
            let rendition = examples::timeline(timescale, start, &durations);
            let lengths = micros(timescale, &segments(&rendition, Layout::Segments));
            let real = timescale.seconds(rendition.end() - rendition.start) * 1e6;
            let sum: u64 = lengths.iter().sum();
            prop_assert!((sum as f64 - real).abs() <= 1.0 + real * 1e-12, "{sum} for {real}");
        }

        #[test]
        fn no_length_rounds_past_the_target_duration(lengths in prop::collection::vec(0_u64..20_000_000, 1..50)) {
            let target = target(&lengths);
            prop_assert!(lengths.iter().all(|micros| (*micros as f64 / 1e6).round() <= target as f64));
        }
    }

    #[test]
    fn segments_of_one_file_follow_each_other_from_its_head() {
        let mut rendition = examples::timeline(Timescale::new(1000).unwrap(), 0, &[4000, 4000]);
        rendition.head = 900;
        let bytes = |layout| segments(&rendition, layout).iter().map(|e| e.bytes).collect::<Vec<_>>();
        assert_eq!(bytes(Layout::SingleFile), [ByteRange::at(900, 1000), ByteRange::at(1900, 1000)]);
        assert_eq!(bytes(Layout::Segments), [ByteRange::at(0, 1000), ByteRange::at(0, 1000)]);
    }
}
