use ::bytes::Bytes;

use super::*;
use crate::bytes::Span;
use crate::demux::Demuxer;
use crate::isobmff::film::{Frame, film, talkie};

/// A film of so many seconds with a sync sample every `gop` frames, and its length in bytes.
fn movie(seconds: u32, gop: u32) -> (Movie, u64) {
    let source = talkie(seconds, gop);
    let len = source.len() as u64;
    let mut demuxer = Demuxer::new(len);
    demuxer.supply(&Span { offset: 0, bytes: source }).unwrap();
    (demuxer.finish().unwrap(), len)
}

fn cut(seconds: u32, gop: u32, edits: [Edits; 2]) -> Plan {
    let (mut movie, len) = movie(seconds, gop);
    for (track, edits) in movie.tracks.iter_mut().zip(edits) {
        track.track.edits = edits;
    }
    plan(&movie, len, &Options::default()).unwrap()
}

fn starts(track: &TrackPlan) -> Vec<u32> {
    track.cuts.iter().map(|cut| cut.at.sample()).collect()
}

/// The first picture of the film is shown 80 ms, 1,024 ticks, after it is decoded: an edit starts there.
const PLAIN: [Edits; 2] = [Edits { start: Ticks(1024), ..NONE }, NONE];
const NONE: Edits = Edits { empty: Ticks::ZERO, start: Ticks::ZERO, end: None, ignored: 0 };

#[test]
fn cuts_fall_on_the_sync_samples_nearest_the_target() {
    // Sync samples every 1.48 s: 4.44 s is nearer to 4 s than 2.96 s is.
    assert_eq!(starts(&cut(18, 37, PLAIN).tracks[0]), [0, 111, 222, 333]);
    // Every 2.6 s: 2.6 s and 5.2 s lie almost alike, 5.2 s a little nearer.
    assert_eq!(starts(&cut(18, 65, PLAIN).tracks[0]), [0, 130, 260, 390]);
}

#[test]
fn a_last_segment_under_half_the_target_joins_the_one_before() {
    let plan = cut(13, 25, PLAIN);
    assert_eq!(starts(&plan.tracks[0]), [0, 100, 200]);
    assert_eq!(plan.tracks[0].duration(2), Ticks(5 * 12_800));
}

#[test]
fn an_edit_within_a_gop_keeps_what_decoding_needs_and_hides_it() {
    let start = Ticks(3 * 12_800 + 1024);
    let plan = cut(12, 50, [Edits { start, ..NONE }, Edits { start: Ticks(3 * 48_000), ..NONE }]);
    let [video, audio] = &plan.tracks[..] else { panic!("two tracks") };
    assert_eq!(video.cuts[0].at.sample(), 50);
    assert_eq!((video.cuts[0].time, video.hidden), (Ticks::ZERO, Ticks(12_800)));
    // The second before the edit is there and not shown: the first segment seems a second shorter than it is.
    // The last picture is shown 80 ms later than it would be if it were the first of its four.
    assert_eq!(video.end, Ticks(9 * 12_800 + 1024));
    assert!(
        audio.hidden > Ticks::ZERO && audio.hidden < Ticks(48_000 / 5),
        "a little sound to warm the decoder"
    );
    assert_eq!(plan.origin, Ticks::ZERO);
}

#[test]
fn an_empty_edit_delays_a_track_and_the_earlier_one_is_time_zero() {
    let late = Edits { empty: Ticks(24_000), ..NONE };
    let plan = cut(8, 50, [PLAIN[0], late]);
    assert_eq!(plan.tracks[1].cuts[0].time, Ticks(24_000));
    assert_eq!(plan.tracks[1].shift, Ticks(24_000));
    assert_eq!(plan.origin, Ticks::ZERO);
    let both = cut(8, 50, [Edits { empty: Ticks(6_400), ..PLAIN[0] }, late]);
    assert_eq!(both.origin_scale.seconds(both.origin), 0.5);
}

#[test]
fn what_lies_after_the_edit_does_not_go_out() {
    let end = |seconds: i64, clock: i64, first: i64| Some(Ticks(seconds * clock + first));
    let video = Edits { end: end(6, 12_800, 1024), ..PLAIN[0] };
    let audio = Edits { end: end(6, 48_000, 0), ..NONE };
    let plan = cut(12, 25, [video, audio]);
    assert_eq!((plan.tracks[0].end, plan.tracks[1].end), (Ticks(6 * 12_800), Ticks(6 * 48_000)));
    // A picture or two more are decoded: those that are shown before ones that are decoded earlier.
    assert!((150..=152).contains(&plan.tracks[0].end_sample));
    assert_eq!(plan.tracks[1].end_sample, 282);
}

#[test]
fn an_edit_that_shows_nothing_of_the_media_is_not_followed() {
    let plan = cut(4, 25, [Edits { start: Ticks(1 << 40), ..NONE }, NONE]);
    assert_eq!(plan.tracks[0].samples, 100);
}

#[test]
fn a_recording_that_was_cut_off_ends_with_its_last_whole_sample() {
    let (mut movie, len) = movie(8, 25);
    let samples = &movie.tracks[0].table;
    let last = samples.walk(samples.start()).last().unwrap().place;
    movie.fragmented = true;
    let plan = plan(&movie, last.end - 1, &Options::default()).unwrap();
    assert_eq!((plan.tracks[0].samples, plan.tracks[0].cut_off), (199, 1));
    assert!(len > last.end);
}

#[test]
fn a_progressive_film_that_was_cut_off_is_refused() {
    let (movie, len) = movie(4, 25);
    let error = plan(&movie, len / 3, &Options::default()).unwrap_err();
    assert!(matches!(error, Error::SampleOutOfBounds { .. }), "{error}");
}

#[test]
fn composition_offsets_that_a_fragment_cannot_tell_are_refused() {
    let frame = |offset| Frame { duration: 512, offset, sync: true, bytes: vec![1] };
    let source = film(&[frame(i32::MAX), frame(-2)], &[]);
    let mut demuxer = Demuxer::new(source.len() as u64);
    demuxer.supply(&Span { offset: 0, bytes: source.clone() }).unwrap();
    let error = plan(&demuxer.finish().unwrap(), source.len() as u64, &Options::default()).unwrap_err();
    assert!(matches!(error, Error::Offset { sample: 1, offset: -2, .. }), "{error}");
}

#[test]
fn a_film_that_ends_before_time_zero_is_shown_from_there() {
    let frame = |offset| Frame { duration: 512, offset, sync: true, bytes: vec![1] };
    for (offsets, expected) in [([-1024, -1024], [0, 512]), ([-20_000, -21_024], [512, 0])] {
        let source = film(&offsets.map(frame), &[]);
        let mut demuxer = Demuxer::new(source.len() as u64);
        demuxer.supply(&Span { offset: 0, bytes: source.clone() }).unwrap();
        let movie = demuxer.finish().unwrap();
        let plan = plan(&movie, source.len() as u64, &Options::default()).unwrap();
        let (track, of) = (&movie.tracks[0], &plan.tracks[0]);
        let shown =
            track.table.walk(track.table.start()).map(|s| track.track.edits.presentation(s.composition()));
        assert_eq!(shown.collect::<Vec<_>>(), expected.map(Ticks));
        assert_eq!((of.cuts[0].time, of.hidden, of.end), (Ticks::ZERO, Ticks::ZERO, Ticks(1024)));
    }
}

#[test]
fn what_lies_past_the_end_of_a_recording_is_not_there_to_be_shown() {
    let frame = |offset| Frame { duration: 512, offset, sync: true, bytes: vec![1] };
    let source = film(&[-1024, 0].map(frame), &[]);
    let mut demuxer = Demuxer::new(source.len() as u64);
    demuxer.supply(&Span { offset: 0, bytes: source.clone() }).unwrap();
    let mut movie = demuxer.finish().unwrap();
    assert_eq!(movie.tracks[0].track.edits.start, Ticks::ZERO);
    let first = movie.tracks[0].table.walk(movie.tracks[0].table.start()).next().unwrap();
    movie.complete(None, first.place.end);
    assert_eq!(movie.tracks[0].track.edits.start, Ticks(-1024));
}

/// Frames of a film with a sync sample each second of 25 frames, each shown `offset` of its number after it is decoded.
fn frames(seconds: u32, offset: impl Fn(u32) -> i32) -> Vec<Frame> {
    let frame = |i| Frame { duration: 512, offset: offset(i), sync: i % 25 == 0, bytes: vec![1] };
    (0..seconds * 25).map(frame).collect()
}

/// Each cut is at the earliest time shown from there to the next one.
fn cut_where_they_begin(source: &Bytes, of: usize) -> usize {
    let len = source.len() as u64;
    let mut demuxer = Demuxer::new(len);
    demuxer.supply(&Span { offset: 0, bytes: source.clone() }).unwrap();
    let movie = demuxer.finish().unwrap();
    let plan = plan(&movie, len, &Options::default()).unwrap();
    let (track, table) = (&plan.tracks[of], &movie.tracks[of].table);
    let time = |sample: &Sample| movie.tracks[of].track.edits.presentation(sample.composition());
    for (number, cut) in track.cuts.iter().enumerate() {
        let samples = table.samples(cut.at, track.segment_end(number));
        assert_eq!(samples.iter().map(time).min().unwrap().max(Ticks::ZERO), cut.time, "segment {number}");
    }
    assert!(track.cuts.windows(2).all(|pair| pair[0].time < pair[1].time));
    track.cuts.len()
}

#[test]
fn a_segment_never_starts_before_the_one_before_it_however_wild_composition_offsets_are() {
    let wild = |at: u32, offset: i32| move |i| if i == at { offset } else { 0 };
    assert_eq!(cut_where_they_begin(&film(&frames(12, wild(999, 0)), &[]), 0), 3);
    // A picture of the second segment is shown before anything of the first, or amid it; one of the third before both.
    assert_eq!(cut_where_they_begin(&film(&frames(12, wild(110, -60_000)), &[]), 0), 2);
    assert_eq!(cut_where_they_begin(&film(&frames(12, wild(210, -70_000)), &[]), 0), 2);
    assert_eq!(cut_where_they_begin(&film(&frames(12, wild(210, -120_000)), &[]), 0), 1);
    let sound = |offset: i32| -> Vec<_> {
        let frame = |i| Frame {
            duration: 1024,
            offset: if i == 250 { offset } else { 0 },
            sync: true,
            bytes: vec![1],
        };
        (0..560).map(frame).collect()
    };
    assert_eq!(cut_where_they_begin(&film(&[], &sound(-100_000)), 0), 3);
    assert_eq!(cut_where_they_begin(&film(&[], &sound(-260_000)), 0), 2);
}

#[test]
fn a_pause_in_decoding_before_the_last_pictures_does_not_make_the_film_longer() {
    // Decoded at 0, 1, 2 and, after a pause, at 10 to 12; shown at 1, 2, 12, 10, 13 and 14. The pause is the third's duration.
    let samples = [(512, 512), (512, 512), (8 * 512, 10 * 512), (512, 0), (512, 2 * 512), (512, 2 * 512)];
    let frame = |(i, (duration, offset)): (usize, (u32, i32))| Frame {
        duration,
        offset,
        sync: i == 0,
        bytes: vec![1],
    };
    let source = film(&samples.into_iter().enumerate().map(frame).collect::<Vec<_>>(), &[]);
    let mut demuxer = Demuxer::new(source.len() as u64);
    demuxer.supply(&Span { offset: 0, bytes: source.clone() }).unwrap();
    let plan = plan(&demuxer.finish().unwrap(), source.len() as u64, &Options::default()).unwrap();
    assert_eq!(plan.tracks[0].end, Ticks(15 * 512));
}

#[test]
fn a_segment_of_more_samples_than_memory_is_set_aside_for_is_refused() {
    let mut track = cut(4, 100, PLAIN).tracks.remove(0);
    track.end_sample = MAX_SAMPLES;
    assert_eq!(bounded(&track, TrackId(1)), Ok(()));
    track.end_sample += 1;
    let samples = MAX_SAMPLES + 1;
    assert_eq!(
        bounded(&track, TrackId(1)),
        Err(Error::TooManySamples { track: TrackId(1), segment: 1, samples })
    );
}
