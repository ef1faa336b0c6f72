//! A draft that is done: mapped into memory, known by its address while it is.

use std::fs::File;
use std::io;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

use super::draft::Descriptor;
use super::region;

#[derive(Debug)]
pub(super) struct Mapping {
    memory: Mmap,
    _descriptor: Descriptor,
}

impl Mapping {
    #[expect(unsafe_code, reason = "the file has no name, and is written by nobody any more")]
    pub(super) fn new(file: File, len: u64, descriptor: Descriptor) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        // SAFETY: as above.
        let memory = unsafe { MmapOptions::new().len(len).map(&file) }?;
        region::enter(&memory, &Arc::new(file));
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
