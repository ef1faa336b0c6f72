//! From something with bytes to a response: not modified, whole, one range or several, or a range that is nowhere.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use super::conditional::{self, Verdict};
use super::error::{Kind, Problem};
use super::negotiate;
use super::range::{self, Asked};
use crate::playback::{Coding, Head, Keep};

/// Separates the parts of a body of several ranges. Long enough not to turn up in one.
const BOUNDARY: &str = "segue-8f2c61d4a97b4e0c93d5-part";

/// Fields of an answer, at most, so that there is room for them from the start; and no more, for hyper keeps it while a connection idles.
const FIELDS: usize = 12;

/// Bytes that can be had in pieces.
pub(super) trait Bytewise {
    /// These bytes of it, as a body. `ranges` lie inside; between them, and at the end, stands what `between` says.
    fn body(self, ranges: Vec<(Bytes, Range<u64>)>, end: Bytes) -> Body;
}

impl Bytewise for Bytes {
    fn body(self, ranges: Vec<(Bytes, Range<u64>)>, end: Bytes) -> Body {
        let slice = |range: Range<u64>| {
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
            self.slice(index(range.start)..index(range.end))
        };
        match <[_; 1]>::try_from(ranges) {
            Ok([(_, range)]) => Body::from(slice(range)),
            Err(ranges) => {
                let mut joined = Vec::new();
                for (before, range) in ranges {
                    joined.extend_from_slice(&before);
                    joined.extend_from_slice(&slice(range));
                }
                joined.extend_from_slice(&end);
                Body::from(joined)
            }
        }
    }
}

/// The answer to a request whose conditions ask for no bytes: the client has them already, or wants others. `None` where they don't.
pub(super) fn without_bytes(headers: &HeaderMap, head: &Head) -> Option<Response> {
    match conditional::weigh(text(headers, &IF_MATCH), text(headers, &IF_NONE_MATCH), etag(head)) {
        Verdict::Proceed => None,
        Verdict::NotModified => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            describe(response.headers_mut(), head);
            Some(response)
        }
        Verdict::Failed => Some(Problem::new(Kind::Precondition).into_response()),
    }
}

/// Answers a request without conditions, for all of something.
pub(super) fn whole<B>(head: &Head, body: B) -> Response<B> {
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.reserve(FIELDS);
    describe(fields, head);
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(head.media_type));
    fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(CONTENT_LENGTH, head.length.into());
    response
}

/// Answers a request for something that is described by `head`. `bytes` is `None` for HEAD, which needs none.
pub(super) fn answer(headers: &HeaderMap, head: &Head, bytes: Option<impl Bytewise>) -> Response {
    if let Some(response) = without_bytes(headers, head) {
        return response;
    }
    let asked = match (&bytes, text(headers, &RANGE)) {
        (Some(_), Some(asked)) if conditional::range_holds(text(headers, &IF_RANGE), etag(head)) => {
            range::read(asked, head.length)
        }
        _ => Asked::Whole,
    };
    let mut response = Response::new(Body::empty());
    let fields = response.headers_mut();
    describe(fields, head);
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(head.media_type));
    fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let (status, length, body) = match asked {
        Asked::Whole => {
            let body = bytes.map(|bytes| bytes.body(vec![(Bytes::new(), 0..head.length)], Bytes::new()));
            (StatusCode::OK, head.length, body)
        }
        Asked::Parts(parts) => {
            let (length, body) = partial(fields, head, parts, bytes);
            (StatusCode::PARTIAL_CONTENT, length, body)
        }
        Asked::Nowhere => {
            insert(fields, CONTENT_RANGE, format!("bytes */{}", head.length));
            fields.remove(CACHE_CONTROL);
            (StatusCode::RANGE_NOT_SATISFIABLE, 0, None)
        }
    };
    fields.insert(CONTENT_LENGTH, length.into());
    *response.status_mut() = status;
    *response.body_mut() = body.unwrap_or_default();
    response
}

/// The length and the body of one part or several.
fn partial(
    fields: &mut HeaderMap,
    head: &Head,
    parts: Vec<Range<u64>>,
    bytes: Option<impl Bytewise>,
) -> (u64, Option<Body>) {
    let place = |part: &Range<u64>| format!("bytes {}-{}/{}", part.start, part.end - 1, head.length);
    if let [part] = &parts[..] {
        insert(fields, CONTENT_RANGE, place(part));
        let (length, part) = (part.end - part.start, part.clone());
        return (length, bytes.map(|bytes| bytes.body(vec![(Bytes::new(), part)], Bytes::new())));
    }
    insert(fields, CONTENT_TYPE, format!("multipart/byteranges; boundary={BOUNDARY}"));
    let mut mark = format!("--{BOUNDARY}");
    let parts: Vec<_> = parts
        .into_iter()
        .map(|part| {
            let before = format!(
                "{mark}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                head.media_type,
                place(&part)
            );
            mark = format!("\r\n--{BOUNDARY}");
            (Bytes::from(before), part)
        })
        .collect();
    let end = Bytes::from(format!("{mark}--\r\n"));
    let length = parts.iter().map(|(before, part)| before.len() as u64 + part.end - part.start).sum::<u64>();
    (length + end.len() as u64, bytes.map(|bytes| bytes.body(parts, end)))
}

/// What is said of an item in every answer about it.
fn describe(fields: &mut HeaderMap, head: &Head) {
    if let Ok(etag) = HeaderValue::from_maybe_shared(head.etag.clone()) {
        fields.insert(ETAG, etag);
    }
    match head.keep {
        Keep::Forever => {
            let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
            fields.insert(CACHE_CONTROL, forever);
        }
        Keep::For(seconds) => insert(fields, CACHE_CONTROL, format!("public, max-age={seconds}, immutable")),
        Keep::Ask => drop(fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"))),
    }
    if let Some(coding) = head.coding.name() {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if head.varies {
        fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// JSON that is made for this request, compressed if the client likes.
pub(super) fn json(method: &Method, headers: &HeaderMap, value: &impl Serialize) -> Response {
    let text = serde_json::to_vec(value).unwrap_or_default();
    made(method, headers, "application/json", text.into())
}

/// Text that is made for this request, compressed if the client likes, named by what it says.
pub(super) fn made(method: &Method, headers: &HeaderMap, media_type: &'static str, text: Bytes) -> Response {
    let coding = negotiate::coding(self::text(headers, &ACCEPT_ENCODING));
    let coded = coding.apply(&text);
    let coding = if coded.is_some() { coding } else { Coding::Identity };
    let tag = text
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |tag, byte| (tag ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    let bytes = coded.map_or(text, Bytes::from);
    let head = Head {
        etag: format!("\"{tag:016x}{}\"", coding.name().map(|name| format!("-{name}")).unwrap_or_default())
            .into(),
        media_type,
        keep: Keep::Ask,
        length: bytes.len() as u64,
        coding,
        varies: true,
    };
    answer(headers, &head, (method != Method::HEAD).then_some(bytes))
}

/// A header as text; `None` when there is none, or it is none.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn etag(head: &Head) -> &str {
    std::str::from_utf8(&head.etag).unwrap_or_default()
}

/// Puts a header that is made of text; one that can't be is left out.
pub(super) fn insert(fields: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
        fields.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    fn head(length: u64) -> Head {
        Head {
            etag: Bytes::from_static(b"\"a\""),
            media_type: "video/mp4",
            keep: Keep::Forever,
            length,
            coding: Coding::Identity,
            varies: false,
        }
    }

    async fn asked(range: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        let response = answer(&headers, &head(10), Some(Bytes::from_static(b"0123456789")));
        let (parts, body) = response.into_parts();
        let body: Vec<Bytes> = body.into_data_stream().try_collect().await.unwrap();
        (parts.status, parts.headers, body.concat())
    }

    #[tokio::test]
    async fn one_range_is_a_slice() {
        let (status, headers, body) = asked("bytes=2-4").await;
        assert_eq!((status, &body[..]), (StatusCode::PARTIAL_CONTENT, &b"234"[..]));
        assert_eq!(headers[CONTENT_RANGE], "bytes 2-4/10");
        assert_eq!(headers[CONTENT_LENGTH], "3");
    }

    #[tokio::test]
    async fn several_ranges_are_parts_of_the_length_that_was_told() {
        let (status, headers, body) = asked("bytes=0-0,-2").await;
        assert_eq!(status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(headers[CONTENT_LENGTH], body.len().to_string());
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("Content-Range: bytes 0-0/10\r\n\r\n0\r\n--"), "{text}");
        assert!(text.contains("Content-Range: bytes 8-9/10\r\n\r\n89\r\n--"), "{text}");
        assert!(text.ends_with("--\r\n"), "{text}");
    }

    #[tokio::test]
    async fn a_range_that_is_nowhere_tells_the_length_and_is_not_kept() {
        let (status, headers, body) = asked("bytes=10-").await;
        assert_eq!((status, body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, 0));
        assert_eq!(headers[CONTENT_RANGE], "bytes */10");
        assert!(!headers.contains_key(CACHE_CONTROL));
    }

    #[tokio::test]
    async fn what_the_client_has_is_not_sent_again() {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, "\"a\"".parse().unwrap());
        headers.insert(RANGE, "bytes=0-1".parse().unwrap());
        let response = answer(&headers, &head(10), Some(Bytes::from_static(b"0123456789")));
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(response.headers()[ETAG], "\"a\"");
    }

    #[tokio::test]
    async fn other_bytes_than_the_client_wants_are_not_sent() {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, "\"b\"".parse().unwrap());
        let response = answer(&headers, &head(10), Some(Bytes::from_static(b"0123456789")));
        assert_eq!(response.status(), StatusCode::PRECONDITION_FAILED);
        assert!(!response.headers().contains_key(ETAG) && response.headers()[CACHE_CONTROL] == "no-store");
    }
}
