//! In which order missing bytes are wanted.

use std::collections::BTreeMap;

use segmenter::bytes::ByteRange;

use crate::ranges::Ranges;

/// Wanted ranges closer than this are asked for as one: a film's tracks lie between each other, and a question costs more than the bytes.
const GAP: u64 = 64 << 10;

/// How urgent it is; the first is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Nothing can be played before.
    Timeline,
    /// Somebody is waiting for it.
    Viewer,
    /// Somebody will want it next.
    Ahead,
}

/// What is wanted of one source, by each who wants something.
#[derive(Debug, Default)]
pub(super) struct Wants {
    by_ticket: BTreeMap<u64, (Priority, Vec<ByteRange>)>,
    next: u64,
}

impl Wants {
    /// Says that these are wanted until the ticket is given back.
    pub(super) fn add(&mut self, priority: Priority, ranges: Vec<ByteRange>) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.by_ticket.insert(ticket, (priority, ranges));
        ticket
    }

    pub(super) fn remove(&mut self, ticket: u64) {
        self.by_ticket.remove(&ticket);
    }

    /// All that somebody wants, whether it is here or not.
    pub(super) fn ranges(&self) -> impl Iterator<Item = ByteRange> + '_ {
        self.by_ticket.values().flat_map(|(_, ranges)| ranges.iter().copied())
    }

    /// What is missing of what somebody wants, the most urgent first; of those that are equally urgent, what was asked for last, for
    /// whoever jumps about has left the place before. However many want a byte, it stands here once.
    pub(super) fn urgent(&self, here: &Ranges) -> Vec<ByteRange> {
        self.ranked(here).into_iter().map(|(_, range)| range).collect()
    }

    /// The same, and how urgent each is.
    pub(super) fn ranked(&self, here: &Ranges) -> Vec<(Priority, ByteRange)> {
        let mut all: Vec<_> = self
            .by_ticket
            .iter()
            .map(|(ticket, (priority, ranges))| (*priority, std::cmp::Reverse(*ticket), ranges))
            .collect();
        all.sort_by_key(|(priority, ticket, _)| (*priority, *ticket));
        let (mut listed, mut order) = (here.clone(), Vec::new());
        for (priority, _, ranges) in all {
            for wanted in near(ranges) {
                let missing: Vec<_> = listed.missing(wanted).collect();
                for range in missing {
                    listed.insert(range);
                    order.push((priority, range));
                }
            }
        }
        order
    }
}

/// What is wanted, then the rest of the source from its start on.
pub(super) fn then_the_rest(mut urgent: Vec<ByteRange>, here: &Ranges, length: u64) -> Vec<ByteRange> {
    let mut listed = here.clone();
    for range in &urgent {
        listed.insert(*range);
    }
    urgent.extend(listed.missing(ByteRange { start: 0, end: length }));
    urgent
}

/// Ranges in order, those that lie near each other as one.
fn near(ranges: &[ByteRange]) -> Vec<ByteRange> {
    let mut sorted: Vec<_> = ranges.iter().copied().filter(|range| !range.is_empty()).collect();
    sorted.sort();
    let mut joined: Vec<ByteRange> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP) => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: u64 = 10 * GAP;

    fn at(start: u64, len: u64) -> ByteRange {
        ByteRange::at(start, len)
    }

    #[test]
    fn the_timeline_comes_before_viewers_and_viewers_before_what_they_want_next() {
        let mut wants = Wants::default();
        wants.add(Priority::Ahead, vec![at(0, 10)]);
        wants.add(Priority::Viewer, vec![at(FAR, 10)]);
        wants.add(Priority::Timeline, vec![at(2 * FAR, 10)]);
        assert_eq!(wants.urgent(&Ranges::default()), [at(2 * FAR, 10), at(FAR, 10), at(0, 10)]);
    }

    #[test]
    fn the_latest_seek_comes_first_and_a_seek_that_is_over_is_forgotten() {
        let mut wants = Wants::default();
        let first = wants.add(Priority::Viewer, vec![at(0, 10)]);
        wants.add(Priority::Viewer, vec![at(FAR, 10)]);
        assert_eq!(wants.urgent(&Ranges::default()), [at(FAR, 10), at(0, 10)]);
        wants.remove(first);
        assert_eq!(wants.urgent(&Ranges::default()), [at(FAR, 10)]);
    }

    #[test]
    fn what_many_want_is_wanted_once_and_what_is_here_not_at_all() {
        let mut wants = Wants::default();
        wants.add(Priority::Viewer, vec![at(0, 20)]);
        wants.add(Priority::Ahead, vec![at(10, 20)]);
        let here = Ranges::of(at(5, 5));
        assert_eq!(wants.urgent(&here), [at(0, 5), at(10, 10), at(20, 10)]);
    }

    #[test]
    fn tracks_that_lie_between_each_other_are_asked_for_together() {
        let mut wants = Wants::default();
        wants.add(Priority::Viewer, vec![at(0, 10), at(GAP, 10), at(FAR, 10)]);
        assert_eq!(wants.urgent(&Ranges::default()), [ByteRange { start: 0, end: GAP + 10 }, at(FAR, 10)]);
    }

    #[test]
    fn the_rest_follows_in_its_order() {
        let here = Ranges::of(at(20, 10));
        assert_eq!(
            then_the_rest(vec![at(40, 10)], &here, 60),
            [at(40, 10), at(0, 20), at(30, 10), at(50, 10)]
        );
    }
}
