//! Times and rates as an MPD writes them.

use super::super::{Layout, Rendition, extent};
use super::xml::Element;

/// A duration in seconds as `xs:duration`, to the microsecond.
pub(super) fn period(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
    let text = format!("{seconds:.6}");
    format!("PT{}S", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The clock of a rendition, and which of its ticks is time zero.
pub(super) fn clock(element: Element, rendition: &Rendition) -> Element {
    let offset = rendition.presentation_offset.unsigned();
    element
        .with("timescale", rendition.timescale.get())
        .with_if("presentationTimeOffset", (offset > 0).then_some(offset))
}

/// `SegmentTimeline`: one `S` for each run of equal durations (5.3.9.6).
pub(super) fn timeline(rendition: &Rendition) -> Element {
    let extents = extent::segments(rendition, Layout::Segments);
    // `t` has no sign: what lies before zero is cut off, so that every later border stays where it is.
    let length = |extent: &extent::Extent| extent.end.unsigned().saturating_sub(extent.start.unsigned());
    let durations: Vec<u64> = extents.iter().map(length).collect();
    // Segments follow each other, so only the first says when it starts.
    let mut start = Some(rendition.start.unsigned());
    let runs = durations.chunk_by(|a, b| a == b).map(|run| {
        let repeats = run.len() - 1;
        let entry = Element::new("S").with_if("t", start.take()).with("d", run[0]);
        entry.with_if("r", (repeats > 0).then_some(repeats))
    });
    Element::new("SegmentTimeline").holding(runs)
}

/// Frame rates that films and cameras have, as fractions; whole ones need no list.
const FRACTIONS: [(u32, u32); 5] =
    [(24_000, 1001), (30_000, 1001), (60_000, 1001), (120_000, 1001), (48_000, 1001)];

/// `frameRate` for a rate close to a known one; an average over a few frames too many is 0.03 % off at most.
pub(super) fn frame_rate(rate: f64) -> Option<String> {
    let is_near = |known: f64| (rate - known).abs() <= known * 3e-4;
    let fraction = FRACTIONS.iter().find(|(num, den)| is_near(f64::from(*num) / f64::from(*den)));
    match fraction {
        Some((num, den)) => Some(format!("{num}/{den}")),
        None => (1..=240).find(|whole: &u32| is_near(f64::from(*whole))).map(|whole| whole.to_string()),
    }
}

/// `across:down` in lowest terms; `None` for a picture without area.
pub(super) fn aspect(across: u64, down: u64) -> Option<String> {
    let (mut divisor, mut rest) = (across, down);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (across > 0 && down > 0).then(|| format!("{}:{}", across / divisor, down / divisor))
}

/// Whether every member's segments start at the same times, so that a player may switch at any of them.
pub(super) fn are_aligned(members: &[&Rendition]) -> bool {
    let starts = |rendition: &Rendition| -> Vec<i128> {
        let extents = extent::segments(rendition, Layout::Segments);
        let since_zero = |extent: &extent::Extent| extent.start - rendition.presentation_offset;
        extents.iter().map(|extent| extent::rounded_micros(rendition.timescale, since_zero(extent))).collect()
    };
    match members {
        [first, others @ ..] if !others.is_empty() => {
            let expected = starts(first);
            others.iter().all(|other| starts(other) == expected)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::examples;
    use super::*;
    use crate::time::Timescale;

    proptest! {
        #[test]
        fn runs_repeat_to_the_durations_they_came_from(
            start in 0_i64..1_000_000,
            runs in prop::collection::vec((1_i64..4, 1_usize..6), 1..40),
        ) {
            let durations: Vec<i64> = runs.iter().flat_map(|(d, n)| vec![*d; *n]).collect();
            let rendition = examples::timeline(Timescale::SECOND, start, &durations);
            let text = timeline(&rendition).document();
            let document = roxmltree::Document::parse(&text).unwrap();
            let entries: Vec<_> = document.root_element().children().filter(|node| node.is_element()).collect();
            let number = |node: &roxmltree::Node<'_, '_>, name| node.attribute(name).map_or(0, |n| n.parse::<i64>().unwrap());
            let read: Vec<i64> = entries
                .iter()
                .flat_map(|s| vec![number(s, "d"); usize::try_from(number(s, "r")).unwrap() + 1])
                .collect();
            prop_assert_eq!(read, durations);
            prop_assert_eq!(number(&entries[0], "t"), start);
            prop_assert!(entries.windows(2).all(|pair| number(&pair[0], "d") != number(&pair[1], "d")));
        }
    }

    #[test]
    fn a_timeline_that_starts_before_zero_keeps_its_later_borders() {
        let text = timeline(&examples::timeline(Timescale::SECOND, -1, &[4, 4])).document();
        assert!(text.contains("<S t=\"0\" d=\"3\"/>") && text.contains("<S d=\"4\"/>"), "{text}");
    }

    #[test]
    fn rates_near_a_known_one_are_fractions_and_others_are_left_out() {
        let of = |rate| frame_rate(rate).unwrap_or_default();
        assert_eq!([of(29.97), of(23.976), of(25.0), of(23.9999)], ["30000/1001", "24000/1001", "25", "24"]);
        assert_eq!([of(17.3), of(f64::NAN), of(0.0), of(f64::INFINITY)], [""; 4]);
    }

    #[test]
    fn durations_are_written_without_idle_zeros() {
        let all = [4.0, 596.458_333_3, 10.0, 0.0, -1.0, f64::NAN].map(period);
        assert_eq!(all, ["PT4S", "PT596.458333S", "PT10S", "PT0S", "PT0S", "PT0S"]);
    }

    #[test]
    fn aspects_are_in_lowest_terms() {
        assert_eq!(aspect(1920, 1080).as_deref(), Some("16:9"));
        assert_eq!(aspect(0, 1080), None);
    }

    #[test]
    fn segments_that_start_at_other_times_are_not_aligned() {
        let of = |hz, durations: &[i64]| examples::timeline(Timescale::new(hz).unwrap(), 0, durations);
        let (a, b, c) = (of(1000, &[4000, 4000]), of(90_000, &[360_000, 360_000]), of(1000, &[5000, 3000]));
        assert!(are_aligned(&[&a, &b]) && are_aligned(&[&c]));
        assert!(!are_aligned(&[&a, &b, &c]));
    }
}
