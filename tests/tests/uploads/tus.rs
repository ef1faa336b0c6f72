//! tus 1.0.0, as the protocol has it.

use super::*;
use crate::gateway::problem;

#[test]
fn a_film_that_is_sent_in_order_is_kept_byte_for_byte() {
    let (gateway, film) = (empty(), bytes_of(LATE));
    let upload = make(&gateway.client, film.len());
    for (from, to) in [(0, 1), (1, 700_000), (700_000, film.len())] {
        assert_eq!(offset(&gateway.client, &upload), from);
        let reply = patch(&gateway.client, &upload, from, &film[from..to]).with(204);
        assert_eq!(reply.must("upload-offset"), to.to_string());
        assert_eq!(reply.must("tus-resumable"), "1.0.0");
        assert!(reply.must("upload-expires").ends_with("GMT"));
    }
    becomes(&gateway.client, &upload, "ready");
    let medium = medium(&gateway.client, &upload);
    assert!(gateway.get(&format!("{medium}/original")).with(200).body == film);
    assert_eq!(gateway.get(&medium).json()["title"], "film");
    let head = gateway.client.send("HEAD", &upload, &[TUS]).with(200);
    assert_eq!(head.must("upload-length"), film.len().to_string());
    assert_eq!(head.must("upload-metadata"), NAMED.1);
    assert_eq!(head.must("cache-control"), "no-store");
}

#[test]
fn what_a_film_is_called_is_what_the_metadata_say() {
    let gateway = empty();
    // The Pilot, tv, 1396, 1, 2
    let said = "filename eC5tcDQ=,title VGhlIFBpbG90,type dHY=,tmdb MTM5Ng==,season MQ==,episode Mg==";
    let upload = make_with(&gateway.client, &[("upload-length", "1000"), ("upload-metadata", said)]);
    let item = gateway.get(&medium(&gateway.client, &upload)).json();
    for (key, value) in [("title", "The Pilot"), ("type", "tv"), ("state", "receiving")] {
        assert_eq!(item[key], value);
    }
    for (key, value) in [("tmdb", 1396), ("season", 1), ("episode", 2)] {
        assert_eq!(item[key], value);
    }
    gateway.get("/v1/titles/1396?type=tv&season=1&episode=2").with(200);
}

#[test]
fn bytes_may_come_with_the_creation_and_the_length_after_it() {
    let (gateway, film) = (empty(), bytes_of(LATE));
    let headers = [TUS, BYTES, ("upload-defer-length", "1")];
    let reply = gateway.client.send_with("POST", "/v1/uploads", &headers, &film[..1000]).with(201);
    assert_eq!(reply.must("upload-offset"), "1000");
    let upload = reply.must("location").to_owned();
    let head = gateway.client.send("HEAD", &upload, &[TUS]).with(200);
    assert_eq!((head.header("upload-length"), head.must("upload-defer-length")), (None, "1"));
    let length = film.len().to_string();
    let headers = [TUS, BYTES, ("upload-offset", "1000"), ("upload-length", &length)];
    gateway.client.send_with("PATCH", &upload, &headers, &film[1000..]).with(204);
    becomes(&gateway.client, &upload, "ready");
    assert!(gateway.get(&format!("{}/original", medium(&gateway.client, &upload))).body == film);
    let other = [TUS, BYTES, ("upload-offset", &length), ("upload-length", "5")];
    problem(&gateway.client.send_with("PATCH", &upload, &other, b""), 409);
}

#[test]
fn what_the_gateway_can_do_is_told_and_other_versions_are_refused() {
    let gateway = empty();
    let options = gateway.client.send("OPTIONS", "/v1/uploads", &[]).with(204);
    assert_eq!(options.must("tus-version"), "1.0.0");
    for extension in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "checksum",
        "concatenation",
        "expiration",
        "termination",
    ] {
        assert!(options.must("tus-extension").split(',').any(|told| told == extension), "{extension}");
    }
    assert!(options.must("tus-checksum-algorithm").contains("sha1"));
    assert!(options.must("access-control-allow-methods").contains("PATCH"));
    assert!(options.must("access-control-expose-headers").contains("upload-offset"));
    for version in [None, Some(("tus-resumable", "0.2.2"))] {
        let headers: Vec<_> = [("upload-length", "10")].into_iter().chain(version).collect();
        let reply = gateway.client.send_with("POST", "/v1/uploads", &headers, b"");
        problem(&reply, 412);
        assert_eq!(reply.must("tus-version"), "1.0.0");
    }
    problem(&gateway.client.send_with("POST", "/v1/uploads", &[TUS], b""), 400);
    problem(&gateway.client.send("PUT", "/v1/uploads", &[]), 405);
}

#[test]
fn a_client_that_knows_only_post_says_which_method_it_means() {
    let gateway = empty();
    let upload = make(&gateway.client, 1000);
    let headers = [TUS, BYTES, ("upload-offset", "0"), ("x-http-method-override", "PATCH")];
    let reply = gateway.client.send_with("POST", &upload, &headers, b"\0\0\0").with(204);
    assert_eq!(reply.must("upload-offset"), "3");
    let headers = [TUS, ("x-http-method-override", "DELETE")];
    gateway.client.send_with("POST", &upload, &headers, b"").with(204);
    problem(&gateway.client.get(&upload), 404);
}

#[test]
fn bytes_that_are_not_those_of_their_sum_are_as_if_they_had_never_come() {
    let gateway = empty();
    let upload = make_with(&gateway.client, &[("upload-defer-length", "1")]);
    let with = |sum: &'static str, offset: &'static str, bytes: &[u8]| {
        let headers = [TUS, BYTES, ("upload-offset", offset), ("upload-checksum", sum)];
        gateway.client.send_with("PATCH", &upload, &headers, bytes)
    };
    // Of "hello".
    let (sha1, sha256) =
        ("sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=", "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    let reply = with(sha1, "0", b"jello");
    problem(&reply, 460);
    assert_eq!(offset(&gateway.client, &upload), 0);
    assert_eq!(shown(&gateway.client, &upload)["here"], serde_json::json!([]));
    assert_eq!(with(sha1, "0", b"hello").with(204).must("upload-offset"), "5");
    assert_eq!(with(sha256, "5", b"hello").with(204).must("upload-offset"), "10");
    problem(&with("crc32 AAAA", "10", b"hello"), 400);
    assert_eq!(offset(&gateway.client, &upload), 10);
}

#[test]
fn uploads_of_parts_are_joined_to_one() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let middle = 1_234_567;
    let parts = [&film[..middle], &film[middle..]].map(|bytes| {
        let length = bytes.len().to_string();
        let part = make_with(&gateway.client, &[("upload-length", &length), ("upload-concat", "partial")]);
        patch(&gateway.client, &part, 0, bytes).with(204);
        assert_eq!(gateway.client.send("HEAD", &part, &[TUS]).must("upload-concat"), "partial");
        part
    });
    assert_eq!(gateway.items().len(), 0, "a part is no film");
    let joined = format!("final;{} http://elsewhere{}", parts[0], parts[1]);
    let whole = make_with(&gateway.client, &[("upload-concat", &joined), NAMED]);
    becomes(&gateway.client, &whole, "ready");
    assert!(gateway.get(&format!("{}/original", medium(&gateway.client, &whole))).body == film);
    let head = gateway.client.send("HEAD", &whole, &[TUS]).with(200);
    assert_eq!(head.must("upload-offset"), film.len().to_string());
    assert!(head.must("upload-concat").starts_with("final;"));
    problem(&patch(&gateway.client, &whole, film.len(), b"x"), 403);
    eventually("the parts are gone", || (gateway.get(&parts[0]).status == 404).then_some(()));
}

#[test]
fn an_upload_that_is_ended_leaves_nothing() {
    let gateway = empty();
    let before = gateway.get("/v1/storage").json();
    let upload = make(&gateway.client, 5_000_000);
    patch(&gateway.client, &upload, 0, &bytes_of(EARLY)[..100_000]).with(204);
    let medium = medium(&gateway.client, &upload);
    assert!(gateway.get("/v1/storage").json()["reserved"].as_u64() > before["reserved"].as_u64());
    gateway.client.send("DELETE", &upload, &[TUS]).with(204);
    assert_eq!(gateway.client.send("HEAD", &upload, &[TUS]).status, 404);
    problem(&patch(&gateway.client, &upload, 100_000, b"x"), 404);
    problem(&gateway.get(&medium), 404);
    let after = gateway.get("/v1/storage").json();
    assert_eq!((&after["used"], &after["reserved"]), (&before["used"], &before["reserved"]));
}

#[test]
fn the_same_key_makes_no_second_upload() {
    let gateway = empty();
    let ask = |key: &'static str, length: &'static str| {
        let headers = [TUS, NAMED, ("upload-length", length), ("idempotency-key", key)];
        gateway.client.send_with("POST", "/v1/uploads", &headers, b"")
    };
    let one = ask("a", "1000").with(201);
    assert_eq!(ask("a", "1000").with(201).must("location"), one.must("location"));
    assert_ne!(ask("b", "1000").with(201).must("location"), one.must("location"));
    problem(&ask("a", "1001"), 422);
    problem(&ask("", "1000"), 400);
}

#[test]
fn a_connection_that_is_dead_does_not_hold_up_who_goes_on() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, film.len());
    let headers = [TUS, BYTES, ("upload-offset", "0")];
    // Who asks ends who sends, and what came is kept; where nothing had come yet, another one sends.
    let (dead, kept) = eventually("the bytes have come", || {
        let mut dead = Slowly::begin(&gateway.client, "PATCH", &upload, &headers, film.len());
        dead.send(&film[..500_000]);
        let kept = offset(&gateway.client, &upload);
        (kept > 0).then_some((dead, kept))
    });
    assert!(dead.reply().is_ok_and(|reply| reply.status == 409));
    let mut dead = Slowly::begin(
        &gateway.client,
        "PATCH",
        &upload,
        &[TUS, BYTES, ("upload-offset", &kept.to_string())],
        film.len() - kept,
    );
    dead.send(&film[kept..kept + 1]);
    eventually("another goes on", || {
        let at = offset(&gateway.client, &upload);
        (patch(&gateway.client, &upload, at, &film[at..]).status == 204).then_some(())
    });
    becomes(&gateway.client, &upload, "ready");
    assert!(gateway.get(&format!("{}/original", medium(&gateway.client, &upload))).body == film);
}

#[test]
fn a_body_that_breaks_off_leaves_what_came() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, film.len());
    let headers = [TUS, BYTES, ("upload-offset", "0")];
    let mut broken = Slowly::begin(&gateway.client, "PATCH", &upload, &headers, film.len());
    broken.send(&film[..300_000]);
    drop(broken);
    let here = eventually("what came is kept", || {
        let here = shown(&gateway.client, &upload)["here"][0][1].as_u64();
        here.filter(|here| *here == 300_000)
    });
    assert_eq!(offset(&gateway.client, &upload) as u64, here);
}

#[test]
fn what_is_acknowledged_is_there_after_a_kill_and_the_upload_goes_on() {
    let (mut gateway, film) = (empty(), bytes_of(LATE));
    let upload = make(&gateway.client, film.len());
    patch(&gateway.client, &upload, 0, &film[..777_777]).with(204);
    put(&gateway.client, &upload, &film, 1_000_000, 1_000_100).with(204);
    let Gateway { running, place, .. } = gateway;
    running.kill();
    gateway = Gateway::start(place);
    assert_eq!(offset(&gateway.client, &upload), 777_777);
    let here = serde_json::json!([[0, 777_777], [1_000_000, 1_000_100]]);
    assert_eq!(shown(&gateway.client, &upload)["here"], here);
    patch(&gateway.client, &upload, 777_777, &film[777_777..]).with(204);
    becomes(&gateway.client, &upload, "ready");
    assert!(gateway.get(&format!("{}/original", medium(&gateway.client, &upload))).body == film);
}
