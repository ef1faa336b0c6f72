//! `segue upload`.

use std::ffi::OsStr;
use std::io::BufRead;
use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::link::Link;
use crate::program::{Running, segue};

/// A copy of a film, so that nobody else sends the same.
fn copy(gateway: &Gateway, film: &str) -> PathBuf {
    let path = gateway.place.path().join("to send.mp4");
    fs::copy(fixture(film), &path).expect("a fixture can be copied");
    path
}

#[track_caller]
fn started(film: &std::path::Path, to: &str) -> (Running, impl BufRead) {
    Running::start(&[
        OsStr::new("upload"),
        film.as_os_str(),
        OsStr::new("--to"),
        OsStr::new(&format!("http://{to}")),
    ])
}

/// The only medium there is.
fn only(gateway: &Gateway) -> Value {
    let items = gateway.items();
    assert_eq!(items.len(), 1, "{items:?}");
    items[0].clone()
}

#[test]
fn a_film_is_sent_and_its_address_told_and_a_second_run_sends_nothing() {
    let gateway = empty();
    let film = copy(&gateway, LATE);
    let to = format!("http://{}", gateway.client.0);
    let arguments = [
        "upload",
        film.to_str().unwrap(),
        "--to",
        &to,
        "--title",
        "A film",
        "--type",
        "movie",
        "--tmdb",
        "603",
    ];
    let run = segue(&arguments).done();
    let item = only(&gateway);
    assert_eq!(run.stdout, format!("{to}/watch/{}\n", item["id"].as_str().unwrap()));
    for (key, value) in [("title", "A film"), ("type", "movie"), ("state", "ready")] {
        assert_eq!(item[key], value);
    }
    assert_eq!((&item["tmdb"], &item["season"]), (&603.into(), &Value::Null));
    let original = gateway.get(&format!("/v1/media/{}/original", item["id"].as_str().unwrap()));
    assert!(original.body == bytes_of(LATE));
    let again = segue(&arguments).done();
    assert_eq!(again.stdout, run.stdout);
    assert!(again.stderr.contains(": 0 bytes sent"), "{}", again.stderr);
}

#[test]
fn it_plays_before_it_is_sent_and_a_second_run_goes_on_after_a_kill() {
    let gateway = empty();
    let film = copy(&gateway, EARLY);
    // Enough for the timeline, not for the film.
    let link = Link::to(&gateway.client.0, 1_500_000);
    let (running, mut stdout) = started(&film, &link.address);
    let mut address = String::new();
    stdout.read_line(&mut address).unwrap();
    assert_eq!(only(&gateway)["state"], "playable");
    assert!(address.contains(only(&gateway)["id"].as_str().unwrap()), "{address}");
    running.kill();
    link.cut(&gateway.client.0);
    link.let_go(u64::MAX);
    let run = segue(&["upload", film.to_str().unwrap(), "--to", &format!("http://{}", link.address)]).done();
    assert_eq!(run.stdout, address, "it is the same film");
    let sent: u64 = run
        .stderr
        .split(" bytes sent")
        .next()
        .and_then(|line| line.rsplit(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    assert!(sent < bytes_of(EARLY).len() as u64, "{}", run.stderr);
    assert_eq!(only(&gateway)["state"], "ready");
}

#[test]
fn a_gateway_that_is_killed_and_comes_back_is_sent_the_rest() {
    let gateway = empty();
    let film = copy(&gateway, EARLY);
    let link = Link::to(&gateway.client.0, 1_000_000);
    let (mut running, mut stdout) = started(&film, &link.address);
    eventually("the link is full", || (link.left() < 20_000).then_some(()));
    let Gateway { running: server, place, .. } = gateway;
    server.kill();
    let gateway = Gateway::start(place);
    link.cut(&gateway.client.0);
    link.let_go(u64::MAX);
    eventually("all of it is there", || (gateway.items().first()?["state"] == "ready").then_some(()));
    eventually("it ends", || (!running.runs()).then_some(()));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut said).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    let original = gateway.get(&format!("/v1/media/{}/original", only(&gateway)["id"].as_str().unwrap()));
    assert!(original.body == bytes_of(EARLY));
}

#[test]
fn control_c_stops_it_and_it_says_how_to_go_on() {
    let gateway = empty();
    let film = copy(&gateway, EARLY);
    let link = Link::to(&gateway.client.0, 500_000);
    let to = format!("http://{}", link.address);
    let child = Command::new(crate::program::path())
        .args([OsStr::new("upload"), film.as_os_str(), OsStr::new("--to"), OsStr::new(&to)])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the link is full", || (link.left() < 20_000).then_some(()));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("error: stopped") && said.contains("hint: run the same command again"), "{said}");
    let here = eventually("what came is kept", || {
        gateway.get("/v1/storage").json()["used"].as_u64().filter(|used| *used > 300_000)
    });
    assert!(here < 3_000_000);
}

#[test]
fn what_can_not_be_sent_is_told_in_one_line() {
    let gateway = empty();
    let to = format!("http://{}", gateway.client.0);
    let place = gateway.place.path();
    fs::write(place.join("empty.mp4"), b"").unwrap();
    fs::write(place.join("noise.mp4"), vec![0xab; 100_000]).unwrap();
    for name in ["nowhere.mp4", "empty.mp4", "films", "noise.mp4"] {
        let run = segue(&["upload", place.join(name).to_str().unwrap(), "--to", &to]).refused();
        assert_eq!(run.stdout, "", "{name}");
    }
    let film = fixture(LATE);
    for to in ["127.0.0.1:1", "ftp://a", ""] {
        assert_eq!(segue(&["upload", film.to_str().unwrap(), "--to", to]).code, Some(2), "{to}");
    }
}
