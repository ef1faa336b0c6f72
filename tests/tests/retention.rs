//! How long media stay.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, problem};
use crate::program::eventually;
use crate::uploads::{BYTES, TUS, make};

#[test]
fn what_is_pinned_stays_when_its_time_is_over_until_it_may_go() {
    let short = "[retention]\nmovie = \"1s\"\ntv = \"1s\"\nother = \"1s\"\n";
    let gateway = Gateway::over(&["edge/co64.mp4"]).restarted_with(short);
    let film = fs::read(fixture("edge/moov-last.mp4")).unwrap();
    let send = |upload: &str, from: usize, to: usize| {
        let at = from.to_string();
        let headers = [TUS, BYTES, ("upload-offset", at.as_str())];
        gateway.client.send_with("PATCH", upload, &headers, &film[from..to]).with(204);
    };
    let path =
        |upload: &str| format!("/v1/media/{}", gateway.client.get(upload).json()["media"].as_str().unwrap());
    let change = |path: &str, body: &str| gateway.client.send_with("PATCH", path, &[], body.as_bytes());
    let (kept, other) = (make(&gateway.client, film.len()), make(&gateway.client, film.len()));
    // What is being sent does not go: there is time to pin it.
    send(&kept, 0, 1000);
    let pinned = change(&path(&kept), r#"{"pinned": true}"#).with(200).json();
    assert_eq!((&pinned["pinned"], &pinned["expires"]), (&true.into(), &Value::Null));
    send(&kept, 1000, film.len());
    send(&other, 0, film.len());
    let state = |upload: &str| gateway.get(&path(upload)).with(200).json()["state"].clone();
    eventually("the other's time is over", || (state(&other) == "expired").then_some(()));
    assert_eq!(state(&kept), "ready");
    assert!(gateway.get(&format!("{}/original", path(&kept))).with(200).body == film);
    problem(&change(&path(&other), r#"{"pinned": true}"#), 410);
    change(&path(&kept), r#"{"pinned": false}"#).with(200);
    eventually("it goes", || (state(&kept) == "expired").then_some(()));
    for body in ["", "{}", "[]", r#"{"pinned": 1}"#, r#"{"pinned": true, "title": "x"}"#] {
        problem(&change(&path(&kept), body), 400);
    }
    let in_folder = gateway.film("co64");
    problem(&change(&in_folder, r#"{"pinned": true}"#), 409);
    problem(&change("/v1/media/24jrq3eq31rfx29b", r#"{"pinned": true}"#), 404);
}

#[test]
fn what_has_rotted_and_nobody_else_has_is_said_to_be_lost_and_the_rest_still_plays() {
    for form in ["chunks", "segments"] {
        let settings = format!("[store]\nchunk = \"64KiB\"\nform = \"{form}\"\n[http]\nwait = \"60s\"\n");
        let gateway = Gateway::over(&[]).restarted_with(&settings);
        let film = fs::read(fixture("films/Colours in time.mp4")).unwrap();
        let upload = make(&gateway.client, film.len());
        gateway.client.send_with("PATCH", &upload, &[TUS, BYTES, ("upload-offset", "0")], &film).with(204);
        let media = gateway.client.get(&upload).json()["media"].as_str().unwrap().to_owned();
        let path = format!("/v1/media/{media}");
        eventually("all is kept", || {
            let ready = gateway.get(&path).json()["state"] == "ready";
            let sealed = gateway.get("/v1/jobs?state=done").json()["items"][0].is_object();
            (ready && (form == "chunks" || sealed)).then_some(())
        });
        let before = gateway.get(&format!("{path}/v1/1.m4s")).with(200).body;
        let place = gateway.stopped();
        let victim = in_the_middle(&place.path().join("data"), form, &media);
        let mut bytes = fs::read(&victim).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 4;
        fs::write(&victim, bytes).unwrap();

        let gateway = Gateway::start_set(place, &settings);
        let manifest = || gateway.get(&format!("{path}/manifest.json")).with(200).json();
        let segments = manifest()["renditions"][0]["segments"]["sizes"].as_array().unwrap().len();
        let replies: Vec<_> =
            (1..=segments).map(|number| gateway.get(&format!("{path}/v1/{number}.m4s"))).collect();
        let lost: Vec<_> = replies.iter().filter(|reply| reply.status != 200).collect();
        assert!(!lost.is_empty() && lost.len() < segments / 2, "{form}: {} lost", lost.len());
        for reply in lost {
            problem(reply, 404);
            assert_eq!(reply.json()["code"], "lost");
        }
        assert!(replies[0].body == before);
        assert!(
            manifest()["renditions"][0]["available"].as_array().unwrap().len() > 1,
            "{form}: it has a gap"
        );
    }
}

/// A file in the middle of a medium.
fn in_the_middle(data: &Path, form: &str, media: &str) -> PathBuf {
    if form == "segments" {
        return find(&data.join("segments"), "10.m4s").expect("it has ten");
    }
    let folder = find(&data.join("chunks"), media).expect("it has chunks");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    files.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    files.swap_remove(files.len() / 2)
}

/// Something of this name in a folder or below.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.into_iter().find_map(|path| match path.ends_with(name) {
        true => Some(path),
        false => find(&path, name),
    })
}
