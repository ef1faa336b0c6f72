//! Films that are watched while they arrive.

use std::sync::mpsc;
use std::thread;

use super::*;
use crate::gateway::problem;
use crate::listen::Listening;

/// Sends what somebody waits for, and no more, until the stream ends or the test does.
fn serve_wants(client: &Client, upload: &str, film: &[u8], sent: &mpsc::Sender<usize>) {
    let wants = Listening::open(client, &format!("{upload}/wants"), &[]);
    for heard in wants {
        for (from, to) in urgent(&heard.data) {
            put(client, upload, film, from, to).with(204);
            let _ = sent.send(to - from);
        }
        if heard.name == "done" {
            return;
        }
    }
}

#[track_caller]
fn plays_while_it_arrives(name: &str) {
    let (gateway, film) = (empty(), bytes_of(name));
    let upload = make(&gateway.client, film.len());
    let (told, sent) = mpsc::channel();
    let (client, address, bytes) = (gateway.client.clone(), upload.clone(), film.clone());
    thread::spawn(move || serve_wants(&client, &address, &bytes, &told));
    becomes(&gateway.client, &upload, "playable");
    let medium = medium(&gateway.client, &upload);
    let manifest = gateway.get(&format!("{medium}/manifest.json")).with(200).json();
    assert_eq!(manifest["state"], "playable");
    let video = &manifest["renditions"][0];
    let segments = video["segments"]["durations"].as_array().map_or(3, Vec::len);
    // Far ahead of everything: its bytes are asked for, come, and are played.
    let seek = gateway.get(&format!("{medium}/v1/{}.m4s", segments.min(3))).with(200);
    assert!(!seek.body.is_empty());
    let sent: usize = sent.try_iter().sum();
    assert!(sent < film.len() * 3 / 4, "{sent} of {} bytes were sent", film.len());
    assert_eq!(shown(&gateway.client, &upload)["state"], "playable");
    put(&gateway.client, &upload, &film, 0, film.len()).with(204);
    becomes(&gateway.client, &upload, "ready");
    assert!(gateway.get(&format!("{medium}/original")).body == film);
}

#[test]
fn a_film_plays_and_seeks_while_it_arrives_with_its_moov_in_front() {
    plays_while_it_arrives(EARLY);
}

#[test]
fn a_film_plays_and_seeks_while_it_arrives_with_its_moov_at_the_end() {
    plays_while_it_arrives(LATE);
}

#[test]
fn a_film_that_only_comes_in_order_plays_from_when_its_moov_is_here() {
    let (gateway, film) = (empty(), bytes_of(LATE));
    let upload = make(&gateway.client, film.len());
    let most = film.len() - 100_000;
    patch(&gateway.client, &upload, 0, &film[..most]).with(204);
    let status = shown(&gateway.client, &upload);
    assert_eq!(status["state"], "receiving", "nothing can be played before");
    let wanted = status["wants"][0][0].as_u64().unwrap();
    assert!(wanted >= most as u64, "and what it lacks is told: {status}");
    patch(&gateway.client, &upload, most, &film[most..]).with(204);
    becomes(&gateway.client, &upload, "ready");
    gateway.get(&format!("{}/v1/1.m4s", medium(&gateway.client, &upload))).with(200);
}

#[test]
fn bytes_of_a_slow_link_are_played_before_they_are_acknowledged() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, film.len());
    let headers = [TUS, BYTES, ("upload-offset", "0")];
    let mut slow = Slowly::begin(&gateway.client, "PATCH", &upload, &headers, film.len());
    slow.send(&film[..400_000]);
    becomes(&gateway.client, &upload, "playable");
    gateway.get(&format!("{}/v1/1.m4s", medium(&gateway.client, &upload))).with(200);
    slow.send(&film[400_000..]);
    slow.reply().unwrap().with(204);
    becomes(&gateway.client, &upload, "ready");
}

#[test]
fn the_original_is_refused_as_long_as_the_first_of_its_bytes_are_elsewhere() {
    let gateway = empty().restarted_with("[http]\nwait = \"100ms\"\n");
    let film = bytes_of(EARLY);
    let upload = make(&gateway.client, film.len());
    put(&gateway.client, &upload, &film, 100_000, film.len()).with(204);
    let original = format!("{}/original", medium(&gateway.client, &upload));
    let refused = gateway.get(&original);
    problem(&refused, 503);
    assert!(refused.header("retry-after").is_some(), "{refused}");
    let rest = gateway.client.send("GET", &original, &[("range", "bytes=100000-")]).with(206);
    assert!(rest.body == film[100_000..]);
    put(&gateway.client, &upload, &film, 0, 100_000).with(204);
    assert!(gateway.get(&original).with(200).body == film);
}
