//! A gateway for tests that speak HTTP with it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures::path as fixture;
use crate::http::{Client, Reply};
use crate::program::{Running, eventually, serve_with};

/// A gateway over a folder of its own, with data of its own.
pub(crate) struct Gateway {
    pub(crate) client: Client,
    pub(crate) running: Running,
    /// Holds `films`, which is served, and `data`.
    pub(crate) place: TempDir,
}

impl Gateway {
    /// Serves copies of these fixtures, once all of them are listed.
    #[track_caller]
    pub(crate) fn over(fixtures: &[&str]) -> Self {
        let place = tempfile::tempdir().expect("a temporary folder can be made");
        fs::create_dir(place.path().join("films")).expect("a folder can be made");
        for name in fixtures {
            add(place.path(), name);
        }
        let gateway = Self::start(place);
        eventually("every film is listed", || (gateway.items().len() == fixtures.len()).then_some(()));
        gateway
    }

    #[track_caller]
    pub(crate) fn start(place: TempDir) -> Self {
        Self::start_with(place, &[])
    }

    /// With more arguments.
    #[track_caller]
    pub(crate) fn start_with(place: TempDir, more: &[&OsStr]) -> Self {
        let (films, data) = (place.path().join("films"), place.path().join("data"));
        let (running, address) = serve_with(&films, &data, more);
        Self { client: Client(address), running, place }
    }

    /// Starts it with these settings.
    #[track_caller]
    pub(crate) fn start_set(place: TempDir, settings: &str) -> Self {
        let config = place.path().join("segue.toml");
        fs::write(&config, settings).expect("settings can be written");
        Self::start_with(place, &[OsStr::new("--config"), config.as_os_str()])
    }

    /// Ends it; its folders stay.
    #[track_caller]
    pub(crate) fn stopped(self) -> TempDir {
        assert_eq!(self.running.stop(), Some(0), "it ends cleanly when asked to");
        self.place
    }

    /// Ends it, and starts it again with these settings.
    #[track_caller]
    pub(crate) fn restarted_with(self, settings: &str) -> Self {
        Self::start_set(self.stopped(), settings)
    }

    /// Ends it as a service manager does, and starts it again over the same folders.
    #[track_caller]
    pub(crate) fn restarted(self) -> Self {
        Self::start(self.stopped())
    }

    /// As `restarted`, for a last look.
    #[track_caller]
    pub(crate) fn restarted_and(self, look: impl FnOnce(&Self)) {
        look(&self.restarted());
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.client.get(path)
    }

    pub(crate) fn items(&self) -> Vec<Value> {
        self.get("/v1/media").with(200).json()["items"].as_array().expect("a list").clone()
    }

    /// `/v1/media/{id}` of the film with this title.
    #[track_caller]
    pub(crate) fn film(&self, title: &str) -> String {
        let items = self.items();
        let item = items
            .iter()
            .find(|item| item["title"] == title)
            .unwrap_or_else(|| panic!("no {title} in {items:?}"));
        format!("/v1/media/{}", item["id"].as_str().expect("an id is text"))
    }

    /// One film of 6 s, and its address.
    #[track_caller]
    pub(crate) fn with_a_film() -> (Self, String) {
        let gateway = Self::over(&["edge/moov-last.mp4"]);
        let film = gateway.film("moov-last");
        (gateway, film)
    }
}

/// Puts a copy of a fixture into the served folder, whole at once.
pub(crate) fn add(place: &Path, name: &str) {
    let source = fixture(name);
    let file = source.file_name().expect("a fixture is a file");
    let staged = place.join(file);
    fs::copy(&source, &staged).expect("a fixture can be copied");
    fs::rename(staged, place.join("films").join(file)).expect("a file can be moved");
}

/// What an error has to be: RFC 9457, with a code that stays.
#[track_caller]
pub(crate) fn problem(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{reply}");
    assert_eq!(reply.must("content-type"), "application/problem+json", "{reply}");
    let body = reply.json();
    assert_eq!(body["status"], status, "{reply}");
    assert!(body["code"].as_str().is_some_and(|code| !code.is_empty()), "no code in {reply}");
    assert!(body["title"].is_string(), "no title in {reply}");
}
