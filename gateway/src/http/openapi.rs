//! The description of everything served, generated from the handlers (OpenAPI 3.1).

use std::sync::OnceLock;

use axum::http::Method;
use axum::http::header::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use utoipa::OpenApi;

use super::answer::made;
use super::{health, media, original, titles, tree};

#[derive(OpenApi)]
#[openapi(
    info(title = "Segue", description = "Films as CMAF segments with JSON, HLS and DASH manifests."),
    paths(
        media::list,
        media::show,
        titles::find,
        tree::manifest,
        tree::master,
        tree::mpd,
        tree::playlist,
        tree::iframes,
        tree::init,
        tree::segment,
        original::original,
        health::live,
        health::ready,
        health::metrics,
    ),
    tags(
        (name = "media", description = "Which media there are"),
        (name = "play", description = "What players fetch"),
        (name = "health", description = "For those who watch over the gateway"),
    )
)]
struct Api;

/// The document.
pub(super) async fn document(method: Method, headers: HeaderMap) -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| Api::openapi().to_json().unwrap_or_default().into());
    made(&method, &headers, "application/json", text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let described: Vec<_> = Api::openapi().paths.paths.into_keys().collect();
        let source = include_str!("mod.rs");
        let routes = source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
        for route in routes.filter(|route| route.starts_with("/v1") || route.starts_with("/health")) {
            assert!(described.iter().any(|path| path == route), "{route} is not described");
        }
    }
}
