//! The grammar every box shares: a size, a four-character code, a body (ISO/IEC 14496-12 4.2).
//!
//! Reading is forgiving where players are (stray bytes after the last child end the list) and never trusts
//! a number: a size that points outside its parent ends at the parent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A four-character code: the type of a box, a brand, a handler, a sample entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    /// The code as text; bytes that are not printable ASCII show as `\xNN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b' '..=b'~' => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

/// The header of a box, wherever it lies (4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type of the box.
    pub code: FourCc,
    /// Bytes the header itself takes: 8, or 16 with a 64-bit size.
    pub len: u8,
    /// Bytes of the whole box, header included; `None` when it runs to the end of the file (size 0).
    pub size: Option<u64>,
}

impl Header {
    /// Bytes that hold any header.
    pub const MAX: usize = 16;

    /// Reads the header at the start of `bytes`: `None` when more bytes are needed to tell.
    ///
    /// A size smaller than the header itself is passed on as it is; the caller says what that means.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let size = fields.u32()?;
        let code = FourCc(fields.array()?);
        Some(match size {
            0 => Self { code, len: 8, size: None },
            1 => Self { code, len: 16, size: Some(fields.u64()?) },
            _ => Self { code, len: 8, size: Some(u64::from(size)) },
        })
    }
}

/// A box inside another, by reference.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    /// Type of the box.
    pub code: FourCc,
    /// Header and body.
    pub whole: &'a [u8],
    /// What follows the header.
    pub body: &'a [u8],
}

/// The boxes that `body` holds, in order; ends at the first bytes that are no box.
pub fn children(body: &[u8]) -> impl Iterator<Item = Child<'_>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let header = Header::read(rest)?;
        let len = usize::from(header.len);
        let size = match header.size {
            None => rest.len(),
            Some(size) => usize::try_from(size).unwrap_or(usize::MAX).min(rest.len()),
        };
        if size < len {
            return None;
        }
        let (whole, after) = rest.split_at(size);
        rest = after;
        Some(Child { code: header.code, whole, body: &whole[len..] })
    })
}

/// The first child of `body` with this type.
pub fn child<'a>(body: &'a [u8], code: &[u8; 4]) -> Option<Child<'a>> {
    children(body).find(|child| child.code.0 == *code)
}

/// Reads big-endian fields one after the other; `None` once the bytes run out.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Starts at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read yet.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    /// Passes over `len` bytes.
    pub fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(|_| ())
    }

    /// An unsigned byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Four bytes, signed.
    pub fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A four-character code.
    pub fn code(&mut self) -> Option<FourCc> {
        self.array().map(FourCc)
    }

    /// The version and the 24 flags every full box opens with (4.2.2).
    pub fn version_and_flags(&mut self) -> Option<(u8, u32)> {
        let [version, flags @ ..] = self.array::<4>()?;
        Some((version, u32::from_be_bytes([0, flags[0], flags[1], flags[2]])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_end_at_the_first_bytes_that_are_no_box() {
        let body = [&[0, 0, 0, 9][..], b"free", &[7], &[0, 0, 0, 3], b"junk"].concat();
        let found: Vec<_> = children(&body).map(|child| (child.code, child.body.to_vec())).collect();
        assert_eq!(found, [(FourCc(*b"free"), vec![7])]);
    }

    #[test]
    fn a_child_that_claims_more_than_its_parent_has_ends_with_it() {
        let body = [&[0, 0, 1, 0][..], b"mdat", &[1, 2]].concat();
        assert_eq!(children(&body).next().unwrap().body, [1, 2]);
    }

    #[test]
    fn a_header_with_a_64_bit_size_takes_16_bytes() {
        let bytes = [&[0, 0, 0, 1][..], b"mdat", &[0, 0, 0, 1, 0, 0, 0, 0]].concat();
        let header = Header { code: FourCc(*b"mdat"), len: 16, size: Some(1 << 32) };
        assert_eq!(Header::read(&bytes), Some(header));
        assert_eq!(Header::read(&bytes[..15]), None);
    }
}
