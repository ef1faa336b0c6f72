//! The streaming face of the segmenter: bytes in by any way and in any order, init segments and segments out.
//!
//! The caller owns files, sockets and time. It feeds spans as they come, polls until nothing comes out, and fetches what is
//! needed when it can; a caller that only has the bytes in order need not look at [`Output::Need`] as long as `moov` comes
//! first and the tracks of the film are interleaved within [`Segmenter::HOLD`].
//!
//! ```
//! use segmenter::engine::{Output, Segmenter};
//! use segmenter::bytes::{ByteRange, Span};
//! # fn run(film: bytes::Bytes) -> Result<(), segmenter::engine::Error> {
//! let mut segmenter = Segmenter::new(film.len() as u64, Default::default());
//! let mut wanted = vec![];
//! loop {
//!     while let Some(output) = segmenter.poll()? {
//!         match output {
//!             Output::Need(range) => wanted.push(range),
//!             Output::Init { rendition, bytes } => println!("{rendition}/init.mp4: {} bytes", bytes.len()),
//!             Output::Segment { rendition, number, bytes } => println!("{rendition}/{number}: {} bytes", bytes.len()),
//!         }
//!     }
//!     let Some(ByteRange { start, end }) = wanted.pop() else { break };
//!     segmenter.feed(&Span { offset: start, bytes: film.slice(start as usize..end as usize) })?;
//! }
//! # Ok(())
//! # }
//! ```

mod held;

use std::collections::VecDeque;

use ::bytes::{Bytes, BytesMut};

use crate::bytes::{ByteRange, Span};
use crate::demux::{self, Demuxer};
use crate::plan::{self, Options};
use crate::render::{Body, Part, Presentation, Recipe};
use held::Held;

/// Why a source can't be segmented.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It can't be understood.
    #[error(transparent)]
    Demux(#[from] demux::Error),
    /// It can't be cut.
    #[error(transparent)]
    Plan(#[from] plan::Error),
}

/// What comes out.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Bytes without which nothing more can come out. Told once; fed in any order and any pieces.
    Need(ByteRange),
    /// The init segment of a rendition, before its first segment.
    Init {
        /// `v1`, `a1`, `t1`.
        rendition: String,
        /// The whole init segment.
        bytes: Bytes,
    },
    /// A segment. Those of one number come together, video first.
    Segment {
        /// `v1`, `a1`, `t1`.
        rendition: String,
        /// From 1.
        number: u32,
        /// The whole segment.
        bytes: Bytes,
    },
}

/// A film on its way from bytes to segments.
#[derive(Debug)]
pub struct Segmenter {
    len: u64,
    options: Options,
    stage: Stage,
    held: Held,
    out: VecDeque<Output>,
    /// What has been asked for and has not come yet.
    asked: Vec<ByteRange>,
}

#[derive(Debug)]
enum Stage {
    Reading(Box<Demuxer>),
    Cutting(Box<Cutting>),
    Failed(Error),
}

#[derive(Debug)]
struct Cutting {
    presentation: Presentation,
    number: u32,
    turn: Vec<(usize, Body)>,
}

impl Segmenter {
    /// Bytes kept that are not needed yet; more than that is let go and asked for again.
    pub const HOLD: usize = 64 << 20;

    /// For a source of `len` bytes.
    pub fn new(len: u64, options: Options) -> Self {
        Self {
            len,
            options,
            stage: Stage::Reading(Box::new(Demuxer::new(len))),
            held: Held::new(Self::HOLD),
            out: VecDeque::new(),
            asked: Vec::new(),
        }
    }

    /// The timeline, once it is known.
    pub fn presentation(&self) -> Option<&Presentation> {
        match &self.stage {
            Stage::Cutting(cutting) => Some(&cutting.presentation),
            Stage::Reading(_) | Stage::Failed(_) => None,
        }
    }

    /// Whether every segment has come out.
    pub fn is_finished(&self) -> bool {
        self.out.is_empty()
            && matches!(&self.stage, Stage::Cutting(cutting) if cutting.turn.is_empty() && cutting.is_last())
    }

    /// Takes bytes of the source.
    ///
    /// # Errors
    /// When the source can't be segmented; the same error comes again.
    pub fn feed(&mut self, span: &Span) -> Result<(), Error> {
        self.held.insert(span, &self.asked);
        let held = &self.held;
        self.asked.retain(|range| !held.has(*range));
        self.work()
    }

    /// What comes out next; `None` until more bytes are fed, or for good when [`Self::is_finished`].
    ///
    /// # Errors
    /// When the source can't be segmented; the same error comes again.
    pub fn poll(&mut self) -> Result<Option<Output>, Error> {
        if self.out.is_empty() {
            self.work()?;
        }
        Ok(self.out.pop_front())
    }

    /// Goes as far as the bytes that are here allow.
    fn work(&mut self) -> Result<(), Error> {
        while self.asked.is_empty()
            && self.step().inspect_err(|error| self.stage = Stage::Failed(error.clone()))?
        {}
        Ok(())
    }

    /// One step; `false` when bytes are needed or everything is done.
    fn step(&mut self) -> Result<bool, Error> {
        match &mut self.stage {
            Stage::Failed(error) => Err(error.clone()),
            Stage::Reading(demuxer) => {
                let Some(want) = demuxer.want() else {
                    return self.begin().map(|()| true);
                };
                match self.held.get(want) {
                    Some(bytes) => demuxer.supply(&Span { offset: want.start, bytes })?,
                    None => {
                        self.ask(vec![want]);
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Stage::Cutting(cutting) => {
                if cutting.turn.is_empty() && !cutting.next_turn() {
                    return Ok(false);
                }
                let missing: Vec<_> = cutting.ranges().filter(|range| !self.held.has(*range)).collect();
                if missing.is_empty() {
                    self.emit();
                    return Ok(true);
                }
                self.ask(joined(missing));
                Ok(false)
            }
        }
    }

    /// The timeline is known.
    fn begin(&mut self) -> Result<(), Error> {
        let reading = std::mem::replace(&mut self.stage, Stage::Reading(Box::new(Demuxer::new(0))));
        let Stage::Reading(demuxer) = reading else { return Ok(()) };
        let presentation = Presentation::new(demuxer.finish()?, self.len, &self.options)?;
        for rendition in presentation.renditions().iter().filter(|rendition| !rendition.init().is_empty()) {
            let (rendition, bytes) = (rendition.id().to_owned(), rendition.init().clone());
            self.out.push_back(Output::Init { rendition, bytes });
        }
        self.stage = Stage::Cutting(Box::new(Cutting { presentation, number: 0, turn: Vec::new() }));
        Ok(())
    }

    fn ask(&mut self, ranges: Vec<ByteRange>) {
        self.out.extend(ranges.iter().copied().map(Output::Need));
        self.asked = ranges;
    }

    /// Every byte of the turn is here.
    fn emit(&mut self) {
        let Stage::Cutting(cutting) = &mut self.stage else { return };
        for (rendition, body) in &cutting.turn {
            let bytes = match body {
                Body::Media(recipe) => gather(recipe, &self.held),
                Body::Captions(captions) => {
                    let samples =
                        captions.places.iter().map(|place| self.held.get(*place).unwrap_or_default());
                    captions.text(&samples.collect::<Vec<_>>()).into()
                }
            };
            let rendition = cutting.presentation.renditions()[*rendition].id().to_owned();
            self.out.push_back(Output::Segment { rendition, number: cutting.number, bytes });
        }
        for range in cutting.ranges() {
            self.held.release(range);
        }
        cutting.turn.clear();
    }
}

impl Cutting {
    fn is_last(&self) -> bool {
        self.presentation.renditions().iter().all(|rendition| rendition.segments() <= self.number)
    }

    fn next_turn(&mut self) -> bool {
        if self.is_last() {
            return false;
        }
        self.number += 1;
        let renditions = 0..self.presentation.renditions().len();
        let bodies =
            renditions.filter_map(|index| Some((index, self.presentation.segment(index, self.number)?)));
        self.turn = bodies.collect();
        true
    }

    fn ranges(&self) -> impl Iterator<Item = ByteRange> + '_ {
        self.turn.iter().flat_map(|(_, body)| match body {
            Body::Media(recipe) => recipe.ranges().collect::<Vec<_>>(),
            Body::Captions(captions) => captions.places.clone(),
        })
    }
}

/// The whole segment.
fn gather(recipe: &Recipe, held: &Held) -> Bytes {
    let mut bytes = BytesMut::with_capacity(usize::try_from(recipe.size).unwrap_or(0));
    for part in &recipe.parts {
        match part {
            Part::Header(range) => bytes.extend_from_slice(&recipe.header[range.clone()]),
            Part::Source(range) => held.append(*range, &mut bytes),
        }
    }
    bytes.freeze()
}

/// Ranges in order, those that touch in one.
fn joined(mut ranges: Vec<ByteRange>) -> Vec<ByteRange> {
    ranges.sort_unstable();
    let mut joined: Vec<ByteRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
