//! Copies recipes into files: long ranges in the kernel, short ones gathered through a small buffer.
//!
//! # Why
//! Files that FFmpeg writes interleave sample by sample: a three-hour film has half a million ranges of a few hundred bytes,
//! and a system call for each would cost more than the copy. Ranges that lie close together are read at once, for all
//! renditions of a segment, and written with one vectored call a rendition; the headers ride in the same call. A range of
//! [`KERNEL_COPY`] or more is worth a call of its own, which moves no byte through this process.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::copy_file_range;
use rustix::io::{Errno, pwritev};

use crate::bytes::ByteRange;
use crate::render::{Part, Recipe};

/// Ranges of this many bytes and more are copied in the kernel.
const KERNEL_COPY: u64 = 16 << 10;
/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;
/// Ranges with at most this many bytes between them are read in one call.
const GAP: u64 = 4 << 10;
/// Pieces one vectored write takes (`IOV_MAX` is 1,024).
const PIECES: usize = 1000;

/// A file to write a recipe to.
pub(super) struct Target<'a> {
    pub(super) file: &'a File,
    /// Where in the file the recipe's first byte goes.
    pub(super) at: u64,
    pub(super) recipe: &'a Recipe,
}

/// Copies with buffers that are kept from one segment to the next.
pub(super) struct Copier {
    buffer: Vec<u8>,
    short: Vec<Short>,
}

/// A short range of the source, and where it goes.
#[derive(Clone, Copy)]
struct Short {
    source: u64,
    len: u32,
    target: u32,
    at: u64,
}

/// What keeps bytes from being copied.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The source ended before a range did.
    Shrank,
    /// Reading the source failed.
    Read(io::Error),
    /// Writing a target failed.
    Write(io::Error),
}

impl Copier {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; BUFFER], short: Vec::new() }
    }

    /// Writes every target in full.
    pub(super) fn copy(&mut self, source: &File, targets: &[Target<'_>]) -> Result<(), CopyError> {
        self.short.clear();
        let mut headers: Vec<Headers<'_>> = targets.iter().map(Headers::new).collect();
        for (number, target) in targets.iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let mut at = target.at;
            for part in &target.recipe.parts {
                match part {
                    Part::Header(range) => at += range.len() as u64,
                    Part::Source(range) if range.len() >= KERNEL_COPY => {
                        headers[number as usize].write_before(at)?;
                        self.kernel(source, *range, target.file, at)?;
                        at += range.len();
                    }
                    Part::Source(range) => {
                        let len = u32::try_from(range.len()).unwrap_or(u32::MAX);
                        self.short.push(Short { source: range.start, len, target: number, at });
                        at += range.len();
                    }
                }
            }
        }
        // One sorted run a rendition: a stable sort merges them.
        self.short.sort_by_key(|short| short.source);
        self.gather(source, &mut headers)?;
        headers.iter_mut().try_for_each(Headers::write_rest)
    }

    /// Reads the short ranges, a buffer full at a time, and writes each buffer out.
    fn gather(&mut self, source: &File, headers: &mut [Headers<'_>]) -> Result<(), CopyError> {
        let short = std::mem::take(&mut self.short);
        let mut held: Vec<Vec<Held>> = headers.iter().map(|_| Vec::new()).collect();
        let mut used = 0;
        let mut rest = &short[..];
        while let Some(first) = rest.first() {
            let (count, range) = neighbours(rest, BUFFER - used);
            if count == 0 && used > 0 {
                write_out(&self.buffer, &mut held, headers)?;
                used = 0;
                continue;
            }
            // Short ranges are shorter than the buffer, so an empty one always takes the first.
            let len = usize::try_from(range.len()).unwrap_or(BUFFER);
            read_exact(source, &mut self.buffer[used..used + len], first.source)?;
            for piece in &rest[..count] {
                let from = used + usize::try_from(piece.source - range.start).unwrap_or(0);
                let bytes = from..from + piece.len as usize;
                held[piece.target as usize].push(Held { at: piece.at, bytes });
            }
            used += len;
            rest = &rest[count..];
        }
        write_out(&self.buffer, &mut held, headers)?;
        self.short = short;
        Ok(())
    }

    /// Copies in the kernel, or through the buffer where the kernel can't.
    fn kernel(&mut self, source: &File, range: ByteRange, target: &File, at: u64) -> Result<(), CopyError> {
        let (mut from, mut to) = (range.start, at);
        while from < range.end {
            let len = usize::try_from(range.end - from).unwrap_or(usize::MAX);
            match copy_file_range(source, Some(&mut from), target, Some(&mut to), len) {
                Ok(0) => return Err(CopyError::Shrank),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                    let len = len.min(BUFFER);
                    read_exact(source, &mut self.buffer[..len], from)?;
                    target.write_all_at(&self.buffer[..len], to).map_err(CopyError::Write)?;
                    (from, to) = (from + len as u64, to + len as u64);
                }
                Err(error) => return Err(CopyError::Write(error.into())),
            }
        }
        Ok(())
    }
}

/// A short range that lies in the buffer, and where it goes in its target.
struct Held {
    at: u64,
    bytes: Range<usize>,
}

/// How many of `short`, sorted by place, lie close enough to be read as one range of at most `room` bytes.
fn neighbours(short: &[Short], room: usize) -> (usize, ByteRange) {
    let Some(first) = short.first() else { return (0, ByteRange::default()) };
    let mut range = ByteRange { start: first.source, end: first.source };
    let mut count = 0;
    for piece in short {
        let end = range.end.max(piece.source + u64::from(piece.len));
        if piece.source > range.end + GAP || end - range.start > room as u64 {
            break;
        }
        range.end = end;
        count += 1;
    }
    (count, range)
}

/// Writes what the buffer holds of each target.
fn write_out(buffer: &[u8], held: &mut [Vec<Held>], headers: &mut [Headers<'_>]) -> Result<(), CopyError> {
    for (held, headers) in held.iter_mut().zip(headers) {
        held.sort_by_key(|piece| piece.at);
        write_pieces(buffer, held, headers)?;
        held.clear();
    }
    Ok(())
}

/// One vectored call for pieces that follow each other in the file, headers between them included.
fn write_pieces(buffer: &[u8], held: &[Held], headers: &mut Headers<'_>) -> Result<(), CopyError> {
    let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(held.len().min(PIECES) + 1);
    let mut pieces = held.iter().peekable();
    while let Some(first) = pieces.next() {
        let mut start = first.at;
        slices.clear();
        if let Some(header) = headers.take_ending(first.at) {
            start -= header.len() as u64;
            slices.push(IoSlice::new(header));
        }
        slices.push(IoSlice::new(&buffer[first.bytes.clone()]));
        let mut end = first.at + first.bytes.len() as u64;
        while let Some(next) = pieces.peek().filter(|_| slices.len() < PIECES) {
            if next.at != end {
                match headers.take_between(end, next.at) {
                    Some(header) => slices.push(IoSlice::new(header)),
                    None => break,
                }
            }
            slices.push(IoSlice::new(&buffer[next.bytes.clone()]));
            end = next.at + next.bytes.len() as u64;
            pieces.next();
        }
        write_all(headers.target.file, &mut slices, start)?;
    }
    Ok(())
}

/// The headers of a target that are still to be written, in order.
struct Headers<'a> {
    target: &'a Target<'a>,
    /// Where each goes, and its bytes.
    list: Vec<(u64, &'a [u8])>,
    next: usize,
}

impl<'a> Headers<'a> {
    fn new(target: &'a Target<'a>) -> Self {
        let mut at = target.at;
        let mut list = Vec::with_capacity(target.recipe.fragments.len());
        for part in &target.recipe.parts {
            at += match part {
                Part::Header(range) => {
                    list.push((at, &target.recipe.header[range.clone()]));
                    range.len() as u64
                }
                Part::Source(range) => range.len(),
            };
        }
        Self { target, list, next: 0 }
    }

    /// The next header, if it goes right before `end`.
    fn take_ending(&mut self, end: u64) -> Option<&'a [u8]> {
        let &(at, bytes) = self.list.get(self.next)?;
        (at + bytes.len() as u64 == end).then(|| {
            self.next += 1;
            bytes
        })
    }

    /// The next header, if it goes exactly from `start` to `end`.
    fn take_between(&mut self, start: u64, end: u64) -> Option<&'a [u8]> {
        let &(at, _) = self.list.get(self.next)?;
        if at == start { self.take_ending(end) } else { None }
    }

    fn write_before(&mut self, end: u64) -> Result<(), CopyError> {
        match self.list.iter().position(|&(at, bytes)| at + bytes.len() as u64 == end) {
            Some(index) => {
                let (at, bytes) = self.list.remove(index);
                self.target.file.write_all_at(bytes, at).map_err(CopyError::Write)
            }
            None => Ok(()),
        }
    }

    fn write_rest(&mut self) -> Result<(), CopyError> {
        for &(at, bytes) in &self.list[self.next..] {
            self.target.file.write_all_at(bytes, at).map_err(CopyError::Write)?;
        }
        self.next = self.list.len();
        Ok(())
    }
}

fn read_exact(file: &File, buffer: &mut [u8], at: u64) -> Result<(), CopyError> {
    file.read_exact_at(buffer, at).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => CopyError::Shrank,
        _ => CopyError::Read(error),
    })
}

fn write_all(file: &File, mut slices: &mut [IoSlice<'_>], mut at: u64) -> Result<(), CopyError> {
    while !slices.is_empty() {
        match pwritev(file, slices, at) {
            Ok(0) => return Err(CopyError::Write(io::ErrorKind::WriteZero.into())),
            Ok(written) => {
                at += written as u64;
                IoSlice::advance_slices(&mut slices, written);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(CopyError::Write(error.into())),
        }
    }
    Ok(())
}
