//! A sample entry taken apart and put together again, whatever it speaks of.
//!
//! Taking apart is forgiving; what is put together is sound: sizes are true, bytes after the last box are
//! gone, and the data reference is the one that an init segment has.

use ::bytes::Bytes;

use super::super::boxes::{Child, FourCc, Header, child, children};
use super::Unsupported;

/// `data_reference_index` in what is written: an init segment's `dref` has one entry (8.7.2, 8.5.2.2).
const DATA_REFERENCE: [u8; 2] = [0, 1];

/// Where `data_reference_index` lies after the header of every entry (8.5.2.2).
const DATA_REFERENCE_AT: std::ops::Range<usize> = 6..8;

/// A sample entry as its type and what follows its header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    /// Type of the entry.
    pub(super) code: FourCc,
    /// What follows the header.
    pub(super) body: &'a [u8],
}

impl<'a> Raw<'a> {
    /// Takes the header off; an entry that claims more bytes than there are ends with them.
    pub(super) fn read(entry: &'a [u8]) -> Result<Self, Unsupported> {
        let short = |code| Unsupported::Short { entry: code, len: entry.len() };
        let header = Header::read(entry).ok_or(short(FourCc([0; 4])))?;
        let size = header.size.and_then(|size| usize::try_from(size).ok()).unwrap_or(entry.len());
        let body = entry.get(usize::from(header.len)..size.min(entry.len())).ok_or(short(header.code))?;
        Ok(Self { code: header.code, body })
    }

    /// The first `len` bytes and what follows them, which is boxes.
    pub(super) fn split(self, len: usize) -> Result<(&'a [u8], &'a [u8]), Unsupported> {
        let short = Unsupported::Short { entry: self.code, len: self.body.len() };
        self.body.split_at_checked(len).ok_or(short)
    }
}

/// Writes a sample entry: its own fields, then its boxes, both already in ISO form.
pub(super) fn write(code: FourCc, fixed: &[u8], boxes: &[u8]) -> Bytes {
    let mut body = [fixed, boxes].concat();
    if let Some(index) = body.get_mut(DATA_REFERENCE_AT) {
        index.copy_from_slice(&DATA_REFERENCE);
    }
    let mut entry = Vec::with_capacity(8 + body.len());
    push(&mut entry, code, &body);
    Bytes::from(entry)
}

/// The boxes of `body` with true sizes, without the bytes that follow the last one.
///
/// QuickTime ends a list of atoms with four zero bytes, on which readers of ISO files stumble.
pub(super) fn sound(body: &[u8]) -> Vec<u8> {
    let mut boxes = Vec::with_capacity(body.len());
    children(body).for_each(|child| push_child(&mut boxes, child));
    boxes
}

/// Appends a box as it is, or with a true size where it claims another.
pub(super) fn push_child(boxes: &mut Vec<u8>, child: Child<'_>) {
    let claimed = Header::read(child.whole).and_then(|header| header.size);
    if claimed == u64::try_from(child.whole.len()).ok() {
        boxes.extend_from_slice(child.whole);
    } else {
        push(boxes, child.code, child.body);
    }
}

/// Appends a box; one that is too large for a 32-bit size can't be in a sample entry and is left out.
pub(super) fn push(boxes: &mut Vec<u8>, code: FourCc, body: &[u8]) {
    if let Ok(size) = u32::try_from(body.len() + 8) {
        boxes.extend_from_slice(&size.to_be_bytes());
        boxes.extend_from_slice(&code.0);
        boxes.extend_from_slice(body);
    }
}

/// The boxes of an entry, with the name they are refused under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boxes<'a> {
    /// Format of the entry: for an encrypted one, of what is encrypted.
    pub(super) entry: FourCc,
    /// The boxes, one after the other.
    pub(super) body: &'a [u8],
}

impl<'a> Boxes<'a> {
    /// The body of the first box of this type.
    pub(super) fn find(self, code: &[u8; 4]) -> Option<&'a [u8]> {
        child(self.body, code).map(|child| child.body)
    }

    /// The bodies of every box of this type.
    pub(super) fn all(self, code: &[u8; 4]) -> impl Iterator<Item = &'a [u8]> {
        children(self.body).filter(move |child| child.code.0 == *code).map(|child| child.body)
    }

    /// Reads the first box of this type, which has to be there and to be sound.
    pub(super) fn read<T>(
        self,
        code: &[u8; 4],
        reader: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<T, Unsupported> {
        let config = FourCc(*code);
        let body = self.find(code).ok_or(Unsupported::Missing { entry: self.entry, config })?;
        reader(body).ok_or(Unsupported::Broken { entry: self.entry, config })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_after_the_last_box_are_dropped() {
        let boxes = [&[0, 0, 0, 9][..], b"free", &[7], &[0; 4]].concat();
        assert_eq!(sound(&boxes), boxes[..9]);
    }

    #[test]
    fn a_box_that_claims_too_much_gets_its_true_size() {
        let boxes = [&[0, 0, 1, 0][..], b"free", &[7]].concat();
        assert_eq!(sound(&boxes), [&[0, 0, 0, 9][..], b"free", &[7]].concat());
    }

    #[test]
    fn what_is_written_refers_to_the_first_data_reference() {
        let entry = write(FourCc(*b"wvtt"), &[0, 0, 0, 0, 0, 0, 0, 3], &[]);
        assert_eq!(entry[..], [&[0, 0, 0, 16][..], b"wvtt", &[0, 0, 0, 0, 0, 0, 0, 1]].concat());
    }
}
