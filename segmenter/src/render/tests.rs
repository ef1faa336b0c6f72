//! Films written by one library (`mp4`), segmented by us, read back by another (`mp4-atom`).

use mp4_atom::{Any, Decode, Moof};
use proptest::prelude::*;

use super::*;
use crate::bytes::Span;
use crate::demux::Demuxer;
use crate::isobmff::film::{Frame, film, talkie};
use crate::isobmff::{Brands, Subtitle, Supplemental};

fn present(source: &Bytes) -> Presentation {
    present_as(source, |_| {})
}

/// A film of which something is changed once it has been read.
fn present_as(source: &Bytes, change: impl FnOnce(&mut Movie)) -> Presentation {
    let mut demuxer = Demuxer::new(source.len() as u64);
    demuxer.supply(&Span { offset: 0, bytes: source.clone() }).unwrap();
    let mut movie = demuxer.finish().unwrap();
    change(&mut movie);
    Presentation::new(movie, source.len() as u64, &Options::default()).unwrap()
}

fn labels() -> Labels {
    Labels { id: String::new(), title: "film".into(), kind: None, state: State::Ready }
}

fn bytes_of(source: &Bytes, recipe: &Recipe) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in &recipe.parts {
        match part {
            Part::Header(range) => bytes.extend_from_slice(&recipe.header[range.clone()]),
            Part::Source(range) => {
                let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                bytes.extend_from_slice(&source[range]);
            }
        }
    }
    bytes
}

/// A sample as `mp4-atom` reads it from our segments.
#[derive(Debug, PartialEq)]
struct Read {
    decode: u64,
    offset: i64,
    duration: u32,
    sync: bool,
    bytes: Vec<u8>,
}

/// Everything a rendition's segments hold, and for each the number of samples and of fragments.
fn read_back(
    source: &Bytes,
    presentation: &Presentation,
    rendition: usize,
) -> (Vec<Read>, Vec<(usize, usize)>) {
    let defaults = default_flags(&presentation.init(rendition));
    let (mut samples, mut segments) = (Vec::new(), Vec::new());
    for number in 1..=presentation.renditions()[rendition].segments() {
        let Some(Body::Media(recipe)) = presentation.segment(rendition, number) else { panic!("no recipe") };
        let segment = bytes_of(source, &recipe);
        assert_eq!(segment.len() as u64, recipe.size);
        let (before, mut fragments) = (samples.len(), 0);
        for (fragment, told) in recipe.fragments.iter().enumerate() {
            let at = usize::try_from(told.offset).unwrap();
            let moof = Moof::decode(&mut &segment[at..]).unwrap();
            read_fragment(&segment[at..], &moof, defaults, &mut samples);
            fragments = fragment + 1;
        }
        segments.push((samples.len() - before, fragments));
    }
    (samples, segments)
}

/// What `trex` of an init segment says of samples that say nothing themselves.
fn default_flags(init: &Bytes) -> u32 {
    let at = init.windows(4).position(|four| four == b"trex").unwrap() - 4;
    mp4_atom::Trex::decode(&mut &init[at..]).unwrap().default_sample_flags
}

fn read_fragment(fragment: &[u8], moof: &Moof, default_flags: u32, samples: &mut Vec<Read>) {
    let [traf] = &moof.traf[..] else { panic!("one track a fragment") };
    let head = &traf.tfhd;
    assert!(head.default_base_is_moof && head.base_data_offset.is_none());
    let [run] = &traf.trun[..] else { panic!("one run a fragment") };
    let mut decode = traf.tfdt.as_ref().unwrap().base_media_decode_time;
    let mut at = usize::try_from(run.data_offset.unwrap()).unwrap();
    for entry in run.samples.iter() {
        let size = entry.size.or(head.default_sample_size).unwrap() as usize;
        let duration = entry.duration.or(head.default_sample_duration).unwrap();
        let flags = entry.flags.or(head.default_sample_flags).unwrap_or(default_flags);
        let bytes = fragment[at..at + size].to_vec();
        let sync = flags & 0x1_0000 == 0;
        samples.push(Read { decode, offset: entry.cts.unwrap_or(0), duration, sync, bytes });
        at += size;
        decode += u64::from(duration);
    }
}

/// What should come back: the frames, decoded from the moment the first one is shown.
fn expected(frames: &[Frame]) -> Vec<Read> {
    let first = i64::from(frames[0].offset);
    let mut decode = u64::try_from(first).unwrap();
    let mut read = Vec::new();
    for frame in frames {
        let offset = i64::from(frame.offset) - first;
        read.push(Read {
            decode,
            offset,
            duration: frame.duration,
            sync: frame.sync,
            bytes: frame.bytes.clone(),
        });
        decode += u64::from(frame.duration);
    }
    read
}

fn frames(
    durations: std::ops::Range<u32>,
    offsets: std::ops::Range<i32>,
    sync: f64,
) -> impl Strategy<Value = Vec<Frame>> {
    let bytes = prop::collection::vec(any::<u8>(), 1..40);
    let frame = (durations, offsets, prop::bool::weighted(sync), bytes)
        .prop_map(|(duration, offset, sync, bytes)| Frame { duration, offset, sync, bytes });
    prop::collection::vec(frame, 1..300).prop_map(|mut frames| {
        frames[0].sync = true;
        frames
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sample_comes_back_with_its_bytes_and_times(
        video in frames(1..3000, 0..4096, 0.1),
        audio in frames(1024..1025, 0..1, 1.0),
    ) {
        let source = film(&video, &audio);
        let presentation = present(&source);
        for (rendition, frames) in [(0, &video), (1, &audio)] {
            let (samples, segments) = read_back(&source, &presentation, rendition);
            prop_assert_eq!(&samples, &expected(frames));
            let mut first = 0;
            for (count, _) in segments {
                prop_assert!(samples[first].sync, "a segment starts without a sync sample");
                first += count;
            }
        }
    }

    #[test]
    fn segments_tile_the_timeline_and_the_manifest_says_so(
        video in frames(1..3000, 0..1, 0.1),
        audio in frames(1024..1025, 0..1, 1.0),
    ) {
        let source = film(&video, &audio);
        let presentation = present(&source);
        let manifest = presentation.manifest(&labels(), Layout::Segments);
        for (rendition, frames) in manifest.renditions.iter().zip([&video, &audio]) {
            let told: i64 = rendition.segments.iter().map(|segment| segment.duration.0).sum();
            let lasts: i64 = frames.iter().map(|frame| i64::from(frame.duration)).sum();
            prop_assert_eq!(told, lasts);
            prop_assert!(rendition.segments.iter().all(|segment| segment.duration > Ticks::ZERO));
        }
    }
}

#[test]
fn every_box_of_an_init_segment_is_known_to_another_reader() {
    let source = talkie(5, 25);
    let init = present(&source).init(0);
    let mut rest = &init[..];
    assert!(matches!(Any::decode(&mut rest).unwrap(), Any::Ftyp(_)));
    let Any::Moov(moov) = Any::decode(&mut rest).unwrap() else { panic!("no moov") };
    assert!(rest.is_empty());
    assert_eq!(moov.trak[0].mdia.mdhd.timescale, 12_800);
    assert_eq!(moov.trak[0].mdia.minf.stbl.stsz.samples, mp4_atom::StszSamples::default());
}

#[test]
fn a_segment_has_one_fragment_a_gop() {
    let source = talkie(12, 25);
    let (_, segments) = read_back(&source, &present(&source), 0);
    assert_eq!(segments, [(100, 4), (100, 4), (100, 4)]);
}

#[test]
fn gops_under_half_a_second_are_joined() {
    let source = talkie(8, 5);
    let (_, segments) = read_back(&source, &present(&source), 0);
    assert_eq!(segments, [(100, 6), (100, 6)]);
}

#[test]
fn a_long_gop_gives_a_long_segment_and_sound_follows_it() {
    let source = talkie(30, 250);
    let presentation = present(&source);
    let (_, video) = read_back(&source, &presentation, 0);
    let (_, audio) = read_back(&source, &presentation, 1);
    assert_eq!(video, [(250, 1), (250, 1), (250, 1)]);
    // The first picture is shown 80 ms in, so the borders lie that much after whole seconds.
    assert_eq!(audio, [(472, 1), (469, 1), (465, 1)]);
}

#[test]
fn a_film_with_one_sync_sample_is_one_segment() {
    let source = talkie(20, 1000);
    let (_, segments) = read_back(&source, &present(&source), 0);
    assert_eq!(segments, [(500, 1)]);
}

#[test]
fn words_make_a_film_last_only_where_there_is_nothing_else() {
    let words = |movie: &mut Movie| {
        let track = &mut movie.tracks.last_mut().unwrap().track;
        track.kind = Kind::Text;
        track.entries[0].codec.format = Format::Text(Subtitle::Wvtt);
    };
    let duration = |change: fn(&mut Movie), seconds| {
        let presentation = present_as(&talkie(seconds, 25), |movie| {
            words(movie);
            change(movie);
        });
        presentation.manifest(&labels(), Layout::Segments).duration
    };
    assert_eq!(duration(|movie| drop(movie.tracks.remove(0)), 8), 8.0);
    let late = |movie: &mut Movie| movie.tracks[1].track.edits.empty = Ticks(48_000 * 9);
    assert!(duration(late, 8) < 8.2);
}

#[test]
fn a_film_held_upright_is_told_as_high_as_it_is_shown_and_turned_by_its_init_segment() {
    let quarter = [0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000];
    let presentation = present_as(&talkie(2, 25), |movie| {
        movie.tracks[0].track.display.matrix = quarter;
        if let Format::Video(picture) = &mut movie.tracks[0].track.entries[0].codec.format {
            picture.pixel_aspect = Some((4, 3));
        }
    });
    let manifest = presentation.manifest(&labels(), Layout::Segments);
    let Media::Video { width, height, rotation, pixel_aspect, .. } = manifest.renditions[0].media else {
        panic!("no video")
    };
    assert_eq!((width, height, rotation, pixel_aspect), (360, 640, 90, Some((3, 4))));
    let told: Vec<u8> = quarter.iter().flat_map(|value: &i32| value.to_be_bytes()).collect();
    assert!(presentation.init(0).windows(told.len()).any(|window| window == told));
}

#[test]
fn what_a_track_is_compatible_with_is_a_brand_of_its_init_segment() {
    let brands = |more: Option<Supplemental>| {
        let presentation = present_as(&talkie(2, 25), |movie| {
            if let Format::Video(picture) = &mut movie.tracks[0].track.entries[0].codec.format {
                picture.supplemental = more;
            }
        });
        Brands::read(&presentation.init(0)).unwrap().compatible
    };
    assert_eq!(brands(None), ["cmfc", "iso6"]);
    let vision = Supplemental { codec: "dvh1.08.07".into(), brand: "db1p".into() };
    assert_eq!(brands(Some(vision)), ["cmfc", "iso6", "db1p"]);
}

#[test]
fn the_key_bytes_of_a_fragment_end_with_its_sync_sample() {
    let source = talkie(8, 50);
    let presentation = present(&source);
    let Some(Body::Media(recipe)) = presentation.segment(0, 1) else { panic!("no recipe") };
    let segment = bytes_of(&source, &recipe);
    for (fragment, frame) in recipe.fragments.iter().zip([0_u32, 50]) {
        let end = usize::try_from(fragment.offset + fragment.key).unwrap();
        let len = 900 + (frame % 7) as usize;
        assert_eq!(segment[end - len..end - len + 4], frame.to_be_bytes());
    }
}
