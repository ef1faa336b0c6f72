//! How much of the disk is taken, and by what.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::Method;
use axum::http::header::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use super::Shared;
use super::answer::json;
use super::error::Problem;
use crate::store::Usage;
use crate::title::Type;

/// What is kept on disk.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Storage {
    /// Bytes in all.
    #[serde(flatten)]
    usage: Usage,
    /// Bytes of chunks by type of medium: `movie`, `tv`, `other`.
    kinds: BTreeMap<&'static str, u64>,
    /// Bytes of each broadcaster, promised ones included.
    broadcasters: BTreeMap<String, u64>,
}

/// How much of the disk is taken, and how much may be sent now.
#[utoipa::path(get, path = "/v1/storage", tag = "media", responses(
    (status = 200, description = "Bytes by what they are for; `free` may be sent now", body = Storage),
))]
pub(super) async fn storage(
    State(gateway): State<Shared>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut kinds = BTreeMap::from([("movie", 0), ("tv", 0), ("other", 0)]);
    for keeping in gateway.index.keepings().await? {
        *kinds.entry(keeping.kind.map_or("other", Type::as_str)).or_default() += keeping.stored;
    }
    let owners = gateway.sources.quota().owners().into_iter();
    let storage = Storage {
        usage: gateway.sources.quota().usage(),
        kinds,
        broadcasters: owners.map(|(name, bytes)| (name.to_string(), bytes)).collect(),
    };
    Ok(json(&method, &headers, &storage))
}
