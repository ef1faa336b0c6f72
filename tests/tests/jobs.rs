//! Work in the background, and what is told of it.

use std::fs;

use serde_json::Value;

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, problem};
use crate::listen::Listening;
use crate::program::eventually;
use crate::uploads::{BYTES, TUS, make};

const SEGMENTS: &str = "[store]\nform = \"segments\"\n";

/// Sends a film; gives back the id of its medium.
fn send(gateway: &Gateway, film: &str) -> String {
    let film = fs::read(fixture(film)).expect("a fixture can be read");
    let upload = make(&gateway.client, film.len());
    gateway.client.send_with("PATCH", &upload, &[TUS, BYTES, ("upload-offset", "0")], &film).with(204);
    gateway.client.get(&upload).json()["media"].as_str().expect("it has a medium").to_owned()
}

fn items(gateway: &Gateway, query: &str) -> Vec<Value> {
    gateway.get(&format!("/v1/jobs?{query}")).with(200).json()["items"].as_array().expect("a list").clone()
}

#[test]
fn a_film_that_is_to_be_kept_as_segments_is_a_job_until_it_is() {
    let gateway = Gateway::over(&[]).restarted_with(SEGMENTS);
    let mut events = Listening::open(&gateway.client, "/v1/events", &[]);
    assert_eq!(items(&gateway, ""), [] as [Value; 0]);
    let media = send(&gateway, "edge/moov-last.mp4");
    let told: Vec<_> = events
        .by_ref()
        .filter(|event| event.name == "job")
        .map(|event| (event.data["state"].as_str().unwrap().to_owned(), event.data["media"] == media))
        .take(2)
        .collect();
    assert_eq!(told, [("running".to_owned(), true), ("done".to_owned(), true)]);
    let [job] = &items(&gateway, &format!("media={media}&state=done"))[..] else { panic!("there is one") };
    assert_eq!((&job["kind"], &job["media"]), (&"seal".into(), &media.as_str().into()));
    assert_eq!((job["progress"].as_f64(), job["tries"].as_u64()), (Some(1.0), Some(1)));
    assert_eq!((&job["error"], &job["due"]), (&Value::Null, &Value::Null));
    assert_eq!(&gateway.get(&format!("/v1/jobs/{}", job["id"])).with(200).json(), job);
    let figures = gateway.get("/metrics").with(200).text();
    assert!(figures.contains("segue_jobs{state=\"done\"} 1\n"), "{figures}");
    gateway.client.send("DELETE", &format!("/v1/media/{media}"), &[]).with(204);
    problem(&gateway.get(&format!("/v1/jobs/{}", job["id"])), 404);
}

#[test]
fn jobs_come_in_pages_the_latest_first() {
    let gateway = Gateway::over(&[]).restarted_with(SEGMENTS);
    let sent =
        ["edge/moov-last.mp4", "edge/co64.mp4", "edge/moov-first.mp4"].map(|film| send(&gateway, film));
    eventually("all are done", || (items(&gateway, "state=done").len() == 3).then_some(()));
    let mut listed = Vec::new();
    let mut next = Some("/v1/jobs?limit=2&state=done".to_owned());
    while let Some(page) = next {
        let page = gateway.get(&page).with(200).json();
        listed.extend(page["items"].as_array().unwrap().iter().map(|job| job["media"].clone()));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(listed, sent.into_iter().rev().map(Value::from).collect::<Vec<_>>());
    for query in ["limit=0", "limit=1001", "state=odd", "cursor=x", "cursor=0", "cursor=-1", "media=x"] {
        problem(&gateway.get(&format!("/v1/jobs?{query}")), 400);
    }
    problem(&gateway.get("/v1/jobs/x"), 404);
}

#[test]
fn a_film_for_whose_segments_there_is_no_space_stays_as_it_is_and_the_job_says_why() {
    let film = fixture("films/Colours in time.mp4");
    // Enough for the film, and not for it twice.
    let quota = fs::metadata(&film).unwrap().len() * 3 / 2 + (3 << 20);
    let gateway = Gateway::over(&[]).restarted_with(&format!("{SEGMENTS}quota = \"{quota}\"\n"));
    let media = send(&gateway, "films/Colours in time.mp4");
    let job = eventually("it was tried", || {
        items(&gateway, &format!("media={media}"))
            .into_iter()
            .find(|job| job["tries"] == 1 && job["error"].is_string())
    });
    assert_eq!(job["state"], "queued");
    assert!(job["due"].is_string() && job["progress"] == 0.0, "{job}");
    let original = gateway.get(&format!("/v1/media/{media}/original")).with(200);
    assert!(original.body == fs::read(film).unwrap());
}
