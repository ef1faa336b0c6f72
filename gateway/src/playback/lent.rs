//! Bytes of a segment that are not gathered: its headers, and its ranges as they lie in the film, one after the other.
//!
//! # Why
//! Gathering copies every byte twice before the socket copies it again. Out of the film's file, mapped, the kernel copies once, and a
//! hundred ranges in one call. Sending by reference (`sendfile`) would copy nothing; but what lies in the socket's queue would change
//! with the file after every check of it, and for samples of a few kilobytes a call each costs more than the copy.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

use bytes::Buf;
use segmenter::render::{Part, Recipe};

use super::Film;
use crate::mapped::View;

/// Bytes between two ranges that are loaded along.
const GAP: u64 = 64 << 10;

/// Some bytes of a segment.
///
/// As a [`Buf`] it shows slices of a [`View`]: whoever has it writes them to a socket, vectored, and never reads them.
#[derive(Debug)]
pub struct Lent {
    film: Arc<Film>,
    recipe: Arc<Recipe>,
    /// The part that is next, and how much of it is behind.
    part: usize,
    behind: u64,
    left: usize,
}

impl Lent {
    /// `None` where the film is not one file.
    pub(super) fn new(film: &Arc<Film>, recipe: &Arc<Recipe>, range: Range<u64>) -> Option<Self> {
        film.open().file.view()?;
        let left = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        let mut lent = Self { film: Arc::clone(film), recipe: Arc::clone(recipe), part: 0, behind: 0, left };
        lent.skip(range.start);
        Some(lent)
    }

    /// Whether all of it was in memory a moment ago.
    pub(super) fn is_loaded(&self) -> bool {
        self.view().is_none_or(|view| self.runs().all(|run| view.is_loaded(&run)))
    }

    /// Brings it all into memory. Blocks.
    pub(super) fn load(&self) -> io::Result<()> {
        self.view().map_or(Ok(()), |view| self.runs().try_for_each(|run| view.load(&run)))
    }

    /// Where it lies in the film, in as few ranges as are worth telling apart.
    fn runs(&self) -> impl Iterator<Item = Range<u64>> {
        let mut places = self.rest().filter_map(|(part, within)| place(part, within)).peekable();
        std::iter::from_fn(move || {
            let mut run = places.next()?;
            while let Some(next) = places.next_if(|next| (run.end..=run.end + GAP).contains(&next.start)) {
                run.end = next.end;
            }
            Some(run)
        })
    }

    fn view(&self) -> Option<&View> {
        self.film.open().file.view()
    }

    /// Each part that is left, and what of it.
    fn rest(&self) -> impl Iterator<Item = (&Part, Range<u64>)> {
        let (mut behind, mut left) = (self.behind, self.left as u64);
        self.recipe.parts[self.part..].iter().map_while(move |part| {
            let from = std::mem::take(&mut behind);
            let to = len(part).min(from + left);
            left -= to - from;
            (from < to).then_some((part, from..to))
        })
    }

    fn slice<'a>(&'a self, part: &Part, within: Range<u64>) -> &'a [u8] {
        match part {
            Part::Header(range) => {
                &self.recipe.header[range.start + index(within.start)..range.start + index(within.end)]
            }
            Part::Source(_) => {
                place(part, within).and_then(|place| Some(self.view()?.bytes(place))).unwrap_or_default()
            }
        }
    }

    fn skip(&mut self, bytes: u64) {
        self.behind += bytes;
        while let Some(len) = self.recipe.parts.get(self.part).map(len).filter(|len| *len <= self.behind) {
            self.behind -= len;
            self.part += 1;
        }
    }
}

impl Buf for Lent {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.rest().next().map(|(part, within)| self.slice(part, within)).unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let places = slices.iter_mut().zip(self.rest());
        places.map(|(slice, (part, within))| *slice = IoSlice::new(self.slice(part, within))).count()
    }

    fn advance(&mut self, bytes: usize) {
        self.left -= bytes;
        self.skip(bytes as u64);
    }
}

/// Where some of a part lies in the film; `None` for a header.
fn place(part: &Part, within: Range<u64>) -> Option<Range<u64>> {
    match part {
        Part::Source(range) => Some(range.start + within.start..range.start + within.end),
        Part::Header(_) => None,
    }
}

fn len(part: &Part) -> u64 {
    match part {
        Part::Header(range) => range.len() as u64,
        Part::Source(range) => range.len(),
    }
}

/// A count of bytes that are in memory.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
