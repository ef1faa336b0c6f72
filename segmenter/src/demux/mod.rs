//! From the bytes of a source to its [`Movie`]: says which bytes it needs next, wherever in the file they lie.
//!
//! Nothing here reads: the caller asks [`Demuxer::want`], fetches those bytes from a file, a socket or a peer, and hands
//! them to [`Demuxer::supply`] (more than wanted is welcome and saves a turn), until nothing is wanted any more.
//!
//! ```
//! # use segmenter::demux::Demuxer;
//! # use segmenter::bytes::Span;
//! # fn read(file: &bytes::Bytes) -> Result<segmenter::isobmff::Movie, segmenter::demux::Error> {
//! let mut demuxer = Demuxer::new(file.len() as u64);
//! while let Some(want) = demuxer.want() {
//!     let bytes = file.slice(want.start as usize..want.end as usize);
//!     demuxer.supply(&Span { offset: want.start, bytes })?;
//! }
//! demuxer.finish()
//! # }
//! ```
//!
//! # Why
//! A progressive file is done with its `moov`: whatever follows is sample data the tables already point at. Only when `moov`
//! speaks of fragments, or holds no sample, are the boxes after it visited, and of those only headers, `moof` and `emsg`.

use ::bytes::Bytes;

use crate::bytes::{ByteRange, Span};
use crate::isobmff::boxes::Header;
use crate::isobmff::{AuxPlace, FourCc, FragmentError, Fragments, Moov, Movie, MovieError, Skipped};

/// Bytes that the tables of a film may take, as read or as built from fragments.
pub const MAX_TABLES: u64 = 128 << 20;
/// Bytes that a message between fragments may take; more is no message.
const MAX_EVENT: u64 = 1 << 20;
/// Boxes a file may have at its top level.
const MAX_BOXES: u32 = 1 << 24;

/// Why a source has no timeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a byte.
    #[error("the file is empty")]
    Empty,
    /// The first bytes are no box that ISO media files begin with.
    #[error("not an MP4 file: it starts with '{0}'")]
    NotMp4(FourCc),
    /// A size no box can have.
    #[error("box '{code}' at byte {at} claims a size of {size} bytes, less than its own header")]
    Malformed {
        /// Type of the box.
        code: FourCc,
        /// Where it lies.
        at: u64,
        /// What it claims.
        size: u64,
    },
    /// The movie header is cut off.
    #[error("'{code}' at byte {at} ends at byte {end}, past the {len} bytes of the file")]
    CutOff {
        /// Type of the box.
        code: FourCc,
        /// Where it lies.
        at: u64,
        /// Where it should end.
        end: u64,
        /// Where the file ends.
        len: u64,
    },
    /// No `moov` anywhere.
    #[error(
        "no movie header ('moov') in {len} bytes: an init segment is missing or the file was never finished"
    )]
    NoMovie {
        /// Length of the file.
        len: u64,
    },
    /// `moov` can't be used.
    #[error("movie header: {0}")]
    Movie(#[from] MovieError),
    /// A fragment can't be used.
    #[error("{0}")]
    Fragment(#[from] FragmentError),
    /// More than [`MAX_TABLES`].
    #[error("sample tables of {bytes} bytes are more than the {MAX_TABLES} that are read")]
    TablesTooLarge {
        /// What they take.
        bytes: u64,
    },
    /// More boxes than any real file.
    #[error("more than {MAX_BOXES} boxes at the top level")]
    TooManyBoxes,
    /// Not one track can be carried.
    #[error("no track that can be carried{}", reasons(.0))]
    NothingToCarry(Vec<Skipped>),
    /// [`Demuxer::finish`] was called while bytes were wanted.
    #[error("bytes {0} are still missing")]
    Unfinished(ByteRange),
}

fn reasons(skipped: &[Skipped]) -> String {
    let told = skipped.iter().map(|track| format!("track {}: {}", track.id, track.reason));
    let told: Vec<_> = told.take(8).collect();
    if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) }
}

/// Finds and reads what says where samples lie.
#[derive(Debug)]
pub struct Demuxer {
    len: u64,
    boxes: u32,
    step: Step,
    movie: Option<Movie>,
    fragments: Option<Fragments>,
    aux: Vec<AuxPlace>,
    place: Option<ByteRange>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The header of the top-level box at this byte.
    Box(u64),
    /// The whole `moov`.
    Moov(ByteRange),
    /// The whole `moof`.
    Moof(ByteRange),
    /// The whole `emsg`.
    Event(ByteRange),
    /// The next piece of encryption information of the last track in `aux`.
    Aux,
    /// Nothing: everything is known.
    Done,
}

impl Demuxer {
    /// For a source of `len` bytes.
    pub fn new(len: u64) -> Self {
        let step = Step::Box(0);
        Self { len, boxes: 0, step, movie: None, fragments: None, aux: Vec::new(), place: None }
    }

    /// The bytes needed next; `None` when everything is known. Never past the end of the source.
    pub fn want(&self) -> Option<ByteRange> {
        match self.step {
            Step::Box(at) => {
                Some(ByteRange { start: at, end: (at + Header::MAX as u64).min(self.len).max(at) })
            }
            Step::Moov(range) | Step::Moof(range) | Step::Event(range) => Some(range),
            Step::Aux => self.aux.last().and_then(AuxPlace::want),
            Step::Done => None,
        }
    }

    /// Where `moov` lies, once it has been found.
    pub fn movie_place(&self) -> Option<ByteRange> {
        self.place
    }

    /// Takes bytes of the source. Bytes that are not wanted are passed over; call it again with those of [`Self::want`].
    ///
    /// # Errors
    /// When the source can't be understood; nothing more is wanted then.
    pub fn supply(&mut self, span: &Span) -> Result<(), Error> {
        while let Some(want) = self.want() {
            let Some(bytes) = slice(span, want) else { return Ok(()) };
            self.step = self.advance(want, &bytes, span).inspect_err(|_| self.step = Step::Done)?;
        }
        Ok(())
    }

    /// The film.
    ///
    /// # Errors
    /// When bytes are still missing, or no track can be carried.
    pub fn finish(self) -> Result<Movie, Error> {
        if let Some(want) = self.want() {
            return Err(Error::Unfinished(want));
        }
        let mut movie = self.movie.ok_or(Error::NoMovie { len: self.len })?;
        movie.complete(self.fragments, self.len);
        match movie.tracks.is_empty() {
            true => Err(Error::NothingToCarry(movie.skipped)),
            false => Ok(movie),
        }
    }

    fn advance(&mut self, want: ByteRange, bytes: &Bytes, span: &Span) -> Result<Step, Error> {
        match self.step {
            Step::Box(at) => self.visit(at, bytes),
            Step::Moov(range) => {
                let Moov { movie, fragments, aux } = Movie::read(&own(bytes, span), self.len)?;
                self.place = Some(range);
                self.aux = aux;
                let more = fragments.is_some();
                (self.movie, self.fragments) = (Some(movie), fragments);
                Ok(if more { Step::Box(range.end) } else { self.after_boxes() })
            }
            Step::Moof(range) => {
                if let Some(fragments) = &mut self.fragments {
                    fragments.read(bytes, range.start)?;
                    let bytes = fragments.weight() as u64;
                    if bytes > MAX_TABLES {
                        return Err(Error::TablesTooLarge { bytes });
                    }
                }
                Ok(Step::Box(range.end))
            }
            Step::Event(range) => {
                if let Some(fragments) = &mut self.fragments {
                    fragments.event(bytes);
                }
                Ok(Step::Box(range.end))
            }
            Step::Aux => {
                if let Some(aux) = self.aux.last_mut() {
                    aux.supply(bytes);
                }
                let whole = self.aux.pop_if(|aux| aux.want().is_none());
                if let (Some(aux), Some(movie)) = (whole, &mut self.movie) {
                    movie.set_aux(aux);
                }
                Ok(self.after_boxes())
            }
            Step::Done => Err(Error::Unfinished(want)),
        }
    }

    fn after_boxes(&self) -> Step {
        if self.aux.is_empty() { Step::Done } else { Step::Aux }
    }

    /// Looks at the header of a top-level box.
    fn visit(&mut self, at: u64, bytes: &[u8]) -> Result<Step, Error> {
        self.boxes += 1;
        if self.boxes > MAX_BOXES {
            return Err(Error::TooManyBoxes);
        }
        let Some(header) = Header::read(bytes) else { return self.end() };
        let code = header.code;
        if self.boxes == 1
            && !code
                .0
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_' | 0xa9))
        {
            return Err(Error::NotMp4(code));
        }
        let size = header.size.unwrap_or(self.len - at);
        if size < u64::from(header.len) {
            // Junk after a film that is already known harms nobody.
            return if self.movie.is_some() { self.end() } else { Err(Error::Malformed { code, at, size }) };
        }
        let range = ByteRange::at(at, size);
        let cut_off = range.end > self.len;
        match &code.0 {
            b"moov" if self.movie.is_none() => {
                if cut_off {
                    return Err(Error::CutOff { code, at, end: range.end, len: self.len });
                }
                if size > MAX_TABLES {
                    return Err(Error::TablesTooLarge { bytes: size });
                }
                Ok(Step::Moov(range))
            }
            // A last fragment that is cut off takes nothing from those before it.
            b"moof" if self.fragments.is_some() && !cut_off && size <= MAX_TABLES => Ok(Step::Moof(range)),
            b"emsg" if self.fragments.is_some() && !cut_off => Ok(self.event(range)),
            _ if cut_off || range.end == self.len => self.end(),
            _ => Ok(Step::Box(range.end)),
        }
    }

    /// A message lies here.
    fn event(&mut self, place: ByteRange) -> Step {
        if place.len() <= MAX_EVENT {
            return Step::Event(place);
        }
        if let Some(fragments) = &mut self.fragments {
            fragments.lose_event();
        }
        Step::Box(place.end)
    }

    /// The last top-level box has been visited.
    fn end(&self) -> Result<Step, Error> {
        match (self.len, &self.movie) {
            (0, _) => Err(Error::Empty),
            (len, None) => Err(Error::NoMovie { len }),
            (_, Some(_)) => Ok(self.after_boxes()),
        }
    }
}

/// The bytes of `want` out of `span`, if it holds them all.
fn slice(span: &Span, want: ByteRange) -> Option<Bytes> {
    if !span.range().contains(want) {
        return None;
    }
    let from = usize::try_from(want.start - span.offset).ok()?;
    let to = usize::try_from(want.end - span.offset).ok()?;
    Some(span.bytes.slice(from..to))
}

/// Bytes that will be kept, on their own, lest they keep a much larger span in memory.
fn own(bytes: &Bytes, span: &Span) -> Bytes {
    if bytes.len() * 2 < span.bytes.len() { Bytes::copy_from_slice(bytes) } else { bytes.clone() }
}
