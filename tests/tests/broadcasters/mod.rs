//! Broadcasters: people with films who send only what they are asked for.

mod raw;
mod real;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures::path as fixture;
use crate::gateway::Gateway;
use crate::program::{Running, eventually, line_after};

const KEY: &str = "a key that nobody guesses";
/// 72 s in 18 segments, its timeline before the media, 2.8 MiB.
const FIRST: &str = "films/Colours in time.mp4";
/// 32 s in 8 segments, its timeline behind the media.
const LAST: &str = "films/Two languages.mp4";
/// Little is read ahead, so that what is sent can be counted; a broadcaster that stalls is noticed soon.
const SETTINGS: &str = "[broadcast]\nahead = \"64KiB\"\nstall = \"1s\"\n";

fn gateway(settings: &str) -> Gateway {
    let place = tempfile::tempdir().expect("a temporary folder can be made");
    fs::create_dir(place.path().join("films")).expect("a folder can be made");
    start(place, settings)
}

fn start(place: TempDir, settings: &str) -> Gateway {
    let config = place.path().join("segue.toml");
    fs::write(&config, settings).expect("settings can be written");
    Gateway::start_with(place, &[OsStr::new("--config"), config.as_os_str()])
}

/// A folder with copies of fixtures under these names.
fn folder(films: &[(&str, &str)]) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary folder can be made");
    for (film, name) in films {
        fs::copy(fixture(film), place.path().join(name)).expect("a fixture can be copied");
    }
    place
}

fn arguments<'a>(gateway: &str, folder: &'a Path, id: &'a str, key: &'a str) -> Vec<String> {
    let folder = folder.to_string_lossy();
    ["broadcast", &folder, "--to", gateway, "--id", id, "--key", key].map(str::to_owned).to_vec()
}

/// `segue broadcast`, once it is connected.
#[track_caller]
fn broadcast(gateway: &Gateway, folder: &Path, id: &str) -> Running {
    broadcast_to(&gateway.client.0, folder, id)
}

/// The same over another way.
#[track_caller]
fn broadcast_to(address: &str, folder: &Path, id: &str) -> Running {
    let to = format!("http://{address}");
    let (running, mut stdout) = Running::start(&arguments(&to, folder, id, KEY));
    line_after(&mut stdout, "broadcasting ").expect("it says that it has begun");
    running
}

fn standing(gateway: &Gateway, id: &str) -> Value {
    gateway.get(&format!("/v1/broadcasters/{id}")).with(200).json()
}

fn sent(gateway: &Gateway, id: &str) -> u64 {
    standing(gateway, id)["sent"].as_u64().expect("a count")
}

/// The one film that is listed.
#[track_caller]
fn only(gateway: &Gateway) -> Value {
    let items = gateway.items();
    assert_eq!(items.len(), 1, "{items:?}");
    items[0].clone()
}

/// `/v1/media/{id}` of an item.
fn address(item: &Value) -> String {
    format!("/v1/media/{}", item["id"].as_str().expect("an id"))
}

/// The addresses of every segment of a film, rendition by rendition.
fn segments(gateway: &Gateway, film: &str) -> Vec<Vec<String>> {
    let manifest = eventually("the timeline is here", || {
        let reply = gateway.get(&format!("{film}/manifest.json"));
        (reply.status == 200).then(|| reply.json())
    });
    let renditions = manifest["renditions"].as_array().expect("renditions").iter();
    renditions
        .map(|rendition| {
            let id = rendition["id"].as_str().expect("an id");
            let ending = if rendition["mime"] == "text/vtt" { "vtt" } else { "m4s" };
            let count = rendition["segments"]["durations"].as_array().expect("durations").len();
            (1..=count).map(|number| format!("{film}/{id}/{number}.{ending}")).collect()
        })
        .collect()
}

/// Fetches segments as a player does, all renditions side by side.
fn play(gateway: &Gateway, film: &str, mut each: impl FnMut(usize)) -> usize {
    let renditions = segments(gateway, film);
    let longest = renditions.iter().map(Vec::len).max().unwrap_or(0);
    let mut played = 0;
    for at in 0..longest {
        each(at);
        for address in renditions.iter().filter_map(|rendition| rendition.get(at)) {
            gateway.get(address).with(200);
            played += 1;
        }
    }
    played
}

/// The source comes out as it went in.
fn comes_out_whole(gateway: &Gateway, film: &str, source: &str) {
    let reply = gateway.get(&format!("{film}/original")).with(200);
    assert!(reply.body == fs::read(fixture(source)).expect("a fixture can be read"), "other bytes");
}
