//! The command line: what it accepts, refuses and says.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::faults;
use crate::fixtures::path as fixture;
use crate::program::{Run, Running, eventually, segment, segue, verify};

/// Every command of this version, with its flags.
const COMMANDS: [(&str, &[&str]); 4] = [
    ("segment", &["--out", "--target", "--single-file", "--jobs", "--force"]),
    ("probe", &["--json"]),
    ("verify", &["--against"]),
    ("serve", &["--listen", "--data", "--config"]),
];

/// A folder with one segmented film in `out`.
fn segmented(name: &str, more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let out = folder.path().join("out");
    segment(&fixture(name), &out, more).done();
    (folder, out)
}

fn probe(input: &Path, more: &[&str]) -> Run {
    let mut arguments = vec![OsStr::new("probe"), input.as_os_str()];
    arguments.extend(more.iter().map(OsStr::new));
    segue(&arguments)
}

// ---- help and wrong use

#[test]
fn help_of_every_command_is_on_stdout_and_tells_of_every_flag() {
    let all = segue(&["--help"]).done();
    for (command, flags) in COMMANDS {
        assert!(all.stdout.contains(command), "--help does not mention {command}");
        let help = segue(&[command, "--help"]).done();
        for flag in flags {
            assert!(help.stdout.contains(flag), "{command} --help does not mention {flag}");
        }
    }
}

#[test]
fn the_version_is_on_stdout() {
    assert!(segue(&["--version"]).done().stdout.starts_with("segue "));
}

#[test]
fn wrong_use_exits_with_2() {
    let film = fixture("edge/one-frame.mp4");
    let film = film.to_str().unwrap();
    for wrong in [
        &[][..],
        &["--no-such-flag"],
        &["no-such-command"],
        &["segment"],
        &["segment", film],
        &["segment", film, "--out"],
        &["segment", "--out", "x"],
        &["segment", film, "--out", "x", "--target", "soon"],
        &["segment", film, "--out", "x", "--jobs", "many"],
        &["segment", film, "--out", "x", "--jobs", "0"],
        &["probe"],
        &["probe", film, "--yaml"],
        &["verify"],
        &["verify", "x", "--against"],
        &["serve", "--listen", "nowhere"],
    ] {
        let run = segue(wrong);
        assert_eq!(run.code, Some(2), "segue {}: {}", wrong.join(" "), run.words());
        assert_eq!(run.stdout, "", "segue {}: a complaint is no data", wrong.join(" "));
        assert!(!run.stderr.is_empty(), "segue {}: said nothing", wrong.join(" "));
    }
    assert!(!Path::new("x").exists());
}

// ---- input that is no film

#[test]
fn what_is_no_film_is_refused_in_one_line_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name);
    fs::write(here("empty.mp4"), b"").unwrap();
    fs::write(here("text.mp4"), b"This is only a text, and a rather short one at that.\n").unwrap();
    fs::write(here("zeros.mp4"), vec![0; 100_000]).unwrap();
    fs::write(here("init.mp4"), b"\0\0\0\x10ftypisom\0\0\0\0").unwrap();
    fs::create_dir(here("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(here("pipe")).status().unwrap().success());
    let inputs =
        ["empty.mp4", "text.mp4", "zeros.mp4", "init.mp4", "folder", "pipe", "missing.mp4"].map(here);
    for input in inputs.iter().map(PathBuf::as_path).chain([Path::new("/dev/null"), Path::new("/dev/zero")]) {
        let out = here("out");
        for run in [segment(input, &out, &[]), probe(input, &[]), probe(input, &["--json"])] {
            assert_eq!(run.stdout, "", "{}", input.display());
            let complaint = run.stderr.clone();
            let run = run.not_a_clean_refusal();
            assert_eq!(run, None, "{}: {complaint}", input.display());
            let name = input.file_name().unwrap().to_str().unwrap();
            assert!(complaint.contains(name), "an error names the thing: {complaint}");
        }
        assert!(!out.join("manifest.json").exists());
        segment(&fixture("edge/one-frame.mp4"), &out, &[]).done();
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn a_folder_that_is_not_there_or_holds_no_output_does_not_verify() {
    let folder = tempfile::tempdir().unwrap();
    for folder in [folder.path().join("missing"), folder.path().to_owned()] {
        let run = verify(&folder, None).refused();
        assert!(run.stderr.contains("hint: `segue verify` takes a folder"), "{}", run.stderr);
    }
    fs::write(folder.path().join("manifest.json"), b"{").unwrap();
    verify(folder.path(), None).refused();
}

// ---- output

#[test]
fn a_folder_with_something_in_it_is_left_alone_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let film = fixture("edge/moov-last.mp4");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("precious.txt"), b"keep me").unwrap();
    let run = segment(&film, &out, &[]);
    assert!(run.stderr.contains("hint: ") && run.stderr.contains("--force"), "{}", run.stderr);
    run.refused();
    assert_eq!(faults::files(&out).len(), 1, "nothing was added");
    segment(&film, &out, &["--force"]).done();
    verify(&out, Some(&film)).done();
}

#[test]
fn output_that_is_made_again_by_force_has_nothing_of_the_old() {
    let (_folder, out) = segmented("edge/one-keyframe.mp4", &[]);
    segment(&fixture("edge/one-frame.mp4"), &out, &["--force"]).done();
    let (_other, fresh) = segmented("edge/one-frame.mp4", &[]);
    let names = |folder: &Path| faults::files(folder).into_keys().collect::<Vec<_>>();
    assert_eq!(names(&out), names(&fresh));
}

#[test]
fn the_tree_is_as_promised() {
    let (_folder, out) = segmented("edge/moov-last.mp4", &[]);
    for name in [
        "manifest.json",
        "master.m3u8",
        "manifest.mpd",
        "v1/playlist.m3u8",
        "v1/iframes.m3u8",
        "v1/init.mp4",
        "v1/1.m4s",
        "a1/playlist.m3u8",
        "a1/init.mp4",
        "a1/1.m4s",
    ] {
        assert!(out.join(name).is_file(), "no {name}");
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["title"], "moov-last");
    let kinds: Vec<_> =
        manifest["renditions"].as_array().unwrap().iter().map(|r| (&r["id"], &r["kind"])).collect();
    assert_eq!(kinds, [(&"v1".into(), &"video".into()), (&"a1".into(), &"audio".into())]);
}

#[test]
fn a_run_twice_gives_the_same_bytes() {
    let (_one, first) = segmented("edge/moov-middle.mp4", &[]);
    let (_two, second) = segmented("edge/moov-middle.mp4", &["--jobs", "1"]);
    assert_eq!(faults::files(&first), faults::files(&second));
}

#[test]
fn where_moov_and_media_lie_makes_no_difference_to_the_segments() {
    let (_folder, plain) = segmented("edge/moov-last.mp4", &[]);
    let segments = |folder: &Path| {
        let mut files = faults::files(folder);
        files.retain(|path, _| path.extension().is_some_and(|ending| ending == "m4s"));
        files
    };
    for name in [
        "moov-first",
        "moov-middle",
        "mdat-64",
        "mdat-to-end",
        "co64",
        "stz2-16",
        "tracks-apart",
        "uneven-chunks",
        "strange-boxes",
    ] {
        let (_other, out) = segmented(&format!("edge/{name}.mp4"), &[]);
        assert!(segments(&out) == segments(&plain), "{name} has other segments");
    }
}

#[test]
fn one_file_a_rendition_holds_the_same_media_as_its_segments() {
    let (_folder, many) = segmented("edge/moov-last.mp4", &[]);
    let (_other, one) = segmented("edge/moov-last.mp4", &["--single-file"]);
    for rendition in ["v1", "a1"] {
        let segments =
            (1..).map(|n| many.join(rendition).join(format!("{n}.m4s"))).take_while(|path| path.exists());
        let joined: Vec<u8> = segments.flat_map(|path| faults::media(&fs::read(path).unwrap())).collect();
        let single = faults::media(&fs::read(one.join(format!("{rendition}.mp4"))).unwrap());
        assert!(!joined.is_empty() && joined == single, "{rendition} differs");
    }
    verify(&one, Some(&fixture("edge/moov-last.mp4"))).done();
}

#[test]
fn a_shorter_target_gives_more_segments() {
    let count = |target: &str| {
        let (_folder, out) = segmented("edge/moov-last.mp4", &["--target", target]);
        fs::read_dir(out.join("v1"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension() == Some(OsStr::new("m4s")))
            .count()
    };
    assert_eq!((count("1s"), count("2s"), count("3000ms")), (6, 3, 2));
}

#[test]
fn several_films_at_once_come_out_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let names = ["edge/moov-last.mp4", "edge/all-intra.mp4", "edge/stz2-4.m4a"];
    let inputs = names.map(fixture);
    let mut arguments = vec![OsStr::new("segment")];
    arguments.extend(inputs.iter().map(|input| input.as_os_str()));
    arguments.extend([OsStr::new("--out"), out.as_os_str(), OsStr::new("--jobs"), OsStr::new("2")]);
    segue(&arguments).done();
    let manifests: Vec<_> =
        faults::files(&out).into_keys().filter(|path| path.ends_with("manifest.json")).collect();
    assert_eq!(manifests.len(), inputs.len(), "{manifests:?}");
    for input in &inputs {
        let stem = input.file_stem().unwrap().to_str().unwrap();
        let manifest = manifests
            .iter()
            .find(|path| path.to_str().unwrap().contains(stem))
            .expect("a folder is named after its film");
        verify(out.join(manifest).parent().unwrap(), Some(input)).done();
    }
}

#[test]
fn one_bad_film_among_several_fails_the_run_and_spares_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (good, bad) = (fixture("edge/moov-last.mp4"), fixture("edge/broken-no-stsd.mp4"));
    let arguments =
        [OsStr::new("segment"), bad.as_os_str(), good.as_os_str(), OsStr::new("--out"), out.as_os_str()];
    let run = segue(&arguments);
    assert_eq!(run.code, Some(1), "{}", run.words());
    assert!(run.stderr.contains("error: ") && run.stderr.contains("broken-no-stsd"), "{}", run.stderr);
    let manifests = faults::files(&out).into_keys().filter(|path| path.ends_with("manifest.json")).count();
    assert_eq!(manifests, 1);
}

#[test]
fn a_run_that_is_killed_leaves_no_manifest_and_the_next_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-stream_loop", "300", "-i"])
        .arg(fixture("edge/moov-last.mp4"))
        .args(["-c", "copy"])
        .arg(&long)
        .status()
        .unwrap();
    assert!(made.success());
    let out = folder.path().join("out");
    let arguments = [
        OsStr::new("segment"),
        long.as_os_str(),
        OsStr::new("--out"),
        out.as_os_str(),
        OsStr::new("--target"),
        OsStr::new("1s"),
    ];
    let (mut run, _stdout) = Running::start(&arguments);
    let begun = || out.exists() && faults_begun(&out);
    while !begun() {
        assert!(run.runs(), "it ended before any output was seen");
        std::thread::yield_now();
    }
    run.kill();
    assert!(!out.join("manifest.json").exists(), "what was cut off looks whole");
    segment(&long, &out, &["--target", "1s"]).done();
    verify(&out, Some(&long)).done();
    let litter: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().starts_with('.'))
        .collect();
    assert!(litter.is_empty(), "{litter:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something lies beside the output");
}

/// Whether a segment is being written under this folder.
fn faults_begun(out: &Path) -> bool {
    let mut folders = vec![out.to_owned()];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.extension() == Some(OsStr::new("m4s")) {
                return true;
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    false
}

// ---- probe

#[test]
fn probe_tells_of_tracks_codecs_and_where_moov_lies() {
    let words = probe(&fixture("edge/moov-last.mp4"), &[]).done().stdout;
    for word in ["avc1.", "mp4a.40.2", "320x180", "48000", "moov"] {
        assert!(words.contains(word), "no {word} in:\n{words}");
    }
}

#[test]
fn probe_as_json_is_one_document_with_every_track() {
    for name in [
        "edge/moov-last.mp4",
        "edge/three-audio.mp4",
        "edge/frag-default-base.mp4",
        "edge/cenc.mp4",
        "films/Two languages.mp4",
    ] {
        let run = probe(&fixture(name), &["--json"]).done();
        let value: serde_json::Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{name}: {error}"));
        let tracks = value["tracks"].as_array().unwrap_or_else(|| panic!("{name}: no tracks in {value}"));
        let expected = match name {
            "films/Two languages.mp4" => 5,
            "edge/three-audio.mp4" => 4,
            _ => 2,
        };
        assert_eq!(tracks.len(), expected, "{name}: {value}");
    }
}

// ---- verify

#[test]
fn sound_output_verifies_alone_and_against_its_source() {
    let (_folder, out) = segmented("edge/moov-last.mp4", &[]);
    verify(&out, None).done();
    verify(&out, Some(&fixture("edge/moov-last.mp4"))).done();
}

#[test]
fn output_of_another_film_does_not_verify() {
    let (_folder, out) = segmented("edge/moov-last.mp4", &[]);
    assert_eq!(verify(&out, Some(&fixture("edge/all-intra.mp4"))).code, Some(1));
}

/// Spoils sound output, and expects a verification with one complaint or more that names the file.
#[track_caller]
fn found(against: bool, file: &str, spoil: impl FnOnce(&Path)) {
    let film = fixture("edge/moov-last.mp4");
    let (_folder, out) = segmented("edge/moov-last.mp4", &[]);
    spoil(&out.join(file));
    let run = verify(&out, against.then_some(film.as_path()));
    assert_eq!(run.code, Some(1), "not found: {}", run.words());
    // Against its source a rendition is compared as a whole, wherever its samples lie.
    let place = if against { &file[..2] } else { file };
    assert!(run.words().contains(place), "no line names {place}: {}", run.words());
}

#[test]
fn a_flipped_byte_of_media_is_found_against_the_source() {
    found(true, "v1/2.m4s", |path| faults::change(path, |bytes| *bytes.last_mut().unwrap() ^= 1));
}

#[test]
fn a_changed_decode_time_is_found() {
    found(true, "v1/2.m4s", |path| {
        faults::change(path, |bytes| {
            let tfdt = faults::find(bytes, b"tfdt");
            bytes[tfdt + 15] ^= 1;
        });
    });
}

#[test]
fn a_truncated_segment_is_found() {
    found(false, "a1/1.m4s", |path| faults::change(path, |bytes| bytes.truncate(bytes.len() / 2)));
}

#[test]
fn a_missing_segment_is_found() {
    found(false, "v1/1.m4s", |path| fs::remove_file(path).unwrap());
}

#[test]
fn a_missing_init_is_found() {
    found(false, "a1/init.mp4", |path| fs::remove_file(path).unwrap());
}

#[test]
fn a_playlist_with_a_wrong_duration_is_found() {
    found(false, "v1/playlist.m3u8", |path| {
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find(|line| line.starts_with("#EXTINF:")).unwrap().to_owned();
        fs::write(path, text.replacen(&line, "#EXTINF:3.5,", 1)).unwrap();
    });
}

#[test]
fn a_playlist_that_leaves_a_segment_out_is_found() {
    found(false, "a1/playlist.m3u8", |path| {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.iter().rposition(|line| line.starts_with("#EXTINF:")).unwrap();
        let kept = lines
            .iter()
            .enumerate()
            .filter(|(at, _)| !(last..last + 2).contains(at))
            .map(|(_, line)| format!("{line}\n"));
        fs::write(path, kept.collect::<String>()).unwrap();
    });
}

#[test]
fn a_playlist_that_names_another_init_is_found() {
    found(false, "v1/playlist.m3u8", |path| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, text.replace("init.mp4", "header.mp4")).unwrap();
    });
}

#[test]
fn two_runs_into_one_folder_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let film = fixture("films/Colours in time.mp4");
    let arguments = [
        OsStr::new("segment"),
        film.as_os_str(),
        OsStr::new("--out"),
        out.as_os_str(),
        OsStr::new("--target"),
        OsStr::new("1s"),
    ];
    let (mut first, _stdout) = Running::start(&arguments);
    let second = segment(&film, &out, &["--target", "1s"]);
    eventually("the first run ends", || (!first.runs()).then_some(()));
    if second.code != Some(0) {
        second.refused();
    }
    verify(&out, Some(&film)).done();
}
