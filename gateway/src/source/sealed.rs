//! A source that is kept as its segments, and what of it is in none of them: its skeleton.
//!
//! # Why
//! Whoever serves segments mostly wants them ready in files; whoever sent the film wants every byte of it back. The samples are in the
//! segments as they were in the source, so it is enough to remember where each run of them went. What no segment holds (`ftyp`, `moov`,
//! tracks that can't be carried, captions, junk) is kept as it is. Nothing of the chunks goes before the source was put together once
//! and had the same SHA-256.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use segmenter::bytes::ByteRange;
use segmenter::render::{Body, Part, Presentation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Buffers, Error, FORMAT, Source, Stored, gather};
use crate::id::MediaId;
use crate::index::{self, Seal};
use crate::mapped;
use crate::store::{self, BLOCK, FILE, Refusal, Segments, Sum};
use crate::task::Progress;

/// Files that one source keeps open.
const OPEN: usize = 16;
/// What a medium's files are called besides its segments.
const SKELETON: &str = "skeleton";
const PLACES: &str = "places";
/// Bytes of a segment that is handed out as the file it is.
const WORTH_MAPPING: u64 = 64 << 10;
/// Bytes copied and compared at once.
const PIECE: u64 = 1 << 20;

/// Why a medium can't be kept as segments.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Its bytes can't be read.
    #[error(transparent)]
    Source(#[from] Error),
    /// There is no space for them.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The index can't be written.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The disk can't be written.
    #[error("writing segments: {0}")]
    Disk(#[from] io::Error),
    /// Put together again, it is not what it was.
    #[error("the source that was put together of segments is another")]
    Differs,
}

/// Where a run of the source lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// In the source.
    start: u64,
    len: u64,
    /// Which of [`Map::files`].
    file: u32,
    /// In that file.
    at: u64,
}

/// Where every byte of the source lies.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Map {
    /// How segments were cut, and made.
    target: Duration,
    format: u32,
    files: Vec<Named>,
    /// In the order of the source; none overlaps another, and together they are all of it.
    places: Vec<Place>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    name: String,
    size: u64,
    sum: Sum,
}

/// What can't be read.
#[derive(Debug)]
pub(super) struct Lost {
    /// Of the files; `None` if it is not known where bytes lie.
    pub(super) file: Option<u32>,
    /// Why not.
    pub(super) error: io::Error,
}

/// A source that is kept as segments.
#[derive(Debug)]
pub(super) struct Sealed {
    media: MediaId,
    files: Arc<Segments>,
    seal: Seal,
    map: Map,
    /// Files by their names.
    names: HashMap<Box<str>, u32>,
    open: Mutex<Vec<(u32, Arc<File>)>>,
    checked: Mutex<Vec<bool>>,
}

impl Sealed {
    /// Opens what was sealed before.
    pub(super) fn open(media: MediaId, files: Arc<Segments>, seal: Seal) -> io::Result<Self> {
        let mut text = Vec::new();
        io::Read::read_to_end(&mut files.open_file(media, PLACES)?, &mut text)?;
        let map: Map = postcard::from_bytes(&text).map_err(io::Error::other)?;
        Ok(Self::new(media, files, seal, map))
    }

    fn new(media: MediaId, files: Arc<Segments>, seal: Seal, map: Map) -> Self {
        let checked = Mutex::new(vec![false; map.files.len()]);
        let names = (0..).zip(&map.files).map(|(index, file)| (file.name.as_str().into(), index)).collect();
        Self { media, files, seal, map, names, open: Mutex::default(), checked }
    }

    /// Writes the segments of a medium whose bytes are all here, and proves that they are as good as its chunks.
    pub(super) fn make(
        source: &Arc<Stored>,
        presentation: &Presentation,
        target: Duration,
        files: &Arc<Segments>,
        progress: &Progress,
    ) -> Result<Self, SealError> {
        // It is written, read, and read again.
        progress.expect(3 * source.identity().size);
        let (media, bytes) = (source.id(), Source::Stored(Arc::clone(source)));
        let mut map = Map { target, format: FORMAT, ..Map::default() };
        let buffers = Buffers::default();
        for (rendition, output) in presentation.renditions().iter().enumerate() {
            for number in 1..=output.segments() {
                let Some(Body::Media(recipe)) = presentation.segment(rendition, number) else { continue };
                let made = gather(&bytes, &recipe, &buffers)?;
                let file = map.write(files, media, format!("{}/{number}.m4s", output.id()), &made)?;
                progress.add(made.len() as u64);
                let mut at = 0;
                for part in &recipe.parts {
                    if let Part::Source(range) = part {
                        map.places.push(Place { start: range.start, len: range.len(), file, at });
                    }
                    at += match part {
                        Part::Header(range) => range.len() as u64,
                        Part::Source(range) => range.len(),
                    };
                }
            }
        }
        map.untangle();
        map.skeleton(source, files)?;
        let places = postcard::to_stdvec(&map).map_err(io::Error::other)?;
        let file = files.create(media, PLACES)?;
        (&file).write_all(&places)?;
        files.keep(&file)?;
        files.keep_names(media)?;
        let stored = map.files.iter().map(|file| file.size).chain([places.len() as u64]);
        let stored = stored.map(|size| size.next_multiple_of(BLOCK) + FILE).sum();
        let digest = digest(source.identity().size, progress, |buffer, at| source.read(buffer, at))?;
        let sealed = Self::new(media, Arc::clone(files), Seal { stored, digest }, map);
        let put_together = |buffer: &mut [u8], at| {
            let lost = |lost: Lost| SealError::from(lost.error);
            sealed.read(buffer, at).map_err(lost)
        };
        let again = self::digest(source.identity().size, progress, put_together);
        match again {
            Ok(again) if again == digest => Ok(sealed),
            _ => Err(SealError::Differs),
        }
    }

    pub(super) fn seal(&self) -> Seal {
        self.seal
    }

    /// A segment as it was made, by its rendition and number; `None` if it is none of these, or segments are made in another way now.
    pub(super) fn segment(&self, rendition: &str, number: u32, target: Duration) -> Option<Bytes> {
        let (index, size) = self.find(rendition, number, target)?;
        let file = self.file(index).ok()?;
        // A small one is copied with less work than it is mapped.
        if let Some(Ok(bytes)) = (size >= WORTH_MAPPING).then(|| mapped::kept(&file, size)) {
            return Some(bytes);
        }
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        file.read_exact_at(&mut bytes, 0).ok()?;
        Some(bytes.into())
    }

    /// Bytes of what [`Self::segment`] would find.
    pub(super) fn segment_len(&self, rendition: &str, number: u32, target: Duration) -> Option<u64> {
        Some(self.find(rendition, number, target)?.1)
    }

    /// The file of a segment, and its bytes.
    fn find(&self, rendition: &str, number: u32, target: Duration) -> Option<(u32, u64)> {
        if (self.map.target, self.map.format) != (target, FORMAT) {
            return None;
        }
        let index = *self.names.get(format!("{rendition}/{number}.m4s").as_str())?;
        Some((index, self.map.files.get(index as usize)?.size))
    }

    /// Fills `buffer` with bytes of the source. Blocks.
    ///
    /// # Errors
    /// When a file of it can't be read, or is not what it was.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), Lost> {
        let end = offset + buffer.len() as u64;
        let mut at = offset;
        let first = self.map.places.partition_point(|place| place.start + place.len <= offset);
        for place in self.map.places[first..].iter().take_while(|place| place.start < end) {
            let (from, to) = (place.start.max(at), (place.start + place.len).min(end));
            if from != at {
                break;
            }
            let index = |byte: u64| usize::try_from(byte - offset).unwrap_or(usize::MAX);
            let part = &mut buffer[index(from)..index(to)];
            let in_file = place.at + from - place.start;
            let read = self.file(place.file).and_then(|file| file.read_exact_at(part, in_file));
            read.map_err(|error| Lost { file: Some(place.file), error })?;
            at = to;
        }
        match at == end {
            true => Ok(()),
            false => Err(Lost { file: None, error: io::ErrorKind::InvalidData.into() }),
        }
    }

    /// Bytes of the source that lie in a file.
    pub(super) fn places_in(&self, file: u32) -> impl Iterator<Item = ByteRange> {
        let places = self.map.places.iter().filter(move |place| place.file == file);
        places.map(|place| ByteRange::at(place.start, place.len))
    }

    /// An open file; the first time its sum is compared.
    fn file(&self, index: u32) -> io::Result<Arc<File>> {
        let held = |lock: &Mutex<Vec<(u32, Arc<File>)>>| {
            let open = lock.lock().unwrap_or_else(PoisonError::into_inner);
            open.iter().find(|(of, _)| *of == index).map(|(_, file)| Arc::clone(file))
        };
        if let Some(file) = held(&self.open) {
            return Ok(file);
        }
        let place = index as usize;
        let named = self.map.files.get(place).ok_or(io::ErrorKind::NotFound)?;
        let file = Arc::new(self.files.open_file(self.media, &named.name)?);
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner).get(place).copied();
        if checked == Some(false) {
            if store::sum(&file, named.size)? != named.sum {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its bytes are not what they were"));
            }
            self.checked.lock().unwrap_or_else(PoisonError::into_inner)[place] = true;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN {
            open.remove(0);
        }
        open.push((index, Arc::clone(&file)));
        Ok(file)
    }
}

impl Map {
    fn write(&mut self, files: &Segments, media: MediaId, name: String, bytes: &[u8]) -> io::Result<u32> {
        let file = files.create(media, &name)?;
        (&file).write_all(bytes)?;
        files.keep(&file)?;
        let sum = *blake3::hash(bytes).as_bytes();
        self.files.push(Named { name, size: bytes.len() as u64, sum });
        u32::try_from(self.files.len() - 1).map_err(io::Error::other)
    }

    /// Puts places into the order of the source, runs as one. Bytes that two segments hold are found in one of them.
    fn untangle(&mut self) {
        self.places.sort_unstable_by_key(|place| (place.start, place.file));
        let mut all: Vec<Place> = Vec::with_capacity(self.places.len());
        let mut end = 0_u64;
        for place in self.places.drain(..) {
            let had = end.saturating_sub(place.start).min(place.len);
            let rest = Place { start: place.start + had, len: place.len - had, at: place.at + had, ..place };
            end = end.max(rest.start + rest.len);
            match all.last_mut() {
                _ if rest.len == 0 => {}
                Some(last)
                    if last.file == rest.file
                        && last.start + last.len == rest.start
                        && last.at + last.len == rest.at =>
                {
                    last.len += rest.len;
                }
                _ => all.push(rest),
            }
        }
        self.places = all;
    }

    /// Writes what no segment holds.
    fn skeleton(&mut self, source: &Stored, files: &Segments) -> Result<(), SealError> {
        let media = source.id();
        let file = files.create(media, SKELETON)?;
        let index = u32::try_from(self.files.len()).map_err(io::Error::other)?;
        let (mut at, mut hasher) = (0, blake3::Hasher::new());
        let ends = self.places.iter().map(|place| (place.start, place.start + place.len));
        let ends: Vec<_> = ends.chain([(source.identity().size, 0)]).collect();
        let mut end = 0;
        for (next, after) in ends {
            let range = ByteRange { start: end, end: next };
            end = after;
            if range.is_empty() {
                continue;
            }
            self.places.push(Place { start: range.start, len: range.len(), file: index, at });
            let mut from = range.start;
            while from < range.end {
                let mut piece = vec![0; usize::try_from((range.end - from).min(PIECE)).unwrap_or(0)];
                source.read(&mut piece, from)?;
                (&file).write_all(&piece)?;
                hasher.update(&piece);
                from += piece.len() as u64;
            }
            at += range.len();
        }
        self.places.sort_unstable_by_key(|place| place.start);
        files.keep(&file)?;
        self.files.push(Named { name: SKELETON.to_owned(), size: at, sum: hasher.finalize().into() });
        Ok(())
    }
}

/// SHA-256 of so many bytes.
fn digest<E>(
    len: u64,
    progress: &Progress,
    read: impl Fn(&mut [u8], u64) -> Result<(), E>,
) -> Result<[u8; 32], E> {
    let (mut digest, mut at) = (Sha256::new(), 0);
    let mut piece = vec![0; usize::try_from(len.min(PIECE)).unwrap_or(0)];
    while at < len {
        let part = usize::try_from((len - at).min(PIECE)).unwrap_or(0);
        read(&mut piece[..part], at)?;
        digest.update(&piece[..part]);
        progress.add(part as u64);
        at += part as u64;
    }
    Ok(digest.finalize().into())
}
