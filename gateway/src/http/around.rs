//! What every response has, whoever made it: a request id, leave for other origins to read it, a line in the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, HeaderMap,
};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use tracing::{debug, enabled, warn};

use super::Gateway;
use super::error::Logged;
use super::metrics::Counts;
use super::uploads::tus;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
/// What scripts of other origins may see besides what they always may.
const EXPOSED: &str = "accept-ranges, content-length, content-range, etag, location, retry-after, server-timing, tus-checksum-algorithm, \
                       tus-extension, tus-max-size, tus-resumable, tus-version, upload-concat, upload-defer-length, \
                       upload-expires, upload-length, upload-metadata, upload-offset, x-request-id";
/// What they may send.
const ACCEPTED: &str = "authorization, content-range, content-type, idempotency-key, if-match, if-none-match, if-range, last-event-id, \
                        range, tus-resumable, upload-checksum, upload-concat, upload-defer-length, upload-length, \
                        upload-metadata, upload-offset, x-http-method-override, x-request-id, x-requested-with";
const METHODS: &str = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE";
/// An id that a client sends is kept if it is no longer than this.
const LONGEST_ID: usize = 64;

/// What the log may need: no copy, for both are shared.
#[derive(Debug)]
struct Told {
    started: Instant,
    method: Method,
    uri: Uri,
}

/// What is remembered of a request until its response is there.
#[derive(Debug)]
pub(super) struct Around {
    id: HeaderValue,
    told: Told,
}

impl Around {
    /// Looks at a request before it is handled.
    pub(super) fn before<B>(request: &Request<B>) -> Self {
        let told =
            Told { started: Instant::now(), method: request.method().clone(), uri: request.uri().clone() };
        Self { id: request_id(request.headers()), told }
    }

    /// Puts on a response what every response has.
    pub(super) fn after<B>(self, mut response: Response<B>, counts: &Counts) -> Response<B> {
        let status = response.status();
        counts.count(status, response.headers(), self.told.started.elapsed());
        self.log(status, response.extensions().get::<Logged>());
        let fields = response.headers_mut();
        fields.insert(REQUEST_ID, self.id);
        fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        fields.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if tus::is_upload(&self.told.uri) {
            tus::version(fields);
        }
        response
    }

    fn log(&self, status: StatusCode, error: Option<&Logged>) {
        let Told { started, method, uri } = &self.told;
        let (request, status) = (self.id.to_str().unwrap_or_default(), status.as_u16());
        match error {
            Some(Logged(error)) => {
                let path = tus::told_path(uri);
                warn!(request, status, %method, %path, error, "request failed")
            }
            None if enabled!(tracing::Level::DEBUG) => {
                let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                let path = tus::told_path(uri);
                debug!(request, status, %method, %path, elapsed_us, "request answered");
            }
            None => {}
        }
    }
}

/// The answer to what a browser asks before it reads from another origin; `None` for other requests.
pub(super) fn preflight<B>(request: &Request<B>, gateway: &Gateway) -> Option<Response> {
    if request.method() != Method::OPTIONS {
        return None;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields = response.headers_mut();
    fields.insert(ALLOW, HeaderValue::from_static(METHODS));
    fields.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ACCEPTED));
    fields.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    if tus::is_upload(request.uri()) {
        tus::describe(fields, gateway.sources.quota().usage().quota);
    }
    Some(response)
}

/// The client's own id where it sends a plain one, so that its log and ours can be laid side by side; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let given = headers.get(REQUEST_ID).filter(|id| {
        let bytes = id.as_bytes();
        (1..=LONGEST_ID).contains(&bytes.len()) && bytes.iter().all(plain)
    });
    given.cloned().unwrap_or_else(next_id)
}

/// The time at which the gateway started, and a count.
fn next_id() -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static START: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let start = START.get_or_init(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(0)
    });
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut text = [b'0'; 24];
    hex(&mut text[..11], *start);
    text[11] = b'-';
    hex(&mut text[12..], number);
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text)).unwrap_or(HeaderValue::from_static("0"))
}

/// `value` in hexadecimal, as many of its last digits as there is room for.
fn hex(room: &mut [u8], mut value: u64) {
    for digit in room.iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(value & 15).unwrap_or(0)];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_an_id_of_its_own_unless_the_client_gives_a_plain_one() {
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
        let with = |id: &'static str| HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(id))]);
        assert_eq!(request_id(&with("abc-1")), "abc-1");
        assert_ne!(request_id(&with("a b\"c")), "a b\"c");
        assert_ne!(request_id(&with("")), "");
    }
}
