//! What browsers need: origins, compression, the pages and the player.

use std::fs;
use std::io::Read;

use serde_json::Value;

use crate::fixtures::path as fixture;
use crate::gateway::Gateway;
use crate::program::eventually;

#[test]
fn other_origins_may_read() {
    let (gateway, film) = Gateway::with_a_film();
    for path in [
        "/v1/media".to_owned(),
        format!("{film}/master.m3u8"),
        format!("{film}/v1/1.m4s"),
        format!("{film}/nothing"),
    ] {
        let reply = gateway.client.send("GET", &path, &[("origin", "https://example.org")]);
        assert_eq!(reply.must("access-control-allow-origin"), "*", "{path}");
    }
    let reply = gateway.client.send(
        "GET",
        &format!("{film}/v1/1.m4s"),
        &[("origin", "https://example.org"), ("range", "bytes=0-9")],
    );
    let exposed = reply.must("access-control-expose-headers").to_ascii_lowercase();
    assert!(exposed == "*" || (exposed.contains("content-range") && exposed.contains("etag")), "{exposed}");
    let asked = [
        ("origin", "https://example.org"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let preflight = gateway.client.send("OPTIONS", &format!("{film}/v1/1.m4s"), &asked);
    assert!(matches!(preflight.status, 200 | 204), "{preflight}");
    assert!(preflight.must("access-control-allow-methods").contains("GET"));
    let allowed = preflight.must("access-control-allow-headers").to_ascii_lowercase();
    assert!(allowed == "*" || allowed.contains("range"), "{allowed}");
}

#[test]
fn text_is_compressed_when_asked_and_media_never() {
    let gateway = Gateway::over(&["films/Colours in time.mp4"]);
    let film = gateway.film("Colours in time");
    for path in ["manifest.json", "master.m3u8", "v1/playlist.m3u8", "manifest.mpd"] {
        let address = format!("{film}/{path}");
        let plain = gateway.get(&address).with(200);
        assert_eq!(plain.header("content-encoding"), None, "{path}: not asked for");
        let packed = gateway.client.send("GET", &address, &[("accept-encoding", "gzip")]).with(200);
        if plain.body.len() > 2000 {
            assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}, {} bytes", plain.body.len());
        }
        let mut unpacked = packed.body.clone();
        if packed.header("content-encoding") == Some("gzip") {
            assert!(packed.must("vary").to_ascii_lowercase().contains("accept-encoding"), "{path}");
            assert!(
                packed.header("etag") != plain.header("etag") || packed.must("etag").starts_with("W/"),
                "{path}: other bytes, same strong tag"
            );
            unpacked.clear();
            flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
        }
        assert!(unpacked == plain.body, "{path}");
        let refused =
            gateway.client.send("GET", &address, &[("accept-encoding", "gzip;q=0, identity")]).with(200);
        assert_eq!(refused.header("content-encoding"), None, "{path}: refused");
    }
    let segment =
        gateway.client.send("GET", &format!("{film}/v1/1.m4s"), &[("accept-encoding", "gzip, br")]).with(200);
    assert_eq!(segment.header("content-encoding"), None);
}

#[test]
fn the_page_lists_the_films_and_each_has_one_to_watch_it() {
    let (gateway, film) = Gateway::with_a_film();
    let page = gateway.get("/").with(200);
    assert!(page.must("content-type").starts_with("text/html"), "{page}");
    let id = film.rsplit('/').next().unwrap();
    let watch = gateway.get(&format!("/watch/{id}")).with(200);
    assert!(watch.must("content-type").starts_with("text/html"), "{watch}");
    assert_eq!(gateway.get("/watch/no-such-id").status, 404);
}

#[test]
fn a_page_that_plays_comes_with_its_manifest_and_waits_for_nothing_else() {
    let (gateway, film) = Gateway::with_a_film();
    let page = gateway.get(&film.replace("/v1/media", "/watch")).with(200);
    let policy = page.must("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe-eval"), "{policy}");
    let text = page.text();
    let (_, data) = text.split_once("id=\"manifest\">").expect("the manifest stands in the page");
    let (data, _) = data.split_once("</script>").expect("the data end");
    let manifest: Value = serde_json::from_str(data).expect("the data are JSON");
    assert_eq!(manifest, gateway.get(&format!("{film}/manifest.json")).with(200).json());
    let modules: Vec<_> = text.split(['"', '\'']).filter(|name| name.ends_with(".js")).collect();
    assert!(!modules.is_empty(), "{text}");
    for module in modules {
        let module = gateway.get(&format!("/player/pages/{}", module.trim_start_matches("./"))).with(200);
        assert!(module.must("cache-control").contains("immutable"), "{module}");
    }
}

#[test]
fn the_player_is_served_to_pages_of_others() {
    let (gateway, _) = Gateway::with_a_film();
    for name in ["player.js", "element.js", "worker.js", "thumbnails.js"] {
        let path = format!("/player/{name}");
        let plain = gateway.get(&path).with(200);
        assert_eq!(plain.must("content-type"), "text/javascript", "{plain}");
        assert_eq!(plain.must("access-control-allow-origin"), "*", "{plain}");
        let tag = plain.must("etag").to_owned();
        assert_eq!(gateway.client.send("GET", &path, &[("if-none-match", &tag)]).status, 304);
        let small = gateway.client.send("GET", &path, &[("accept-encoding", "br")]);
        assert_eq!(small.must("content-encoding"), "br", "{small}");
        assert!(
            small.body.len() * 2 < plain.body.len(),
            "{name}: {} of {}",
            small.body.len(),
            plain.body.len()
        );
    }
    assert_eq!(gateway.get("/player/nothing.js").status, 404);
    assert_eq!(gateway.get("/player/types/index.d.ts").status, 404);
}

#[test]
fn a_title_can_bring_no_markup_into_a_page() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("films")).unwrap();
    let title = "<img src=x onerror=alert(1)> & \"co\"";
    fs::copy(fixture("edge/one-frame.mp4"), place.path().join("films").join(format!("{title}.mp4"))).unwrap();
    let gateway = Gateway::start(place);
    let item = eventually("the film is listed", || gateway.items().into_iter().next());
    assert_eq!(item["title"], title);
    for page in ["/".to_owned(), format!("/watch/{}", item["id"].as_str().unwrap())] {
        assert!(!gateway.get(&page).with(200).text().contains("<img src=x"), "{page}");
    }
}
