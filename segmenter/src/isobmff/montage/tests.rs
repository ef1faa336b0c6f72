use ::bytes::Bytes;

use super::super::FourCc;
use super::*;
use crate::bytes::ByteRange;

/// Ten ticks a frame; a sync sample each `gop` frames, and `offsets` in turn.
fn table(frames: u32, gop: u32, offsets: &[i32]) -> SampleTable {
    let mut builder = TableBuilder::default();
    builder.open_chunk(1000, 1);
    for i in 0..frames {
        let offset = offsets[i as usize % offsets.len()];
        builder.push(FragmentSample { duration: 10, offset, size: 5, sync: i % gop == 0 });
    }
    builder.finish()
}

fn part(shown: i64, start: i64, end: i64) -> Part {
    Part { shown: Ticks(shown), start: Ticks(start), end: Some(Ticks(end)) }
}

/// Number in the source, decode time and presentation time of every sample shown, in decoding order.
fn shown(table: &SampleTable, edits: &Edits) -> Vec<(u64, i64, i64)> {
    let number = |sample: &Sample| (sample.place.start - 1000) / 5;
    let time = |sample: &Sample| edits.presentation(sample.composition());
    let is_shown = |sample: &Sample| {
        time(sample) >= Ticks::ZERO && edits.presentation_end().is_none_or(|end| time(sample) < end)
    };
    let samples = table.walk(table.start()).filter(is_shown);
    samples.map(|sample| (number(&sample), sample.decode.0, time(&sample).0)).collect()
}

fn followed(parts: &[Part], table: &SampleTable, kind: Kind) -> Option<Vec<(u64, i64)>> {
    let (table, edits) = assemble(parts, table, kind)?;
    let found = shown(&table, &edits);
    assert!(found.windows(2).all(|pair| pair[0].1 < pair[1].1), "decoding goes on: {found:?}");
    Some(found.into_iter().map(|(number, _, time)| (number, time)).collect())
}

#[test]
fn parts_of_sound_may_skip_repeat_and_change_places() {
    let parts = [part(0, 50, 80), part(30, 20, 40), part(50, 50, 70)];
    let expected = [(5, 0), (6, 10), (7, 20), (2, 30), (3, 40), (5, 50), (6, 60)];
    assert_eq!(followed(&parts, &table(10, 1, &[0]), Kind::Audio).unwrap(), expected);
}

#[test]
fn a_pause_lengthens_the_sample_before_it() {
    let parts = [part(100, 0, 20), part(150, 20, 40)];
    let (table, edits) = assemble(&parts, &table(10, 1, &[0]), Kind::Audio).unwrap();
    let samples: Vec<_> =
        table.walk(table.start()).map(|s| (edits.presentation(s.decode).0, s.duration)).collect();
    assert_eq!(samples, [(100, 10), (110, 40), (150, 10), (160, 10)]);
    assert_eq!(edits.presentation_end(), Some(Ticks(170)));
}

#[test]
fn parts_of_video_start_at_sync_samples_or_where_the_one_before_ended() {
    let film = table(40, 10, &[0]);
    let back = followed(&[part(0, 0, 200), part(200, 100, 150)], &film, Kind::Video).unwrap();
    assert_eq!(back[19..22], [(19, 190), (10, 200), (11, 210)]);
    let paused = followed(&[part(0, 0, 50), part(90, 50, 100)], &film, Kind::Video).unwrap();
    assert_eq!(paused[4..6], [(4, 40), (5, 90)]);
    assert_eq!(followed(&[part(0, 0, 50), part(50, 150, 200)], &film, Kind::Video), None);
}

#[test]
fn the_picture_on_the_screen_as_a_part_begins_is_shown_from_then_on() {
    let film = table(40, 10, &[0]);
    let parts = [part(0, 0, 100), part(100, 203, 220), part(117, 300, 310)];
    let found = followed(&parts, &film, Kind::Video).unwrap();
    assert_eq!(found[10..], [(20, 100), (21, 107), (30, 117)]);
}

/// Decoded as I P B B P B B P B B, shown as I B B P B B P B B P: every sample of a GOP is shown before the next one's.
const REORDERED: [i32; 10] = [10, 30, 0, 0, 30, 0, 0, 30, 0, 0];

#[test]
fn reordered_pictures_keep_their_order_and_times() {
    let film = table(40, 10, &REORDERED);
    let parts = [part(0, 10, 110), part(100, 210, 310), part(200, 110, 210)];
    let found = followed(&parts, &film, Kind::Video).unwrap();
    let gop = |first: u64, at: i64| {
        [0, 30, 10, 20, 60, 40, 50, 90, 70, 80]
            .iter()
            .zip(first..)
            .map(move |(time, number)| (number, at + time))
    };
    let expected: Vec<_> = gop(0, 0).chain(gop(20, 100)).chain(gop(10, 200)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_pause_amid_reordered_pictures_shows_each_once() {
    let film = table(10, 10, &REORDERED);
    let found = followed(&[part(0, 10, 60), part(250, 60, 110)], &film, Kind::Video).unwrap();
    // The P picture shown at 260 is decoded before two B pictures shown before the pause.
    let times = [0, 30, 10, 20, 260, 40, 250, 290, 270, 280];
    assert_eq!(found, times.into_iter().zip(0..).map(|(time, number)| (number, time)).collect::<Vec<_>>());
}

#[test]
fn what_would_have_to_be_decoded_and_not_shown_is_not_followed() {
    let film = table(40, 10, &REORDERED);
    // The last picture of the first part is a B: the P it needs is shown after the part.
    assert_eq!(followed(&[part(0, 10, 60), part(50, 210, 310)], &film, Kind::Video), None);
    assert!(
        followed(&[part(0, 10, 110), part(100, 210, 260)], &film, Kind::Video).is_some(),
        "at the end it may"
    );
}

#[test]
fn leading_pictures_of_an_open_group_are_left_out_where_it_is_entered() {
    // I B B P B B P B B, shown as B B I B B P B B P: the two after each sync sample are shown before it.
    let film = table(45, 9, &[30, 0, 0]);
    let found = followed(&[part(0, 30, 120), part(90, 210, 300)], &film, Kind::Video);
    assert_eq!(found, None, "the first part ends with leading pictures that need the next sync sample");
    let found = followed(&[part(0, 30, 100), part(70, 210, 300)], &film, Kind::Video).unwrap();
    assert!(!found.iter().any(|(number, _)| [19, 20].contains(number)), "{found:?}");
    assert!(found.contains(&(18, 70)) && found.contains(&(21, 100)), "{found:?}");
}

#[test]
fn a_part_that_shows_nothing_takes_no_sample() {
    let film = table(10, 1, &[0]);
    let found =
        followed(&[part(0, 0, 20), part(20, 500, 600), part(120, 20, 40)], &film, Kind::Audio).unwrap();
    assert_eq!(found, [(0, 0), (1, 10), (2, 120), (3, 130)]);
    assert_eq!(followed(&[part(0, 500, 520), part(20, 0, 20)], &film, Kind::Audio), None);
}

#[test]
fn a_sample_keeps_its_group_wherever_it_goes() {
    let mut film = table(6, 1, &[0]);
    let (kind, runs) = (FourCc(*b"roll"), vec![(0, 0), (2, 1), (4, 2)]);
    let descriptions = vec![Bytes::from_static(b"\xff\xff"), Bytes::from_static(b"\xff\xfe")];
    film.groups = vec![Grouping { kind, parameter: None, descriptions, runs }];
    let (table, _) =
        assemble(&[part(0, 0, 30), part(30, 50, 60), part(40, 0, 10)], &film, Kind::Audio).unwrap();
    assert_eq!(table.groups()[0].runs, [(0, 0), (2, 1), (3, 2), (4, 0)]);
}

#[test]
fn a_list_that_asks_for_more_samples_than_any_film_has_is_not_followed() {
    let film = table(1 << 16, 1, &[0]);
    let whole = |number: i64| part(number * 655_360, 0, 655_360);
    assert_eq!(assemble(&(0..40).map(whole).collect::<Vec<_>>(), &film, Kind::Audio), None);
    let short = |number: i64| part(number * 10, 0, 10);
    assert_eq!(assemble(&(0..2000).map(short).collect::<Vec<_>>(), &film, Kind::Audio), None);
    let (table, _) = assemble(&(0..2).map(whole).collect::<Vec<_>>(), &film, Kind::Audio).unwrap();
    assert_eq!(table.walk(table.start()).last().unwrap().place, ByteRange::at(1000 + 65_535 * 5, 5));
}
