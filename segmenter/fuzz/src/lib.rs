//! What every target does with bytes: read them as a film, cut it, write it, read that back.
//!
//! A target gives up on nothing that the library accepted: if a film was planned, its segments have to be there, lie inside the
//! source, say their own size, and verify.

use bytes::Bytes;
use segmenter::bytes::{ByteRange, Span};
use segmenter::demux::{self, Demuxer};
use segmenter::isobmff::Movie;
use segmenter::manifest::{Layout, State, dash, hls, json};
use segmenter::mux::{Part, Recipe};
use segmenter::plan::Options;
use segmenter::render::{Body, Labels, Presentation};
use segmenter::verify;

/// Segments of one rendition that a target looks at: what holds for these holds for more, and a run stays short.
const MOST_SEGMENTS: u32 = 200;

/// Reads a source of `len` bytes whose first bytes are `here`; the rest reads as zeros, as in a file with a hole. `extra` more
/// bytes than wanted come with each span.
pub fn read(here: &[u8], len: u64, extra: usize) -> Result<Movie, demux::Error> {
    let mut demuxer = Demuxer::new(len);
    while let Some(want) = demuxer.want() {
        assert!(want.end <= len, "wants {want} of {len} bytes");
        let range = ByteRange { start: want.start, end: want.end.saturating_add(extra as u64).min(len) };
        let bytes = slice(here, range);
        demuxer.supply(&Span { offset: range.start, bytes })?;
        assert!(demuxer.want() != Some(want), "asks again for {want}");
    }
    demuxer.finish()
}

/// The bytes of `range`, with zeros where `here` has ended.
fn slice(here: &[u8], range: ByteRange) -> Bytes {
    let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(here.len());
    let mut bytes = here[at(range.start)..at(range.end)].to_vec();
    bytes.resize(usize::try_from(range.len()).expect("a range that was asked for fits in memory"), 0);
    bytes.into()
}

/// Cuts a film that was read, and checks all that is written of it. `here` as in [`read`].
pub fn show(movie: Movie, here: &[u8], len: u64) {
    let Ok(presentation) = Presentation::new(movie, len, &Options::default()) else { return };
    for index in 0..presentation.renditions().len() {
        rendition(&presentation, index, here, len);
    }
    if presentation.renditions().iter().all(|output| output.segments() <= MOST_SEGMENTS) {
        let labels = Labels { id: String::new(), title: "fuzz".to_owned(), kind: None, state: State::Ready };
        for layout in [Layout::Segments, Layout::SingleFile] {
            let manifest = presentation.manifest(&labels, layout);
            hls::master(&manifest);
            dash::mpd(&manifest);
            json::json(&manifest);
            for rendition in &manifest.renditions {
                hls::media(&manifest, rendition);
                hls::iframes(&manifest, rendition);
            }
        }
    }
}

fn rendition(presentation: &Presentation, index: usize, here: &[u8], len: u64) {
    let output = &presentation.renditions()[index];
    let mut made = output.init().to_vec();
    for number in 1..=output.segments().min(MOST_SEGMENTS) {
        match presentation.segment(index, number).expect("every segment that is counted is there") {
            Body::Media(recipe) => made.extend(gather(&recipe, here, len)),
            Body::Captions(captions) => {
                let samples: Vec<Bytes> = captions.places.iter().map(|place| slice(here, *place)).collect();
                captions.text(&samples);
            }
        }
        // Sizes that a source claims and does not hold are not for this machine to gather.
        if made.len() > 16 << 20 {
            return;
        }
    }
    if output.segments() > MOST_SEGMENTS || output.is_captions() {
        return;
    }
    // What is written is read back like any film, and holds what its source does.
    let again = read(&made, made.len() as u64, 0)
        .unwrap_or_else(|error| panic!("{}: can't read what was written: {error}", output.id()));
    let same = |pair: &verify::Pair| slice(&made, pair.output.place) == slice(here, pair.source.place);
    let faults = verify::against(presentation, index, &again, same);
    assert!(faults.is_empty(), "{}: {faults:?}", output.id());
}

/// The bytes of a segment.
fn gather(recipe: &Recipe, here: &[u8], len: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut size = 0;
    for part in &recipe.parts {
        match part {
            Part::Header(range) => {
                size += range.len() as u64;
                bytes.extend_from_slice(&recipe.header[range.clone()]);
            }
            Part::Source(range) => {
                assert!(range.end <= len, "a segment takes {range} of {len} bytes");
                size += range.len();
                if bytes.len() as u64 + range.len() <= 16 << 20 {
                    bytes.extend_from_slice(&slice(here, *range));
                } else {
                    // Too much to gather; the caller stops at this length.
                    bytes.resize((16 << 20) + 1, 0);
                }
            }
        }
    }
    assert_eq!(size, recipe.size, "a segment says its own size");
    bytes
}

/// A box around a body.
pub fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("a fuzzer's input is short");
    [&size.to_be_bytes(), &kind[..], body].concat()
}
