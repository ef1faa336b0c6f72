//! Whether the gateway lives, and whether it is ready.

use axum::extract::State;
use axum::http::header::HeaderMap;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::Shared;
use super::answer::json;

/// How the gateway is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    /// `alive`, `ready` or `starting`.
    status: &'static str,
    /// Films that were found and have not been read yet.
    waiting: u64,
}

/// Whether the gateway lives.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It lives", body = Health)))]
pub(super) async fn live(State(gateway): State<Shared>, method: Method, headers: HeaderMap) -> Response {
    json(&method, &headers, &Health { status: "alive", waiting: gateway.ingest.waiting() })
}

/// Whether every folder has been looked through.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "Every folder has been looked through", body = Health),
    (status = 503, description = "Folders are being looked through for the first time", body = Health),
))]
pub(super) async fn ready(State(gateway): State<Shared>, method: Method, headers: HeaderMap) -> Response {
    let ready = gateway.ingest.is_ready();
    let status = if ready { "ready" } else { "starting" };
    let mut response = json(&method, &headers, &Health { status, waiting: gateway.ingest.waiting() });
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
