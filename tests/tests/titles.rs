//! Media found by their title: `GET /v1/titles/{tmdb}`.

use std::fs;

use serde_json::Value;

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, problem};
use crate::program::eventually;

/// What lies in the library: two films of one number, a movie and a show, and a stranger.
const LIBRARY: [&str; 6] = [
    "The Film (1999) {tmdb-603}.mp4",
    "The Show {tmdb-603}/Season 1/The Show S01E02.mp4",
    "The Show {tmdb-603}/Season 1/The Show S01E10.mp4",
    "The Show {tmdb-603}/Season 1/The Show S01E01.mp4",
    "The Show {tmdb-603}/Season 2/The Show S02E01.mp4",
    "Stranger (2001) {tmdb-604}.mp4",
];

fn library() -> Gateway {
    let place = tempfile::tempdir().expect("a temporary folder can be made");
    for name in LIBRARY {
        let path = place.path().join("films").join(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder can be made");
        fs::copy(fixture("edge/one-frame.mp4"), path).expect("a fixture can be copied");
    }
    let gateway = Gateway::start(place);
    eventually("every film is listed", || (gateway.items().len() == LIBRARY.len()).then_some(()));
    gateway
}

/// Season and episode of each item of a page.
fn numbers(page: &Value) -> Vec<(Option<u64>, Option<u64>)> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|item| (item["season"].as_u64(), item["episode"].as_u64())).collect()
}

#[test]
fn media_of_a_title_are_found_by_type_season_and_episode() {
    let gateway = library();
    let movie = (None, None);
    let episode = |season, episode| (Some(season), Some(episode));
    let show = [episode(1, 1), episode(1, 2), episode(1, 10), episode(2, 1)];
    for (query, expected) in [
        ("", vec![movie, show[0], show[1], show[2], show[3]]),
        ("?type=tv", show.to_vec()),
        ("?type=movie", vec![movie]),
        ("?type=movie&season=999&episode=999", vec![movie]),
        ("?season=1", show[..3].to_vec()),
        ("?type=tv&season=1&episode=10", vec![show[2]]),
        ("?episode=1", vec![show[0], show[3]]),
    ] {
        let page = gateway.get(&format!("/v1/titles/603{query}")).with(200).json();
        assert_eq!(numbers(&page), expected, "{query}");
        assert_eq!(page["next"], Value::Null, "{query}");
    }
}

#[test]
fn what_is_found_by_title_is_what_the_list_shows() {
    let gateway = library();
    let found = gateway.get("/v1/titles/604").with(200).json()["items"][0].clone();
    assert_eq!(Some(&found), gateway.items().iter().find(|item| item["tmdb"] == 604));
    gateway.get(&format!("/v1/media/{}/v1/1.m4s", found["id"].as_str().unwrap())).with(200);
}

#[test]
fn a_long_show_comes_in_pages_that_follow_each_other() {
    let gateway = library();
    let mut next = Some("/v1/titles/603?type=tv&limit=1".to_owned());
    let mut seen = Vec::new();
    while let Some(address) = next {
        let page = gateway.get(&address).with(200).json();
        seen.extend(numbers(&page).into_iter().map(|(season, episode)| (season.unwrap(), episode.unwrap())));
        assert!(seen.len() <= LIBRARY.len(), "a page comes twice: {seen:?}");
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, [(1, 1), (1, 2), (1, 10), (2, 1)]);
}

#[test]
fn a_title_that_is_not_there_and_one_that_makes_no_sense_are_told_apart() {
    let gateway = library();
    for path in ["603?season=3", "604?type=tv", "605", "18446744073709551615"] {
        let reply = gateway.get(&format!("/v1/titles/{path}"));
        problem(&reply, 404);
        assert_eq!(reply.json()["code"], "no_such_title", "{path}");
    }
    for path in [
        "x",
        "-1",
        "+603",
        "99999999999999999999",
        "603?season=x",
        "603?episode=-1",
        "603?type=radio",
        "603?limit=0",
    ] {
        let reply = gateway.get(&format!("/v1/titles/{path}"));
        problem(&reply, 400);
        assert_eq!(reply.json()["code"], "bad_query", "{path}");
    }
}
