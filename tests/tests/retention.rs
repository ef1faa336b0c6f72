//! How long media stay.

use std::fs;

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
