//! Films in a real browser: headless Chromium opens the pages as a person does, plays, and seeks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::fixtures;
use crate::http::Client;
use crate::program::{Running, eventually, line_after, serve};

/// Chromium under ChromeDriver (W3C WebDriver); both end when it is dropped.
struct Browser {
    driver: Child,
    address: String,
    session: String,
}

impl Browser {
    fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts: apt-get install chromium-driver");
        let mut lines = BufReader::new(driver.stdout.take().expect("stdout is piped"));
        let said = line_after(&mut lines, "ChromeDriver was started successfully on port ");
        let port = said.expect("it says its port").trim_end_matches('.').to_owned();
        // What it says later is of no interest, but a pipe nobody reads would stop it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let mut browser = Self { driver, address: format!("127.0.0.1:{port}"), session: String::new() };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--autoplay-policy=no-user-gesture-required",
            "--window-size=1280,800",
        ];
        let options = json!({ "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.ask("POST", "/session", &wanted);
        let id = session["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("/session/{id}");
        browser.ask("POST", &format!("{}/timeouts", browser.session), &json!({ "script": 30_000 }));
        browser
    }

    /// Opens a page and waits until it has loaded.
    fn open(&self, url: &str) {
        self.ask("POST", &format!("{}/url", self.session), &json!({ "url": url }));
    }

    /// What the page makes of an asynchronous function's body.
    #[track_caller]
    fn run(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; (async () => {{ {body} }})().then(done, (e) => done('failed: ' + e));"
        );
        self.ask("POST", &format!("{}/execute/async", self.session), &json!({ "script": script, "args": [] }))
    }

    /// One WebDriver command; its value.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).expect("chromedriver listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out can be set");
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        let head = format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).expect("chromedriver listens");
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length is a number");
            }
        }
        let mut reply = vec![0; length];
        reader.read_exact(&mut reply).expect("the whole answer comes");
        let reply: Value = serde_json::from_slice(&reply).expect("the answer is JSON");
        assert!(reply["value"]["error"].is_null(), "{path}: {reply}");
        reply["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &self.session, &json!({}));
        }
        // Fails only when it has ended by itself.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A gateway over the demo films, and the id of each by its title.
fn gateway(data: &Path) -> (Running, String, Vec<(String, String)>) {
    let films = fixtures::repository().join("fixtures/media/films");
    let (running, address) = serve(&films, data);
    let client = Client(address.clone());
    let entries = std::fs::read_dir(&films).expect("the demo films are made").flatten();
    let count = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count();
    let ids = eventually("every film is ready", || {
        let list = client.get("/v1/media?state=ready").json();
        let items = list["items"].as_array()?.iter();
        let text = |item: &Value, key: &str| item[key].as_str().map(str::to_owned);
        let ids: Option<Vec<_>> = items.map(|item| Some((text(item, "title")?, text(item, "id")?))).collect();
        ids.filter(|ids| ids.len() == count)
    });
    (running, format!("http://{address}"), ids)
}

/// Plays from the start, then from the middle, then from near the end; says how far it came each time.
const WATCH: &str = "
    const until = (what, test, target, ...events) => new Promise((resolve, reject) => {
        const check = () => { if (video.error) reject(new Error(`${what}: ${video.error.message}`)); else if (test()) resolve(); };
        for (const event of [...events, 'error']) target.addEventListener(event, check);
        setTimeout(() => reject(new Error(`${what}: at ${video.currentTime}, ready ${video.readyState}`)), 20000);
        check();
    });
    const video = document.querySelector('segue-video');
    video.muted = true;
    await until('metadata', () => video.readyState >= 1 && video.duration > 0, video, 'loadedmetadata', 'durationchange');
    await video.play();
    const played = [];
    for (const part of [0, 0.5, 0.8]) {
        const from = video.duration * part;
        if (part) video.currentTime = from;
        await until(`play from ${from}`, () => !video.seeking && video.currentTime > from + 0.3, video, 'timeupdate', 'seeked');
        played.push(video.currentTime - from);
    }
    return { played, duration: video.duration, width: video.videoWidth };
";

#[test]
fn every_demo_film_that_chromium_can_decode_plays_and_seeks() {
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let (_running, address, films) = gateway(data.path());
    let browser = Browser::start();
    let mut watched = 0;
    for (title, id) in &films {
        // Debian's Chromium has no HEVC decoder.
        if title.contains("HEVC") {
            continue;
        }
        browser.open(&format!("{address}/watch/{id}"));
        let seen = browser.run(WATCH);
        let played = seen["played"].as_array().unwrap_or_else(|| panic!("{title}: {seen}"));
        assert_eq!(played.len(), 3, "{title}: {seen}");
        watched += 1;
    }
    assert!(watched >= 5, "only {watched} films");
}

#[test]
fn the_page_lists_every_film_and_finds_one_by_its_title() {
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let (_running, address, films) = gateway(data.path());
    let browser = Browser::start();
    browser.open(&format!("{address}/"));
    let titles = "
        const list = document.getElementById('films');
        const settled = (count) => new Promise((resolve) => {
            const check = () => { if (list.children.length === count) resolve([...list.children].map((film) => film.innerText)); };
            new MutationObserver(check).observe(list, { childList: true });
            check();
        });
    ";
    let listed = browser.run(&format!("{titles} return await settled({});", films.len()));
    for (title, _) in &films {
        assert!(listed.to_string().contains(title.as_str()), "{title} is not on the page: {listed}");
    }
    let search = "
        const field = document.querySelector('input[type=search]');
        field.value = 'two lang';
        field.dispatchEvent(new Event('input', { bubbles: true }));
        return await settled(1);
    ";
    let found = browser.run(&format!("{titles} {search}"));
    assert!(found.to_string().contains("Two languages"), "{found}");
}
