use mp4_atom::{Emsg, EmsgTimestamp, Encode};

use super::*;
use crate::bytes::Span;
use crate::demux::Demuxer;
use crate::isobmff::film::{Frame, encrypt, film, talkie};
use crate::isobmff::{Movie, MovieTrack};
use crate::manifest::Segment;
use crate::mux::Part;
use crate::plan::Options;
use crate::render::Body;

/// An initialisation vector alone; one with a subsample; one with a count of none.
const PLAIN: &[u8] = &[1; 8];
const SUBSAMPLE: &[u8] = &[2, 2, 2, 2, 2, 2, 2, 2, 0, 1, 0, 5, 0, 0, 0, 9];
const NO_SUBSAMPLES: &[u8] = &[1, 1, 1, 1, 1, 1, 1, 1, 0, 0];

fn demux(source: &::bytes::Bytes) -> Movie {
    let mut demuxer = Demuxer::new(source.len() as u64);
    demuxer.supply(&Span { offset: 0, bytes: source.clone() }).unwrap();
    demuxer.finish().unwrap()
}

/// A film whose pictures are encrypted as `information` tells, one after the other.
fn encrypted(information: &[&[u8]]) -> Presentation {
    let source = talkie(8, 25);
    let mut movie = demux(&source);
    encrypt(&mut movie, information);
    Presentation::new(movie, source.len() as u64, &Options::default()).unwrap()
}

/// The first rendition as it is read back from its segments, with zeros for every sample.
fn written(presentation: &Presentation) -> Movie {
    written_with(presentation, &[])
}

/// With boxes before its first segment.
fn written_with(presentation: &Presentation, boxes: &[u8]) -> Movie {
    let output = &presentation.renditions()[0];
    let mut bytes = [output.init(), boxes].concat();
    for number in 1..=output.segments() {
        let Some(Body::Media(recipe)) = presentation.segment(0, number) else { panic!("no recipe") };
        for part in &recipe.parts {
            match part {
                Part::Header(range) => bytes.extend_from_slice(&recipe.header[range.clone()]),
                Part::Source(range) => bytes.resize(bytes.len() + usize::try_from(range.len()).unwrap(), 0),
            }
        }
    }
    demux(&bytes.into())
}

fn faults(source: &Presentation, output: &Movie) -> Vec<String> {
    let faults = against(source, 0, output, |_| true);
    faults.iter().map(Fault::to_string).collect()
}

#[test]
fn a_sample_without_subsamples_among_those_with_some_is_the_same_when_it_counts_none() {
    let source = encrypted(&[SUBSAMPLE, PLAIN]);
    let output = written(&source);
    let table = &output.tracks[0].table;
    let told: Vec<_> = table.walk(table.start()).map(|sample| table.aux().of(&sample)).collect();
    assert_eq!(told[..4], [SUBSAMPLE, NO_SUBSAMPLES, SUBSAMPLE, NO_SUBSAMPLES]);
    assert_eq!(faults(&source, &output), [""; 0]);
}

#[test]
fn segments_and_fragments_may_end_with_a_sample_without_a_byte() {
    let frame = |i: u32| Frame {
        duration: 512,
        offset: 0,
        sync: i.is_multiple_of(25),
        bytes: vec![0; usize::from(i % 25 < 24)],
    };
    let source = film(&(0..300).map(frame).collect::<Vec<_>>(), &[]);
    let presentation = Presentation::new(demux(&source), source.len() as u64, &Options::default()).unwrap();
    let mut at = presentation.init(0).len() as u64;
    let told: Vec<_> = (1..=3)
        .map(|number| {
            let Segment { duration, size, fragments } = presentation.measure(0, number).unwrap();
            let place = ByteRange::at(at, size);
            at = place.end;
            let start = Ticks(i64::from(number - 1) * 51_200);
            let fragments = fragments.iter().map(|f| (f.time, f.offset, f.key)).collect();
            Told { name: number.to_string(), place, start, duration, fragments }
        })
        .collect();
    let output = written(&presentation);
    let MovieTrack { track, table } = &output.tracks[0];
    assert_eq!(rendition(track, table, &told), []);
}

#[test]
fn another_initialisation_vector_is_a_fault() {
    let output = written(&encrypted(&[SUBSAMPLE, PLAIN]));
    let other = encrypted(&[SUBSAMPLE, SUBSAMPLE]);
    assert_eq!(faults(&other, &output), ["v1: sample 1: its encryption information is not the source's"]);
}

#[test]
fn a_message_too_many_or_too_few_is_a_fault() {
    let message = Emsg {
        timescale: 1000,
        presentation_time: EmsgTimestamp::Absolute(2000),
        event_duration: 0,
        id: 1,
        scheme_id_uri: "urn:test".to_owned(),
        value: String::new(),
        message_data: vec![7],
    };
    let mut emsg = Vec::new();
    message.encode(&mut emsg).unwrap();
    let source = talkie(8, 25);
    let make = |movie| Presentation::new(movie, source.len() as u64, &Options::default()).unwrap();
    let silent = make(demux(&source));
    let mut movie = demux(&source);
    movie.events = written_with(&silent, &emsg).events;
    let talking = make(movie);
    assert_eq!(faults(&talking, &written(&talking)), [""; 0]);
    let told = ["v1: its event messages are not the source's"];
    assert_eq!(faults(&talking, &written(&silent)), told);
    assert_eq!(faults(&silent, &written_with(&silent, &emsg)), told);
}
