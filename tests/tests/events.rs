//! What happens, told to those who listen.

use std::fs;
use std::time::{Duration, Instant};

use crate::gateway::{Gateway, add, problem};
use crate::listen::Listening;

#[test]
fn a_film_that_appears_and_goes_is_told_and_one_who_was_away_hears_what_it_missed() {
    let gateway = Gateway::over(&[]);
    let mut first = Listening::open(&gateway.client, "/v1/events", &[]);
    add(gateway.place.path(), "edge/moov-last.mp4");
    let came = first.next().expect("it came");
    assert_eq!((came.name.as_str(), came.data["type"].as_str()), ("media", Some("media")));
    assert_eq!(
        (came.data["state"].as_str(), came.data["title"].as_str()),
        (Some("ready"), Some("moov-last"))
    );
    fs::remove_file(gateway.place.path().join("films/moov-last.mp4")).unwrap();
    let gone = first.next().expect("it went");
    assert_eq!((gone.name.as_str(), gone.data["why"].as_str()), ("gone", Some("deleted")));
    assert!(gone.id > came.id);
    drop(first);

    let last = came.id.unwrap().to_string();
    let mut again = Listening::open(&gateway.client, "/v1/events?after=0", &[("last-event-id", &last)]);
    assert_eq!(again.next(), Some(gone), "the header wins over the address");
}

#[test]
fn one_who_comes_back_after_a_restart_is_told_that_events_are_missing() {
    let gateway = Gateway::over(&[]).restarted();
    let mut listening = Listening::open(&gateway.client, "/v1/events?after=1", &[]);
    assert_eq!(listening.next().unwrap().name, "lagged");
}

#[test]
fn a_listener_hears_only_of_the_medium_it_asks_for() {
    let gateway = Gateway::over(&["edge/moov-first.mp4"]);
    let id = gateway.items()[0]["id"].as_str().unwrap().to_owned();
    let mut listening = Listening::open(&gateway.client, &format!("/v1/events?media={id}"), &[]);
    add(gateway.place.path(), "edge/moov-last.mp4");
    fs::remove_file(gateway.place.path().join("films/moov-first.mp4")).unwrap();
    let heard = listening.next().unwrap();
    assert_eq!((heard.name.as_str(), heard.data["id"].as_str()), ("gone", Some(id.as_str())));
}

#[test]
fn a_gateway_that_is_asked_to_end_waits_for_no_listener() {
    let gateway = Gateway::over(&[]);
    let listening = Listening::open(&gateway.client, "/v1/events", &[]);
    let started = Instant::now();
    assert_eq!(gateway.running.stop(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(listening.count(), 0);
}

#[test]
fn listeners_are_bounded_and_a_query_that_cant_be_understood_is_told() {
    let gateway = Gateway::over(&[]).restarted_with("[http]\nstreams = 1\n");
    problem(&gateway.get("/v1/events?after=soon"), 400);
    let _first = Listening::open(&gateway.client, "/v1/events", &[]);
    let refused = gateway.get("/v1/events");
    problem(&refused, 503);
    assert_eq!(refused.json()["code"], "too_many_streams");
}
