//! The service itself: what it says of itself, what it refuses, how it starts and ends.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::faults;
use crate::fixtures::path as fixture;
use crate::gateway::Gateway;
use crate::program::{eventually, segue, serve_arguments};

#[test]
fn it_says_that_it_lives_is_ready_and_what_it_offers() {
    let (gateway, _film) = Gateway::with_a_film();
    gateway.get("/health/live").with(200);
    gateway.get("/health/ready").with(200);
    let metrics = gateway.get("/metrics").with(200);
    assert!(metrics.text().lines().any(|line| line.starts_with("# TYPE ")), "{metrics}");
    let document = gateway.get("/openapi.json").with(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    for path in [
        "/v1/media",
        "/v1/media/{id}",
        "/v1/media/{id}/manifest.json",
        "/v1/media/{id}/original",
        "/health/live",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path} is not described");
    }
    assert!(gateway.get("/docs").with(200).must("content-type").starts_with("text/html"));
}

#[test]
fn every_response_has_a_request_id() {
    let (gateway, film) = Gateway::with_a_film();
    let id = |path: &str| gateway.get(path).must("x-request-id").to_owned();
    let ids = [id("/v1/media"), id(&format!("{film}/v1/1.m4s")), id("/v1/nothing"), id("/")];
    assert!(ids.iter().all(|id| !id.is_empty()));
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn nothing_a_client_sends_reaches_a_path() {
    let (gateway, film) = Gateway::with_a_film();
    let up = "../../../../../../../../../../etc/passwd";
    let dots = up.replace("../", "%2e%2e%2f");
    let twice = up.replace("../", "%252e%252e%252f");
    let back = up.replace("../", "..%5c");
    for path in [
        format!("/{up}"),
        format!("/{dots}"),
        format!("/v1/media/{up}"),
        format!("/v1/media/{dots}"),
        format!("/v1/media/{dots}/original"),
        format!("{film}/{up}"),
        format!("{film}/{dots}"),
        format!("{film}/{twice}"),
        format!("{film}/v1/{dots}"),
        format!("{film}/{back}"),
        format!("{film}/original/../original"),
        format!("{film}//etc/passwd"),
        format!("{film}/v1/1.m4s%00.txt"),
        format!("/player/{up}"),
        format!("/player/{dots}"),
        format!("/watch/{dots}"),
        "/v1/media/%ff%fe".to_owned(),
        format!("/v1/media/{}", "a".repeat(5000)),
    ] {
        let reply = gateway.get(&path);
        assert!(matches!(reply.status, 400 | 404 | 414 | 431), "{path}: {reply}");
        assert!(!reply.text().contains("root:"), "{path}");
    }
    gateway.get("/health/live").with(200);
}

#[test]
fn the_served_folder_is_never_changed() {
    let (gateway, film) = Gateway::with_a_film();
    let films = gateway.place.path().join("films");
    let before = faults::files(&films);
    for path in ["manifest.json", "master.m3u8", "v1/1.m4s", "a1/1.m4s", "original"] {
        gateway.get(&format!("{film}/{path}")).with(200);
    }
    assert!(faults::files(&films) == before);
}

#[test]
fn many_at_once_get_the_same_bytes() {
    let (gateway, film) = Gateway::with_a_film();
    let address = format!("{film}/v1/2.m4s");
    let client = &gateway.client;
    let bodies: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| client.get(&address).with(200).body)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[test]
fn addresses_and_etags_are_the_same_after_a_restart() {
    let gateway = Gateway::over(&["edge/moov-last.mp4", "edge/frag-hybrid.mp4"]);
    let seen = |gateway: &Gateway| {
        let film = gateway.film("moov-last");
        let tags = ["v1/init.mp4", "v1/1.m4s", "a1/2.m4s", "master.m3u8", "original"].map(|path| {
            let reply = gateway.get(&format!("{film}/{path}")).with(200);
            (reply.must("etag").to_owned(), reply.body)
        });
        (film, tags)
    };
    let before = seen(&gateway);
    let gateway = gateway.restarted();
    assert_eq!(gateway.items().len(), 2, "what it knew it knows at once");
    assert!(seen(&gateway) == before);
}

#[test]
fn it_ends_cleanly_when_asked_to() {
    let (gateway, _film) = Gateway::with_a_film();
    let Gateway { running, client, place: _place } = gateway;
    assert_eq!(running.stop(), Some(0));
    assert!(client.try_send("GET", "/health/live", &[]).is_err(), "somebody still answers");
}

#[test]
fn a_folder_that_is_not_there_a_port_that_is_taken_and_a_wrong_config_are_told_in_one_line() {
    let (gateway, _film) = Gateway::with_a_film();
    let place = gateway.place.path();
    let data = place.join("other-data");
    let serve = |folder: &Path, more: &[&OsStr]| {
        let mut arguments =
            vec![OsStr::new("serve"), folder.as_os_str(), OsStr::new("--data"), data.as_os_str()];
        arguments.extend(more);
        segue(&arguments)
    };
    let free = [OsStr::new("--listen"), OsStr::new("127.0.0.1:0")];
    let run = serve(&place.join("missing"), &free);
    assert!(run.stderr.contains("missing"), "{}", run.stderr);
    run.refused();
    serve(&place.join("films"), &[OsStr::new("--listen"), OsStr::new(&gateway.client.0)]).refused();
    let config = place.join("segue.toml");
    fs::write(&config, "no_such_key = 1\n").unwrap();
    let run = serve(&place.join("films"), &[free[0], free[1], OsStr::new("--config"), config.as_os_str()]);
    assert!(run.stderr.contains("no_such_key"), "{}", run.stderr);
    run.refused();
}

#[test]
fn two_gateways_do_not_share_one_data_folder() {
    let (gateway, _film) = Gateway::with_a_film();
    let (films, data) = (gateway.place.path().join("films"), gateway.place.path().join("data"));
    segue(&serve_arguments(&films, &data)).refused();
    gateway.get("/health/live").with(200);
}

#[test]
fn a_gateway_that_was_killed_starts_again_with_all_it_knew() {
    let (gateway, film) = Gateway::with_a_film();
    let before = gateway.get(&format!("{film}/v1/1.m4s")).with(200).body;
    let Gateway { running, place, .. } = gateway;
    running.kill();
    let gateway = Gateway::start(place);
    let reply = eventually("the film is there", || {
        Some(gateway.get(&format!("{film}/v1/1.m4s"))).filter(|reply| reply.status == 200)
    });
    assert!(reply.body == before);
}

#[test]
fn curl_resumes_a_download_of_the_original() {
    let (gateway, film) = Gateway::with_a_film();
    let whole = fs::read(fixture("edge/moov-last.mp4")).unwrap();
    let target = gateway.place.path().join("download.mp4");
    fs::write(&target, &whole[..50_000]).unwrap();
    let address = format!("http://{}{film}/original", gateway.client.0);
    let status = Command::new("curl")
        .args(["-sf", "-C", "-", "-o"])
        .arg(&target)
        .arg(&address)
        .status()
        .expect("curl starts");
    assert!(status.success());
    assert!(fs::read(&target).unwrap() == whole);
}
