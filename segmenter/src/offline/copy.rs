//! Copies recipes into files: long ranges in the kernel, short ones through a small buffer.
//!
//! # Why
//! Files that FFmpeg writes interleave sample by sample: a three-hour film has half a million ranges of a few hundred bytes,
//! and a system call for each would cost more than the copy. Ranges that lie close together are read at once, for all
//! renditions of a segment, and written from where they lie with one vectored call a rendition; the headers ride in the
//! same call. A range of [`KERNEL_COPY`] or more is worth a call of its own, which moves no byte through this process.
//!
//! Such a film costs 1.9 times the processor time of `cp`, most of it where nothing here can save any: every byte is copied
//! once into the buffer and once out of it, and a program that does only these reads and writes takes 1.5 to 1.6 times what
//! `cp` takes, with a buffer of any size from 128 KiB to 1 MiB. Mapping the source would save a tenth of that at most, and
//! needs unsafe code.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

use rustix::fs::copy_file_range;
use rustix::io::{Errno, pwritev};

use crate::bytes::ByteRange;
use crate::render::{Part, Recipe};

/// Ranges of this many bytes and more are copied in the kernel.
const KERNEL_COPY: u64 = 16 << 10;
/// Bytes read before they are written.
const BUFFER: usize = 256 << 10;
/// With less than this left of the buffer, it is written first.
const LEAST: usize = 16 << 10;
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

/// Copies with a buffer that is kept from one segment to the next.
pub(super) struct Copier {
    buffer: Vec<u8>,
    /// As in [`Rest`].
    long: u64,
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
        Self { buffer: vec![0; BUFFER], long: KERNEL_COPY }
    }

    /// Writes every target in full.
    pub(super) fn copy(&mut self, source: &File, targets: &[Target<'_>]) -> Result<(), CopyError> {
        let mut rests: Vec<_> = targets.iter().map(|target| Rest::new(target, self.long)).collect();
        while rests.iter().any(|rest| !rest.parts.is_empty()) {
            self.fill(source, &mut rests)?;
        }
        self.long = rests.iter().map(|rest| rest.long).fold(self.long, u64::max);
        Ok(())
    }

    /// Fills the buffer once, and writes what it holds of each target.
    fn fill(&mut self, source: &File, rests: &mut [Rest<'_>]) -> Result<(), CopyError> {
        let mut free = &mut self.buffer[..];
        let mut batches: Vec<_> = rests.iter_mut().map(Batch::new).collect();
        while free.len() >= LEAST {
            for batch in &mut batches {
                batch.pass(source)?;
            }
            let Some(near) = cluster(&batches, free.len() as u64) else { break };
            let (bytes, left) = free.split_at_mut(usize::try_from(near.len()).unwrap_or(usize::MAX));
            free = left;
            read_exact(source, bytes, near.start)?;
            for batch in &mut batches {
                batch.take(near, bytes);
            }
        }
        batches.iter_mut().try_for_each(Batch::write)
    }
}

/// What is still to be written of a target.
struct Rest<'a> {
    target: &'a Target<'a>,
    parts: &'a [Part],
    /// How much of the first of `parts` is written, or about to be.
    done: u64,
    /// Where the bytes go that are written next.
    at: u64,
    /// Ranges of this many bytes and more are the kernel's; none are between file systems where it can't copy.
    long: u64,
}

impl<'a> Rest<'a> {
    fn new(target: &'a Target<'a>, long: u64) -> Self {
        Self { target, parts: &target.recipe.parts, done: 0, at: target.at, long }
    }

    /// The ranges that are to be read, up to the next header or long range.
    fn ranges(&self) -> impl Iterator<Item = ByteRange> {
        let mut done = self.done;
        self.parts.iter().map_while(move |part| match part {
            Part::Source(range) if range.len() < self.long => {
                Some(ByteRange { start: range.start + std::mem::take(&mut done), end: range.end })
            }
            _ => None,
        })
    }
}

/// The ranges that come next, as far as they lie close together: the bytes to read in one call, `most` of them.
fn cluster(batches: &[Batch<'_, '_>], most: u64) -> Option<ByteRange> {
    let mut ahead: Vec<_> = batches.iter().map(|batch| batch.rest.ranges().peekable()).collect();
    let start = ahead.iter_mut().filter_map(|ranges| ranges.peek().map(|range| range.start)).min()?;
    let limit = start.saturating_add(most);
    let mut end = start;
    loop {
        let before = end;
        for ranges in &mut ahead {
            while let Some(range) = ranges.next_if(|next| (start..=end + GAP).contains(&next.start)) {
                end = end.max(range.end.min(limit));
            }
        }
        if end == before || end == limit {
            return Some(ByteRange { start, end });
        }
    }
}

/// Pieces of a target that follow each other and wait to be written: headers, and ranges that lie in the buffer.
struct Batch<'b, 'a> {
    rest: &'b mut Rest<'a>,
    pieces: Vec<IoSlice<'b>>,
}

impl<'b, 'a: 'b> Batch<'b, 'a> {
    fn new(rest: &'b mut Rest<'a>) -> Self {
        let pieces = Vec::with_capacity(rest.parts.len().min(PIECES));
        Self { rest, pieces }
    }

    /// Takes headers, and has the kernel copy long ranges, up to a range that is to be read.
    fn pass(&mut self, source: &File) -> Result<(), CopyError> {
        while let Some((first, others)) = self.rest.parts.split_first() {
            match first {
                Part::Header(range) => {
                    self.pieces.push(IoSlice::new(&self.rest.target.recipe.header[range.clone()]));
                }
                Part::Source(range) if range.len() < self.rest.long => break,
                Part::Source(range) => {
                    self.write()?;
                    let copied = copy_in_kernel(source, *range, self.rest.target.file, self.rest.at)?;
                    self.rest.at += copied;
                    if copied < range.len() {
                        self.rest.done = copied;
                        self.rest.long = u64::MAX;
                        break;
                    }
                }
            }
            self.rest.parts = others;
        }
        Ok(())
    }

    /// Takes the ranges that begin in `place`, whose bytes these are.
    fn take(&mut self, place: ByteRange, bytes: &'b [u8]) {
        while let Some((Part::Source(range), others)) = self.rest.parts.split_first() {
            let start = range.start + self.rest.done;
            if range.len() >= self.rest.long || !(place.start..place.end).contains(&start) {
                break;
            }
            let end = range.end.min(place.end);
            let at = |byte: u64| usize::try_from(byte - place.start).unwrap_or(usize::MAX);
            self.pieces.push(IoSlice::new(&bytes[at(start)..at(end)]));
            if end < range.end {
                self.rest.done += end - start;
                break;
            }
            self.rest.done = 0;
            self.rest.parts = others;
        }
    }

    /// Writes all pieces.
    fn write(&mut self) -> Result<(), CopyError> {
        for pieces in self.pieces.chunks_mut(PIECES) {
            let len: usize = pieces.iter().map(|piece| piece.len()).sum();
            write_all(self.rest.target.file, pieces, self.rest.at)?;
            self.rest.at += len as u64;
        }
        self.pieces.clear();
        Ok(())
    }
}

/// Copies as much of a range as the kernel does; less than all of it where it can't.
fn copy_in_kernel(source: &File, range: ByteRange, target: &File, at: u64) -> Result<u64, CopyError> {
    let (mut from, mut to) = (range.start, at);
    while from < range.end {
        let len = usize::try_from(range.end - from).unwrap_or(usize::MAX);
        match copy_file_range(source, Some(&mut from), target, Some(&mut to), len) {
            Ok(0) => return Err(CopyError::Shrank),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => break,
            Err(error) => return Err(CopyError::Write(error.into())),
        }
    }
    Ok(from - range.start)
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

#[cfg(test)]
mod tests;
