//! Sets of bytes: which of a source are here, which are wanted, which are written and not yet kept.

use segmenter::bytes::ByteRange;
use serde::{Deserialize, Serialize};

/// A set of bytes, as ranges in order that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranges(Vec<ByteRange>);

impl Ranges {
    /// The bytes of one range.
    pub fn of(range: ByteRange) -> Self {
        Self(if range.is_empty() { Vec::new() } else { vec![range] })
    }

    /// Adds bytes; says how many of them were new.
    pub fn insert(&mut self, range: ByteRange) -> u64 {
        if range.is_empty() {
            return 0;
        }
        // Those that touch become one with it.
        let first = self.0.partition_point(|have| have.end < range.start);
        let after = self.0.partition_point(|have| have.start <= range.end);
        let had: u64 = self.0[first..after].iter().map(|have| common(*have, range).len()).sum();
        let joined = self.0[first..after].iter().fold(range, |joined, have| ByteRange {
            start: joined.start.min(have.start),
            end: joined.end.max(have.end),
        });
        self.0.splice(first..after, [joined]);
        range.len() - had
    }

    /// Takes bytes out; says how many of them were there.
    pub fn remove(&mut self, range: ByteRange) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let first = self.0.partition_point(|have| have.end <= range.start);
        let after = self.0.partition_point(|have| have.start < range.end).max(first);
        let (mut kept, mut taken) = (Vec::with_capacity(2), 0);
        for have in &self.0[first..after] {
            taken += common(*have, range).len();
            let before = ByteRange { start: have.start, end: range.start.clamp(have.start, have.end) };
            let behind = ByteRange { start: range.end.clamp(have.start, have.end), end: have.end };
            kept.extend([before, behind].into_iter().filter(|left| !left.is_empty()));
        }
        self.0.splice(first..after, kept);
        taken
    }

    /// Whether every byte of `range` is in the set.
    pub fn contains(&self, range: ByteRange) -> bool {
        range.is_empty() || self.from(range.start).next().is_some_and(|have| have.contains(range))
    }

    /// The bytes of `range` that are in the set.
    pub fn within(&self, range: ByteRange) -> impl Iterator<Item = ByteRange> + '_ {
        let have = self.from(range.start).take_while(move |have| have.start < range.end);
        have.map(move |have| common(*have, range)).filter(|have| !have.is_empty())
    }

    /// The bytes of `range` that are not in the set.
    pub fn missing(&self, range: ByteRange) -> impl Iterator<Item = ByteRange> + '_ {
        let ends = self.within(range).map(Some).chain([None]);
        let mut at = range.start;
        let holes = ends.map(move |have| {
            let end = have.map_or(range.end, |have| have.start);
            let hole = ByteRange { start: at.min(end), end };
            at = have.map_or(range.end, |have| have.end);
            hole
        });
        holes.filter(|hole| !hole.is_empty())
    }

    /// Where the bytes end that are there from the first on.
    pub fn prefix(&self) -> u64 {
        self.0.first().filter(|first| first.start == 0).map_or(0, |first| first.end)
    }

    /// How many bytes are in the set.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|have| have.len()).sum()
    }

    /// The bytes of storage that the set takes where only whole blocks of `block` bytes can be stored.
    pub fn stored(&self, block: u64) -> u64 {
        let mut last = None;
        self.0.iter().fold(0, |bytes, have| {
            let (from, to) = (have.start / block, (have.end - 1) / block);
            let shared = u64::from(last == Some(from));
            last = Some(to);
            bytes + (to - from + 1 - shared) * block
        })
    }

    /// In order; none touches another.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ByteRange> + '_ {
        self.0.iter().copied()
    }

    /// How many ranges it takes to say what is in the set.
    pub fn pieces(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From the range that holds this byte, or the first behind it.
    fn from(&self, byte: u64) -> std::slice::Iter<'_, ByteRange> {
        self.0[self.0.partition_point(|have| have.end <= byte)..].iter()
    }
}

impl FromIterator<ByteRange> for Ranges {
    fn from_iter<T: IntoIterator<Item = ByteRange>>(ranges: T) -> Self {
        let mut all = Self::default();
        for range in ranges {
            all.insert(range);
        }
        all
    }
}

/// What two ranges share.
fn common(a: ByteRange, b: ByteRange) -> ByteRange {
    let start = a.start.max(b.start);
    ByteRange { start, end: a.end.min(b.end).max(start) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const END: u64 = 64;

    fn range() -> impl Strategy<Value = ByteRange> {
        (0..END, 0..END).prop_map(|(a, b)| ByteRange { start: a.min(b), end: a.max(b) })
    }

    /// One bit a byte: a set that can't be wrong.
    fn bits(range: ByteRange) -> u64 {
        (range.start..range.end).fold(0, |bits, byte| bits | 1 << byte)
    }

    fn all(ranges: impl Iterator<Item = ByteRange>) -> u64 {
        ranges.fold(0, |all, range| all | bits(range))
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_bytes_that_were_put_in_and_not_taken_out(
            steps in prop::collection::vec((any::<bool>(), range()), 0..40),
            asked in range(),
        ) {
            let (mut set, mut model) = (Ranges::default(), 0_u64);
            for (insert, range) in steps {
                let wanted = bits(range);
                if insert {
                    prop_assert_eq!(set.insert(range), u64::from((wanted & !model).count_ones()));
                    model |= wanted;
                } else {
                    prop_assert_eq!(set.remove(range), u64::from((wanted & model).count_ones()));
                    model &= !wanted;
                }
                prop_assert_eq!(all(set.iter()), model);
                prop_assert!(set.0.windows(2).all(|two| two[0].end < two[1].start), "{:?}", set);
            }
            let asked_bits = bits(asked);
            prop_assert_eq!(set.contains(asked), asked_bits & !model == 0);
            prop_assert_eq!(all(set.within(asked)), asked_bits & model);
            prop_assert_eq!(all(set.missing(asked)), asked_bits & !model);
            prop_assert_eq!(set.prefix(), u64::from(model.trailing_ones()));
            prop_assert_eq!(set.bytes(), u64::from(model.count_ones()));
            let blocks = (0..8).filter(|block| model >> (block * 8) & 0xff != 0).count() as u64;
            prop_assert_eq!(set.stored(8), blocks * 8);
            let again: Ranges = set.iter().collect();
            prop_assert_eq!(again, set);
        }
    }
}
