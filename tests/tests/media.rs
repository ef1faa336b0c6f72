//! Every fixture through `segue segment` and `segue verify`, and read back by FFmpeg.

use std::fs;

use crate::fixtures::{self, Row};
use crate::packets::{self, Output, Source};
use crate::program;

/// Fixtures that FFmpeg reads wrongly, and the one with the same samples that stands for them.
const STAND_INS: [(&str, &str); 1] = [
    // FFmpeg takes a run without a data offset to begin at the base (14496-12 8.8.8: it follows the run before it).
    ("edge/frag-runs-follow.mp4", "edge/frag-default-base.mp4"),
];

fn rows(belongs: impl Fn(&Row) -> bool) -> Vec<Row> {
    fixtures::index().into_iter().filter(belongs).collect()
}

/// Segments, verifies and reads back one file.
fn comes_out_whole(row: &Row) -> Result<(), String> {
    let source = fixtures::path(&row.file);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let out = folder.path().join("out");
    let run = program::segment(&source, &out, &[]);
    if run.code != Some(0) {
        return Err(format!("segment: {}", run.words().trim()));
    }
    let run = program::verify(&out, Some(&source));
    if run.code != Some(0) {
        return Err(format!("verify: {}", run.words().trim()));
    }
    let stand_in = STAND_INS.iter().find(|(file, _)| *file == row.file);
    let reference = stand_in.map_or(source, |(_, other)| fixtures::path(other));
    packets::compare(&Source::read(&reference)?, &Output::read(&out.join("master.m3u8"), &out)?)
}

#[test]
fn every_fixture_is_in_the_index_and_there() {
    let media = fixtures::repository().join("fixtures/media");
    let mut found = Vec::new();
    for set in ["films", "edge", "frames"] {
        let entries = fs::read_dir(media.join(set)).expect("the fixtures are made: fixtures/make.sh");
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        found.extend(names.filter(|name| !name.starts_with('.')).map(|name| format!("{set}/{name}")));
    }
    let mut listed: Vec<String> = fixtures::index().into_iter().map(|row| row.file).collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed);
}

#[test]
fn every_film_reads_back_with_its_packets_and_times() {
    fixtures::every(&rows(|row| row.expect == "ok" && row.file.starts_with("films/")), comes_out_whole);
}

#[test]
fn every_progressive_shape_reads_back_with_its_packets_and_times() {
    let belongs = |row: &Row| row.file.starts_with("edge/") && !row.file.starts_with("edge/frag-");
    fixtures::every(&rows(|row| row.expect == "ok" && belongs(row)), comes_out_whole);
}

#[test]
fn every_fragmented_shape_reads_back_with_its_packets_and_times() {
    fixtures::every(&rows(|row| row.expect == "ok" && row.file.starts_with("edge/frag-")), comes_out_whole);
}

#[test]
fn a_broken_file_is_refused_in_one_line_or_comes_out_sound() {
    fixtures::every(&rows(|row| row.expect == "corrupt"), |row| {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let out = folder.path().join("out");
        let run = program::segment(&fixtures::path(&row.file), &out, &[]);
        if run.code != Some(0) {
            let left = out.join("manifest.json").exists();
            return match run.not_a_clean_refusal() {
                None if left => Err("refused, and left a manifest".to_owned()),
                None => Ok(()),
                Some(why) => Err(why),
            };
        }
        let run = program::verify(&out, None);
        if run.code == Some(0) { Ok(()) } else { Err(format!("unsound output: {}", run.words().trim())) }
    });
}

#[test]
fn an_encrypted_film_stays_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    program::segment(&fixtures::path("edge/cenc.mp4"), &out, &[]).done();
    for rendition in ["v1", "a1"] {
        let init = fs::read(out.join(rendition).join("init.mp4")).unwrap();
        let has = |kind: &[u8]| init.windows(4).any(|window| window == kind);
        assert!(has(b"encv") || has(b"enca"), "{rendition} is labelled as clear");
        assert!(has(b"tenc"), "{rendition} does not say how it is encrypted");
    }
}

#[test]
fn what_decryption_needs_is_found_wherever_the_source_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let segments = |name: &str| {
        let out = folder.path().join(name);
        program::segment(&fixtures::path(&format!("edge/{name}.mp4")), &out, &[]).done();
        ["v1", "a1"].map(|rendition| fs::read(out.join(rendition).join("1.m4s")).unwrap())
    };
    assert!(segments("cenc") == segments("cenc-chunks"), "in pieces it is another than in one");
}

#[test]
fn tx3g_subtitles_come_out_as_webvtt_with_their_words_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    program::segment(&fixtures::path("edge/tx3g.mp4"), &out, &[]).done();
    let master = fs::read_to_string(out.join("master.m3u8")).unwrap();
    assert!(master.contains("TYPE=SUBTITLES"), "{master}");
    let mut texts = String::new();
    for entry in fs::read_dir(out.join("t1")).expect("a text rendition is called t1") {
        texts.push_str(&String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()));
    }
    assert!(texts.contains("first") && texts.contains("second"), "{texts}");
}
