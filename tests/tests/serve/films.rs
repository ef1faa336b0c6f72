//! Films as they are listed, and as their folder changes.

use std::fs;

use serde_json::Value;

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, add, problem};
use crate::program::{eventually, segment};

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
