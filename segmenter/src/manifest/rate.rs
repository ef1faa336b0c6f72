//! Bit rates as manifests promise them: the peak a link must bear, and the average.

use std::collections::VecDeque;

use super::extent::{self, Extent};
use super::{Layout, Rendition};
use crate::time::Timescale;

impl Rendition {
    /// Peak segment bit rate in bits a second (RFC 8216bis 4.4.6.2): the largest of any run of segments that lasts
    /// between half and one and a half target durations. Zero when it lasts no time.
    pub fn bandwidth(&self) -> u64 {
        peak(self.timescale, &extent::segments(self, Layout::Segments))
    }

    /// Bits a second over the whole rendition. Zero when it lasts no time.
    pub fn average_bandwidth(&self) -> u64 {
        average(self.timescale, &extent::segments(self, Layout::Segments))
    }
}

/// Bits a second over all `extents`.
pub(super) fn average(timescale: Timescale, extents: &[Extent]) -> u64 {
    let sums = sums(extents);
    sums.last().map_or(0, |all| bits_a_second(timescale, *all))
}

/// Peak bits a second of `extents`, by their own target duration; the average where no run is long enough to count.
pub(super) fn peak(timescale: Timescale, extents: &[Extent]) -> u64 {
    let target = extent::target(&extent::micros(timescale, extents));
    let second = i128::from(target) * i128::from(timescale.get());
    let window = Window { twice_shortest: second, twice_longest: second * 3 };
    let sums = sums(extents);

    // Dinkelbach's method: look for a run steeper than the last found, until there is none. Each look is linear
    // and exact, and only a few are needed because every one goes to the run that gains most.
    let mut found = None;
    let mut steepest = Run { ticks: 1, bytes: 0 };
    while let Some(steeper) = window.steeper(&sums, steepest) {
        steepest = steeper;
        found = Some(steeper);
    }
    found.map_or_else(|| average(timescale, extents), |run| bits_a_second(timescale, run))
}

/// How long a run of segments lasts and what it weighs.
#[derive(Clone, Copy, Debug)]
struct Run {
    ticks: i128,
    bytes: i128,
}

/// How long a run may be, in half ticks so that half a target stays whole.
struct Window {
    twice_shortest: i128,
    twice_longest: i128,
}

impl Window {
    /// The run of allowed length whose bytes exceed those of rate `than` by most; `None` when none exceeds them.
    ///
    /// `sums` are what lies before each border, so a run is the difference of two.
    fn steeper(&self, sums: &[Run], than: Run) -> Option<Run> {
        let height = |at: Run| at.bytes * than.ticks - than.bytes * at.ticks;
        let (mut gain, mut best) = (0, None);
        let mut candidates: VecDeque<Run> = VecDeque::new(); // heights rise from front to back
        let mut starts = sums.iter().copied().peekable();
        for end in sums {
            while let Some(start) = starts.next_if(|s| (end.ticks - s.ticks) * 2 >= self.twice_shortest) {
                while candidates.back().is_some_and(|last| height(*last) >= height(start)) {
                    candidates.pop_back();
                }
                candidates.push_back(start);
            }
            while candidates.front().is_some_and(|s| (end.ticks - s.ticks) * 2 > self.twice_longest) {
                candidates.pop_front();
            }
            let Some(start) = candidates.front() else { continue };
            if height(*end) - height(*start) > gain {
                gain = height(*end) - height(*start);
                best = Some(Run { ticks: end.ticks - start.ticks, bytes: end.bytes - start.bytes });
            }
        }
        best
    }
}

/// What lies before each border, from nothing to everything. Saturates where products still fit 128 bits.
fn sums(extents: &[Extent]) -> Vec<Run> {
    let (mut ticks, mut bytes) = (0_i64, 0_u64);
    let mut sums = vec![Run { ticks: 0, bytes: 0 }];
    sums.extend(extents.iter().map(|extent| {
        ticks = ticks.saturating_add((extent.end - extent.start).0.max(0));
        bytes = bytes.saturating_add(extent.bytes.len());
        Run { ticks: i128::from(ticks), bytes: i128::from(bytes) }
    }));
    sums
}

/// Rounded up: a promise is kept by being a bit too high.
fn bits_a_second(timescale: Timescale, run: Run) -> u64 {
    if run.ticks <= 0 {
        return 0;
    }
    let bits = run.bytes * 8 * i128::from(timescale.get());
    u64::try_from((bits + run.ticks - 1) / run.ticks).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::examples;
    use super::*;

    fn rendition(durations: &[i64], sizes: &[u64]) -> Rendition {
        let mut rendition = examples::timeline(Timescale::new(1000).unwrap(), 0, durations);
        for (segment, size) in rendition.segments.iter_mut().zip(sizes) {
            segment.size = *size;
        }
        rendition
    }

    /// The definition, word for word.
    fn peak_by_trying_every_run(durations: &[i64], sizes: &[u64]) -> Option<u64> {
        let target = durations.iter().map(|ms| (ms + 500) / 1000).max()?.max(1) * 1000;
        let runs = (0..durations.len()).flat_map(|from| (from + 1..=durations.len()).map(move |to| from..to));
        runs.map(|run| (durations[run.clone()].iter().sum::<i64>(), sizes[run].iter().sum::<u64>()))
            .filter(|(ticks, bytes)| ticks * 2 >= target && ticks * 2 <= target * 3 && *bytes > 0)
            .map(|(ticks, bytes)| (bytes * 8 * 1000).div_ceil(ticks.unsigned_abs()))
            .max()
    }

    proptest! {
        #[test]
        fn the_peak_is_the_steepest_run_of_allowed_length(
            segments in prop::collection::vec((0_i64..8000, 0_u64..3_000_000), 1..60),
        ) {
            let (durations, sizes): (Vec<_>, Vec<_>) = segments.into_iter().unzip();
            let rendition = rendition(&durations, &sizes);
            let expected = peak_by_trying_every_run(&durations, &sizes);
            prop_assert_eq!(rendition.bandwidth(), expected.unwrap_or_else(|| rendition.average_bandwidth()));
        }
    }

    #[test]
    fn a_short_heavy_segment_counts_only_with_its_neighbours() {
        let rendition = rendition(&[4000, 100, 4000], &[1000, 1_000_000, 1000]);
        assert_eq!(rendition.bandwidth(), 1_001_000_u64 * 8 * 1000 / 4100 + 1);
    }

    #[test]
    fn a_medium_shorter_than_half_a_second_has_its_average_as_peak() {
        let rendition = rendition(&[250], &[1000]);
        assert_eq!((rendition.bandwidth(), rendition.average_bandwidth()), (32_000, 32_000));
    }

    #[test]
    fn no_time_and_absurd_sizes_do_no_harm() {
        assert_eq!(rendition(&[], &[]).bandwidth(), 0);
        assert_eq!(rendition(&[0], &[7]).bandwidth(), 0);
        let absurd = rendition(&[i64::MAX, 1000, i64::MAX], &[u64::MAX, u64::MAX, u64::MAX]);
        assert!(absurd.bandwidth() >= absurd.average_bandwidth());
    }

    #[test]
    fn a_day_of_tiny_segments_beside_a_long_one_stays_quick() {
        let mut durations = vec![10; 200_000];
        durations.push(3_600_000);
        let sizes: Vec<u64> = (0..200_001).map(|n| n * 7919 % 5000).collect();
        assert!(rendition(&durations, &sizes).bandwidth() > 0);
    }
}
