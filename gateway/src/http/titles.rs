//! Media by their title's number in the TMDB.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::HeaderMap;
use axum::http::{Method, Uri};
use axum::response::Response;
use serde::Deserialize;

use super::Shared;
use super::answer::json;
use super::described;
use super::error::{Kind, Problem};
use super::media::List;
use super::paging::{self, Address, bad};
use crate::index::{self, Order};
use crate::title::Type;

/// Which media of a title.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only `movie` or `tv`: the TMDB counts them apart.
    #[param(schema_with = described::kind)]
    r#type: Option<Type>,
    /// Only episodes of this season; 999 for what has none.
    season: Option<u32>,
    /// Only episodes of this number; 999 for what has none.
    episode: Option<u32>,
    /// Items of a page: 1 to 1000, 100 if not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins; stands in `next` of the page before.
    cursor: Option<String>,
}

/// Find media by title.
#[utoipa::path(
    get,
    path = "/v1/titles/{tmdb}",
    tag = "media",
    params(("tmdb" = u64, Path, description = "The title's number in the TMDB"), Asked),
    responses(
        (status = 200, description = "Media of this title, by season and episode; also those that broadcasters offer", body = List),
        (status = 400, description = "The number or the query can't be understood", content_type = "application/problem+json"),
        (status = 404, description = "No such medium", content_type = "application/problem+json"),
    )
)]
pub(super) async fn find(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let tmdb = number(&uri).ok_or_else(|| bad("tmdb: a title has a whole number"))?;
    let Query(asked) = asked.map_err(|error| bad(error.body_text()))?;
    let limit = paging::limit(asked.limit)?;
    let query = index::Query {
        folders: gateway.folders.clone(),
        tmdb: Some(tmdb),
        kind: asked.r#type,
        season: asked.season,
        episode: asked.episode,
        order: Order::Episode,
        after: paging::after(asked.cursor.as_deref())?,
        limit,
        ..index::Query::default()
    };
    let listed = gateway.index.list_with_offers(query, gateway.broadcasts.connected()).await?;
    let list = List::of(listed, &gateway, || asked.address(tmdb, limit));
    // What lay behind a cursor may have gone since.
    if list.is_empty() && asked.cursor.is_none() {
        return Err(Problem::new(Kind::NoTitle));
    }
    Ok(json(&method, &headers, &list))
}

fn number(uri: &Uri) -> Option<u64> {
    let text = uri.path().strip_prefix("/v1/titles/")?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Asked {
    /// The address that asks for the same.
    fn address(&self, tmdb: u64, limit: usize) -> Address {
        Address::new(format!("/v1/titles/{tmdb}"))
            .with("limit", Some(limit))
            .with("type", self.r#type.map(Type::as_str))
            .with("season", self.season)
            .with("episode", self.episode)
    }
}
