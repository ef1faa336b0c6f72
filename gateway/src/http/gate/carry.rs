//! What an answer carries on of the address that was let through: what a player finds in a playlist must let it through as well, and a page
//! leaves its token as a cookie.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION, RANGE, SET_COOKIE,
};
use axum::http::{HeaderValue, Request, StatusCode, Uri};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::Value;

use super::credentials::COOKIE_NAME;

/// Bytes of a playlist that is written anew; what is larger than any goes out as it is.
const LARGEST: usize = 64 << 20;

/// What an answer carries on.
#[derive(Debug, Default)]
pub(super) struct Carry {
    /// Put behind the addresses in it.
    query: Option<String>,
    /// The answer instead: the page again, without what let it through in its address, which is left with the browser.
    page: Option<(String, String)>,
}

/// Whether an address is that of a page for people.
pub(super) fn is_page(uri: &Uri) -> bool {
    matches!(uri.path(), "/" | "/upload") || uri.path().starts_with("/watch/")
}

/// Says that the body is a page.
pub(super) fn html(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.remove(CONTENT_LENGTH);
}

impl Carry {
    /// Whether it carries nothing on.
    pub(super) fn is_nothing(&self) -> bool {
        self.query.is_none() && self.page.is_none()
    }

    /// What an address that is signed carries on: its signature.
    pub(super) fn of_signature(uri: &Uri) -> Self {
        let own = |name: &str| ["role", "scope", "expires", "signature"].contains(&name);
        let signature = parameters(uri, own);
        if !is_page(uri) {
            return Self { query: Some(signature), page: None };
        }
        Self { query: None, page: Some((address(uri, |name| !own(name)), signature)) }
    }

    /// What an address with a token carries on: the token.
    pub(super) fn of_token(uri: &Uri, token: &str) -> Self {
        if !is_page(uri) {
            return Self { query: Some(parameters(uri, |name| name == "token")), page: None };
        }
        Self { query: None, page: Some((address(uri, |name| name != "token"), token.to_owned())) }
    }

    /// A playlist that is to be written anew has to come whole and uncoded.
    pub(super) fn prepare<B>(&self, request: &mut Request<B>) {
        if self.query.is_some() && is_list(request.uri().path()) {
            request.headers_mut().remove(ACCEPT_ENCODING);
            request.headers_mut().remove(RANGE);
        }
    }

    /// The answer with it.
    pub(super) async fn over(self, response: Response) -> Response {
        if let Some((address, token)) = self.page {
            return remembered(&address, &token);
        }
        let Some(query) = self.query else { return response };
        let mut response = response;
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        if let Some(Ok(location)) = location.map(|location| HeaderValue::try_from(with(location, &query))) {
            response.headers_mut().insert(LOCATION, location);
        }
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let rewrite: fn(&str, &str) -> String = match kind.split(';').next().unwrap_or_default() {
            "application/vnd.apple.mpegurl" => hls,
            "application/dash+xml" => dash,
            "application/json" => json,
            _ => return response,
        };
        let (mut parts, body) = response.into_parts();
        parts.headers.remove(CONTENT_LENGTH);
        let whole = http_body_util::Limited::new(body, LARGEST).collect().await;
        let text = whole.ok().and_then(|whole| String::from_utf8(whole.to_bytes().to_vec()).ok());
        match text {
            Some(text) if !text.is_empty() => Response::from_parts(parts, Body::from(rewrite(&text, &query))),
            // The answer to HEAD.
            _ => Response::from_parts(parts, Body::empty()),
        }
    }
}

/// The page without the token in its address; the browser keeps the token and shows it to no script.
fn remembered(address: &str, token: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let fields = response.headers_mut();
    // Neither can hold what no header can: both came in one.
    if let Ok(address) = HeaderValue::try_from(address) {
        fields.insert(LOCATION, address);
    }
    if let Ok(cookie) =
        HeaderValue::try_from(format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Lax"))
    {
        fields.insert(SET_COOKIE, cookie);
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_list(path: &str) -> bool {
    path.ends_with(".m3u8") || path.ends_with(".mpd") || path.ends_with(".json")
}

/// Those parameters of an address whose name is wanted, as they stand there.
fn parameters(uri: &Uri, wanted: impl Fn(&str) -> bool) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let wanted = pairs.filter(|pair| wanted(pair.split('=').next().unwrap_or_default()));
    wanted.collect::<Vec<_>>().join("&")
}

/// An address with those of its parameters whose name is wanted.
fn address(uri: &Uri, wanted: impl Fn(&str) -> bool) -> String {
    let rest = parameters(uri, wanted);
    if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{rest}", uri.path()) }
}

/// An address with a query behind it.
fn with(address: &str, query: &str) -> String {
    let mark = if address.contains('?') { '&' } else { '?' };
    format!("{address}{mark}{query}")
}

/// Every address of a playlist, on a line of its own or in a tag.
fn hls(text: &str, query: &str) -> String {
    let line = |line: &str| match line {
        "" => String::new(),
        line if !line.starts_with('#') => with(line, query),
        line => attribute(line, "URI=\"", |address| with(address, query)),
    };
    let mut lines = text.lines().map(line).collect::<Vec<_>>().join("\n");
    lines.push('\n');
    lines
}

fn dash(text: &str, query: &str) -> String {
    let escaped = query.replace('&', "&amp;");
    let add = |address: &str| with(address, &escaped);
    let text = attribute(text, " media=\"", add);
    let text = attribute(&text, " initialization=\"", add);
    let mut parts = text.split("<BaseURL>");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (address, rest) = part.split_once('<').unwrap_or((part, ""));
        // A folder is no address yet: what is in it has the query.
        let address = if address.ends_with('/') { address.to_owned() } else { add(address) };
        out.push_str(&format!("<BaseURL>{address}<{rest}"));
    }
    out
}

/// Every value that follows `start`, changed; what holds its own bytes is no address.
fn attribute(text: &str, start: &str, change: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(start);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (value, rest) = part.split_once('"').unwrap_or((part, ""));
        let value = if value.starts_with("data:") { value.to_owned() } else { change(value) };
        out.push_str(start);
        out.push_str(&value);
        out.push('"');
        out.push_str(rest);
    }
    out
}

/// The player's manifest; other JSON is left as it is.
fn json(text: &str, query: &str) -> String {
    let Ok(mut manifest) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let Some(renditions) = manifest.get_mut("renditions").and_then(Value::as_array_mut) else {
        return text.to_owned();
    };
    for rendition in renditions {
        for name in ["init", "media"] {
            if let Some(Value::String(address)) = rendition.get_mut(name) {
                *address = with(address, query);
            }
        }
    }
    manifest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_playlist_carries_the_query_on() {
        let list = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-KEY:URI=\"data:a\"\n#EXTINF:4,\n1.m4s?v=1\n";
        let expected = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4?a=1&b=2\"\n#EXT-X-KEY:URI=\"data:a\"\n#EXTINF:4,\n1.m4s?v=1&a=1&b=2\n";
        assert_eq!(hls(list, "a=1&b=2"), expected);
        let mpd = "<SegmentTemplate media=\"v1/$Number$.m4s\" initialization=\"v1/init.mp4\"/><BaseURL>v1.mp4</BaseURL>";
        let expected = "<SegmentTemplate media=\"v1/$Number$.m4s?a=1&amp;b=2\" initialization=\"v1/init.mp4?a=1&amp;b=2\"/><BaseURL>v1.mp4?a=1&amp;b=2</BaseURL>";
        assert_eq!(dash(mpd, "a=1&b=2"), expected);
        let manifest = r#"{"renditions":[{"init":"v1/init.mp4","media":"v1/{n}.m4s"}]}"#;
        let expected = r#"{"renditions":[{"init":"v1/init.mp4?a=1","media":"v1/{n}.m4s?a=1"}]}"#;
        assert_eq!(json(manifest, "a=1"), expected);
    }

    #[tokio::test]
    async fn a_page_leaves_its_token_as_a_cookie_and_not_in_its_address() {
        let uri: Uri = "/watch/x?t=90&token=viewer-0123456789".parse().unwrap();
        let carry = Carry::of_token(&uri, "viewer-0123456789");
        let response = carry.over(Response::new(Body::empty())).await;
        assert_eq!(response.headers()[LOCATION], "/watch/x?t=90");
        assert_eq!(
            response.headers()[SET_COOKIE],
            "segue-view=viewer-0123456789; Path=/; HttpOnly; SameSite=Lax"
        );
    }
}
