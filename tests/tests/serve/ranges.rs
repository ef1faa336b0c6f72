//! Ranges, ETags and conditions, as players, proxies and caches use them.

use std::collections::BTreeMap;

use crate::faults;
use crate::gateway::{Gateway, problem};

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
