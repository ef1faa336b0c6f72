//! What is sent next: a plain structure that is told what is wanted, what is on its way and what has arrived.

use std::collections::HashMap;

use segmenter::bytes::ByteRange;

use crate::ranges::Ranges;

/// A film larger than this is sent in parts.
const LARGE: u64 = 100_000_000;
/// Bytes of a part.
const PART: u64 = 10 << 20;
/// Bytes of what is urgent that go in one request: what becomes more urgent meanwhile waits for no more.
const URGENT: u64 = 1 << 20;
/// Requests at once.
const AT_ONCE: usize = 16;
/// Of which so many bring what nobody waits for.
const REST: usize = 3;
/// And so many what is at least as urgent as what comes next: one is on its way while the gateway answers the one before. What becomes
/// more urgent than they are never waits for a place.
const AHEAD: usize = 2;

/// Bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    /// Each has another; they grow.
    pub(super) number: u64,
    /// Which bytes.
    pub(super) range: ByteRange,
    /// Whether somebody waits for them.
    pub(super) urgent: bool,
}

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Schedule {
    length: u64,
    arrived: Ranges,
    flying: Vec<Flight>,
    urgent: Vec<ByteRange>,
    next: u64,
}

impl Schedule {
    /// Of a film of this length, some of which has arrived.
    pub(super) fn new(length: u64, arrived: Ranges) -> Self {
        Self { length, arrived, flying: Vec::new(), urgent: Vec::new(), next: 0 }
    }

    /// What somebody waits for, the most urgent first.
    pub(super) fn wanted(&mut self, urgent: Vec<ByteRange>) {
        self.urgent = urgent;
    }

    /// The next bytes to send; `None` when enough are on their way, or all.
    pub(super) fn next(&mut self) -> Option<Flight> {
        if self.flying.len() >= AT_ONCE {
            return None;
        }
        let (range, urgent) = match self.urgent_range() {
            Some((rank, _)) if self.ranks().values().filter(|ahead| **ahead <= rank).count() >= AHEAD => {
                return None;
            }
            Some((_, range)) => (range, true),
            None => (self.rest()?, false),
        };
        let flight = Flight { number: self.next, range, urgent };
        self.next += 1;
        self.flying.push(flight);
        Some(flight)
    }

    /// Whether somebody waits for bytes that no request brings yet.
    pub(super) fn has_urgent(&self) -> bool {
        self.urgent_range().is_some()
    }

    /// In which order what is urgent and on its way is wanted now, by the numbers of the requests. What nobody waits for any more is not
    /// in it.
    pub(super) fn ranks(&self) -> HashMap<u64, usize> {
        let meets = |a: &ByteRange, b: &ByteRange| a.start < b.end && b.start < a.end;
        let rank = |flight: &Flight| self.urgent.iter().position(|wanted| meets(wanted, &flight.range));
        let urgent = self.flying.iter().filter(|flight| flight.urgent);
        urgent.filter_map(|flight| Some((flight.number, rank(flight)?))).collect()
    }

    /// What is to be sent next of what is wanted, and the how manieth of the wants it is.
    fn urgent_range(&self) -> Option<(usize, ByteRange)> {
        let mut sent = self.arrived.clone();
        // What flies among the rest may be long in coming; better twice than late.
        for flight in self.flying.iter().filter(|flight| flight.urgent) {
            sent.insert(flight.range);
        }
        let inside = |range: &ByteRange| ByteRange { end: range.end.min(self.length), ..*range };
        let missing = self.urgent.iter().map(inside).map(|range| sent.missing(range).next());
        let (rank, range) = missing.enumerate().find_map(|(rank, range)| Some((rank, range?)))?;
        Some((rank, ByteRange { end: range.end.min(range.start + URGENT), ..range }))
    }

    fn rest(&self) -> Option<ByteRange> {
        if self.flying.iter().filter(|flight| !flight.urgent).count() >= REST {
            return None;
        }
        let mut sent = self.arrived.clone();
        for flight in &self.flying {
            sent.insert(flight.range);
        }
        let part = if self.length > LARGE { PART } else { LARGE };
        let missing = sent.missing(ByteRange { start: 0, end: self.length }).next()?;
        // Parts begin where they would if nothing had been urgent.
        let border = (missing.start / part + 1) * part;
        Some(ByteRange { end: missing.end.min(border), ..missing })
    }

    /// Bytes have arrived.
    pub(super) fn landed(&mut self, flight: &Flight) {
        self.arrived.insert(flight.range);
        self.flying.retain(|flying| flying.number != flight.number);
    }

    /// What has arrived, as the gateway says.
    pub(super) fn arrived(&mut self, here: Ranges) {
        self.arrived = here;
    }

    /// Bytes that have arrived.
    pub(super) fn bytes(&self) -> u64 {
        self.arrived.bytes()
    }

    /// Whether all has arrived.
    pub(super) fn is_done(&self) -> bool {
        self.arrived.contains(ByteRange { start: 0, end: self.length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange { start, end }
    }

    #[test]
    fn a_large_film_goes_in_parts_and_a_small_one_whole() {
        let mut large = Schedule::new(LARGE + 1, Ranges::default());
        let flights: Vec<_> = std::iter::from_fn(|| large.next()).map(|flight| flight.range).collect();
        assert_eq!(flights, [range(0, PART), range(PART, 2 * PART), range(2 * PART, 3 * PART)]);
        let mut small = Schedule::new(LARGE, Ranges::default());
        assert_eq!(small.next().map(|flight| flight.range), Some(range(0, LARGE)));
        assert_eq!(small.next(), None);
    }

    #[test]
    fn what_somebody_waits_for_always_has_a_place() {
        let mut schedule = Schedule::new(10 * PART + LARGE, Ranges::default());
        while schedule.next().is_some() {}
        schedule.wanted(vec![range(9 * PART, 9 * PART + 5), range(0, 5)]);
        let flight = schedule.next().unwrap();
        assert_eq!((flight.range, flight.urgent), (range(9 * PART, 9 * PART + 5), true));
        let flight = schedule.next().unwrap();
        assert_eq!((flight.range, flight.urgent), (range(0, 5), true), "on its way among the rest");
        assert_eq!(schedule.ranks(), HashMap::from([(flight.number - 1, 0), (flight.number, 1)]));
        // Two are on their way: the next of the same waits, and what is more urgent does not.
        schedule.wanted(vec![range(9 * PART, 9 * PART + 5), range(0, 5), range(7 * PART, 7 * PART + 5)]);
        assert_eq!(schedule.next(), None);
        assert!(schedule.has_urgent());
        schedule.wanted(vec![range(8 * PART, 8 * PART + 5), range(9 * PART, 9 * PART + 5), range(0, 5)]);
        assert_eq!(schedule.next().map(|flight| flight.range), Some(range(8 * PART, 8 * PART + 5)));
        assert!(!schedule.has_urgent());
    }

    proptest! {
        #[test]
        fn everything_arrives_whatever_is_wanted(
            length in 1..3 * LARGE,
            here in (0..3 * LARGE, 0..3 * LARGE),
            wants in prop::collection::vec((0..4 * LARGE, 1..PART), 0..5),
        ) {
            let start = Ranges::of(range(here.0.min(length), here.1.min(length).max(here.0.min(length))));
            let mut schedule = Schedule::new(length, start);
            schedule.wanted(wants.into_iter().map(|(start, len)| ByteRange::at(start, len)).collect());
            let mut flying = Vec::new();
            for _ in 0..1000 {
                while let Some(flight) = schedule.next() {
                    prop_assert!(!flight.range.is_empty() && flight.range.end <= length);
                    flying.push(flight);
                }
                prop_assert!(flying.len() <= AT_ONCE);
                if flying.is_empty() {
                    break;
                }
                let flight = flying.remove(0);
                schedule.landed(&flight);
            }
            prop_assert!(schedule.is_done());
        }
    }
}
