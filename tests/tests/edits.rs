//! Edit lists of several parts, compared with what FFmpeg shows of the same source.

use std::fs;
use std::path::{Path, PathBuf};

use crate::faults;
use crate::fixtures::path as fixture;
use crate::packets::{self, Stream};
use crate::program::{segment, verify};

/// One edit: how long, in milliseconds, and from which tick of the track; -1 for a pause.
type Edit = (u32, i32);

/// A copy of a film whose tracks have these edit lists. The film ends with `moov`, so that nothing it points at moves.
fn with_edits(film: &Path, lists: &[&[Edit]]) -> Vec<u8> {
    let mut bytes = fs::read(film).expect("the fixture can be read");
    for (track, list) in lists.iter().enumerate() {
        let mut elst = [[0; 4], word(list.len())].concat();
        for (duration, time) in *list {
            elst.extend([duration.to_be_bytes(), time.to_be_bytes(), 0x1_0000_u32.to_be_bytes()].concat());
        }
        put(&mut bytes, &[(b"moov", 0), (b"trak", track), (b"edts", 0), (b"elst", 0)], &elst);
    }
    bytes
}

/// Puts `body` in the place of that of the box at this path, and its new length into the size of every box around it.
fn put(bytes: &mut Vec<u8>, path: &[(&[u8; 4], usize)], body: &[u8]) {
    let (mut inside, mut around) = (0..bytes.len(), Vec::new());
    for (kind, number) in path {
        let found = faults::bodies(&bytes[inside.clone()], kind)[*number].clone();
        inside = inside.start + found.start..inside.start + found.end;
        around.push(inside.start - 8);
    }
    let (before, after) = (inside.len(), body.len());
    bytes.splice(inside, body.iter().copied());
    for at in around {
        let size = bytes[at..at + 4].iter().fold(0, |size, &byte| size << 8 | usize::from(byte));
        bytes[at..at + 4].copy_from_slice(&word(size + after - before));
    }
}

fn word(size: usize) -> [u8; 4] {
    u32::try_from(size).expect("a fixture is small").to_be_bytes()
}

/// A track of some output, without what its edit list hides: FFmpeg gives that times before zero.
fn output(out: &Path, rendition: &str) -> Stream {
    let read = packets::read(&out.join(rendition).join("playlist.m3u8"), &[]);
    let mut stream = read.expect("FFmpeg reads the output").remove(0);
    stream.packets.retain(|packet| packet.time > -0.001);
    stream
}

/// Asserts that two readings show the same packets at the same times, both from zero on.
#[track_caller]
fn same(source: &Stream, output: &Stream) {
    let start = |stream: &Stream| stream.packets.iter().map(|packet| packet.time).fold(f64::MAX, f64::min);
    let (source_start, output_start) = (start(source), start(output));
    for (at, (from, to)) in source.packets.iter().zip(&output.packets).enumerate() {
        let (expected, time) = (from.time - source_start, to.time - output_start);
        assert_eq!(from.md5, to.md5, "{} packet {at}, at {time}, expected at {expected}", source.kind);
        assert!((expected - time).abs() < 0.001, "{} packet {at}: at {time}, not {expected}", source.kind);
    }
    assert_eq!(source.packets.len(), output.packets.len(), "{}", source.kind);
}

const GOP: i32 = 12_800;
const FRAME: i32 = 1024;

/// Segments a copy of a film with these edit lists, which are followed; gives back where it and its output lie.
fn followed(folder: &Path, lists: &[&[Edit]]) -> (PathBuf, PathBuf) {
    let (film, out) = (folder.join("film.mp4"), folder.join("out"));
    fs::write(&film, with_edits(&fixture("edge/moov-last.mp4"), lists)).expect("a film can be written");
    let run = segment(&film, &out, &[]).done();
    assert!(!run.words().contains("not followed"), "{}", run.words());
    verify(&out, Some(&film)).done();
    (film, out)
}

#[test]
fn parts_that_skip_and_repeat_are_shown_as_ffmpeg_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let video = [(1000, 1024 + 2 * GOP), (2000, 1024), (1000, 1024 + 2 * GOP)];
    let audio = [(960, 95 * FRAME), (1920, 10 * FRAME), (960, 95 * FRAME)];
    let (film, out) = followed(folder.path(), &[&video, &audio]);
    let source = packets::read(&film, &[]).unwrap();
    for (number, rendition) in ["v1", "a1"].iter().enumerate() {
        same(&source[number], &output(&out, rendition));
    }
}

/// FFmpeg takes the -1 of a pause for a time, so its reading of the parts without one is what is compared with.
#[test]
fn a_pause_puts_off_what_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, lists: &[&[Edit]]| {
        let folder = folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        let (_, out) = followed(&folder, lists);
        ["v1", "a1"].map(|rendition| output(&out, rendition))
    };
    let [video, audio] = [[(1000, 1024), (2000, 1024 + GOP)], [(960, FRAME), (1920, 46 * FRAME)]];
    let plain = read("plain", &[&video, &audio]);
    let paused = |list: [Edit; 2], pause: u32| [list[0], (pause, -1), list[1]];
    let late = read("late", &[&paused(video, 500), &paused(audio, 64)]);
    for ((mut plain, late), (from, by)) in plain.into_iter().zip(late).zip([(0.99, 0.5), (0.95, 0.064)]) {
        let start = plain.packets.iter().map(|packet| packet.time).fold(f64::MAX, f64::min);
        for packet in plain.packets.iter_mut().filter(|packet| packet.time - start > from) {
            packet.time += by;
        }
        same(&plain, &late);
    }
}

#[test]
fn an_edit_that_begins_past_the_end_of_the_media_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (film, out) = (folder.path().join("film.mp4"), folder.path().join("out"));
    fs::write(&film, with_edits(&fixture("edge/moov-last.mp4"), &[&[(6000, 999_999_999)]])).unwrap();
    let run = segment(&film, &out, &[]).done();
    assert!(run.stderr.contains("track 1: 1 entries of its edit list"), "{}", run.stderr);
    verify(&out, Some(&film)).done();
    assert_eq!(output(&out, "v1").packets.len(), 150);
}

#[test]
fn parts_that_only_decoding_could_enter_are_told_of_and_the_first_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (film, out) = (folder.path().join("film.mp4"), folder.path().join("out"));
    let video = [(1000, 1024), (1000, 1024 + 2 * GOP + 512 * 7)];
    fs::write(&film, with_edits(&fixture("edge/moov-last.mp4"), &[&video])).unwrap();
    let run = segment(&film, &out, &[]).done();
    assert!(run.stderr.contains("track 1: 1 entries of its edit list"), "{}", run.stderr);
    verify(&out, Some(&film)).done();
    let shown = output(&out, "v1").packets.len();
    assert!((25..=28).contains(&shown), "{shown} packets");
}
