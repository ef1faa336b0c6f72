//! What a broadcaster offers.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::HeaderMap;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::Shared;
use super::super::answer::json;
use super::super::error::{Kind, Problem};
use super::{key, split};
use crate::broadcast::FILMS;
use crate::id::{MediaId, Token};
use crate::index::{NO_EPISODE, Offer};
use crate::title::{Title, Type};

/// Bytes of a catalogue.
const LARGEST: usize = 8 << 20;
/// Bytes of a text in it.
const LONGEST: usize = 512;
/// Letters of a file's ending.
const LONGEST_ENDING: usize = 16;

/// All that a broadcaster offers.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Catalogue {
    /// Its films; 10 000 at most.
    films: Vec<Film>,
}

/// A film that a broadcaster offers.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Film {
    /// What the broadcaster calls it; no other of its films is called so.
    item: String,
    /// For people.
    title: String,
    /// `movie` or `tv`.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    r#type: Option<Type>,
    /// Its number in the TMDB.
    #[serde(default)]
    tmdb: Option<u64>,
    /// Of an episode; 999 is none.
    #[serde(default)]
    season: Option<u32>,
    /// Of an episode; 999 is none.
    #[serde(default)]
    episode: Option<u32>,
    /// Ending of its file, without the dot.
    filetype: String,
    /// Bytes.
    size: u64,
    /// What tells its contents from all others of this size: films of the same size and hash are one, whoever offers them. Without it a
    /// film is its broadcaster's alone.
    #[serde(default)]
    hash: Option<String>,
}

/// What has been taken.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in super::super) struct Taken {
    /// The broadcaster.
    id: String,
    /// Films that it offers now.
    films: usize,
    /// The key of this id, when none was brought and the id was nobody's: it is told only now.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Token>,
}

impl Film {
    fn offer(self, broadcaster: &str) -> Result<Offer, String> {
        let Self { item, title, r#type, tmdb, season, episode, filetype, size, hash } = self;
        for (name, text) in [("item", Some(&item)), ("title", Some(&title)), ("hash", hash.as_ref())] {
            let sound =
                |text: &String| (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
            if text.is_some_and(|text| !sound(text)) {
                return Err(format!("{name}: 1 to {LONGEST} bytes of text"));
            }
        }
        let filetype = filetype.to_ascii_lowercase();
        let plain = filetype.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain || !(1..=LONGEST_ENDING).contains(&filetype.len()) {
            return Err(format!("filetype of {item}: 1 to {LONGEST_ENDING} letters and digits"));
        }
        if size == 0 || i64::try_from(size).is_err() {
            return Err(format!("size of {item}: no film has {size} bytes"));
        }
        if tmdb.is_some_and(|tmdb| i64::try_from(tmdb).is_err()) {
            return Err(format!("tmdb of {item}: too large"));
        }
        let media = match &hash {
            Some(hash) => MediaId::of_contents(size, hash),
            None => MediaId::of_item(broadcaster, &item, size),
        };
        let number = |number: Option<u32>| number.filter(|number| *number != NO_EPISODE);
        let title =
            Title { name: title, kind: r#type, season: number(season), episode: number(episode), tmdb };
        Ok(Offer { broadcaster: broadcaster.to_owned(), item, media, title, filetype, size, hash })
    }
}

/// Say what a broadcaster offers, in the place of what it said before.
///
/// The first to name an id has it from then on, with the key that it brings in `Broadcaster-Key`, of 16 characters or more. If it brings
/// none, one is made and told. Nobody else can use the id without it.
#[utoipa::path(
    put,
    path = "/v1/broadcasters/{providerId}/catalogue",
    tag = "broadcast",
    params(
        ("providerId" = String, Path, description = "The broadcaster's id: letters, digits, -_."),
        ("broadcaster-key" = Option<String>, Header, description = "The key of the id"),
    ),
    request_body = Catalogue,
    responses(
        (status = 200, description = "It is offered from now on, whenever the broadcaster is connected", body = Taken),
        (status = 201, description = "The same, and the id is the broadcaster's from now on", body = Taken),
        (status = 400, description = "The catalogue or the id can't be used", content_type = "application/problem+json"),
        (status = 403, description = "The id has another key", content_type = "application/problem+json"),
        (status = 413, description = "The catalogue is too long", content_type = "application/problem+json"),
        (status = 503, description = "Too many have ids", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn put(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (id, _) = split(&uri);
    let body = to_bytes(body, LARGEST)
        .await
        .map_err(|_| Problem::new(Kind::BodyTooLong).number("length", LARGEST as u64))?;
    let bad = |detail: String| Problem::new(Kind::BadCatalogue).detail(detail);
    let catalogue: Catalogue = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
    if catalogue.films.len() > FILMS {
        return Err(bad(format!("a broadcaster offers {FILMS} films at most")));
    }
    let offers = catalogue.films.into_iter().map(|film| film.offer(id)).collect::<Result<Vec<_>, _>>();
    let offers = offers.map_err(bad)?;
    let new = gateway.index.broadcaster_key(id.to_owned()).await?.is_none();
    let key = gateway.broadcasts.register(id, key(&headers)).await?;
    let films = offers.len();
    gateway.broadcasts.offer(id, offers).await?;
    let mut response = json(&method, &headers, &Taken { id: id.to_owned(), films, key });
    if new {
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(more: &str) -> Result<Offer, String> {
        let text = format!(r#"{{"item": "a", "title": "A", "filetype": "MP4", "size": 9{more}}}"#);
        serde_json::from_str::<Film>(&text).map_err(|error| error.to_string())?.offer("me")
    }

    #[test]
    fn a_film_is_told_by_its_hash_or_is_its_broadcasters_alone() {
        assert_eq!(film(r#", "hash": "x""#).unwrap().media, MediaId::of_contents(9, "x"));
        let offer = film(r#", "type": "movie", "season": 999, "episode": 999"#).unwrap();
        assert_eq!((offer.media, offer.filetype.as_str()), (MediaId::of_item("me", "a", 9), "mp4"));
        assert_eq!((offer.title.kind, offer.title.season), (Some(Type::Movie), None));
    }

    #[test]
    fn what_makes_no_sense_is_not_offered() {
        for (more, why) in [
            (r#", "size": 9"#, "duplicate field"),
            (r#", "hash": """#, "hash: "),
            (r#", "tmdb": 18446744073709551615"#, "tmdb of a"),
            (r#", "colour": 1"#, "unknown field"),
        ] {
            let told = film(more).unwrap_err();
            assert!(told.contains(why), "{more}: {told}");
        }
        let odd = |filetype: &str, size| {
            let text = format!(r#"{{"item": "a", "title": "A", "filetype": "{filetype}", "size": {size}}}"#);
            serde_json::from_str::<Film>(&text).unwrap().offer("me").unwrap_err()
        };
        assert!(odd("../x", 9).starts_with("filetype") && odd("mp4", 0).starts_with("size"));
    }
}
