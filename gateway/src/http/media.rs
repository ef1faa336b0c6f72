//! The list of media, and what is known of one.

use std::time::{Duration, SystemTime};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::HeaderMap;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use segmenter::manifest::State as MediaState;
use serde::{Deserialize, Serialize};

use super::answer::json;
use super::error::{Kind, Problem};
use super::paging::{self, Address, bad};
use super::{Shared, tree};
use crate::clock::Moment;
use crate::events::Event;
use crate::id::MediaId;
use crate::index::{self, Media, Rendition};
use crate::retention::Retention;
use crate::title::Type;

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
    /// In order: of their titles, or of seasons and episodes.
    items: Vec<Item>,
    /// Address of the next page; null when this is the last.
    next: Option<String>,
}

impl List {
    /// A page of the index; `asked` is the address of such pages without its place in the list.
    pub(super) fn of(page: index::Page, retention: &Retention, asked: impl FnOnce() -> Address) -> Self {
        let next = page.next.map(|(key, id)| asked().at(&key, id));
        Self { items: page.items.into_iter().map(|media| Item::of(media, retention)).collect(), next }
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
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
    /// `receiving`, `playable` as soon as its timeline is known, `ready` when all is here, `failed`, `expired`.
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

impl Item {
    /// What is known of a medium, and when it goes.
    pub(super) fn of(media: Media, retention: &Retention) -> Self {
        let expires = retention.expires(&media).map(rfc3339);
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
            expires,
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
    let limit = paging::limit(asked.limit)?;
    let query = index::Query {
        folders: gateway.folders.clone(),
        text: asked.q.clone().filter(|text| !text.is_empty()),
        kind: asked.r#type,
        state: asked.state,
        after: paging::after(asked.cursor.as_deref())?,
        limit,
        ..index::Query::default()
    };
    let list = List::of(gateway.index.list(query).await?, &gateway.retention, || asked.address(limit));
    Ok(json(&method, &headers, &list))
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
    Ok(json(&method, &headers, &Item::of(media, &gateway.retention)))
}

/// Delete a medium that was sent to the gateway.
#[utoipa::path(
    delete,
    path = "/v1/media/{id}",
    tag = "media",
    params(("id" = String, Path, description = "Id of the medium")),
    responses(
        (status = 204, description = "It is gone, with all its bytes"),
        (status = 404, description = "No such medium", content_type = "application/problem+json"),
        (status = 409, description = "It lies in a folder that is served, and folders are never changed", content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(State(gateway): State<Shared>, uri: Uri) -> Result<Response, Problem> {
    let (id, _) = tree::split(&uri)?;
    if served(&gateway, id).await?.stored().is_none() {
        return Err(Problem::new(Kind::NotOurs));
    }
    if !gateway.sources.remove(id).await? {
        return Err(Problem::new(Kind::NoMedia));
    }
    gateway.playback.forget(id).await;
    gateway.events.tell(Event::Gone { id, why: "deleted" });
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A moment as JSON has it (RFC 3339).
pub(super) fn rfc3339(at: Moment) -> String {
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_millis(at.0)).to_string()
}

/// A medium of a folder that is served now.
pub(super) async fn served(gateway: &Shared, id: MediaId) -> Result<Media, Problem> {
    let media = gateway.index.media(id).await?;
    media.filter(|media| media.is_served(&gateway.folders)).ok_or_else(|| Problem::new(Kind::NoMedia))
}

impl Asked {
    /// The address that asks for the same.
    fn address(&self, limit: usize) -> Address {
        let state = self.state.and_then(|state| serde_json::to_value(state).ok());
        Address::new("/v1/media")
            .with("limit", Some(limit))
            .with("q", self.q.as_deref())
            .with("type", self.r#type.map(Type::as_str))
            .with("state", state.as_ref().and_then(|state| state.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_asks_for_the_same() {
        let asked = Asked {
            limit: None,
            cursor: None,
            q: Some("a&b é".to_owned()),
            r#type: Some(Type::Tv),
            state: Some(MediaState::Ready),
        };
        let id = MediaId::parse("24jrq3eq31rfx29b").unwrap();
        let expected = "/v1/media?limit=2&q=a%26b%20%C3%A9&type=tv&state=ready&cursor=24jrq3eq31rfx29b6162";
        assert_eq!(asked.address(2).at("ab", id), expected);
    }
}
