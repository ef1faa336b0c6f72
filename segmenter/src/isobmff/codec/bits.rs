//! Bits, as parameter sets and descriptors are written: most significant first, with Exp-Golomb codes.
//!
//! Used by the readers of codec configurations next to it. Every read ends in `None` past the last bit.

/// Reads bits one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// Starts at the first bit of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits not read yet.
    pub(super) fn left(self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// The next bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// The next `len` bits, at most 32.
    pub(super) fn u32(&mut self, len: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..len {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// The next `len` bits, at most 8.
    pub(super) fn u8(&mut self, len: u32) -> Option<u8> {
        u8::try_from(self.u32(len)?).ok()
    }

    /// Passes over `len` bits.
    pub(super) fn skip(&mut self, len: usize) -> Option<()> {
        if len > self.left() {
            return None;
        }
        self.at += len;
        Some(())
    }

    /// Passes over what is left of a byte that has been begun.
    pub(super) fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    /// `ue(v)`: an unsigned Exp-Golomb code (ISO/IEC 14496-10 9.1).
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        if zeros > 31 {
            return None;
        }
        Some((1 << zeros) - 1 + self.u32(zeros)?)
    }

    /// `se(v)`: a signed Exp-Golomb code (9.1.1).
    pub(super) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }

    /// Passes over `count` unsigned Exp-Golomb codes.
    pub(super) fn skip_ue(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.ue().map(|_| ()))
    }
}

/// The payload of a NAL unit without its emulation prevention bytes (ISO/IEC 14496-10 7.4.1).
pub(super) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_the_standard_lists_them() {
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([bits.ue(), bits.ue(), bits.ue(), bits.ue()], [Some(0), Some(1), Some(2), Some(3)]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([bits.se(), bits.se(), bits.se(), bits.se()], [Some(0), Some(1), Some(-1), Some(2)]);
    }

    #[test]
    fn a_code_that_never_ends_is_none() {
        assert_eq!(Bits::new(&[0; 16]).ue(), None);
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]).ue(), None);
    }

    #[test]
    fn reading_past_the_end_is_none() {
        let mut bits = Bits::new(&[0xff]);
        assert_eq!(bits.u32(8), Some(255));
        assert_eq!(bits.flag(), None);
        assert_eq!(bits.skip(usize::MAX), None);
    }

    #[test]
    fn emulation_prevention_bytes_are_taken_out() {
        assert_eq!(unescape(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), [0, 0, 1, 0, 0, 0, 0]);
    }
}
