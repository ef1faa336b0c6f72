//! New memory that is a file of its own, without a name: written once, from front to back, then only read.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rustix::fs::MemfdFlags;
use rustix::process::{Resource, getrlimit};

use super::huge;
use super::mapping::Mapping;

/// Part of the descriptors a process may have that go to such memory: the rest is for connections.
const SHARE: u64 = 4;

/// Memory that is being written.
#[derive(Debug)]
pub struct Draft {
    file: File,
    written: u64,
    descriptor: Descriptor,
}

impl Draft {
    /// With nothing in it; `None` when there are as many as there may be.
    pub fn new() -> Option<Self> {
        let descriptor = Descriptor::take()?;
        let file = rustix::fs::memfd_create("segment", MemfdFlags::CLOEXEC).ok()?;
        Some(Self { file: file.into(), written: 0, descriptor })
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When there is no more memory.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Asks for large pages for what was written, which makes sending it cheaper; without them it serves as well.
    pub fn enlarge(&self) {
        let _ = usize::try_from(self.written).map(|len| huge::collapse(&self.file, len));
    }

    /// Whether large pages make a difference to so many bytes.
    pub fn can_be_enlarged(len: usize) -> bool {
        len >= huge::PAGE
    }

    /// What was written.
    ///
    /// # Errors
    /// When the system maps no more, or nothing was written.
    pub fn finish(self) -> io::Result<Bytes> {
        if self.written == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Mapping::new(&Arc::new(self.file), self.written, self.descriptor).map(Bytes::from_owner)
    }
}

/// Leave to have one descriptor.
#[derive(Debug)]
pub(super) struct Descriptor(());

static TAKEN: AtomicU64 = AtomicU64::new(0);

impl Descriptor {
    pub(super) fn take() -> Option<Self> {
        static MOST: OnceLock<u64> = OnceLock::new();
        let most = *MOST.get_or_init(|| getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / SHARE);
        let taken = Self(());
        (TAKEN.fetch_add(1, Ordering::Relaxed) < most).then_some(taken)
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapped::{find, region};

    #[test]
    fn what_was_written_is_read_and_found_in_its_file() {
        let mut draft = Draft::new().unwrap();
        for piece in [&[1_u8; 70_000][..], &[], &[2; 3]] {
            draft.write(piece).unwrap();
        }
        let bytes = draft.finish().unwrap();
        assert_eq!(bytes, [&[1_u8; 70_000][..], &[2; 3]].concat());
        assert_eq!(find(&bytes[70_000..]).unwrap().offset, 70_000);
    }

    #[test]
    fn a_slice_holds_it_and_with_the_last_it_is_forgotten() {
        let mut draft = Draft::new().unwrap();
        draft.write(&[7; 10_000]).unwrap();
        let bytes = draft.finish().unwrap();
        let slice = bytes.slice(5000..6000);
        drop(bytes);
        assert_eq!(find(&slice).unwrap().offset, 5000);
        assert!(find(&[7; 10_000]).is_none(), "ordinary memory is no file");
        let address = slice.as_ptr().addr();
        drop(slice);
        assert!(!region::is_known(address));
    }

    #[test]
    fn large_pages_hold_the_same_bytes() {
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|at| at.to_le_bytes()[at as usize % 3]).collect();
        let mut draft = Draft::new().unwrap();
        draft.write(&bytes).unwrap();
        draft.enlarge();
        assert!(draft.finish().unwrap() == bytes);
    }

    #[test]
    fn nothing_written_is_no_memory() {
        assert!(Draft::new().unwrap().finish().is_err());
    }
}
