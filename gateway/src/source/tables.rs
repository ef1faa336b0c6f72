//! The timeline of a film: read from its file, or kept so that it need not be read again.

use segmenter::bytes::{ByteRange, Span};
use segmenter::demux::Demuxer;
use segmenter::isobmff::Movie;
use sha2::{Digest, Sha256};

use super::{Error, FORMAT, SourceFile};

/// Bytes read at once: the header of a box, and mostly the small boxes behind it.
const READ: u64 = 64 << 10;

/// Reads a film's timeline, and where its `moov` lies: a few positions of a progressive file, every `moof` of a fragmented one.
///
/// # Errors
/// When the file can't be read, or holds no film.
pub fn read_movie(source: &SourceFile) -> Result<(Movie, ByteRange), Error> {
    let mut demuxer = Demuxer::new(source.len());
    while let Some(want) = demuxer.want() {
        let end = want.end.max(want.start.saturating_add(READ)).min(source.len());
        let mut bytes = vec![0; usize::try_from(end - want.start).unwrap_or(usize::MAX)];
        source.read(&mut bytes, want.start)?;
        demuxer.supply(&Span { offset: want.start, bytes: bytes.into() })?;
    }
    let place = demuxer.movie_place().unwrap_or_default();
    let movie = demuxer.finish()?;
    source.unchanged()?;
    Ok((movie, place))
}

/// A timeline as a blob: version, checksum, contents.
pub fn encode(movie: &Movie) -> Option<Vec<u8>> {
    let contents = postcard::to_stdvec(movie).ok()?;
    Some([&FORMAT.to_be_bytes()[..], &checksum(&contents), &contents].concat())
}

/// A timeline from its blob; `None` when the blob was written by another version or is damaged.
pub fn decode(blob: &[u8]) -> Option<Movie> {
    let (version, rest) = blob.split_first_chunk()?;
    let (sum, contents) = rest.split_first_chunk()?;
    let sound = u32::from_be_bytes(*version) == FORMAT && checksum(contents) == *sum;
    sound.then(|| postcard::from_bytes(contents).ok())?
}

fn checksum(contents: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(contents).into();
    std::array::from_fn(|at| digest[at])
}
