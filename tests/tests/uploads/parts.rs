//! Bytes in any order.

use std::thread;

use serde_json::json;

use super::*;
use crate::gateway::problem;
use crate::listen::Listening;

#[test]
fn parts_come_in_any_order_several_at_once_and_again() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, film.len());
    let starts: Vec<usize> = (0..film.len()).step_by(250_000).collect();
    thread::scope(|scope| {
        for turn in [1, 0, 2, 1] {
            for start in starts.iter().copied().filter(|start| start / 250_000 % 3 == turn) {
                let (client, upload, film) = (&gateway.client, &upload, &film);
                scope.spawn(move || {
                    put(client, upload, film, start, film.len().min(start + 260_000)).with(204);
                });
            }
        }
    });
    assert_eq!(shown(&gateway.client, &upload)["here"], json!([[0, film.len()]]));
    becomes(&gateway.client, &upload, "ready");
    assert!(gateway.get(&format!("{}/original", medium(&gateway.client, &upload))).body == film);
}

#[test]
fn parts_that_overlap_have_to_agree() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, film.len());
    put(&gateway.client, &upload, &film, 1_000_000, 1_001_000).with(204);
    let mut other = film.clone();
    other[1_000_500] ^= 1;
    let reply = put(&gateway.client, &upload, &other, 1_000_400, 1_000_600);
    problem(&reply, 409);
    assert_eq!(reply.json()["code"], "bytes_differ");
    put(&gateway.client, &upload, &film, 999_000, 1_002_000).with(204);
    assert_eq!(shown(&gateway.client, &upload)["here"], json!([[999_000, 1_002_000]]));
}

#[test]
fn a_part_that_breaks_off_leaves_what_came() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, film.len());
    let range = format!("bytes 2000000-2499999/{}", film.len());
    let parts = format!("{upload}/parts");
    let mut broken = Slowly::begin(&gateway.client, "PUT", &parts, &[("content-range", &range)], 500_000);
    broken.send(&film[2_000_000..2_100_000]);
    drop(broken);
    eventually("what came is kept", || {
        (shown(&gateway.client, &upload)["here"] == json!([[2_000_000, 2_100_000]])).then_some(())
    });
}

#[test]
fn the_timeline_is_wanted_first_wherever_it_lies_then_the_rest() {
    let (gateway, film) = (empty(), bytes_of(LATE));
    let upload = make(&gateway.client, film.len());
    let mut wants = Listening::open(&gateway.client, &format!("{upload}/wants"), &[]);
    let mut heard = wants.next().expect("it is told at once");
    assert_eq!(heard.name, "wants");
    assert_eq!(heard.data["state"], "receiving");
    let mut sent = 0;
    // As a client does that sends only what somebody waits for.
    while heard.data["state"] == "receiving" {
        for (from, to) in urgent(&heard.data) {
            put(&gateway.client, &upload, &film, from, to).with(204);
            sent += to - from;
        }
        heard = wants.next().expect("it goes on");
    }
    assert_eq!(heard.data["state"], "playable");
    assert!(sent < 200_000, "{sent} bytes were sent before it could be played");
    assert_eq!(shown(&gateway.client, &upload)["state"], "playable");
    put(&gateway.client, &upload, &film, 0, film.len()).with(204);
    let last = wants.by_ref().find(|heard| heard.name == "done").expect("it ends");
    assert_eq!((&last.data["state"], &last.data["wants"]), (&json!("ready"), &json!([])));
    assert!(wants.next().is_none());
}

#[test]
fn wants_end_when_the_gateway_does() {
    let gateway = empty();
    let upload = make(&gateway.client, 1000);
    let mut wants = Listening::open(&gateway.client, &format!("{upload}/wants"), &[]);
    assert!(wants.next().is_some());
    let began = std::time::Instant::now();
    assert_eq!(gateway.running.stop(), Some(0));
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
