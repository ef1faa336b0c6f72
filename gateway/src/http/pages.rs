//! Pages for people: the list of films, one that plays a film, one that shows the API. Embedded, and loading nothing from elsewhere.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::answer::made;
use super::error::{Kind, Problem};
use super::{Shared, media, player};
use crate::id::MediaId;
use crate::playback::Coding;

const HTML: &str = "text/html; charset=utf-8";
/// A title is data: no page runs or loads anything but what lies here. Styles may stand in the page, for the elements of the
/// controls bring theirs along; an empty caption file is made on the spot.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
    media-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'self'";
/// A manifest up to this many bytes comes with the page that plays it, and saves it a round trip; a larger one would keep it waiting.
const INLINED: usize = 128 << 10;

/// Name, type and text of what the pages load that need no player.
const ASSETS: [(&str, &str, &str); 2] = [
    ("segue.css", "text/css", include_str!("../../../player/pages/segue.css")),
    ("docs.js", "text/javascript", include_str!("pages/docs.js")),
];

/// A page of the player, as far as its head goes, and the rest; addresses in it are relative to where the player is.
struct Page {
    head: String,
    rest: &'static str,
}

impl Page {
    fn of(name: &str) -> Option<Self> {
        let (head, rest) = player::page(name)?.split_once("</head>")?;
        let head = head.replacen("<head>", "<head>\n    <base href=\"/player/pages/\" />", 1);
        Some(Self { head, rest })
    }

    /// The whole page, with something more in its head.
    fn with(&self, more: &str) -> Bytes {
        [&self.head, more, "</head>", self.rest].concat().into()
    }
}

static HOME: LazyLock<Option<Page>> = LazyLock::new(|| Page::of("home.html"));
static WATCH: LazyLock<Option<Page>> = LazyLock::new(|| Page::of("watch.html"));
static UPLOAD: LazyLock<Option<Page>> = LazyLock::new(|| Page::of("upload.html"));

/// The list of films.
#[utoipa::path(
    get,
    path = "/",
    tag = "pages",
    responses((status = 200, description = "A page that lists the films and finds them", content_type = "text/html"))
)]
pub(super) async fn home(method: Method, headers: HeaderMap) -> Response {
    let page = HOME.as_ref().map_or_else(unbuilt, |page| page.with(""));
    show(&method, &headers, page)
}

/// Upload films.
#[utoipa::path(
    get,
    path = "/upload",
    tag = "pages",
    responses((status = 200, description = "A page that uploads films and plays them meanwhile", content_type = "text/html"))
)]
pub(super) async fn upload(method: Method, headers: HeaderMap) -> Response {
    let page = UPLOAD.as_ref().map_or_else(unbuilt, |page| page.with(""));
    show(&method, &headers, page)
}

/// The description of all this, for people.
pub(super) async fn docs(method: Method, headers: HeaderMap) -> Response {
    show(&method, &headers, Bytes::from_static(include_bytes!("pages/docs.html")))
}

/// Play a film.
#[utoipa::path(
    get,
    path = "/watch/{id}",
    tag = "pages",
    params(
        ("id" = String, Path, description = "Id of the medium"),
        ("t" = Option<String>, Query, description = "Where to begin: 90, 1m30s, 1:30"),
    ),
    responses(
        (status = 200, description = "A page that plays it", content_type = "text/html"),
        (status = 404, description = "A page that says that there is no such film", content_type = "text/html"),
    )
)]
pub(super) async fn watch(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = uri.path().strip_prefix("/watch/").and_then(MediaId::parse);
    let known = match id {
        Some(id) => media::opened(&gateway, id).await.ok().map(|_| id),
        None => None,
    };
    if let Some(id) = known {
        let page = match WATCH.as_ref() {
            Some(page) => page.with(&inlined(&gateway, id).await.unwrap_or_default()),
            None => unbuilt(),
        };
        return Ok(show(&method, &headers, page));
    }
    let missing = Bytes::from_static(include_bytes!("pages/missing.html"));
    let mut response = show(&method, &HeaderMap::new(), missing);
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

/// The manifest as data in a page. `None` when there is none, or it is large: the page asks for it, and learns why.
async fn inlined(gateway: &Shared, id: MediaId) -> Option<String> {
    let film = gateway.playback.film(id).await.ok()?;
    let manifest = film.item("manifest.json")?;
    let content = gateway.playback.content(&film, manifest, Coding::Identity).await.ok()?;
    let text = std::str::from_utf8(&content.bytes).ok().filter(|text| text.len() <= INLINED)?;
    Some(as_data(text))
}

/// JSON in an element that no browser runs. In JSON `<` stands only in texts, where it can be escaped: none ends the element early.
fn as_data(json: &str) -> String {
    format!("<script type=\"application/json\" id=\"manifest\">{}</script>\n  ", json.replace('<', "\\u003c"))
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

/// What stands in for the pages of a gateway that was built without the player.
fn unbuilt() -> Bytes {
    Bytes::from_static(include_bytes!("pages/unbuilt.html"))
}

fn show(method: &Method, headers: &HeaderMap, text: Bytes) -> Response {
    let mut response = made(method, headers, HTML, text);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_in_a_page_ends_no_element() {
        let data = as_data(r#"{"title":"</script><img src=x onerror=alert(1)>"}"#);
        let (_, json) = data.split_once('>').unwrap();
        let (json, rest) = json.split_once("</script>").unwrap();
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read["title"], "</script><img src=x onerror=alert(1)>");
        assert_eq!(rest.trim(), "");
    }

    #[test]
    fn a_page_of_the_player_finds_its_modules_from_every_address() {
        let Some(page) = WATCH.as_ref() else { return };
        let text = String::from_utf8(page.with("").to_vec()).unwrap();
        let (base, module) =
            (text.find("<base href=\"/player/pages/\""), text.find("<script type=\"module\""));
        assert!(base.is_some() && base < module, "{text}");
    }
}
