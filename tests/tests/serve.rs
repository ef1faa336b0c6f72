//! `segue serve FOLDER` over HTTP, as a player, a proxy and a curious stranger meet it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::faults;
use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, add, problem};
use crate::http::Reply;
use crate::packets::{self, Output, Source};
use crate::program::{eventually, segment, segue, serve_arguments};
use crate::versions;

// ---- list

#[test]
fn films_of_the_folder_are_listed_with_what_a_page_needs() {
    let gateway = Gateway::over(&["edge/moov-last.mp4", "edge/stz2-4.m4a", "films/Two languages.mp4"]);
    let list = gateway.get("/v1/media").with(200).json();
    assert_eq!(list["next"], Value::Null);
    for item in list["items"].as_array().unwrap() {
        for key in [
            "id",
            "title",
            "type",
            "tmdb",
            "season",
            "episode",
            "state",
            "duration",
            "renditions",
            "bytes",
            "expires",
        ] {
            assert!(item.get(key).is_some(), "no {key} in {item}");
        }
        assert_eq!(item["state"], "ready", "{item}");
    }
    let film = gateway.get(&gateway.film("moov-last")).with(200).json();
    assert!((film["duration"].as_f64().unwrap() - 6.0).abs() < 0.1, "{film}");
    assert_eq!(film["bytes"], fs::metadata(fixture("edge/moov-last.mp4")).unwrap().len());
}

#[test]
fn the_list_comes_in_pages_that_follow_each_other() {
    let names =
        ["edge/moov-last.mp4", "edge/moov-first.mp4", "edge/co64.mp4", "edge/mdat-64.mp4", "edge/stz2-4.m4a"];
    let gateway = Gateway::over(&names);
    let mut titles = Vec::new();
    let mut next = "/v1/media?limit=2".to_owned();
    loop {
        let page = gateway.get(&next).with(200).json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        titles.extend(items.iter().map(|item| item["title"].as_str().unwrap().to_owned()));
        assert!(titles.len() <= names.len(), "a page comes twice: {titles:?}");
        match page["next"].as_str() {
            Some(address) if address.starts_with('/') => next = address.to_owned(),
            Some(cursor) => next = format!("/v1/media?limit=2&after={cursor}"),
            None => break,
        }
    }
    titles.sort();
    assert_eq!(titles, ["co64", "mdat-64", "moov-first", "moov-last", "stz2-4"]);
    problem(&gateway.get("/v1/media?limit=lots"), 400);
}

#[test]
fn a_film_that_cant_be_read_spares_the_others() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("films")).unwrap();
    add(place.path(), "edge/moov-last.mp4");
    add(place.path(), "edge/broken-no-stsd.mp4");
    fs::write(place.path().join("films/notes.txt"), b"no film").unwrap();
    fs::write(place.path().join("films/empty.mp4"), b"").unwrap();
    let gateway = Gateway::start(place);
    let film = eventually("the good film is ready", || {
        gateway.items().into_iter().find(|item| item["title"] == "moov-last" && item["state"] == "ready")
    });
    gateway.get(&format!("/v1/media/{}/v1/1.m4s", film["id"].as_str().unwrap())).with(200);
    for item in gateway.items() {
        assert!(item["title"] == "moov-last" || item["state"] == "failed", "{item}");
    }
}

// ---- the tree

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
    let gateway = gateway.restarted_with("[cache]\nhot = \"0B\"\n");
    eventually("the film is listed", || gateway.items().pop());
    assert!(answers(&gateway) == kept);
    let passing = gateway.get(&format!("{film}/v1/2.m4s")).with(200);
    assert_eq!(passing.must("server-timing"), "passing");
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

// ---- ranges and validators

#[test]
fn one_range_is_given_as_asked() {
    let (gateway, film) = Gateway::with_a_film();
    let address = format!("{film}/v1/1.m4s");
    let whole = gateway.get(&address).with(200);
    let length = whole.body.len();
    assert_eq!(whole.must("accept-ranges"), "bytes");
    let last = length - 1;
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=10-99".to_owned(), 10, 99),
        ("bytes=100-".to_owned(), 100, last),
        ("bytes=-100".to_owned(), length - 100, last),
        (format!("bytes=5-{}", length * 2), 5, last),
        (format!("bytes=-{}", length * 2), 0, last),
    ] {
        let part = gateway.client.send("GET", &address, &[("range", &range)]).with(206);
        assert_eq!(part.must("content-range"), format!("bytes {from}-{to}/{length}"), "{range}");
        assert!(part.body == whole.body[from..=to], "{range}");
        assert_eq!(part.must("etag"), whole.must("etag"), "{range}");
    }
}

#[test]
fn several_ranges_come_as_parts() {
    let (gateway, film) = Gateway::with_a_film();
    let address = format!("{film}/v1/1.m4s");
    let whole = gateway.get(&address).with(200).body;
    let reply = gateway.client.send("GET", &address, &[("range", "bytes=0-9,100-149,-5")]).with(206);
    let kind = reply.must("content-type");
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap_or_else(|| panic!("{kind}"))
        .trim_matches('"');
    assert_eq!(reply.must("content-length"), reply.body.len().to_string());
    let mut expected = BTreeMap::new();
    for (from, to) in [(0, 9), (100, 149), (whole.len() - 5, whole.len() - 1)] {
        expected.insert(format!("bytes {from}-{to}/{}", whole.len()), whole[from..=to].to_vec());
    }
    assert_eq!(parts(&reply.body, boundary), expected);
}

/// The parts of a multipart body, by their content-range.
fn parts(body: &[u8], boundary: &str) -> BTreeMap<String, Vec<u8>> {
    let mark = format!("--{boundary}");
    let starts: Vec<usize> = (0..body.len()).filter(|&at| body[at..].starts_with(mark.as_bytes())).collect();
    let part = |pair: &[usize]| {
        let part = &body[pair[0] + mark.len() + 2..pair[1] - 2];
        let head = faults::find(part, b"\r\n\r\n");
        let headers = String::from_utf8_lossy(&part[..head]).into_owned();
        let range = headers.lines().find_map(|line| {
            line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("content-range"))
        });
        (range.expect("a part has a content-range").1.to_owned(), part[head + 4..].to_vec())
    };
    assert!(
        body.ends_with(format!("{mark}--\r\n").as_bytes()) || body.ends_with(format!("{mark}--").as_bytes())
    );
    starts.windows(2).map(part).collect()
}

#[test]
fn a_range_past_the_end_is_a_416_with_the_length() {
    let (gateway, film) = Gateway::with_a_film();
    for path in ["v1/1.m4s", "original"] {
        let address = format!("{film}/{path}");
        let length = gateway.get(&address).body.len();
        let reply = gateway.client.send("GET", &address, &[("range", &format!("bytes={length}-"))]).with(416);
        assert_eq!(reply.must("content-range"), format!("bytes */{length}"));
        gateway.client.send("GET", &address, &[("range", "bytes=-0")]).with(416);
    }
}

#[test]
fn a_range_that_makes_no_sense_is_ignored() {
    let (gateway, film) = Gateway::with_a_film();
    let address = format!("{film}/v1/1.m4s");
    let whole = gateway.get(&address).body;
    for range in ["bytes=9-1", "bytes=a-b", "lines=1-2", "bytes", "bytes=", "bytes=1-2-3"] {
        let reply = gateway.client.send("GET", &address, &[("range", range)]).with(200);
        assert!(reply.body == whole, "{range}");
    }
}

#[test]
fn a_flood_of_ranges_is_not_multiplied() {
    let (gateway, film) = Gateway::with_a_film();
    let address = format!("{film}/original");
    let length = gateway.get(&address).body.len();
    let ranges: Vec<&str> = std::iter::repeat_n("0-", 1000).collect();
    let reply = gateway.client.send("GET", &address, &[("range", &format!("bytes={}", ranges.join(",")))]);
    assert!(matches!(reply.status, 200 | 206 | 400 | 416), "{}", reply.status);
    assert!(reply.body.len() < 4 * length, "{} bytes of a file of {length}", reply.body.len());
}

#[test]
fn head_says_what_get_would_and_sends_nothing() {
    let (gateway, film) = Gateway::with_a_film();
    for path in ["manifest.json", "master.m3u8", "v1/init.mp4", "v1/1.m4s", "original"] {
        let address = format!("{film}/{path}");
        let (get, head) =
            (gateway.get(&address).with(200), gateway.client.send("HEAD", &address, &[]).with(200));
        assert!(head.body.is_empty());
        for name in ["content-length", "content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
    let part = gateway.client.send("HEAD", &format!("{film}/v1/1.m4s"), &[("range", "bytes=0-9")]);
    assert!(matches!(part.status, 200 | 206), "{part}");
}

#[test]
fn segments_are_immutable_and_have_a_strong_etag() {
    let (gateway, film) = Gateway::with_a_film();
    let mut tags = Vec::new();
    for path in ["v1/init.mp4", "v1/1.m4s", "v1/2.m4s", "a1/1.m4s"] {
        let reply = gateway.get(&format!("{film}/{path}")).with(200);
        let tag = reply.must("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{path}: {tag}");
        let cache = reply.must("cache-control");
        assert!(
            cache.contains("immutable") && cache.contains("public") && cache.contains("max-age="),
            "{path}: {cache}"
        );
        tags.push(tag);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "every representation has its own");
}

#[test]
fn what_is_known_already_is_a_304() {
    let (gateway, film) = Gateway::with_a_film();
    for path in ["v1/1.m4s", "v1/init.mp4", "master.m3u8", "manifest.json", "original"] {
        let address = format!("{film}/{path}");
        let tag = gateway.get(&address).with(200).must("etag").to_owned();
        for value in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            let reply = gateway.client.send("GET", &address, &[("if-none-match", &value)]);
            assert_eq!(reply.status, 304, "{path}, if-none-match: {value}");
            assert!(reply.body.is_empty());
            assert_eq!(reply.must("etag"), tag);
        }
        gateway.client.send("GET", &address, &[("if-none-match", "\"other\"")]).with(200);
        gateway.client.send("HEAD", &address, &[("if-none-match", &tag)]).with(304);
    }
}

/// Addresses of everything that has an ETag.
fn tagged(film: &str) -> Vec<String> {
    let tree = [
        "v1/1.m4s",
        "v1/init.mp4",
        "v1/playlist.m3u8",
        "master.m3u8",
        "manifest.mpd",
        "manifest.json",
        "original",
    ];
    let others = ["/v1/media", film, "/openapi.json", "/", "/health/live"].map(str::to_owned);
    tree.iter().map(|path| format!("{film}/{path}")).chain(others).collect()
}

#[test]
fn a_range_holds_only_for_the_bytes_it_was_asked_of() {
    let (gateway, film) = Gateway::with_a_film();
    for address in tagged(&film) {
        let tag = gateway.get(&address).with(200).must("etag").to_owned();
        let ask = |value: &str| {
            gateway.client.send("GET", &address, &[("range", "bytes=0-9"), ("if-range", value)]).status
        };
        assert_eq!(ask(&tag), 206, "{address}");
        assert_eq!(ask("\"other\""), 200, "{address}");
        assert_eq!(ask(&format!("W/{tag}")), 200, "{address}: a weak validator can't vouch for bytes");
    }
}

#[test]
fn other_bytes_than_those_meant_are_a_412() {
    let (gateway, film) = Gateway::with_a_film();
    for address in tagged(&film) {
        let tag = gateway.get(&address).with(200).must("etag").to_owned();
        let ask = |method, value: &str| gateway.client.send(method, &address, &[("if-match", value)]);
        for value in [tag.clone(), format!("\"other\", {tag}"), "*".to_owned()] {
            assert_eq!(ask("GET", &value).status, 200, "{address}, if-match: {value}");
        }
        for value in ["\"other\"".to_owned(), format!("W/{tag}")] {
            problem(&ask("GET", &value), 412);
            assert_eq!(ask("HEAD", &value).status, 412, "{address}, if-match: {value}");
        }
        let both = [("if-match", "\"other\""), ("if-none-match", tag.as_str()), ("range", "bytes=0-9")];
        problem(&gateway.client.send("GET", &address, &both), 412);
    }
}

// ---- browsers

#[test]
fn other_origins_may_read() {
    let (gateway, film) = Gateway::with_a_film();
    for path in [
        "/v1/media".to_owned(),
        format!("{film}/master.m3u8"),
        format!("{film}/v1/1.m4s"),
        format!("{film}/nothing"),
    ] {
        let reply = gateway.client.send("GET", &path, &[("origin", "https://example.org")]);
        assert_eq!(reply.must("access-control-allow-origin"), "*", "{path}");
    }
    let reply = gateway.client.send(
        "GET",
        &format!("{film}/v1/1.m4s"),
        &[("origin", "https://example.org"), ("range", "bytes=0-9")],
    );
    let exposed = reply.must("access-control-expose-headers").to_ascii_lowercase();
    assert!(exposed == "*" || (exposed.contains("content-range") && exposed.contains("etag")), "{exposed}");
    let asked = [
        ("origin", "https://example.org"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let preflight = gateway.client.send("OPTIONS", &format!("{film}/v1/1.m4s"), &asked);
    assert!(matches!(preflight.status, 200 | 204), "{preflight}");
    assert!(preflight.must("access-control-allow-methods").contains("GET"));
    let allowed = preflight.must("access-control-allow-headers").to_ascii_lowercase();
    assert!(allowed == "*" || allowed.contains("range"), "{allowed}");
}

#[test]
fn text_is_compressed_when_asked_and_media_never() {
    let gateway = Gateway::over(&["films/Colours in time.mp4"]);
    let film = gateway.film("Colours in time");
    for path in ["manifest.json", "master.m3u8", "v1/playlist.m3u8", "manifest.mpd"] {
        let address = format!("{film}/{path}");
        let plain = gateway.get(&address).with(200);
        assert_eq!(plain.header("content-encoding"), None, "{path}: not asked for");
        let packed = gateway.client.send("GET", &address, &[("accept-encoding", "gzip")]).with(200);
        if plain.body.len() > 2000 {
            assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}, {} bytes", plain.body.len());
        }
        let mut unpacked = packed.body.clone();
        if packed.header("content-encoding") == Some("gzip") {
            assert!(packed.must("vary").to_ascii_lowercase().contains("accept-encoding"), "{path}");
            assert!(
                packed.header("etag") != plain.header("etag") || packed.must("etag").starts_with("W/"),
                "{path}: other bytes, same strong tag"
            );
            unpacked.clear();
            flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
        }
        assert!(unpacked == plain.body, "{path}");
        let refused =
            gateway.client.send("GET", &address, &[("accept-encoding", "gzip;q=0, identity")]).with(200);
        assert_eq!(refused.header("content-encoding"), None, "{path}: refused");
    }
    let segment =
        gateway.client.send("GET", &format!("{film}/v1/1.m4s"), &[("accept-encoding", "gzip, br")]).with(200);
    assert_eq!(segment.header("content-encoding"), None);
}

#[test]
fn the_page_lists_the_films_and_each_has_one_to_watch_it() {
    let (gateway, film) = Gateway::with_a_film();
    let page = gateway.get("/").with(200);
    assert!(page.must("content-type").starts_with("text/html"), "{page}");
    let id = film.rsplit('/').next().unwrap();
    let watch = gateway.get(&format!("/watch/{id}")).with(200);
    assert!(watch.must("content-type").starts_with("text/html"), "{watch}");
    assert_eq!(gateway.get("/watch/no-such-id").status, 404);
}

#[test]
fn a_page_that_plays_comes_with_its_manifest_and_waits_for_nothing_else() {
    let (gateway, film) = Gateway::with_a_film();
    let page = gateway.get(&film.replace("/v1/media", "/watch")).with(200);
    let policy = page.must("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe-eval"), "{policy}");
    let text = page.text();
    let (_, data) = text.split_once("id=\"manifest\">").expect("the manifest stands in the page");
    let (data, _) = data.split_once("</script>").expect("the data end");
    let manifest: Value = serde_json::from_str(data).expect("the data are JSON");
    assert_eq!(manifest, gateway.get(&format!("{film}/manifest.json")).with(200).json());
    let modules: Vec<_> = text.split(['"', '\'']).filter(|name| name.ends_with(".js")).collect();
    assert!(!modules.is_empty(), "{text}");
    for module in modules {
        let module = gateway.get(&format!("/player/pages/{}", module.trim_start_matches("./"))).with(200);
        assert!(module.must("cache-control").contains("immutable"), "{module}");
    }
}

#[test]
fn the_player_is_served_to_pages_of_others() {
    let (gateway, _) = Gateway::with_a_film();
    for name in ["player.js", "element.js", "worker.js", "thumbnails.js"] {
        let path = format!("/player/{name}");
        let plain = gateway.get(&path).with(200);
        assert_eq!(plain.must("content-type"), "text/javascript", "{plain}");
        assert_eq!(plain.must("access-control-allow-origin"), "*", "{plain}");
        let tag = plain.must("etag").to_owned();
        assert_eq!(gateway.client.send("GET", &path, &[("if-none-match", &tag)]).status, 304);
        let small = gateway.client.send("GET", &path, &[("accept-encoding", "br")]);
        assert_eq!(small.must("content-encoding"), "br", "{small}");
        assert!(
            small.body.len() * 2 < plain.body.len(),
            "{name}: {} of {}",
            small.body.len(),
            plain.body.len()
        );
    }
    assert_eq!(gateway.get("/player/nothing.js").status, 404);
    assert_eq!(gateway.get("/player/types/index.d.ts").status, 404);
}

#[test]
fn a_title_can_bring_no_markup_into_a_page() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("films")).unwrap();
    let title = "<img src=x onerror=alert(1)> & \"co\"";
    fs::copy(fixture("edge/one-frame.mp4"), place.path().join("films").join(format!("{title}.mp4"))).unwrap();
    let gateway = Gateway::start(place);
    let item = eventually("the film is listed", || gateway.items().into_iter().next());
    assert_eq!(item["title"], title);
    for page in ["/".to_owned(), format!("/watch/{}", item["id"].as_str().unwrap())] {
        assert!(!gateway.get(&page).with(200).text().contains("<img src=x"), "{page}");
    }
}

// ---- the service itself

#[test]
fn it_says_that_it_lives_is_ready_and_what_it_offers() {
    let (gateway, _film) = Gateway::with_a_film();
    gateway.get("/health/live").with(200);
    gateway.get("/health/ready").with(200);
    let metrics = gateway.get("/metrics").with(200);
    assert!(metrics.text().lines().any(|line| line.starts_with("# TYPE ")), "{metrics}");
    let document = gateway.get("/openapi.json").with(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    for path in [
        "/v1/media",
        "/v1/media/{id}",
        "/v1/media/{id}/manifest.json",
        "/v1/media/{id}/original",
        "/health/live",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path} is not described");
    }
    assert!(gateway.get("/docs").with(200).must("content-type").starts_with("text/html"));
}

#[test]
fn every_response_has_a_request_id() {
    let (gateway, film) = Gateway::with_a_film();
    let id = |path: &str| gateway.get(path).must("x-request-id").to_owned();
    let ids = [id("/v1/media"), id(&format!("{film}/v1/1.m4s")), id("/v1/nothing"), id("/")];
    assert!(ids.iter().all(|id| !id.is_empty()));
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn nothing_a_client_sends_reaches_a_path() {
    let (gateway, film) = Gateway::with_a_film();
    let up = "../../../../../../../../../../etc/passwd";
    let dots = up.replace("../", "%2e%2e%2f");
    let twice = up.replace("../", "%252e%252e%252f");
    let back = up.replace("../", "..%5c");
    for path in [
        format!("/{up}"),
        format!("/{dots}"),
        format!("/v1/media/{up}"),
        format!("/v1/media/{dots}"),
        format!("/v1/media/{dots}/original"),
        format!("{film}/{up}"),
        format!("{film}/{dots}"),
        format!("{film}/{twice}"),
        format!("{film}/v1/{dots}"),
        format!("{film}/{back}"),
        format!("{film}/original/../original"),
        format!("{film}//etc/passwd"),
        format!("{film}/v1/1.m4s%00.txt"),
        format!("/player/{up}"),
        format!("/player/{dots}"),
        format!("/watch/{dots}"),
        "/v1/media/%ff%fe".to_owned(),
        format!("/v1/media/{}", "a".repeat(5000)),
    ] {
        let reply = gateway.get(&path);
        assert!(matches!(reply.status, 400 | 404 | 414 | 431), "{path}: {reply}");
        assert!(!reply.text().contains("root:"), "{path}");
    }
    gateway.get("/health/live").with(200);
}

#[test]
fn the_served_folder_is_never_changed() {
    let (gateway, film) = Gateway::with_a_film();
    let films = gateway.place.path().join("films");
    let before = faults::files(&films);
    for path in ["manifest.json", "master.m3u8", "v1/1.m4s", "a1/1.m4s", "original"] {
        gateway.get(&format!("{film}/{path}")).with(200);
    }
    assert!(faults::files(&films) == before);
}

#[test]
fn many_at_once_get_the_same_bytes() {
    let (gateway, film) = Gateway::with_a_film();
    let address = format!("{film}/v1/2.m4s");
    let client = &gateway.client;
    let bodies: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| client.get(&address).with(200).body)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[test]
fn addresses_and_etags_are_the_same_after_a_restart() {
    let gateway = Gateway::over(&["edge/moov-last.mp4", "edge/frag-hybrid.mp4"]);
    let seen = |gateway: &Gateway| {
        let film = gateway.film("moov-last");
        let tags = ["v1/init.mp4", "v1/1.m4s", "a1/2.m4s", "master.m3u8", "original"].map(|path| {
            let reply = gateway.get(&format!("{film}/{path}")).with(200);
            (reply.must("etag").to_owned(), reply.body)
        });
        (film, tags)
    };
    let before = seen(&gateway);
    let gateway = gateway.restarted();
    assert_eq!(gateway.items().len(), 2, "what it knew it knows at once");
    assert!(seen(&gateway) == before);
}

#[test]
fn it_ends_cleanly_when_asked_to() {
    let (gateway, _film) = Gateway::with_a_film();
    let Gateway { running, client, place: _place } = gateway;
    assert_eq!(running.stop(), Some(0));
    assert!(client.try_send("GET", "/health/live", &[]).is_err(), "somebody still answers");
}

// ---- a folder that changes

#[test]
fn a_new_file_appears_and_a_deleted_one_disappears() {
    let (gateway, film) = Gateway::with_a_film();
    add(gateway.place.path(), "edge/co64.mp4");
    eventually("the new film is listed", || {
        gateway.items().iter().any(|item| item["title"] == "co64" && item["state"] == "ready").then_some(())
    });
    gateway.get(&format!("{}/v1/1.m4s", gateway.film("co64"))).with(200);
    fs::remove_file(gateway.place.path().join("films/moov-last.mp4")).unwrap();
    eventually("the deleted film is gone", || (gateway.get(&film).status == 404).then_some(()));
    problem(&gateway.get(&format!("{film}/v1/1.m4s")), 404);
    assert_eq!(gateway.items().len(), 1);
}

#[test]
fn a_file_that_was_deleted_while_it_was_down_is_gone_and_a_new_one_is_there() {
    let (gateway, film) = Gateway::with_a_film();
    let Gateway { running, place, .. } = gateway;
    assert_eq!(running.stop(), Some(0));
    fs::remove_file(place.path().join("films/moov-last.mp4")).unwrap();
    add(place.path(), "edge/co64.mp4");
    let gateway = Gateway::start(place);
    eventually("the folder was looked through", || {
        let titles: Vec<Value> = gateway.items().into_iter().map(|item| item["title"].clone()).collect();
        (titles == ["co64"]).then_some(())
    });
    assert_eq!(gateway.get(&film).status, 404);
}

#[test]
fn a_file_that_is_replaced_is_served_anew_and_never_mixed() {
    let (gateway, film) = Gateway::with_a_film();
    let old = gateway.get(&format!("{film}/v1/1.m4s")).with(200);
    let target = gateway.place.path().join("films/moov-last.mp4");
    let staged = gateway.place.path().join("next.mp4");
    fs::copy(fixture("edge/all-intra.mp4"), &staged).unwrap();
    fs::rename(staged, target).unwrap();
    let new = eventually("the new bytes are served", || {
        let item = gateway.items().into_iter().find(|item| item["title"] == "moov-last")?;
        let reply = gateway.get(&format!("/v1/media/{}/v1/1.m4s", item["id"].as_str()?));
        (reply.status == 200 && reply.body != old.body).then_some(reply)
    });
    assert_ne!(new.must("etag"), old.must("etag"));
    let folder = tempfile::tempdir().unwrap();
    segment(&fixture("edge/all-intra.mp4"), &folder.path().join("out"), &[]).done();
    assert!(new.body == fs::read(folder.path().join("out/v1/1.m4s")).unwrap());
}

#[test]
fn a_file_that_is_still_being_copied_is_served_once_it_is_whole() {
    let (gateway, _film) = Gateway::with_a_film();
    let bytes = fs::read(fixture("edge/one-keyframe.mp4")).unwrap();
    let target = gateway.place.path().join("films/slow.mp4");
    fs::write(&target, &bytes[..bytes.len() / 2]).unwrap();
    gateway.items();
    fs::write(&target, &bytes).unwrap();
    eventually("the film is ready", || {
        gateway.items().iter().any(|item| item["title"] == "slow" && item["state"] == "ready").then_some(())
    });
    let reply = gateway.get(&format!("{}/original", gateway.film("slow"))).with(200);
    assert!(reply.body == bytes);
}

// ---- wrong use

#[test]
fn a_folder_that_is_not_there_a_port_that_is_taken_and_a_wrong_config_are_told_in_one_line() {
    let (gateway, _film) = Gateway::with_a_film();
    let place = gateway.place.path();
    let data = place.join("other-data");
    let serve = |folder: &Path, more: &[&OsStr]| {
        let mut arguments =
            vec![OsStr::new("serve"), folder.as_os_str(), OsStr::new("--data"), data.as_os_str()];
        arguments.extend(more);
        segue(&arguments)
    };
    let free = [OsStr::new("--listen"), OsStr::new("127.0.0.1:0")];
    let run = serve(&place.join("missing"), &free);
    assert!(run.stderr.contains("missing"), "{}", run.stderr);
    run.refused();
    serve(&place.join("films"), &[OsStr::new("--listen"), OsStr::new(&gateway.client.0)]).refused();
    let config = place.join("segue.toml");
    fs::write(&config, "no_such_key = 1\n").unwrap();
    let run = serve(&place.join("films"), &[free[0], free[1], OsStr::new("--config"), config.as_os_str()]);
    assert!(run.stderr.contains("no_such_key"), "{}", run.stderr);
    run.refused();
}

#[test]
fn two_gateways_do_not_share_one_data_folder() {
    let (gateway, _film) = Gateway::with_a_film();
    let (films, data) = (gateway.place.path().join("films"), gateway.place.path().join("data"));
    segue(&serve_arguments(&films, &data)).refused();
    gateway.get("/health/live").with(200);
}

#[test]
fn a_gateway_that_was_killed_starts_again_with_all_it_knew() {
    let (gateway, film) = Gateway::with_a_film();
    let before = gateway.get(&format!("{film}/v1/1.m4s")).with(200).body;
    let Gateway { running, place, .. } = gateway;
    running.kill();
    let gateway = Gateway::start(place);
    let reply = eventually("the film is there", || {
        Some(gateway.get(&format!("{film}/v1/1.m4s"))).filter(|reply| reply.status == 200)
    });
    assert!(reply.body == before);
}

#[test]
fn curl_resumes_a_download_of_the_original() {
    let (gateway, film) = Gateway::with_a_film();
    let whole = fs::read(fixture("edge/moov-last.mp4")).unwrap();
    let target = gateway.place.path().join("download.mp4");
    fs::write(&target, &whole[..50_000]).unwrap();
    let address = format!("http://{}{film}/original", gateway.client.0);
    let status = Command::new("curl")
        .args(["-sf", "-C", "-", "-o"])
        .arg(&target)
        .arg(&address)
        .status()
        .expect("curl starts");
    assert!(status.success());
    assert!(fs::read(&target).unwrap() == whole);
}
