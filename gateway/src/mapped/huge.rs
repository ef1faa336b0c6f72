//! Large pages for memory that is sent again and again.
//!
//! # Why
//! A socket takes a file page by page, and each page costs a look-up and a count, while it is queued and when it is let go: of 2.5 MB in
//! pages of 4 KiB that is all the cost there is. In pages of 2 MiB it is two fifths less. Systems seldom give such pages to this kind of memory
//! unless they are asked for just these bytes. Asking copies the bytes, once, and makes the whole system pause a moment to count its pages: only
//! what is asked for again and again is worth it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

use memmap2::MmapOptions;

/// Bytes of a large page.
pub(super) const PAGE: usize = 2 << 20;
/// `MADV_COLLAPSE`, since Linux 6.1, whatever the system's own setting is.
const COLLAPSE: libc::c_int = 25;

/// Puts the first bytes of a file that nobody has sent yet into large pages, as far as they fill them.
///
/// # Errors
/// When the system has none, or doesn't know how.
#[expect(unsafe_code, reason = "an address that is a multiple of a page's size can be had in no other way")]
pub(super) fn collapse(file: &File, len: usize) -> io::Result<()> {
    let len = len / PAGE * PAGE;
    if len == 0 {
        return Ok(());
    }
    // Room in which such an address lies; given back, with all that is mapped there, at the end.
    let mut room = MmapOptions::new().len(len + PAGE).no_reserve_swap().map_anon()?;
    let start = room.as_mut_ptr();
    let place = start.wrapping_add(start.addr().next_multiple_of(PAGE) - start.addr()).cast();
    let flags = libc::MAP_SHARED | libc::MAP_FIXED;
    // SAFETY: `len` bytes from `place` lie in `room`, which is ours and which nothing reads or writes.
    let failed = unsafe {
        libc::mmap(place, len, libc::PROT_READ, flags, file.as_raw_fd(), 0) == libc::MAP_FAILED
            || libc::madvise(place, len, COLLAPSE) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}
