//! Pages for people: the list of films, one that plays a film, one that shows the API. Embedded, and loading nothing from elsewhere.

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::answer::made;
use super::error::{Kind, Problem};
use super::{Shared, media};
use crate::id::MediaId;

const HTML: &str = "text/html; charset=utf-8";
/// A title is data: no page runs or loads anything but what lies here.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; frame-ancestors 'self'";

/// Name, type and bytes of what pages load.
const ASSETS: [(&str, &str, &str); 4] = [
    ("segue.css", "text/css", include_str!("pages/segue.css")),
    ("home.js", "text/javascript", include_str!("pages/home.js")),
    ("watch.js", "text/javascript", include_str!("pages/watch.js")),
    ("docs.js", "text/javascript", include_str!("pages/docs.js")),
];

pub(super) async fn home(method: Method, headers: HeaderMap) -> Response {
    page(&method, &headers, include_str!("pages/home.html"))
}

pub(super) async fn docs(method: Method, headers: HeaderMap) -> Response {
    page(&method, &headers, include_str!("pages/docs.html"))
}

pub(super) async fn watch(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = uri.path().strip_prefix("/watch/").and_then(MediaId::parse);
    let known = match id {
        Some(id) => media::served(&gateway, id).await.is_ok(),
        None => false,
    };
    if known {
        return Ok(page(&method, &headers, include_str!("pages/watch.html")));
    }
    let mut response = page(&method, &HeaderMap::new(), include_str!("pages/missing.html"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

pub(super) async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let name = uri.path().strip_prefix("/assets/").unwrap_or_default();
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, text)) => {
            made(&method, &headers, media_type, Bytes::from_static(text.as_bytes()))
        }
        None => Problem::new(Kind::NotFound).into_response(),
    }
}

fn page(method: &Method, headers: &HeaderMap, text: &'static str) -> Response {
    let mut response = made(method, headers, HTML, Bytes::from_static(text.as_bytes()));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
