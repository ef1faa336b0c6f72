//! What clients send that they should not.

use super::*;
use crate::gateway::problem;

/// What the gateway says of something, by its code.
#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    problem(reply, status);
    assert_eq!(reply.json()["code"], code, "{reply}");
}

#[test]
fn what_is_no_film_is_refused_with_the_reason_and_takes_no_space() {
    let gateway = empty();
    let before = gateway.get("/v1/storage").json();
    let noise: Vec<u8> =
        (0..50_000_u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let upload = make(&gateway.client, noise.len());
    let first = patch(&gateway.client, &upload, 0, &noise[..200_000]);
    assert!(matches!(first.status, 204 | 422), "{first}");
    becomes(&gateway.client, &upload, "failed");
    let next = patch(&gateway.client, &upload, 0, &noise[..200_000]);
    refused(&next, 422, "not_playable");
    assert!(next.json()["detail"].as_str().is_some_and(|why| !why.is_empty()), "{next}");
    refused(&put(&gateway.client, &upload, &noise, 0, 100), 422, "not_playable");
    assert!(shown(&gateway.client, &upload)["error"].is_string());
    eventually("its space is free", || {
        let now = gateway.get("/v1/storage").json();
        let taken = now["used"].as_u64()? - before["used"].as_u64()?;
        (now["reserved"] == before["reserved"] && taken < 20_000).then_some(())
    });
    gateway.restarted_and(|gateway| {
        refused(&patch(&gateway.client, &upload, 0, &noise[..200_000]), 422, "not_playable");
    });
}

#[test]
fn a_film_that_is_cut_short_or_lies_about_its_length_fails_and_says_why() {
    let (gateway, film) = (empty(), bytes_of(LATE));
    let cut = &film[..film.len() - 50_000];
    let upload = make(&gateway.client, cut.len());
    patch(&gateway.client, &upload, 0, cut);
    becomes(&gateway.client, &upload, "failed");
    assert!(shown(&gateway.client, &upload)["error"].is_string());
    let upload = make(&gateway.client, film.len() - 1);
    refused(&patch(&gateway.client, &upload, 0, &film), 413, "body_too_long");
    assert_eq!(offset(&gateway.client, &upload), 0);
}

#[test]
fn more_bytes_than_were_announced_are_not_taken() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, 1000);
    // In chunks, so that nobody knows how many there are.
    let mut stream = TcpStream::connect(&gateway.client.0).unwrap();
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nhost: a\r\n{}: {}\r\n{}: {}\r\nupload-offset: 0\r\ntransfer-encoding: chunked\r\n\r\n",
        TUS.0, TUS.1, BYTES.0, BYTES.1
    );
    stream.write_all(format!("{head}7d0\r\n").as_bytes()).unwrap();
    stream.write_all(&film[..2000]).unwrap();
    stream.write_all(b"\r\n0\r\n\r\n").unwrap();
    let reply = crate::http::read_reply(BufReader::new(stream), "PATCH").unwrap();
    refused(&reply, 413, "body_too_long");
}

#[test]
fn sizes_that_no_disk_has_are_refused_before_anything_is_done() {
    let gateway = empty();
    for length in ["9223372036854775808", "18446744073709551615", "99999999999999999999999999"] {
        let reply = gateway.client.send_with("POST", "/v1/uploads", &[TUS, ("upload-length", length)], b"");
        refused(&reply, 413, "too_large");
        assert!(reply.json()["quota"].is_u64(), "{reply}");
    }
    for length in ["", "-1", "1e9", "0x10"] {
        let reply = gateway.client.send_with("POST", "/v1/uploads", &[TUS, ("upload-length", length)], b"");
        refused(&reply, 400, "bad_header");
    }
    refused(
        &gateway.client.send_with("POST", "/v1/uploads", &[TUS, ("upload-length", "0")], b""),
        422,
        "not_playable",
    );
    assert_eq!(gateway.items().len(), 0);
}

#[test]
fn what_does_not_fit_now_is_told_with_numbers() {
    let gateway = empty().restarted_with("[store]\nquota = \"16MiB\"\n");
    let upload = make(&gateway.client, 10 << 20);
    let reply = gateway.client.send_with("POST", "/v1/uploads", &[TUS, ("upload-length", "8000000")], b"");
    refused(&reply, 507, "no_space");
    let body = reply.json();
    for number in ["needed", "free", "used", "reserved", "quota"] {
        assert!(body[number].is_u64(), "{number} in {body}");
    }
    gateway.client.send("DELETE", &upload, &[TUS]).with(204);
    make(&gateway.client, 8_000_000);
}

#[test]
fn ranges_that_make_no_sense_are_refused() {
    let gateway = empty();
    let (upload, unknown) =
        (make(&gateway.client, 1000), make_with(&gateway.client, &[("upload-defer-length", "1")]));
    let send = |upload: &str, range: &str, bytes: &[u8]| {
        gateway.client.send_with("PUT", &format!("{upload}/parts"), &[("content-range", range)], bytes)
    };
    for range in [
        "bytes 5-1/1000",
        "bytes 0-1000/1000",
        "bytes 0-18446744073709551615/*",
        "bytes -1-5/1000",
        "bytes */1000",
        "lines 0-1/2",
        "",
    ] {
        refused(&send(&upload, range, b"xx"), 400, "bad_header");
    }
    refused(&send(&upload, "bytes 0-1/1000", b"xxx"), 400, "bad_header");
    refused(&send(&upload, "bytes 0-1/999", b"xx"), 409, "other_length");
    refused(&send(&upload, "bytes 1000-1001/*", b"xx"), 413, "body_too_long");
    for range in ["bytes 9223372036854775806-9223372036854775807/*", "bytes 70368744177664-70368744177665/*"]
    {
        refused(&send(&unknown, range, b"xx"), 413, "too_large");
    }
    assert_eq!(shown(&gateway.client, &upload)["here"], serde_json::json!([]));
    refused(&gateway.client.send_with("PUT", &format!("{upload}/parts"), &[], b"xx"), 400, "bad_header");
}

#[test]
fn headers_that_make_no_sense_are_refused() {
    let gateway = empty();
    for bad in [
        ("upload-metadata", "filename !!!"),
        ("upload-metadata", "type cmFkaW8="),
        ("upload-concat", "some"),
        ("upload-concat", "final;"),
        ("upload-checksum", "sha1"),
        ("upload-defer-length", "2"),
    ] {
        let headers = [TUS, ("upload-length", "10"), bad];
        refused(&gateway.client.send_with("POST", "/v1/uploads", &headers, b""), 400, "bad_header");
    }
    let upload = make(&gateway.client, 1000);
    let wrong = [TUS, ("content-type", "video/mp4"), ("upload-offset", "0")];
    refused(&gateway.client.send_with("PATCH", &upload, &wrong, b"x"), 415, "wrong_media_type");
    refused(&gateway.client.send_with("PATCH", &upload, &[TUS, BYTES], b"x"), 400, "bad_header");
    let reply = patch(&gateway.client, &upload, 5, b"x");
    refused(&reply, 409, "wrong_offset");
    assert_eq!(reply.json()["offset"], 0);
}

#[test]
fn what_belongs_to_someone_else_is_not_found_and_not_touched() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, film.len());
    patch(&gateway.client, &upload, 0, &film[..1000]).with(204);
    let medium = medium(&gateway.client, &upload);
    let id = medium.rsplit('/').next().unwrap();
    for other in [id, "00000000000000000000000000", "..", "%2e%2e", "a/b"] {
        let address = format!("/v1/uploads/{other}");
        assert_eq!(patch(&gateway.client, &address, 1000, b"x").status, 404, "{other}");
        assert_eq!(put(&gateway.client, &address, &film, 0, 10).status, 404, "{other}");
        assert_eq!(gateway.client.send("DELETE", &address, &[TUS]).status, 404, "{other}");
        assert_eq!(gateway.get(&format!("{address}/wants")).status, 404, "{other}");
    }
    let list = gateway.get("/v1/media").text();
    assert!(
        !list.contains(upload.rsplit('/').next().unwrap()),
        "what goes on with an upload is told to nobody else"
    );
    assert_eq!(offset(&gateway.client, &upload), 1000);
}

#[test]
fn one_byte_at_a_time_is_taken_as_it_comes() {
    let (gateway, film) = (empty(), bytes_of(EARLY));
    let upload = make(&gateway.client, film.len());
    let headers = [TUS, BYTES, ("upload-offset", "0")];
    let mut slow = Slowly::begin(&gateway.client, "PATCH", &upload, &headers, film.len());
    for at in 0..20 {
        slow.send(&film[at..=at]);
        // The next comes once this one is here: told by what is wanted.
        eventually("the byte is here", || {
            let wants = shown(&gateway.client, &upload)["wants"].clone();
            wants.as_array()?.iter().any(|want| want[0] == at + 1).then_some(())
        });
    }
    drop(slow);
    eventually("they are kept", || (shown(&gateway.client, &upload)["here"][0][1] == 20).then_some(()));
}
