//! The list of media, and what is known of one.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::HeaderMap;
use axum::http::{Method, Uri};
use axum::response::Response;
use segmenter::manifest::State as MediaState;
use serde::{Deserialize, Serialize};

use super::answer::json;
use super::error::{Kind, Problem};
use super::{Shared, tree};
use crate::id::MediaId;
use crate::index::{self, Media, Rendition};
use crate::title::Type;

/// Items of a page, unless asked for fewer or more.
const PAGE: usize = 100;
/// Items of a page at most.
const LARGEST_PAGE: usize = 1000;

/// Which media to list.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Items of a page: 1 to 1000, 100 if not said.
    limit: Option<usize>,
    /// Where the page begins; stands in `next` of the page before.
    cursor: Option<String>,
    /// Only media whose title holds this.
    q: Option<String>,
    /// Only `movie` or `tv`.
    #[param(value_type = Option<String>)]
    r#type: Option<Type>,
    /// Only `ready`, `failed` ...
    #[param(value_type = Option<String>)]
    state: Option<MediaState>,
}

/// A page of the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct List {
    /// In the order of their titles.
    items: Vec<Item>,
    /// Address of the next page; null when this is the last.
    next: Option<String>,
}

/// A medium in the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Item {
    /// Its name in addresses.
    #[schema(value_type = String)]
    id: MediaId,
    /// For people.
    title: String,
    /// `movie`, `tv`, or null when nobody said.
    r#type: Option<Type>,
    /// Its number in the TMDB.
    tmdb: Option<u64>,
    /// Of an episode.
    season: Option<u32>,
    /// Of an episode.
    episode: Option<u32>,
    /// `ready` when it can be played, `failed` when it can't.
    #[schema(value_type = String)]
    state: MediaState,
    /// Seconds.
    duration: Option<f64>,
    /// What it can be played as.
    renditions: Vec<Rendition>,
    /// Bytes of the source.
    bytes: u64,
    /// When it goes; null for films of served folders, which stay.
    expires: Option<String>,
    /// Why it can't be played.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What of the source does not come out as it went in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl From<Media> for Item {
    fn from(media: Media) -> Self {
        Self {
            id: media.id,
            title: media.title.name,
            r#type: media.title.kind,
            tmdb: media.title.tmdb,
            season: media.title.season,
            episode: media.title.episode,
            state: media.state,
            duration: media.duration,
            renditions: media.renditions,
            bytes: media.identity.size,
            expires: None,
            error: media.error,
            notes: media.notes,
        }
    }
}

/// List media.
#[utoipa::path(
    get,
    path = "/v1/media",
    tag = "media",
    params(Asked),
    responses(
        (status = 200, description = "A page of the list", body = List),
        (status = 400, description = "The query can't be understood", content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(gateway): State<Shared>,
    method: Method,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|error| bad(error.body_text()))?;
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(bad(format!("limit is 1 to {LARGEST_PAGE}")));
    }
    let after = asked
        .cursor
        .as_deref()
        .map(|cursor| parse_cursor(cursor).ok_or_else(|| bad("cursor: not one of ours")));
    let query = index::Query {
        folders: gateway.folders.clone(),
        text: asked.q.clone().filter(|text| !text.is_empty()),
        kind: asked.r#type,
        state: asked.state,
        after: after.transpose()?,
        limit,
    };
    let page = gateway.index.list(query).await?;
    let next = page.next.map(|(sort, id)| asked.address(limit, &cursor(&sort, id)));
    Ok(json(&method, &headers, &List { items: page.items.into_iter().map(Item::from).collect(), next }))
}

/// Show a medium.
#[utoipa::path(
    get,
    path = "/v1/media/{id}",
    tag = "media",
    params(("id" = String, Path, description = "Id of the medium")),
    responses(
        (status = 200, description = "What is known of it", body = Item),
        (status = 404, description = "No such medium", content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, _) = tree::split(&uri)?;
    let media = served(&gateway, id).await?;
    Ok(json(&method, &headers, &Item::from(media)))
}

/// A medium of a folder that is served now.
pub(super) async fn served(gateway: &Shared, id: MediaId) -> Result<Media, Problem> {
    let media = gateway.index.media(id).await?;
    media.filter(|media| gateway.folders.contains(&media.folder)).ok_or_else(|| Problem::new(Kind::NoMedia))
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::BadQuery).detail(detail)
}

impl Asked {
    /// The address of the page that begins at `cursor`, asking for the same.
    fn address(&self, limit: usize, cursor: &str) -> String {
        let mut address = format!("/v1/media?limit={limit}&cursor={cursor}");
        if let Some(text) = &self.q {
            address.push_str("&q=");
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            for byte in text.bytes() {
                match plain(byte) {
                    true => address.push(byte.into()),
                    false => address.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        if let Some(kind) = self.r#type {
            address.push_str(&format!("&type={}", kind.as_str()));
        }
        if let Some(state) = self.state.and_then(|state| serde_json::to_value(state).ok()) {
            address.push_str(&format!("&state={}", state.as_str().unwrap_or_default()));
        }
        address
    }
}

/// A place in the list, as letters that say nothing to a client.
fn cursor(sort: &str, id: MediaId) -> String {
    let hex: String = sort.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{id}{hex}")
}

fn parse_cursor(text: &str) -> Option<(String, MediaId)> {
    let (id, hex) = text.split_at_checked(16)?;
    let digits =
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    Some((String::from_utf8(digits.collect::<Option<Vec<u8>>>()?).ok()?, MediaId::parse(id)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_place_in_the_list_is_read_as_it_was_written() {
        let id = MediaId::of_file(Path::new("/films/a.mp4"));
        assert_eq!(parse_cursor(&cursor("älter", id)), Some(("älter".to_owned(), id)));
        for text in ["", "x", "24jrq3eq31rfx29bzz", "24jrq3eq31rfx29bff", "ééééééééééé"] {
            assert_eq!(parse_cursor(text), None, "{text}");
        }
    }

    #[test]
    fn the_next_page_asks_for_the_same() {
        let asked = Asked {
            limit: None,
            cursor: None,
            q: Some("a&b é".to_owned()),
            r#type: Some(Type::Tv),
            state: Some(MediaState::Ready),
        };
        assert_eq!(asked.address(2, "x"), "/v1/media?limit=2&cursor=x&q=a%26b%20%C3%A9&type=tv&state=ready");
    }
}
