//! The description of everything served, generated from the handlers (OpenAPI 3.1).

use std::sync::OnceLock;

use axum::http::Method;
use axum::http::header::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use utoipa::OpenApi;

use super::answer::made;
use super::described::Everywhere;
use super::{
    broadcasters, events, health, jobs, media, metrics, original, pages, player, providers, storage, titles,
    tree, uploads,
};

#[derive(OpenApi)]
#[openapi(
    modifiers(&Everywhere),
    info(title = "Segue", description = "Films as CMAF segments with JSON, HLS and DASH manifests."),
    paths(
        media::list,
        media::show,
        media::change,
        media::delete,
        storage::storage,
        broadcasters::catalogue::put,
        broadcasters::requests::listen,
        broadcasters::requests::show,
        broadcasters::requests::take,
        broadcasters::video::video,
        titles::find,
        tree::manifest,
        tree::master,
        tree::mpd,
        tree::playlist,
        tree::iframes,
        tree::init,
        tree::segment,
        original::original,
        jobs::list,
        jobs::show,
        events::listen,
        uploads::tus::create,
        uploads::tus::resume,
        uploads::tus::append,
        uploads::tus::remove,
        uploads::parts::put,
        uploads::parts::show,
        uploads::wants::wants,
        providers::list,
        providers::socket,
        pages::home,
        pages::watch,
        pages::upload,
        player::file,
        health::live,
        health::ready,
        metrics::metrics,
    ),
    tags(
        (name = "media", description = "Which media there are"),
        (name = "play", description = "What players fetch"),
        (name = "uploads", description = "Sending films: in order (tus 1.0.0), or in any order"),
        (name = "peers", description = "Those who keep replicas"),
        (name = "broadcast", description = "For those who have films and send them when they are asked for"),
        (name = "pages", description = "For people, and for other pages that play"),
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

/// Every method of every path.
#[cfg(test)]
pub(super) fn described() -> Vec<(Method, String)> {
    let document = serde_json::to_value(Api::openapi()).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    let methods = paths.flat_map(|(path, methods)| {
        methods
            .as_object()
            .into_iter()
            .flatten()
            .map(move |(method, _)| (method.to_uppercase(), path.clone()))
    });
    methods.filter_map(|(method, path)| Some((method.parse().ok()?, path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let described: Vec<_> = Api::openapi().paths.paths.into_keys().collect();
        // What only the description itself needs to be shown.
        let own = ["/docs", "/assets/{name}", "/openapi.json"];
        let routes: Vec<_> = crate::http::routes().collect();
        assert!(routes.len() > own.len());
        for route in routes.into_iter().filter(|route| !own.contains(&route.as_str())) {
            let path = route.replace("{*", "{");
            assert!(described.contains(&path), "{route} is not described");
        }
    }
}
