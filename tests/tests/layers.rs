//! Folders are layers: a room imports only from rooms below it, and one room alone names a foreign crate.
//!
//! # Why
//! Read from the text, not from the compiler: a breach shows with its file and line, in a moment, and so does one behind a feature
//! that is off. What this can't see (a re-export that carries a type up, then down) a reader of the change sees.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::tokens::{Token, tokens};
use crate::{faults, fixtures};

/// The rooms of one crate.
struct House {
    /// As the crate is called by others.
    name: &'static str,
    /// Bottom to top. Rooms of one layer are neighbours and don't import each other, but in the lowest one, the vocabulary,
    /// each may use those that stand before it.
    layers: &'static [&'static [&'static str]],
    /// A foreign crate, and the only room that names it.
    keepers: &'static [(&'static str, &'static str)],
}

const SEGMENTER: House = House {
    name: "segmenter",
    layers: &[
        &["time", "bytes", "track", "sample"],
        &["isobmff"],
        &["demux", "plan", "manifest", "av"],
        &["mux"],
        &["render"],
        &["engine", "verify"],
        &["offline"],
    ],
    keepers: &[
        ("mp4", "isobmff"),
        ("ffmpeg_next", "av"),
        ("rusqlite", ""),
        ("moka", ""),
        ("axum", ""),
        ("tokio", ""),
    ],
};

const GATEWAY: House = House {
    name: "gateway",
    layers: &[
        &["id", "title", "config", "clock", "task", "ranges", "mapped", "auth"],
        &["index", "store"],
        &["cache", "source", "timeline", "events", "jobs", "peer"],
        &[
            "ingest",
            "playback",
            "retention",
            "broadcast",
            "provider",
            "live",
            "chat",
            "audience",
            "stage",
            "webhook",
        ],
        &["http", "tasks", "cli"],
        &["app", "main"],
    ],
    keepers: &[
        ("rusqlite", "index"),
        ("moka", "cache"),
        ("axum", "http"),
        ("tokio_tungstenite", "provider"),
        ("mp4", ""),
        ("ffmpeg_next", ""),
    ],
};

/// Rooms that say what the crate shows, and so may name all of it.
const FRONT: &str = "lib";

impl House {
    /// A room's layer and its place in it.
    fn place(&self, room: &str) -> Option<(usize, usize)> {
        let find = |layer: &[&str]| layer.iter().position(|name| *name == room);
        self.layers.iter().enumerate().find_map(|(height, layer)| Some((height, find(layer)?)))
    }

    /// Every breach in one file. `path` is relative to `src`. A file of tests may take what it needs to make its subject from
    /// wherever it is.
    fn breaches(&self, path: &Path, source: &str) -> Vec<String> {
        if path.ends_with("tests.rs") {
            return Vec::new();
        }
        let modules = module_path(path);
        let room = modules.first().map_or(FRONT, String::as_str);
        let say = |line: usize, what: String| format!("{}/src/{}:{line}: {what}", self.name, path.display());
        let Some(own) = self.place(room).or((room == FRONT).then_some((usize::MAX, 0))) else {
            let what = format!("`{room}` has no layer: give it one here and in the list of layers");
            return vec![say(1, what)];
        };
        let words = tokens(source);
        let inner = rooms_named(&words, &modules).into_iter().filter(|(named, _)| named != room);
        let wrong_room = inner.filter_map(|(named, line)| {
            let place = self.place(&named)?;
            let below = place.0 < own.0 || (place.0 == 0 && own.0 == 0 && place.1 < own.1);
            let way = if place.0 > own.0 { "above it" } else { "beside it" };
            (!below).then(|| say(line, format!("`{room}` imports `{named}`, which is {way}")))
        });
        let foreign = crates_named(&words).into_iter();
        let wrong_crate = foreign.filter_map(|(named, line)| {
            let (_, keeper) = self.keepers.iter().find(|(name, _)| *name == named)?;
            let whose = if keeper.is_empty() {
                "no room here does".to_owned()
            } else {
                format!("only `{keeper}` does")
            };
            (*keeper != room).then(|| say(line, format!("`{room}` names the crate `{named}`: {whose}")))
        });
        wrong_room.chain(wrong_crate).collect()
    }
}

/// `isobmff/codec/mod.rs` is the module `isobmff::codec`.
fn module_path(path: &Path) -> Vec<String> {
    let whole = path.with_extension("");
    let mut names: Vec<String> = whole.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") || names == [FRONT] {
        names.pop();
    }
    names
}

/// Every room of the own crate that is named by a path from its root, `crate::room` or enough `super`s, with its line.
fn rooms_named(words: &[Token], file: &[String]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    // Braces that are open, and whether each is a module's.
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at].text.as_str();
        let follows = |text: &str| words.get(at + 1).is_some_and(|next| next.text == text);
        match word {
            "{" => open.push(at >= 2 && words[at - 2].text == "mod"),
            "}" => drop(open.pop()),
            "crate" if follows("::") => found.extend(heads(&words[at + 2..])),
            "super" if follows("::") => {
                let ups = words[at..]
                    .chunks(2)
                    .take_while(|pair| pair[0].text == "super" && pair.len() == 2 && pair[1].text == "::")
                    .count();
                let depth = file.len() + open.iter().filter(|module| **module).count();
                if ups >= depth {
                    found.extend(heads(&words[at + 2 * ups..]));
                }
                at += 2 * ups - 1;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first names of a use tree: `a::b` has `a`, `{a, b::{c, d}}` has `a` and `b`.
fn heads(words: &[Token]) -> Vec<(String, usize)> {
    let head = |token: &Token| (token.text.clone(), token.line);
    if words.first().is_none_or(|first| first.text != "{") {
        return words.first().map(head).into_iter().collect();
    }
    let (mut found, mut depth, mut begins) = (Vec::new(), 0, false);
    for token in words {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ if depth == 1 && begins => found.push(head(token)),
            _ => {}
        }
        begins = depth == 1 && matches!(token.text.as_str(), "{" | ",");
        if depth == 0 {
            break;
        }
    }
    found
}

/// Every name that begins a path, with its line: `name::...`, `use name;`, `extern crate name`.
fn crates_named(words: &[Token]) -> Vec<(String, usize)> {
    let text = |at: usize| words.get(at).map_or("", |token| token.text.as_str());
    let begins = |at: usize| {
        let before = if at == 0 { "" } else { text(at - 1) };
        let rooted = before == "::"
            && (at < 2
                || !text(at - 2).starts_with(|c: char| c == '_' || c.is_alphanumeric())
                || text(at - 2) == "use");
        let path = text(at + 1) == "::" && (before != "::" || rooted);
        let alone = matches!(before, "use" | "crate")
            && text(at + 1) != "::"
            && (before == "use" || (at >= 2 && text(at - 2) == "extern"));
        path || alone
    };
    (0..words.len()).filter(|&at| begins(at)).map(|at| (words[at].text.clone(), words[at].line)).collect()
}

/// Every `.rs` file under a folder, with its path relative to it.
fn sources(folder: &Path) -> BTreeMap<PathBuf, String> {
    let written = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(folder.join(&path)).expect("source is text");
        (path, text)
    };
    faults::paths(folder).into_iter().filter(written).map(read).collect()
}

#[track_caller]
fn stands(house: &House) {
    let files = sources(&fixtures::repository().join(house.name).join("src"));
    assert!(!files.is_empty(), "{} has no source", house.name);
    let breaches: Vec<String> = files.iter().flat_map(|(path, text)| house.breaches(path, text)).collect();
    assert!(
        breaches.is_empty(),
        "{} imports that go up, sideways, or out:\n{}",
        breaches.len(),
        breaches.join("\n")
    );
}

#[test]
fn the_segmenter_imports_downwards_only() {
    stands(&SEGMENTER);
}

#[test]
fn the_gateway_imports_downwards_only() {
    stands(&GATEWAY);
}

#[test]
fn an_import_from_above_is_found_however_it_is_written() {
    for source in [
        "use crate::offline::run;",
        "use crate::{time::Ticks, offline::{a, b}};",
        "use super::super::offline;",
        "fn f() { crate::offline::run() }",
        "mod tests { use super::super::super::offline; }",
        "pub(crate) use crate::offline as o;",
    ] {
        let found = SEGMENTER.breaches(Path::new("plan/video.rs"), source);
        assert_eq!(
            found,
            ["segmenter/src/plan/video.rs:1: `plan` imports `offline`, which is above it"],
            "{source}"
        );
    }
}

#[test]
fn an_import_from_a_neighbour_is_found() {
    let found = GATEWAY.breaches(Path::new("ingest/mod.rs"), "\nuse crate::{store, playback::Segment};");
    assert_eq!(found, ["gateway/src/ingest/mod.rs:2: `ingest` imports `playback`, which is beside it"]);
}

#[test]
fn a_file_of_tests_is_free() {
    assert_eq!(
        SEGMENTER.breaches(Path::new("plan/tests.rs"), "use crate::demux::Demuxer;"),
        Vec::<String>::new()
    );
    assert_eq!(SEGMENTER.breaches(Path::new("plan/video.rs"), "use crate::demux::Demuxer;").len(), 1);
}

#[test]
fn the_vocabulary_is_built_in_its_order() {
    assert!(SEGMENTER.breaches(Path::new("track.rs"), "use crate::time::Timescale;").is_empty());
    assert_eq!(SEGMENTER.breaches(Path::new("time.rs"), "use crate::track::Track;").len(), 1);
}

#[test]
fn imports_from_below_and_from_inside_are_fine() {
    let source = "use crate::isobmff::boxes; use super::video; use super::super::time; use crate::plan::Cut; mod tests { use super::*; }";
    assert_eq!(SEGMENTER.breaches(Path::new("plan/follow.rs"), source), Vec::<String>::new());
    let front = "pub use crate::offline::run; pub use time::Ticks;";
    assert_eq!(SEGMENTER.breaches(Path::new("lib.rs"), front), Vec::<String>::new());
}

#[test]
fn a_foreign_crate_outside_its_room_is_found() {
    for source in [
        "use mp4::BoxType;",
        "use ::mp4::BoxType;",
        "use mp4;",
        "fn f(x: mp4::BoxType) {}",
        "extern crate mp4;",
    ] {
        let found = SEGMENTER.breaches(Path::new("demux/mod.rs"), source);
        assert_eq!(
            found,
            ["segmenter/src/demux/mod.rs:1: `demux` names the crate `mp4`: only `isobmff` does"],
            "{source}"
        );
        assert!(SEGMENTER.breaches(Path::new("isobmff/mod.rs"), source).is_empty(), "{source}");
    }
    assert!(SEGMENTER.breaches(Path::new("demux/mod.rs"), "use self::mp4::x; let mp4 = 1;").is_empty());
    assert_eq!(SEGMENTER.breaches(Path::new("offline/mod.rs"), "use tokio::fs;").len(), 1);
}

#[test]
fn a_room_without_a_layer_is_found() {
    let found = SEGMENTER.breaches(Path::new("helpers.rs"), "");
    assert!(found[0].contains("`helpers` has no layer"), "{found:?}");
}
