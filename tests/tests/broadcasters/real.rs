//! `segue broadcast` itself.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::gateway::problem;
use crate::link::Link;
use crate::program::segue;
use crate::store::du;

#[test]
fn a_film_plays_from_its_broadcaster_wherever_its_timeline_lies() {
    for source in [FIRST, LAST] {
        let gateway = gateway(SETTINGS);
        let films = folder(&[(source, "The Film (1999) {tmdb-603}.mp4")]);
        let _broadcaster = broadcast(&gateway, films.path(), "alice");
        let offered = only(&gateway);
        assert_eq!((&offered["state"], &offered["tmdb"]), (&json!("offered"), &json!(603)), "{offered}");
        let film = address(&offered);
        assert_eq!(gateway.get(&film).with(200).json(), offered);
        assert_eq!(sent(&gateway, "alice"), 0, "nothing travels before it is opened");
        assert!(play(&gateway, &film, |_| ()) > 20);
        comes_out_whole(&gateway, &film, source);
        eventually("all of it is here", || (only(&gateway)["state"] == "ready").then_some(()));
        let (sent, whole) = (sent(&gateway, "alice"), fs::metadata(fixture(source)).unwrap().len());
        // What was on its way when somebody wanted something else first may come again.
        assert!(sent >= whole && sent < whole + whole / 10, "{sent} bytes for {whole}");
    }
}

#[test]
fn a_seek_to_the_end_of_a_film_brings_a_small_part_of_it() {
    for source in [FIRST, LAST] {
        let gateway = gateway(SETTINGS);
        let films = folder(&[(source, "film.mp4")]);
        let _broadcaster = broadcast(&gateway, films.path(), "alice");
        let film = address(&only(&gateway));
        let last = segments(&gateway, &film).swap_remove(0).pop().expect("a film has segments");
        gateway.get(&last).with(200);
        let whole = fs::metadata(fixture(source)).unwrap().len();
        let part = sent(&gateway, "alice");
        // One segment in 18, or in 8; the timeline; 64 KiB at the start of the film, which hold it or lead to it.
        assert!(part * 3 < whole, "{part} of {whole} bytes of {source}");
        eventually("it is playable", || (only(&gateway)["state"] == "playable").then_some(()));
    }
}

#[test]
fn another_goes_on_when_one_is_stopped_or_killed_and_the_viewer_does_not_notice() {
    for how in ["STOP", "KILL"] {
        let gateway = gateway(SETTINGS);
        let films = folder(&[(FIRST, "film.mp4")]);
        let first = broadcast(&gateway, films.path(), "alice");
        let _second = broadcast(&gateway, films.path(), "bob");
        let film = address(&only(&gateway));
        play(&gateway, &film, |at| {
            if at == 4 {
                first.signal(how);
            }
        });
        comes_out_whole(&gateway, &film, FIRST);
        assert!(sent(&gateway, "bob") > 0, "{how}: {}", standing(&gateway, "bob"));
    }
}

#[test]
fn one_broadcaster_that_comes_back_goes_on_where_it_was() {
    let gateway = gateway(SETTINGS);
    let films = folder(&[(FIRST, "film.mp4")]);
    let first = broadcast(&gateway, films.path(), "alice");
    let film = address(&only(&gateway));
    let all = segments(&gateway, &film).swap_remove(0);
    gateway.get(&all[0]).with(200);
    first.kill();
    eventually("it is missed", || (standing(&gateway, "alice")["connected"] == false).then_some(()));
    let late = gateway.client.clone();
    let (address, last) = (all[17].clone(), all[17].clone());
    let waits = thread::spawn(move || late.get(&address).status);
    let _again = broadcast(&gateway, films.path(), "alice");
    assert_eq!(waits.join().unwrap(), 200, "{last}");
}

#[test]
fn a_gateway_that_comes_back_goes_on_with_what_it_has() {
    let gateway = gateway(SETTINGS);
    let films = folder(&[(FIRST, "film.mp4")]);
    let link = Link::to(&gateway.client.0, u64::MAX);
    let _broadcaster = broadcast_to(&link.address, films.path(), "alice");
    let film = address(&only(&gateway));
    let all = segments(&gateway, &film).swap_remove(0);
    for segment in &all[..6] {
        gateway.get(segment).with(200);
    }
    eventually("all that came is kept", || (standing(&gateway, "alice")["may"] == 0).then_some(()));
    let here = sent(&gateway, "alice");
    // It ends while bytes are on their way.
    link.let_go(20 << 10);
    let (late, last) = (gateway.client.clone(), all[15].clone());
    // Its viewer is cut off too.
    let waits = thread::spawn(move || late.try_send("GET", &last, &[]));
    eventually("they are on their way", || (link.left() < 16 << 10).then_some(()));
    let Gateway { running, place, .. } = gateway;
    running.kill();
    let _ = waits.join();
    let again = start(place, SETTINGS);
    let kept = again.get("/v1/storage").with(200).json()["used"].clone();
    link.let_go(u64::MAX);
    link.cut(&again.client.0);
    eventually("its broadcaster comes back", || {
        (standing(&again, "alice")["connected"] == true).then_some(())
    });
    comes_out_whole(&again, &film, FIRST);
    let whole = fs::metadata(fixture(FIRST)).unwrap().len();
    let more = sent(&again, "alice");
    assert!(
        more < whole - here / 2,
        "{more} more of {whole} bytes, after {here}, of which were kept: {kept}"
    );
}

#[test]
fn another_goes_on_at_once_where_a_file_is_gone_or_is_another() {
    for replaced in [false, true] {
        // Nobody is taken to stall in this test.
        let gateway = gateway(&SETTINGS.replace("1s", "60s"));
        let films = folder(&[(FIRST, "film.mp4")]);
        let _first = broadcast(&gateway, films.path(), "alice");
        let film = address(&only(&gateway));
        let all = segments(&gateway, &film).swap_remove(0);
        gateway.get(&all[0]).with(200);
        let others = folder(&[(FIRST, "film.mp4")]);
        let _second = broadcast(&gateway, others.path(), "bob");
        match replaced {
            true => drop(fs::copy(fixture(LAST), films.path().join("film.mp4")).unwrap()),
            false => fs::remove_file(films.path().join("film.mp4")).unwrap(),
        }
        gateway.get(&all[17]).with(200);
        comes_out_whole(&gateway, &film, FIRST);
        assert!(sent(&gateway, "bob") > 0);
    }
}

#[test]
fn a_film_begins_within_moments_over_a_slow_way() {
    // A segment has 150 KiB: 60 ms of 20 Mbit/s.
    let gateway = gateway("");
    let films = folder(&[(FIRST, "film.mp4")]);
    let link = Link::paced(&gateway.client.0, 20_000_000);
    let _broadcaster = broadcast_to(&link.address, films.path(), "alice");
    let film = address(&only(&gateway));
    let asked = Instant::now();
    gateway.get(&format!("{film}/manifest.json")).with(200);
    gateway.get(&format!("{film}/v1/1.m4s")).with(200);
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    // Somebody seeks while what comes next is read ahead.
    let asked = Instant::now();
    gateway.get(&format!("{film}/v1/15.m4s")).with(200);
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_film_that_is_larger_than_all_the_space_there_is_plays_through_and_again() {
    let settings = "[store]\nquota = \"10MiB\"\nshare = \"10MiB\"\nchunk = \"256KiB\"\nsync = \"process\"\n";
    for share in ["10MiB", "6MiB"] {
        let gateway = gateway(&settings.replace("share = \"10MiB\"", &format!("share = \"{share}\"")));
        let films = folder(&[("frames/ladder.mp4", "film.mp4")]);
        let _broadcaster = broadcast(&gateway, films.path(), "alice");
        let film = address(&only(&gateway));
        for _ in 0..2 {
            play(&gateway, &film, |_| {
                let taken = du(&gateway.place.path().join("data"));
                assert!(taken <= 10 << 20, "{taken} bytes");
            });
        }
    }
}

#[test]
fn a_folder_is_followed_as_it_changes() {
    let gateway = gateway(SETTINGS);
    let films = folder(&[(FIRST, "a.mp4")]);
    let _broadcaster = broadcast(&gateway, films.path(), "alice");
    let titles =
        || gateway.items().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(titles(), ["a"]);
    fs::copy(fixture(LAST), films.path().join("b.mp4")).unwrap();
    fs::remove_file(films.path().join("a.mp4")).unwrap();
    eventually("the new film is offered and the old is not", || (titles() == ["b"]).then_some(()));
}

#[test]
fn a_title_that_several_offer_is_found_once_and_the_old_address_leads_to_it() {
    let gateway = gateway(SETTINGS);
    let alice = folder(&[(LAST, "The Film {tmdb-603}.mp4"), (FIRST, "Show S01E02 {tmdb-7}.mp4")]);
    let bob = folder(&[(LAST, "Other name {tmdb-603}.mp4")]);
    let broadcasters = [broadcast(&gateway, alice.path(), "alice"), broadcast(&gateway, bob.path(), "bob")];
    let found = gateway.get("/v1/titles/603").with(200).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(
        gateway.get("/v1/titles/7?season=1&episode=2").with(200).json()["items"][0]["state"],
        "offered"
    );
    assert_eq!(gateway.get("/v1/media?state=offered").with(200).json()["items"].as_array().unwrap().len(), 2);
    let id = found["items"][0]["id"].as_str().unwrap();
    let old = |query: &str, accept: &str| {
        gateway.client.send("GET", &format!("/video?broadcasterId={query}"), &[("accept", accept)])
    };
    let page = old("bob&filetype=mp4", "text/html,*/*").with(307);
    assert_eq!(page.must("location"), format!("/watch/{id}"));
    gateway.get(page.must("location")).with(200);
    let file = old("alice&filetype=mp4&tmdb=603", "*/*").with(200);
    assert!(file.body == fs::read(fixture(LAST)).unwrap(), "other bytes");
    problem(&old("alice&filetype=mp4", "*/*"), 400);
    problem(&old("alice&filetype=mkv", "*/*"), 404);
    problem(&old("carol&filetype=mp4", "*/*"), 404);
    drop(broadcasters);
    eventually("what nobody offers is not listed", || {
        (gateway.items().len() == 1 && gateway.get("/v1/titles/7").status == 404).then_some(())
    });
    problem(&old("alice&filetype=mp4&tmdb=7&season=1&episode=2", "*/*"), 404);
}

#[test]
fn an_id_cant_be_taken_over_and_a_second_process_with_its_key_takes_its_place() {
    let gateway = gateway(SETTINGS);
    let films = folder(&[(LAST, "film.mp4")]);
    let mut first = broadcast(&gateway, films.path(), "alice");
    let to = format!("http://{}", gateway.client.0);
    let refused = segue(&arguments(&to, films.path(), "alice", "another key that is long")).refused();
    assert!(refused.stderr.contains("another --id"), "{}", refused.stderr);
    assert!(first.runs() && standing(&gateway, "alice")["connected"] == true);
    let _second = broadcast(&gateway, films.path(), "alice");
    eventually("the first gives up", || (!first.runs()).then_some(()));
    assert_eq!(standing(&gateway, "alice")["connected"], true);
}
