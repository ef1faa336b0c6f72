//! The header of frames that are about a chunk.

use std::path::Path;

use super::Error;
use crate::id::MediaId;
use crate::index::NO_EPISODE;
use crate::title::{Title, Type};

/// Letters of the ending of a file's name that are told.
const LETTERS: usize = 16;
/// Bytes of a header of this version.
const LENGTH: usize = 4 + 8 + 8 + 1 + 4 + 4 + LETTERS + 16 + 8 + 4 + 32;

/// A chunk, and what it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its number in its medium, from 0.
    pub number: u32,
    /// When it was said, in milliseconds since 1970.
    pub timestamp: u64,
    /// The title's number in the TMDB.
    pub tmdb: Option<u64>,
    /// The ending of the file's name.
    pub filetype: Filetype,
    /// Movie or episode.
    pub kind: Option<Type>,
    /// Of an episode; 999 on the wire where there is none.
    pub season: Option<u32>,
    /// Of an episode; 999 on the wire where there is none.
    pub episode: Option<u32>,
    /// Which medium.
    pub media: MediaId,
    /// Where in the medium's source it begins.
    pub offset: u64,
    /// Bytes it has.
    pub length: u32,
    /// BLAKE3 of them.
    pub sum: [u8; 32],
}

/// The ending of a file's name, as `mp4`: a few letters and digits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Filetype([u8; LETTERS]);

impl Filetype {
    /// Of a file's name; none if it has no ending, or a strange one.
    pub fn of(name: &Path) -> Self {
        let ending = name.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let mut letters = [0; LETTERS];
        match letters.get_mut(..ending.len()) {
            Some(place) => place.copy_from_slice(ending.as_bytes()),
            None => return Self::default(),
        }
        letters.make_ascii_lowercase();
        Self::read(letters).unwrap_or_default()
    }

    /// As it is written, without a dot.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|letter| *letter == 0).unwrap_or(LETTERS);
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }

    fn read(letters: [u8; LETTERS]) -> Option<Self> {
        let end = letters.iter().position(|letter| *letter == 0).unwrap_or(LETTERS);
        let plain =
            letters[..end].iter().all(|letter| letter.is_ascii_digit() || letter.is_ascii_lowercase());
        (plain && letters[end..].iter().all(|letter| *letter == 0)).then_some(Self(letters))
    }
}

impl std::fmt::Debug for Filetype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Chunk {
    /// With what a title says.
    pub fn titled(self, title: &Title, name: &Path) -> Self {
        Self {
            tmdb: title.tmdb,
            kind: title.kind,
            season: title.season,
            episode: title.episode,
            filetype: Filetype::of(name),
            ..self
        }
    }

    /// Only what tells it from others.
    pub fn named(media: MediaId, number: u32, sum: [u8; 32]) -> Self {
        Self {
            number,
            timestamp: 0,
            tmdb: None,
            filetype: Filetype::default(),
            kind: None,
            season: None,
            episode: None,
            media,
            offset: 0,
            length: 0,
            sum,
        }
    }

    /// As it stands in a frame.
    pub fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            None => 0_u8,
            Some(Type::Movie) => 1,
            Some(Type::Tv) => 2,
        };
        [
            &self.number.to_be_bytes()[..],
            &self.timestamp.to_be_bytes(),
            &self.tmdb.unwrap_or(0).to_be_bytes(),
            &[kind],
            &self.season.unwrap_or(NO_EPISODE).to_be_bytes(),
            &self.episode.unwrap_or(NO_EPISODE).to_be_bytes(),
            &self.filetype.0,
            self.media.as_str().as_bytes(),
            &self.offset.to_be_bytes(),
            &self.length.to_be_bytes(),
            &self.sum,
        ]
        .concat()
    }

    /// From a frame. What a later version has put behind the fields that are known is passed over.
    ///
    /// # Errors
    /// When it is too short, or a field makes no sense.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() < LENGTH {
            return Err(Error::Short(bytes.len()));
        }
        let mut bytes = bytes;
        let mut fields = Fields(&mut bytes);
        let episode = |number: u32| (number != NO_EPISODE).then_some(number);
        Ok(Self {
            number: fields.u32()?,
            timestamp: fields.u64()?,
            tmdb: Some(fields.u64()?).filter(|tmdb| *tmdb != 0),
            kind: match fields.array()? {
                [0] => None,
                [1] => Some(Type::Movie),
                [2] => Some(Type::Tv),
                _ => return Err(Error::Field("the type")),
            },
            season: episode(fields.u32()?),
            episode: episode(fields.u32()?),
            filetype: Filetype::read(fields.array()?).ok_or(Error::Field("the filetype"))?,
            media: fields.media()?,
            offset: fields.u64()?,
            length: fields.u32()?,
            sum: fields.array()?,
        })
    }
}

/// Fields one after the other.
pub(super) struct Fields<'a, 'b>(pub(super) &'a mut &'b [u8]);

impl Fields<'_, '_> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Error::Short(self.0.len()))?;
        *self.0 = rest;
        Ok(*field)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn media(&mut self) -> Result<MediaId, Error> {
        let letters: [u8; 16] = self.array()?;
        let media = std::str::from_utf8(&letters).ok().and_then(MediaId::parse);
        media.ok_or(Error::Field("the medium"))
    }
}
