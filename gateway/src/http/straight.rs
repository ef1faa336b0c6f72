//! The short way for what is asked for most: manifests and segments as they are, without conditions or ranges.
//!
//! # Why
//! A manifest of a few kilobytes costs less than a router and what it allocates on the way. So what is in memory, or lies in a film that is
//! open, is answered before the router is asked. Anything else (a film to be opened, a mistake in the address, a range) goes the long
//! way, which answers all of it; only speed is lost if something is not seen here.

use std::time::Instant;

use axum::http::header::{
    ACCEPT_ENCODING, HeaderMap, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    RANGE,
};
use axum::http::{HeaderName, Method, Request};
use axum::response::Response;
use bytes::Bytes;

use super::answer::{text, whole};
use super::outgoing::Outgoing;
use super::{Shared, negotiate, tree};

/// What makes a request one for the long way.
const UNUSUAL: [HeaderName; 6] =
    [RANGE, IF_NONE_MATCH, IF_MATCH, IF_RANGE, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// The answer, if it can be had at once.
pub(super) async fn straight<B>(gateway: &Shared, request: &Request<B>) -> Option<Response<Outgoing>> {
    let asked = Instant::now();
    let (headers, uri) = (request.headers(), request.uri());
    if request.method() != Method::GET || is_unusual(headers) {
        return None;
    }
    let (id, path) = tree::split(uri).ok().filter(|(_, path)| !path.is_empty())?;
    let film = gateway.playback.open_film(id).await?;
    let item = film.item(path)?;
    if item.is_versioned() && tree::version(uri).is_some_and(|asked| asked != film.version().to_string()) {
        return None;
    }
    let coding = negotiate::coding(text(headers, &ACCEPT_ENCODING));
    let (mut response, tier) = match gateway.playback.hot(&film, item, coding).await {
        Some(content) => (whole(&content.head, Outgoing::Whole(Bytes::clone(&content.bytes))), "hot"),
        None => {
            let passing = gateway.playback.passing_at_once(&film, item)?;
            (whole(&passing.head(item), Outgoing::passing(passing)), "passing")
        }
    };
    response.headers_mut().insert(tree::SERVER_TIMING, tree::timing(tier, asked));
    Some(response)
}

fn is_unusual(headers: &HeaderMap) -> bool {
    UNUSUAL.iter().any(|name| headers.contains_key(name))
}
