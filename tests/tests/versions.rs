//! A film whose file is replaced: the version in the URLs that manifests write keeps its bytes apart from those of before.

use std::fs;

use serde_json::Value;

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, problem};
use crate::http::Reply;
use crate::program::eventually;

/// The version that the URLs of a manifest or playlist carry; `None` where none does.
pub(crate) fn of(reply: &Reply) -> Option<String> {
    let text = reply.text();
    let (_, rest) = text.split_once("?v=")?;
    Some(rest.chars().take_while(char::is_ascii_hexdigit).collect())
}

/// URLs of inits and segments that a playlist or manifest names, as it writes them.
fn urls(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == '"');
    let media = |word: &&str| {
        [".mp4", ".m4s", ".vtt"]
            .iter()
            .any(|end| word.split('?').next().is_some_and(|path| path.ends_with(end)))
    };
    words.filter(media).map(str::to_owned).collect()
}

/// Puts another film under the name of the one that is served.
fn replace(gateway: &Gateway) {
    let staged = gateway.place.path().join("next.mp4");
    fs::copy(fixture("edge/all-intra.mp4"), &staged).expect("a fixture can be copied");
    fs::rename(staged, gateway.place.path().join("films/moov-last.mp4")).expect("a file can be moved");
}

#[test]
fn every_url_of_an_init_or_segment_carries_one_version_of_the_film() {
    let gateway = Gateway::over(&["films/Two languages.mp4"]);
    let film = gateway.film("Two languages");
    let manifest = gateway.get(&format!("{film}/manifest.json")).with(200);
    let version = of(&manifest).expect("the manifest has a version");
    assert_eq!(version.len(), 8, "{version}");
    for path in [
        "manifest.json",
        "manifest.mpd",
        "v1/playlist.m3u8",
        "v1/iframes.m3u8",
        "a2/playlist.m3u8",
        "t1/playlist.m3u8",
    ] {
        let named = urls(&gateway.get(&format!("{film}/{path}")).with(200).text());
        assert!(!named.is_empty(), "{path}");
        assert!(named.iter().all(|url| url.ends_with(&format!("?v={version}"))), "{path}: {named:?}");
    }
    assert_eq!(
        of(&gateway.get(&format!("{film}/master.m3u8")).with(200)),
        None,
        "playlists are asked for anew"
    );
}

#[test]
fn with_its_version_or_without_an_item_is_the_same_and_kept_for_ever() {
    let (gateway, film) = Gateway::with_a_film();
    let version = of(&gateway.get(&format!("{film}/manifest.json"))).unwrap();
    for path in ["v1/init.mp4", "v1/1.m4s", "a1/2.m4s"] {
        let plain = gateway.get(&format!("{film}/{path}")).with(200);
        let versioned = gateway.get(&format!("{film}/{path}?v={version}")).with(200);
        assert!(plain.body == versioned.body, "{path}");
        for name in ["etag", "cache-control", "content-type"] {
            assert_eq!(plain.must(name), versioned.must(name), "{path}");
        }
        assert_eq!(versioned.must("cache-control"), "public, max-age=31536000, immutable");
    }
    gateway.get(&format!("{film}/master.m3u8?v=of-no-use")).with(200);
}

#[test]
fn urls_of_a_film_that_was_replaced_are_gone_and_those_of_the_new_one_are_others() {
    let (gateway, film) = Gateway::with_a_film();
    let manifest = |gateway: &Gateway| gateway.get(&format!("{film}/manifest.json"));
    let old = of(&manifest(&gateway)).unwrap();
    let before = gateway.get(&format!("{film}/v1/1.m4s?v={old}")).with(200);
    replace(&gateway);
    let new = eventually("the new film is shown", || {
        Some(manifest(&gateway))
            .filter(|reply| reply.status == 200)
            .and_then(|reply| of(&reply))
            .filter(|new| *new != old)
    });
    for path in ["v1/init.mp4", "v1/1.m4s", "v1/2.m4s"] {
        let stale = gateway.client.send(
            "GET",
            &format!("{film}/{path}?v={old}"),
            &[("if-none-match", before.must("etag"))],
        );
        problem(&stale, 410);
        assert_eq!(stale.json()["code"], "stale_version");
        assert_eq!(stale.must("cache-control"), "no-store");
        assert_eq!(gateway.client.send("HEAD", &format!("{film}/{path}?v={old}"), &[]).status, 410);
        gateway.get(&format!("{film}/{path}?v={new}")).with(200);
    }
    let after = gateway.get(&format!("{film}/v1/1.m4s?v={new}")).with(200);
    assert!(after.body != before.body && after.must("etag") != before.must("etag"));
}

#[test]
fn the_description_tells_of_versions() {
    let (gateway, _film) = Gateway::with_a_film();
    let document = gateway.get("/openapi.json").with(200).json();
    let get = &document["paths"]["/v1/media/{id}/{rendition}/{segment}"]["get"];
    assert!(get["responses"]["410"].is_object() && get["responses"]["412"].is_object(), "{get}");
    let names: Vec<&Value> =
        get["parameters"].as_array().unwrap().iter().map(|parameter| &parameter["name"]).collect();
    assert!(names.contains(&&Value::from("v")), "{names:?}");
    assert!(document["paths"]["/v1/titles/{tmdb}"]["get"]["responses"]["404"].is_object());
}
