//! A file that others may change, mapped so that the kernel can copy from it straight into a socket.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use memmap2::{Advice, Mmap, MmapOptions};

/// A whole file, as it lies in the system's memory.
///
/// **Nothing here may read its bytes, but hand them to the kernel.** The file may be made shorter by anybody: then a program that touches
/// what was behind the new end is ended, while the kernel, asked to copy it, says that it is gone.
#[derive(Debug)]
pub struct View {
    memory: Mmap,
    /// When each block was loaded: seconds since the start, from 1.
    loaded: Vec<AtomicU32>,
    start: Instant,
}

/// Bytes that are loaded together.
const BLOCK: usize = 256 << 10;
/// For how many seconds what was loaded is taken to be there still. Where it is not, whoever sends it waits for the disk.
const LASTS: u32 = 10;

impl View {
    /// Maps the first `len` bytes of a file.
    ///
    /// # Errors
    /// When the system maps no more.
    #[expect(unsafe_code, reason = "what is mapped is handed to the kernel and never read here")]
    pub fn new(file: &File, len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        // SAFETY: as above.
        let memory = unsafe { MmapOptions::new().len(len).map(file) }?;
        let loaded = (0..len.div_ceil(BLOCK)).map(|_| AtomicU32::new(0)).collect();
        Ok(Self { memory, loaded, start: Instant::now() })
    }

    /// The bytes of a range, or as many of them as there were, for the kernel.
    pub fn bytes(&self, range: Range<u64>) -> &[u8] {
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.memory.len());
        &self.memory[index(range.start)..index(range.end)]
    }

    /// Whether a range was loaded a moment ago.
    pub fn is_loaded(&self, range: &Range<u64>) -> bool {
        let now = self.seconds();
        self.blocks(range).is_some_and(|blocks| {
            self.loaded[blocks].iter().all(|loaded| {
                let at = loaded.load(Ordering::Relaxed);
                at != 0 && now - at.min(now) < LASTS
            })
        })
    }

    /// Reads what of a range, and of what lies around it, is not in memory yet. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// When the file can't be read, or has become shorter.
    pub fn load(&self, range: &Range<u64>) -> io::Result<()> {
        let Some(blocks) = self.blocks(range) else { return Ok(()) };
        let start = blocks.start * BLOCK;
        let len = (blocks.len() * BLOCK).min(self.memory.len() - start);
        self.memory.advise_range(Advice::PopulateRead, start, len)?;
        let now = self.seconds();
        self.loaded[blocks].iter().for_each(|loaded| loaded.store(now, Ordering::Relaxed));
        Ok(())
    }

    /// The blocks that a range lies in; `None` for an empty one.
    fn blocks(&self, range: &Range<u64>) -> Option<Range<usize>> {
        let block = |at: u64| usize::try_from(at / BLOCK as u64).unwrap_or(usize::MAX);
        let end = range.end.min(self.memory.len() as u64);
        (range.start < end).then(|| block(range.start)..block(end - 1) + 1)
    }

    fn seconds(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_secs()).unwrap_or(u32::MAX - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn what_was_cut_off_is_an_error_and_not_the_end() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; 1_000_000]).unwrap();
        let view = View::new(&file, 1_000_000).unwrap();
        view.load(&(0..300_000)).unwrap();
        assert!(view.is_loaded(&(0..300_000)) && !view.is_loaded(&(300_000..900_000)));
        assert_eq!(view.bytes(999_990..2_000_000).len(), 10, "no more than there was");
        file.set_len(10).unwrap();
        assert!(view.load(&(900_000..900_001)).is_err());
        assert!(!view.is_loaded(&(900_000..900_001)));
    }
}
