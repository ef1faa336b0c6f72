//! `Upload-Metadata`: what a client says of its film. Names and base64, in pairs.

use std::path::Path;

use axum::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::answer::text;
use super::super::error::Problem;
use super::fields::{UPLOAD_METADATA, bad};
use crate::index::NO_EPISODE;
use crate::title::{Title, Type};

/// Bytes it may have.
const LONGEST: usize = 8 << 10;
/// Letters of a name or a title.
const LONGEST_NAME: usize = 255;
/// What a file is called that nobody gave a name.
const NAMELESS: &str = "upload.mp4";

/// What a client says of its film.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// As it stands in the header.
    pub(super) text: String,
    /// The file's name, without any folder.
    pub(super) name: String,
    /// What the client says, and what the file's name says where it does not.
    pub(super) title: Title,
}

/// Reads the header, if there is one.
pub(super) fn read(headers: &HeaderMap) -> Result<Metadata, Problem> {
    let told = match headers.get(&UPLOAD_METADATA) {
        Some(_) => text(headers, &UPLOAD_METADATA).ok_or_else(|| bad("Upload-Metadata: not plain text"))?,
        None => "",
    };
    if told.len() > LONGEST {
        return Err(bad(format!("Upload-Metadata: at most {LONGEST} bytes")));
    }
    parse(told).map_err(|what| bad(format!("Upload-Metadata: {what}")))
}

fn parse(told: &str) -> Result<Metadata, &'static str> {
    let mut pairs = Vec::new();
    for pair in told.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = STANDARD.decode(value.trim()).map_err(|_| "a value is not base64")?;
        pairs.push((key, String::from_utf8(value).map_err(|_| "a value is not UTF-8")?));
    }
    // Clients call it either.
    let find = |keys: &[&str]| {
        let found = pairs.iter().find(|(key, _)| keys.contains(key)).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    };
    let name = find(&["filename", "name"]).and_then(file_name).unwrap_or_else(|| NAMELESS.to_owned());
    let mut title = Title::of_file(Path::new(&name));
    if let Some(given) = find(&["title"]).and_then(shown) {
        title.name = given;
    }
    if let Some(kind) = find(&["type"]) {
        title.kind = Some(Type::parse(kind).ok_or("type is movie or tv")?);
    }
    if let Some(tmdb) = find(&["tmdb", "tmdbid"]) {
        title.tmdb = Some(tmdb.parse().map_err(|_| "tmdb is a number")?);
    }
    let episode = |key: &str, guessed| match find(&[key]) {
        Some(given) => given.parse::<u32>().map(|given| Some(given).filter(|given| *given != NO_EPISODE)),
        None => Ok(guessed),
    };
    title.season = episode("season", title.season).map_err(|_| "season is a number")?;
    title.episode = episode("episode", title.episode).map_err(|_| "episode is a number")?;
    Ok(Metadata { text: told.to_owned(), name, title })
}

/// A name without its folders.
fn file_name(given: &str) -> Option<String> {
    shown(given.rsplit(['/', '\\']).next()?).filter(|name| name != "." && name != "..")
}

/// What a screen shows of a text.
fn shown(given: &str) -> Option<String> {
    let shown: String = given.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    Some(shown.trim().to_owned()).filter(|shown| !shown.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Metadata, &'static str> {
        let coded = pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
        parse(&coded.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn a_title_is_what_is_said_and_else_what_the_name_says() {
        let read = of(&[("filename", "Show S01E02.mp4"), ("title", "Pilot"), ("tmdb", "603")]).unwrap();
        assert_eq!(read.name, "Show S01E02.mp4");
        let expected = Title {
            name: "Pilot".to_owned(),
            kind: Some(Type::Tv),
            season: Some(1),
            episode: Some(2),
            tmdb: Some(603),
        };
        assert_eq!(read.title, expected);
    }

    #[test]
    fn a_movie_has_no_season_whatever_number_says_so() {
        let read =
            of(&[("filename", "a.mp4"), ("type", "movie"), ("season", "999"), ("episode", "999")]).unwrap();
        assert_eq!((read.title.kind, read.title.season, read.title.episode), (Some(Type::Movie), None, None));
    }

    #[test]
    fn a_name_leads_nowhere() {
        for (given, expected) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\films\\a.mp4", "a.mp4"),
            ("a\nb\0.mp4", "ab.mp4"),
            ("..", NAMELESS),
            ("", NAMELESS),
        ] {
            assert_eq!(of(&[("filename", given)]).unwrap().name, expected, "{given:?}");
        }
        assert_eq!(parse("").unwrap().title.name, "upload");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(parse("filename !!!").is_err());
        for pair in [("type", "radio"), ("tmdb", "x"), ("season", "-1"), ("episode", "one")] {
            assert!(of(&[pair]).is_err(), "{pair:?}");
        }
        assert!(parse("is_confidential,  filename YS5tcDQ=").is_ok(), "a key may stand alone");
    }
}
