//! A file that nobody writes any more, mapped into memory and known by its address while it is.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::{Advice, Mmap, MmapOptions};

use super::draft::Descriptor;
use super::region;

/// The first `len` bytes of a file of ours on disk, brought into memory if they are not there. Nobody may write it any more, until it is
/// gone. Blocks for as long as the disk takes.
///
/// # Errors
/// When they can't be read, there are fewer, or too many files are mapped already: then they are to be read as any others.
pub fn kept(file: &Arc<File>, len: u64) -> io::Result<Bytes> {
    if file.metadata()?.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let descriptor = Descriptor::take().ok_or(io::ErrorKind::QuotaExceeded)?;
    let mapping = Mapping::new(file, len, descriptor)?;
    mapping.memory.advise(Advice::PopulateRead)?;
    Ok(Bytes::from_owner(mapping))
}

#[derive(Debug)]
pub(super) struct Mapping {
    memory: Mmap,
    _descriptor: Descriptor,
}

impl Mapping {
    #[expect(unsafe_code, reason = "the file is written by nobody any more")]
    pub(super) fn new(file: &Arc<File>, len: u64, descriptor: Descriptor) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        // SAFETY: as above.
        let memory = unsafe { MmapOptions::new().len(len).map(&**file) }?;
        region::enter(&memory, file);
        Ok(Self { memory, _descriptor: descriptor })
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        region::leave(&self.memory);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::mapped::find;

    #[test]
    fn a_file_on_disk_is_found_by_its_bytes_and_is_never_shorter_than_it_should_be() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 70_000]).unwrap();
        let file = Arc::new(file);
        let bytes = kept(&file, 70_000).unwrap();
        assert_eq!(bytes, [7; 70_000][..]);
        assert_eq!(find(&bytes[60_000..]).unwrap().offset, 60_000);
        assert!(kept(&file, 70_001).is_err());
    }
}
