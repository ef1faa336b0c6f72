//! `segue verify`: a segmented folder, alone or against its source.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ::bytes::{Bytes, BytesMut};

use super::{Error, Source, open_file, read_at};
use crate::bytes::{ByteRange, Span};
use crate::demux::Demuxer;
use crate::isobmff::{Movie, MovieTrack};
use crate::manifest::{Manifest, Media, Rendition, dash, hls, json};
use crate::plan::Options;
use crate::render::Presentation;
use crate::sample::Sample;
pub use crate::verify::Fault;
use crate::verify::{self, Pair, Told};

/// Faults told for one rendition; what is wrong with the rest is wrong in the same way.
const MOST_FAULTS: usize = 20;

/// Checks the folder `dir`; with `against`, also that it holds what that source does.
///
/// # Errors
/// When the folder has no manifest that can be read, or the source can't be read.
pub fn verify(dir: &Path, against: Option<&Path>) -> Result<Vec<Fault>, Error> {
    let path = dir.join("manifest.json");
    let text = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
    let manifest =
        json::parse(&text).map_err(|e| Error::Manifest { path: path.clone(), reason: e.to_string() })?;
    let source = against.map(Source::open).transpose()?;
    let mut faults = playlists(dir, &manifest);
    let mut outputs = Vec::new();
    for rendition in &manifest.renditions {
        let (output, missing) = Pieces::open(dir, &manifest, rendition);
        let whole = missing.is_empty();
        faults.extend(missing);
        if rendition.media == Media::WebVtt || !whole {
            continue;
        }
        match output.read() {
            Ok(movie) => {
                let own = movie.tracks.first().map_or_else(Vec::new, |MovieTrack { track, table }| {
                    verify::rendition(track, table, &output.told(rendition))
                });
                faults.extend(own.into_iter().take(MOST_FAULTS));
                outputs.push((rendition.id.clone(), output, movie));
            }
            Err(error) => faults.push(Fault { place: rendition.id.clone(), what: error.to_string() }),
        }
    }
    if let Some(source) = source {
        faults.extend(compare(source, &manifest, &outputs)?);
    }
    Ok(faults)
}

/// Playlists that do not say what the manifest says.
fn playlists(dir: &Path, manifest: &Manifest) -> Vec<Fault> {
    let mut expected = vec![
        ("master.m3u8".to_owned(), hls::master(manifest)),
        ("manifest.mpd".to_owned(), dash::mpd(manifest)),
    ];
    for rendition in &manifest.renditions {
        expected.push((rendition.playlist_path(), hls::media(manifest, rendition)));
        expected.extend(hls::iframes(manifest, rendition).map(|text| (rendition.iframes_path(), text)));
    }
    expected.into_iter().filter_map(|(place, expected)| differs(dir, place, &expected)).collect()
}

fn differs(dir: &Path, place: String, expected: &str) -> Option<Fault> {
    let text = match fs::read_to_string(dir.join(&place)) {
        Ok(text) => text,
        Err(error) => return Some(Fault { place, what: error.to_string() }),
    };
    let (mut found, mut wanted) = (text.lines(), expected.lines());
    for line in 1.. {
        let what = match (found.next(), wanted.next()) {
            (None, None) => return None,
            (found, wanted) if found == wanted => continue,
            (Some(found), Some(wanted)) => format!("line {line} is {found:?}, manifest.json says {wanted:?}"),
            (Some(found), None) => format!("line {line} is {found:?}, manifest.json says nothing more"),
            (None, _) => format!("ends before line {line}"),
        };
        return Some(Fault { place, what });
    }
    None
}

/// The files of a rendition, as if they were one: init segment, then every segment.
struct Pieces {
    files: Vec<Piece>,
    len: u64,
    /// The file read last: a long film has more segments than a process may have open files.
    open: RefCell<Option<(usize, File)>>,
}

struct Piece {
    path: PathBuf,
    name: String,
    /// Where in the file it begins.
    at: u64,
    /// Where it lies among the bytes of the rendition.
    place: ByteRange,
}

impl Pieces {
    /// Opens every file and compares its size with what the manifest says.
    fn open(dir: &Path, manifest: &Manifest, rendition: &Rendition) -> (Self, Vec<Fault>) {
        let one_file = rendition.in_one_file(manifest.layout);
        let mut pieces = Self { files: Vec::new(), len: 0, open: RefCell::default() };
        let mut faults = Vec::new();
        if let Some(name) = rendition.init_path(manifest.layout) {
            pieces.add(dir, &name, 0, rendition.init.len() as u64, one_file, &mut faults);
        }
        let mut at = if one_file { rendition.head } else { 0 };
        for (number, segment) in (1..).zip(&rendition.segments) {
            let name = rendition.segment_path(manifest.layout, number);
            pieces.add(dir, &name, at, segment.size, one_file, &mut faults);
            at += if one_file { segment.size } else { 0 };
        }
        (pieces, faults)
    }

    fn add(&mut self, dir: &Path, name: &str, at: u64, len: u64, one_file: bool, faults: &mut Vec<Fault>) {
        let path = dir.join(name);
        let fault = |what: String| Fault { place: name.to_owned(), what };
        match open_file(&path) {
            Err(error) => faults.push(fault(error.to_string())),
            Ok((_, held)) if held < at + len || (!one_file && held != len) => {
                faults.push(fault(format!("has {held} bytes, manifest.json says {}", at + len)));
            }
            Ok(_) => {
                let place = ByteRange::at(self.len, len);
                self.len = place.end;
                self.files.push(Piece { path, name: name.to_owned(), at, place });
            }
        }
    }

    /// The film of one track that these bytes hold, read like any fragmented source.
    fn read(&self) -> Result<Movie, Error> {
        let mut demuxer = Demuxer::new(self.len);
        let path = self.files.first().map(|piece| piece.path.clone()).unwrap_or_default();
        let failed = |source| Error::Demux { path: path.clone(), source };
        while let Some(want) = demuxer.want() {
            let bytes = self.bytes(want)?;
            demuxer.supply(&Span { offset: want.start, bytes }).map_err(failed)?;
        }
        demuxer.finish().map_err(failed)
    }

    fn bytes(&self, range: ByteRange) -> Result<Bytes, Error> {
        let mut bytes = BytesMut::new();
        let first = self.files.partition_point(|piece| piece.place.end <= range.start);
        for (index, piece) in self.files.iter().enumerate().skip(first) {
            let from = piece.place.start.max(range.start);
            let to = piece.place.end.min(range.end);
            if from >= to {
                break;
            }
            let at = piece.at + from - piece.place.start;
            let mut open = self.open.borrow_mut();
            let file = match open.take() {
                Some((of, file)) if of == index => file,
                _ => open_file(&piece.path)?.0,
            };
            bytes.extend_from_slice(&read_at(&file, &piece.path, ByteRange::at(at, to - from))?);
            *open = Some((index, file));
        }
        Ok(bytes.freeze())
    }

    /// What the manifest tells of each segment.
    fn told(&self, rendition: &Rendition) -> Vec<Told> {
        let mut start = rendition.start;
        let media = self.files.iter().skip(1).zip(&rendition.segments);
        media
            .map(|(piece, segment)| {
                let told = Told {
                    name: piece.name.clone(),
                    place: piece.place,
                    start,
                    duration: segment.duration,
                    fragments: segment.fragments.iter().map(|f| (f.time, f.offset, f.key)).collect(),
                };
                start += segment.duration;
                told
            })
            .collect()
    }
}

/// Compares every rendition with the track of the source it was made from.
fn compare(
    source: Source,
    manifest: &Manifest,
    outputs: &[(String, Pieces, Movie)],
) -> Result<Vec<Fault>, Error> {
    let Source { path, file, len, movie, .. } = source;
    let planned = Presentation::new(movie, len, &Options::default());
    let presentation = planned.map_err(|source| Error::Plan { path: path.clone(), source })?;
    let mut faults = Vec::new();
    for (index, rendition) in presentation.renditions().iter().enumerate() {
        if manifest.rendition(rendition.id()).is_none() {
            faults.push(Fault {
                place: rendition.id().to_owned(),
                what: "is missing; the source has it".to_owned(),
            });
        }
        let Some((_, pieces, output)) = outputs.iter().find(|output| output.0 == rendition.id()) else {
            continue;
        };
        let same = |pair: &Pair| equal(&file, &path, pair.source, pieces, pair.output);
        faults.extend(verify::against(&presentation, index, output, same).into_iter().take(MOST_FAULTS));
    }
    for rendition in &manifest.renditions {
        if presentation.find(&rendition.id).is_none() {
            faults.push(Fault { place: rendition.id.clone(), what: "is not in the source".to_owned() });
        }
    }
    Ok(faults)
}

/// Whether two samples have the same bytes; `false` too when they can't be read.
fn equal(file: &File, path: &Path, source: Sample, pieces: &Pieces, output: Sample) -> bool {
    match (read_at(file, path, source.place), pieces.bytes(output.place)) {
        (Ok(source), Ok(output)) => source == output,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.m3u8"), "#EXTM3U\n#EXTINF:4.1,\n").unwrap();
        let fault = differs(dir.path(), "a.m3u8".to_owned(), "#EXTM3U\n#EXTINF:4.0,\n").unwrap();
        assert_eq!(
            fault.to_string(),
            "a.m3u8: line 2 is \"#EXTINF:4.1,\", manifest.json says \"#EXTINF:4.0,\""
        );
        assert_eq!(differs(dir.path(), "a.m3u8".to_owned(), "#EXTM3U\n#EXTINF:4.1,\n"), None);
    }
}
