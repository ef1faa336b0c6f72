//! Who may do what.

use crate::fixtures::path as fixture;
use crate::gateway::{Gateway, problem};
use crate::http::Client;
use crate::listen::Listening;
use crate::program::{Running, eventually, segue};

const SETTINGS: &str = "[auth]
view = \"viewers-0123456789\"
upload = \"senders-0123456789\"
admin = \"admins-0123456789ab\"
secret = \"signing-0123456789\"
";
const VIEWER: (&str, &str) = ("authorization", "Bearer viewers-0123456789");
const SENDER: (&str, &str) = ("authorization", "Bearer senders-0123456789");
const ADMIN: (&str, &str) = ("authorization", "Bearer admins-0123456789ab");

/// A gateway that wants tokens, and the path of its one film.
fn closed() -> (Gateway, String) {
    let (open, film) = Gateway::with_a_film();
    (open.restarted_with(SETTINGS), film)
}

#[track_caller]
fn code(client: &Client, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let reply = client.send(method, path, headers);
    if reply.status < 400 {
        return reply.status.to_string();
    }
    problem(&reply, reply.status);
    if reply.status == 401 {
        assert!(reply.must("www-authenticate").starts_with("Bearer realm=\"segue\""), "{reply}");
    }
    format!("{} {}", reply.status, reply.json()["code"].as_str().expect("a code is text"))
}

#[test]
fn a_token_is_wanted_where_there_is_one_and_lets_do_what_it_is_for() {
    let (gateway, film) = closed();
    let ask =
        |method: &str, path: &str, headers: &[(&str, &str)]| code(&gateway.client, method, path, headers);
    assert_eq!(ask("GET", "/health/live", &[]), "200");
    assert_eq!(ask("GET", "/openapi.json", &[]), "200");
    assert_eq!(ask("GET", "/v1/media", &[]), "401 token_wanted");
    assert_eq!(ask("GET", "/v1/media", &[("authorization", "Bearer nobody-0123456789")]), "401 wrong_token");
    assert_eq!(ask("GET", "/v1/media", &[VIEWER]), "200");
    assert_eq!(ask("HEAD", &format!("{film}/v1/1.m4s"), &[VIEWER]), "200");
    assert_eq!(ask("GET", &format!("{film}/original"), &[]), "401 token_wanted");
    assert_eq!(ask("GET", "/metrics", &[VIEWER]), "403 wrong_role");
    assert_eq!(ask("GET", "/metrics", &[ADMIN]), "200");
    assert_eq!(ask("GET", "/v1/storage", &[SENDER]), "200");
    assert_eq!(ask("GET", "/v1/storage", &[VIEWER]), "403 wrong_role");
    assert_eq!(ask("DELETE", &film, &[VIEWER]), "403 wrong_role");
    assert_eq!(ask("DELETE", &film, &[ADMIN]), "409 in_a_folder");
    assert_eq!(ask("OPTIONS", "/v1/uploads", &[("origin", "https://films.example")]), "204");
}

#[test]
fn an_event_source_may_say_its_token_in_its_address() {
    let (gateway, _film) = closed();
    assert_eq!(code(&gateway.client, "GET", "/v1/events?token=wrong", &[]), "401 wrong_token");
    Listening::open(&gateway.client, "/v1/events?token=viewers-0123456789", &[]);
}

#[test]
fn a_signed_address_plays_a_film_and_no_other_through_all_its_playlists() {
    let (gateway, film) = closed();
    let config = gateway.place.path().join("segue.toml");
    let address = format!("http://{}{film}/master.m3u8", gateway.client.0);
    let signed = segue(&["sign", &address, "--config", config.to_str().unwrap()]).done().stdout;
    let path =
        signed.trim().strip_prefix(&format!("http://{}", gateway.client.0)).expect("the address comes first");
    let (_, query) = path.split_once('?').expect("it is signed");
    let master = gateway.get(path).with(200).text();
    let playlist =
        master.lines().find(|line| line.starts_with("v1/playlist.m3u8?")).expect("a playlist of the video");
    let segments = gateway.get(&format!("{film}/{playlist}")).with(200).text();
    let segment = segments.lines().find(|line| line.contains(".m4s?")).expect("a segment");
    gateway.get(&format!("{film}/v1/{segment}")).with(200);

    let manifest = gateway.get(&format!("{film}/manifest.json?{query}")).with(200).json();
    let init = manifest["renditions"][0]["init"].as_str().unwrap();
    gateway.get(&format!("{film}/{init}")).with(200);
    let mpd = gateway.get(&format!("{film}/manifest.mpd?{query}")).with(200).text();
    assert!(mpd.contains("&amp;signature="), "{mpd}");

    assert_eq!(code(&gateway.client, "GET", &format!("/v1/media?{query}"), &[]), "401 wrong_signature");
    let other = path.replace("role=view", "role=admin");
    assert_eq!(code(&gateway.client, "GET", &other, &[]), "401 wrong_signature");
    let none = segue(&["sign", &address, "--config", config.to_str().unwrap(), "--for", "0s"]).done().stdout;
    let over = none.trim().strip_prefix(&format!("http://{}", gateway.client.0)).unwrap().to_owned();
    assert_eq!(code(&gateway.client, "GET", &over, &[]), "401 signature_expired");
}

#[test]
fn a_page_keeps_the_token_of_its_address_for_what_it_loads() {
    let (gateway, film) = closed();
    let page = film.replace("/v1/media", "/watch");
    let asked = gateway.client.send("GET", &page, &[("accept", "text/html")]).with(401);
    assert!(asked.text().contains("<form"), "{asked}");
    let come = gateway.get(&format!("{page}?token=viewers-0123456789&t=3")).with(303);
    assert_eq!(come.must("location"), format!("{page}?t=3"));
    let cookie = come.must("set-cookie").split(';').next().unwrap().to_owned();
    let kept = [("cookie", cookie.as_str())];
    gateway.client.send("GET", &page, &kept).with(200);
    gateway.client.send("GET", &format!("{film}/manifest.json"), &kept).with(200);
    assert_eq!(code(&gateway.client, "DELETE", &film, &kept), "401 token_wanted");
    let own = [kept[0], ("origin", &format!("http://{}", gateway.client.0))];
    assert_eq!(code(&gateway.client, "DELETE", &film, &own), "403 wrong_role");
}

#[test]
fn a_gateway_without_tokens_is_for_its_own_machine_and_its_own_pages() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let refused = segue(&["serve", "--listen", "0.0.0.0:0", "--data", data.to_str().unwrap()]).refused();
    assert!(refused.stderr.contains("hint: ") && refused.stderr.contains("--insecure"), "{}", refused.stderr);

    let (gateway, film) = Gateway::with_a_film();
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(code(&gateway.client, "DELETE", &film, &foreign), "403 other_site");
    assert_eq!(code(&gateway.client, "GET", &film, &foreign), "200");
    assert_eq!(
        code(&gateway.client, "DELETE", &film, &[("origin", "http://localhost:3000")]),
        "409 in_a_folder"
    );
}

#[test]
fn a_token_that_could_be_guessed_is_refused_and_not_shown() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("segue.toml");
    std::fs::write(&config, "[auth]\nupload = \"hunter2\"\n").unwrap();
    let refused = segue(&["serve", "--config", config.to_str().unwrap()]).refused();
    assert!(refused.stderr.contains("line 2") && !refused.stderr.contains("hunter2"), "{}", refused.stderr);
}

#[test]
fn those_who_send_bring_their_token() {
    let (gateway, _film) = closed();
    let to = format!("http://{}", gateway.client.0);
    let film = fixture("edge/co64.mp4");
    let data = gateway.place.path().join("provider");
    let upload = ["upload", film.to_str().unwrap(), "--to", &to];
    let provider = ["provider", "--to", &to, "--data", data.to_str().unwrap()];
    assert!(segue(&upload).refused().stderr.contains("token"));
    assert!(segue(&provider).refused().stderr.contains("--token"));
    let wrong = [&provider[..], &["--token", "senders-0123456789"]].concat();
    assert!(segue(&wrong).refused().stderr.contains("403"));
    segue(&[&upload[..], &["--token", "senders-0123456789"]].concat()).done();
    let (_provider, _) = Running::start(&[&provider[..], &["--token", "admins-0123456789ab"]].concat());
    eventually("it is connected", || {
        let list = gateway.client.send("GET", "/v1/providers", &[ADMIN]).with(200).json();
        (list["items"][0]["connected"] == true).then_some(())
    });
}
