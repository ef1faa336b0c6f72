//! The old address of a broadcaster's film.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, HeaderMap, LOCATION, VARY};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::answer::{insert, text};
use super::super::error::{Kind, Problem};
use super::super::paging::bad;
use super::super::{Shared, original};
use crate::index::{self, Wanted};
use crate::title::Type;

/// Which film.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Asked {
    /// Whose.
    broadcaster_id: String,
    /// Ending of its file, such as `mp4`.
    filetype: String,
    /// Only `movie` or `tv`.
    #[param(value_type = Option<String>)]
    r#type: Option<Type>,
    /// Its number in the TMDB.
    tmdb: Option<u64>,
    /// Of an episode.
    season: Option<u32>,
    /// Of an episode.
    episode: Option<u32>,
}

/// Watch a broadcaster's film, or fetch it.
///
/// A browser is sent to the page that plays it; others get the file, as its bytes come.
#[utoipa::path(
    get,
    path = "/video",
    tag = "broadcast",
    params(Asked),
    responses(
        (status = 200, description = "The file", content_type = "video/mp4"),
        (status = 206, description = "The ranges that were asked for"),
        (status = 307, description = "The page that plays it"),
        (status = 400, description = "The query can't be understood, or holds of several films", content_type = "application/problem+json"),
        (status = 404, description = "The broadcaster offers no such film, or is not connected", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn video(
    State(gateway): State<Shared>,
    method: Method,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|error| bad(error.body_text()))?;
    let titles = index::Query {
        kind: asked.r#type,
        tmdb: asked.tmdb,
        season: asked.season,
        episode: asked.episode,
        limit: 1,
        ..index::Query::default()
    };
    let wanted = Wanted { broadcaster: asked.broadcaster_id, filetype: Some(asked.filetype), titles };
    let media: Vec<_> =
        gateway.index.find_offers(wanted).await?.into_iter().map(|offer| offer.media).collect();
    let id = match &media[..] {
        [] => return Err(Problem::new(Kind::NoTitle)),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
        _ => return Err(bad("several films: say which by tmdb, and season and episode")),
    };
    let mut response = match text(&headers, &ACCEPT).is_some_and(|accept| accept.contains("text/html")) {
        true => {
            let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
            insert(response.headers_mut(), LOCATION, format!("/watch/{id}"));
            response
        }
        false => original::send(&gateway, id, &method, &headers).await?,
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}
