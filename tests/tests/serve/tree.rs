//! The tree of a film: byte for byte what `segue segment` writes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::faults;
use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, problem};
use crate::http::Reply;
use crate::packets::{self, Output, Source};
use crate::program::{eventually, segment};
use crate::versions;

/// Films whose tree is compared with the folder that `segue segment` writes.
const TREES: [(&str, &str); 3] = [
    ("films/Two languages.mp4", "Two languages"),
    ("edge/frag-hybrid.mp4", "frag-hybrid"),
    ("edge/edit-trim.mp4", "edit-trim"),
];

/// Compares what is served with what is written, for the files that belong.
fn same_as_written(belongs: impl Fn(&Path) -> bool) {
    for (name, title) in TREES {
        let gateway = Gateway::over(&[name]);
        let film = gateway.film(title);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let out = folder.path().join("out");
        segment(&fixture(name), &out, &[]).done();
        for (path, bytes) in faults::files(&out).iter().filter(|(path, _)| belongs(path)) {
            let reply = gateway.get(&format!("{film}/{}", path.display())).with(200);
            assert!(&plain(&reply) == bytes, "{name}: {} differs from the file\n{reply}", path.display());
        }
    }
}

/// What was served, without the version that only URLs over HTTP carry.
fn plain(reply: &Reply) -> Vec<u8> {
    match versions::of(reply) {
        Some(version) => reply.text().replace(&format!("?v={version}"), "").into_bytes(),
        None => reply.body.clone(),
    }
}

/// What says how a film is to be played as a whole.
fn is_manifest(path: &Path) -> bool {
    path.parent() == Some(Path::new(""))
}

#[test]
fn segments_and_their_playlists_are_byte_for_byte_what_segue_segment_writes() {
    same_as_written(|path| !is_manifest(path));
}

#[test]
fn hls_and_dash_manifests_are_byte_for_byte_what_segue_segment_writes() {
    same_as_written(|path| is_manifest(path) && path != Path::new("manifest.json"));
}

#[test]
fn the_players_manifest_tells_what_the_one_on_disk_does() {
    for (name, title) in TREES {
        let gateway = Gateway::over(&[name]);
        let served = gateway.get(&format!("{}/manifest.json", gateway.film(title))).with(200);
        let served: Value = serde_json::from_slice(&plain(&served)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        segment(&fixture(name), &folder.path().join("out"), &[]).done();
        let written: Value =
            serde_json::from_slice(&fs::read(folder.path().join("out/manifest.json")).unwrap()).unwrap();
        for key in ["version", "title", "duration", "renditions"] {
            assert_eq!(served[key], written[key], "{name}: {key}");
        }
    }
}

#[test]
fn what_does_not_stay_in_memory_is_answered_just_as_what_does() {
    let gateway = Gateway::over(&["films/Two languages.mp4"]);
    let film = gateway.film("Two languages");
    let asked: [&[(&str, &str)]; 5] = [
        &[],
        &[("range", "bytes=100-9999")],
        &[("range", "bytes=0-9,50-99,-5")],
        &[("range", "bytes=99999999-")],
        &[("if-match", "\"other\"")],
    ];
    let answers = |gateway: &Gateway| {
        let paths = ["v1/1.m4s", "v1/8.m4s", "a1/2.m4s", "t1/1.m4s", "v1/init.mp4"];
        let every = paths.iter().flat_map(|path| asked.iter().map(move |headers| (path, headers)));
        let answer = every.flat_map(|(path, headers)| ["GET", "HEAD"].map(|method| (path, headers, method)));
        let answer = answer.map(|(path, headers, method)| {
            let reply = gateway.client.send(method, &format!("{film}/{path}"), headers);
            let told = ["etag", "content-length", "content-type", "content-range", "cache-control"];
            let told = told.map(|name| reply.header(name).map(str::to_owned));
            (path.to_string(), reply.status, told, reply.body)
        });
        answer.collect::<Vec<_>>()
    };
    let kept = answers(&gateway);
    let hot = gateway.get(&format!("{film}/v1/1.m4s")).with(200);
    assert!(hot.must("server-timing").starts_with("hot;dur="));
    let gateway = gateway.restarted_with("[cache]\nhot = \"0B\"\n");
    eventually("the film is listed", || gateway.items().pop());
    assert!(answers(&gateway) == kept);
    let passing = gateway.get(&format!("{film}/v1/2.m4s")).with(200);
    assert!(passing.must("server-timing").starts_with("passing;dur="));
}

#[test]
fn original_is_the_file_itself() {
    let (gateway, film) = Gateway::with_a_film();
    let bytes = fs::read(fixture("edge/moov-last.mp4")).unwrap();
    let reply = gateway.get(&format!("{film}/original")).with(200);
    assert!(reply.body == bytes);
    assert_eq!(reply.must("accept-ranges"), "bytes");
    let part =
        gateway.client.send("GET", &format!("{film}/original"), &[("range", "bytes=1000-1999")]).with(206);
    assert!(part.body == bytes[1000..2000]);
    assert_eq!(part.must("content-range"), format!("bytes 1000-1999/{}", bytes.len()));
}

#[test]
fn ffmpeg_plays_every_packet_over_http() {
    for (name, title) in [("edge/moov-last.mp4", "moov-last"), ("edge/open-gop-hevc.mp4", "open-gop-hevc")] {
        let gateway = Gateway::over(&[name]);
        let address = format!("http://{}{}/master.m3u8", gateway.client.0, gateway.film(title));
        let folder = tempfile::tempdir().unwrap();
        segment(&fixture(name), &folder.path().join("out"), &[]).done();
        let played = Output::read(Path::new(&address), &folder.path().join("out")).unwrap();
        packets::compare(&Source::read(&fixture(name)).unwrap(), &played)
            .unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn content_types_are_what_players_expect() {
    let (gateway, film) = Gateway::with_a_film();
    for (path, expected) in [
        ("manifest.json", "application/json"),
        ("master.m3u8", "application/vnd.apple.mpegurl"),
        ("v1/playlist.m3u8", "application/vnd.apple.mpegurl"),
        ("v1/iframes.m3u8", "application/vnd.apple.mpegurl"),
        ("manifest.mpd", "application/dash+xml"),
        ("v1/init.mp4", "video/mp4"),
        ("v1/1.m4s", "video/mp4"),
        ("a1/init.mp4", "audio/mp4"),
        ("a1/1.m4s", "audio/mp4"),
        ("original", "video/mp4"),
    ] {
        let reply = gateway.get(&format!("{film}/{path}")).with(200);
        let given = reply.must("content-type").split(';').next().unwrap();
        assert_eq!(given, expected, "{path}");
        assert_eq!(reply.must("content-length"), reply.body.len().to_string(), "{path}");
    }
}

#[test]
fn what_is_not_in_the_tree_is_a_404_with_a_code() {
    let (gateway, film) = Gateway::with_a_film();
    for path in [
        "v1/0.m4s",
        "v1/3.m4s",
        "v1/99999999999999999999.m4s",
        "v1/-1.m4s",
        "v1/01.m4s",
        "v1/x.m4s",
        "v1/",
        "v2/1.m4s",
        "a1/iframes.m3u8",
        "x/init.mp4",
        "nothing",
    ] {
        problem(&gateway.get(&format!("{film}/{path}")), 404);
    }
    for path in ["/v1/media/no-such-id", "/v1/media/no-such-id/master.m3u8", "/v1/nothing"] {
        problem(&gateway.get(path), 404);
    }
}

#[test]
fn a_method_that_is_not_for_the_tree_is_a_405_that_says_which_are() {
    let (gateway, film) = Gateway::with_a_film();
    for method in ["POST", "PUT", "PATCH"] {
        let reply = gateway.client.send(method, &format!("{film}/v1/1.m4s"), &[("content-length", "0")]);
        assert_eq!(reply.status, 405, "{method}: {reply}");
        assert!(reply.must("allow").contains("GET"), "{method}: {reply}");
    }
}
