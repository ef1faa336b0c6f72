//! One sample: when it is decoded and shown, and where its bytes lie.

use crate::bytes::ByteRange;
use crate::time::Ticks;

/// A sample of a track, as the tables give it (ISO/IEC 14496-12 8.6, 8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Number in its track, from 0, in decode order.
    pub index: u32,
    /// Decode time.
    pub decode: Ticks,
    /// Composition time less decode time.
    pub offset: i32,
    /// Until the next sample is decoded.
    pub duration: u32,
    /// Its bytes in the source.
    pub place: ByteRange,
    /// Whether decoding can start here.
    pub sync: bool,
    /// `sample_description_index`, from 1.
    pub entry: u32,
    /// Its auxiliary information (initialisation vector and subsamples), as bytes of the table's own run of them.
    pub aux: ByteRange,
}

impl Sample {
    /// Composition time: when it is shown, before the edit list.
    pub fn composition(&self) -> Ticks {
        self.decode + Ticks(i64::from(self.offset))
    }

    /// Bytes of the sample.
    #[expect(clippy::cast_possible_truncation, reason = "a place is always made from a 32-bit size")]
    pub fn size(&self) -> u32 {
        self.place.len() as u32
    }
}
