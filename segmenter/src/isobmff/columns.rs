//! Columns of the sample tables: what one sample or chunk has, found by its number where it lies.

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sample::Sample;

/// The big-endian 32-bit word `index` of `table`; zero past its end.
#[inline]
pub(super) fn word(table: &[u8], index: usize) -> u32 {
    table.as_chunks::<4>().0.get(index).map_or(0, |word| u32::from_be_bytes(*word))
}

/// A table of numbers that should rise from row to row (`stss`, 8.6.2), put in order where they don't.
pub(super) fn ascending(table: Bytes) -> Bytes {
    let numbers = table.as_chunks::<4>().0;
    if numbers.is_sorted() {
        return table;
    }
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.concat().into()
}

/// `stsz` and `stz2` (8.7.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Sizes {
    /// Every sample has this size.
    Same(u32),
    /// Four bytes each.
    Wide(Bytes),
    /// 4, 8 or 16 bits each.
    Compact(u8, Bytes),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Same(0)
    }
}

impl Sizes {
    pub(super) fn get(&self, index: u32) -> u32 {
        let index = index as usize;
        match self {
            Self::Same(size) => *size,
            Self::Wide(table) => word(table, index),
            Self::Compact(4, table) => {
                let pair = table.get(index / 2).copied().unwrap_or(0);
                u32::from(if index.is_multiple_of(2) { pair >> 4 } else { pair & 15 })
            }
            Self::Compact(8, table) => table.get(index).copied().map_or(0, u32::from),
            Self::Compact(_, table) => {
                let at = index * 2;
                table.get(at..at + 2).map_or(0, |two| u32::from(u16::from_be_bytes([two[0], two[1]])))
            }
        }
    }
}

/// `stco` and `co64` (8.7.5).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Chunks {
    /// Four bytes each.
    Narrow(Bytes),
    /// Eight bytes each.
    Wide(Bytes),
}

impl Default for Chunks {
    fn default() -> Self {
        Self::Narrow(Bytes::new())
    }
}

impl Chunks {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Narrow(table) => table.len() as u64 / 4,
            Self::Wide(table) => table.len() as u64 / 8,
        }
    }

    pub(super) fn get(&self, index: u32) -> Option<u64> {
        let index = index as usize;
        match self {
            Self::Narrow(table) => (index < table.len() / 4).then(|| u64::from(word(table, index))),
            Self::Wide(table) => (index < table.len() / 8)
                .then(|| u64::from(word(table, index * 2)) << 32 | u64::from(word(table, index * 2 + 1))),
        }
    }
}

/// Sample auxiliary information: what decryption needs, sample by sample (8.7.8, 8.7.9).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aux {
    /// Bytes for each sample; empty when there is none.
    pub(super) sizes: Bytes,
    /// The information of all samples, one after the other.
    pub(super) data: Bytes,
}

impl Aux {
    /// Whether no sample has any.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The bytes of one sample's information.
    pub fn of(&self, sample: &Sample) -> &[u8] {
        let from = usize::try_from(sample.aux.start).unwrap_or(usize::MAX);
        let to = usize::try_from(sample.aux.end).unwrap_or(usize::MAX);
        self.data.get(from..to).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_samples_told_out_of_order_are_put_in_order() {
        let table =
            |numbers: &[u32]| Bytes::from(numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>());
        assert_eq!(ascending(table(&[300, 1, 26, 26])), table(&[1, 26, 26, 300]));
        assert_eq!(ascending(table(&[1, 26])), table(&[1, 26]));
    }
}
