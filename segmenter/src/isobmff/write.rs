//! Boxes written: sizes are filled in when a box is closed.

use ::bytes::BufMut;

/// Appends boxes to a buffer.
///
/// ```
/// # use segmenter::isobmff::Writer;
/// let mut out = Vec::new();
/// Writer::new(&mut out).boxed(b"free", |body| body.put(&[7]));
/// assert_eq!(out, b"\0\0\0\x09free\x07");
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A box whose body `fill` writes (4.2). Bodies stay below 4 GiB: they hold headers, never media.
    pub fn boxed(&mut self, code: &[u8; 4], fill: impl FnOnce(&mut Writer<'_>)) {
        let at = self.out.len();
        self.out.put_u32(0);
        self.out.put_slice(code);
        fill(self);
        let size = u32::try_from(self.out.len() - at).expect("a header is smaller than 4 GiB");
        self.out[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }

    /// A full box: version and flags before the body (4.2.2).
    pub fn full(&mut self, code: &[u8; 4], version: u8, flags: u32, fill: impl FnOnce(&mut Writer<'_>)) {
        self.boxed(code, |body| {
            body.u32(u32::from(version) << 24 | flags);
            fill(body);
        });
    }

    /// Bytes written so far, from the start of the buffer.
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Overwrites the word at `position`.
    pub fn patch_u32(&mut self, position: usize, value: u32) {
        self.out[position..position + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// Bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.out.put_slice(bytes);
    }

    /// `len` zero bytes.
    pub fn zeros(&mut self, len: usize) {
        self.out.put_bytes(0, len);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.out.put_u8(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.out.put_u16(value);
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.out.put_u32(value);
    }

    /// Four bytes, signed.
    pub fn i32(&mut self, value: i32) {
        self.out.put_i32(value);
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.out.put_u64(value);
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self, value: i64) {
        self.out.put_i64(value);
    }
}
