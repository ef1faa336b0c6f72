//! The list of media, and what is known of one.

use std::time::{Duration, SystemTime};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::HeaderMap;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use segmenter::manifest::State as MediaState;
use serde::{Deserialize, Serialize};

use super::answer::json;
use super::described;
use super::error::{Kind, Problem};
use super::paging::{self, Address, bad};
use super::{Gateway, Shared, tree};
use crate::clock::Moment;
use crate::events::Event;
use crate::id::MediaId;
use crate::index::{self, Entry, Listed, Media, Offer, Rendition};
use crate::title::Type;

/// Which media to list.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Items of a page: 1 to 1000, 100 if not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins; stands in `next` of the page before.
    cursor: Option<String>,
    /// Only media whose title holds this.
    q: Option<String>,
    /// Only `movie` or `tv`.
    #[param(schema_with = described::kind)]
    r#type: Option<Type>,
    /// Only `ready`, `failed` ...; `offered` are those that come from a broadcaster once they are opened.
    #[param(schema_with = described::state)]
    state: Option<Standing>,
}

/// How a medium stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Standing {
    /// It is here, or was.
    Known(MediaState),
    /// It is with a broadcaster who is connected.
    Offered(Offered),
}

/// As it stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Offered {
    Offered,
}

/// A page of the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MediaList)]
pub(super) struct List {
    /// In order: of their titles, or of seasons and episodes.
    items: Vec<Item>,
    /// Address of the next page; null when this is the last.
    next: Option<String>,
}

impl List {
    /// A page of the index; `asked` is the address of such pages without its place in the list.
    pub(super) fn of(listed: Listed, gateway: &Gateway, asked: impl FnOnce() -> Address) -> Self {
        let next = listed.next.map(|(key, id)| asked().at(&key, id));
        let item = |entry| match entry {
            Entry::Media(media) => Item::of(*media, gateway),
            Entry::Offer(offer) => Item::offered(*offer),
        };
        Self { items: listed.items.into_iter().map(item).collect(), next }
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// A medium in the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Media)]
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
    /// `receiving`, `playable` as soon as its timeline is known, `ready` when all is here, `failed`, `expired`; `offered` when a
    /// broadcaster sends it once it is opened.
    #[schema(value_type = String)]
    state: Standing,
    /// Seconds.
    duration: Option<f64>,
    /// What it can be played as.
    renditions: Vec<Rendition>,
    /// Bytes of the source.
    bytes: u64,
    /// When it goes; null for films of served folders and for pinned ones, which stay.
    expires: Option<String>,
    /// Whether somebody said that it stays.
    pinned: bool,
    /// Why it can't be played.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What of the source does not come out as it went in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Item {
    /// What is known of a medium, and when it goes.
    pub(super) fn of(media: Media, gateway: &Gateway) -> Self {
        let expires = gateway.retention.expires(&media).map(rfc3339);
        let pinned = media.stored().is_some_and(|stored| stored.pinned);
        let comes_again = media.state == MediaState::Expired && gateway.broadcasts.can_give(media.id);
        Self {
            id: media.id,
            title: media.title.name,
            r#type: media.title.kind,
            tmdb: media.title.tmdb,
            season: media.title.season,
            episode: media.title.episode,
            state: match comes_again {
                true => Standing::Offered(Offered::Offered),
                false => Standing::Known(media.state),
            },
            duration: media.duration,
            renditions: media.renditions,
            bytes: media.identity.size,
            expires,
            pinned,
            error: media.error,
            notes: media.notes,
        }
    }

    /// What a broadcaster says of a film that is not here.
    fn offered(offer: Offer) -> Self {
        Self {
            id: offer.media,
            title: offer.title.name,
            r#type: offer.title.kind,
            tmdb: offer.title.tmdb,
            season: offer.title.season,
            episode: offer.title.episode,
            state: Standing::Offered(Offered::Offered),
            duration: None,
            renditions: Vec::new(),
            bytes: offer.size,
            expires: None,
            pinned: false,
            error: None,
            notes: Vec::new(),
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
        state: match asked.state {
            Some(Standing::Known(state)) => Some(state),
            _ => None,
        },
        after: paging::after(asked.cursor.as_deref())?,
        limit,
        ..index::Query::default()
    };
    let connected = gateway.broadcasts.connected();
    let listed = match asked.state {
        Some(Standing::Offered(_)) => gateway.index.list_offers(query, connected).await?,
        _ => gateway.index.list_with_offers(query, connected).await?,
    };
    let list = List::of(listed, &gateway, || asked.address(limit));
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
    let item = match served(&gateway, id).await {
        Ok(media) => Item::of(media, &gateway),
        Err(missing) => Item::offered(gateway.broadcasts.offered(id).await?.ok_or(missing)?),
    };
    Ok(json(&method, &headers, &item))
}

/// What is to be changed of a medium.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// Whether it stays, when its time is over and when space is needed, until it is deleted.
    pinned: bool,
}

/// Say that a medium that was sent to the gateway stays, or may go.
#[utoipa::path(
    patch,
    path = "/v1/media/{id}",
    tag = "media",
    params(("id" = String, Path, description = "Id of the medium")),
    request_body = Change,
    responses(
        (status = 200, description = "What is known of it now", body = Item),
        (status = 400, description = "The body can't be understood", content_type = "application/problem+json"),
        (status = 404, description = "No such medium", content_type = "application/problem+json"),
        (status = 409, description = "It lies in a folder that is served, and stays", content_type = "application/problem+json"),
        (status = 410, description = "Its time is over already", content_type = "application/problem+json"),
    )
)]
pub(super) async fn change(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (id, _) = tree::split(&uri)?;
    let Change { pinned } = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Kind::BadBody).detail(error.to_string()))?;
    let media = served(&gateway, id).await?;
    match media.stored() {
        None => return Err(Problem::new(Kind::NotOurs)),
        Some(_) if media.state == MediaState::Expired => return Err(Problem::new(Kind::Expired)),
        Some(_) => gateway.index.pin(id, pinned).await?,
    }
    Ok(json(&method, &headers, &Item::of(served(&gateway, id).await?, &gateway)))
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

/// As [`served`]; what a broadcaster offers becomes a medium, for somebody opens it.
pub(super) async fn opened(gateway: &Shared, id: MediaId) -> Result<Media, Problem> {
    match served(gateway, id).await {
        Err(missing) => match gateway.broadcasts.open(id).await? {
            true => served(gateway, id).await,
            false => Err(missing),
        },
        known => known,
    }
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
    fn a_list_can_be_asked_for_what_is_offered() {
        let read = |text: &str| serde_json::from_value::<Standing>(text.into()).ok();
        assert_eq!(read("offered"), Some(Standing::Offered(Offered::Offered)));
        assert_eq!(read("ready"), Some(Standing::Known(MediaState::Ready)));
        assert_eq!(read("odd"), None);
    }

    #[test]
    fn the_next_page_asks_for_the_same() {
        let asked = Asked {
            limit: None,
            cursor: None,
            q: Some("a&b é".to_owned()),
            r#type: Some(Type::Tv),
            state: Some(Standing::Known(MediaState::Ready)),
        };
        let id = MediaId::parse("24jrq3eq31rfx29b").unwrap();
        let expected = "/v1/media?limit=2&q=a%26b%20%C3%A9&type=tv&state=ready&cursor=24jrq3eq31rfx29b6162";
        assert_eq!(asked.address(2).at("ab", id), expected);
    }
}
