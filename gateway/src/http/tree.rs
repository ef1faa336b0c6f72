//! The tree of a medium: manifests, playlists, init segments, segments.
//!
//! Paths are read by [`Film::item`](crate::playback::Film::item) alone and never reach a file system.
//!
//! # Why
//! A file may be replaced under its name, and its film keeps its address. So manifests write the film's version into the URLs of what is
//! kept for ever, and a version that is over is answered with 410: a player starts again from the manifest, and no cache mixes two films.
//! The same addresses without a version are answered as the film is now. They are as immutable as the others, though what they name may
//! change: only who puts them together by hand asks for them, and a shorter life told after a change would not reach the caches that
//! have the bytes of before.

use std::io;
use std::ops::Range;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_ENCODING, HeaderMap, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::response::Response;
use bytes::Bytes;
use segmenter::manifest::Version;

use super::Shared;
use super::answer::{answer, text, without_bytes};
use super::error::{Kind, Problem};
use super::negotiate;
use super::stream::{Pieces, Streamed};
use crate::id::MediaId;
use crate::playback::{Error, Film, Item, Passing, Playback};

pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The id and the rest of the path of an address below `/v1/media/`.
pub(super) fn split(uri: &Uri) -> Result<(MediaId, &str), Problem> {
    let rest = uri.path().strip_prefix("/v1/media/").unwrap_or_default();
    let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
    Ok((MediaId::parse(id).ok_or_else(|| Problem::new(Kind::NoMedia))?, path))
}

async fn show(gateway: Shared, request: Request) -> Result<Response, Problem> {
    let asked = Instant::now();
    let (method, headers) = (request.method(), request.headers());
    let (id, path) = split(request.uri())?;
    let film = match gateway.playback.film(id).await {
        // Perhaps somebody offers it: who opens it asks for it.
        Err(Error::NoMedia(_)) if gateway.broadcasts.open(id).await? => gateway.playback.film(id).await,
        film => film,
    }?;
    let item = film.item(path).ok_or_else(|| Problem::new(Kind::NoItem))?;
    if item.is_versioned() && version(request.uri()).is_some_and(|asked| asked != film.version().to_string())
    {
        return Err(Problem::new(Kind::Stale));
    }
    let coding = negotiate::coding(text(headers, &ACCEPT_ENCODING));
    let (content, told) = match gateway.playback.hot(&film, item, coding).await {
        Some(content) => (content, timing("hot", asked)),
        None => {
            if let Some(answered) = early(method, headers, &film, item) {
                return Ok(answered);
            }
            if let Some(passing) = gateway.playback.passing(&film, item).await? {
                let mut response = answer(headers, &passing.head(item), Some(Streamed(passing)));
                response.headers_mut().insert(SERVER_TIMING, timing("passing", asked));
                return Ok(response);
            }
            let content = gateway.playback.content(&film, item, coding).await?;
            (content, timing("made", asked))
        }
    };
    let bytes = (method != Method::HEAD).then(|| Bytes::clone(&content.bytes));
    let mut response = answer(headers, &content.head, bytes);
    response.headers_mut().insert(SERVER_TIMING, told);
    Ok(response)
}

impl Pieces for Passing {
    async fn piece(self, range: Range<u64>) -> io::Result<Bytes> {
        Passing::piece(self, range).await.map_err(io::Error::other)
    }
}

/// The answer where it needs no bytes, which then aren't made.
fn early(method: &Method, headers: &HeaderMap, film: &Film, item: Item) -> Option<Response> {
    let conditional = headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH);
    if !conditional && method != Method::HEAD {
        return None;
    }
    let head = Playback::head(film, item)?;
    without_bytes(headers, &head)
        .or_else(|| (method == Method::HEAD).then(|| answer(headers, &head, None::<Bytes>)))
}

/// The version of the film that is asked for; `None` for whichever there is.
pub(super) fn version(uri: &Uri) -> Option<&str> {
    let mut parameters = uri.query()?.split('&').filter_map(|parameter| parameter.split_once('='));
    parameters.find_map(|(name, value)| (name == Version::PARAMETER).then_some(value))
}

/// Which tier has an answer, and how many milliseconds it took to have it: `hot` from memory, `made` for this request, `passing` while it
/// is sent (Server Timing 3).
pub(super) fn timing(tier: &'static str, asked: Instant) -> HeaderValue {
    let text = format!("{tier};dur={:.3}", asked.elapsed().as_secs_f64() * 1000.0);
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static(tier))
}

/// Handlers that differ in their description only.
macro_rules! items {
    ($($(#[$doc:meta])* $name:ident $path:literal $type:literal $about:literal ($($parameter:literal $means:literal),*) $($versioned:literal)?;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            get,
            path = $path,
            tag = "play",
            params(("id" = String, Path, description = "Id of the medium"), $(($parameter = String, Path, description = $means),)* $(("v" = Option<String>, Query, description = $versioned))?),
            responses(
                (status = 200, description = $about, content_type = $type),
                (status = 206, description = "The ranges that were asked for"),
                (status = 304, description = "The client has it already"),
                (status = 404, description = "No such medium, or no such item of it", content_type = "application/problem+json"),
                $((status = 410, description = $versioned, content_type = "application/problem+json"),)?
                (status = 412, description = "The bytes are not those of If-Match", content_type = "application/problem+json"),
                (status = 416, description = "The range lies past the end"),
                (status = 503, description = "The file changed just now", content_type = "application/problem+json"),
            )
        )]
        pub(super) async fn $name(
            State(gateway): State<Shared>,
            request: Request,
        ) -> Result<Response, Problem> {
            show(gateway, request).await
        }
    )*};
}

items! {
    /// The manifest for Segue's player.
    manifest "/v1/media/{id}/manifest.json" "application/json" "Renditions, their segments, and their init segments" ();
    /// HLS multivariant playlist.
    master "/v1/media/{id}/master.m3u8" "application/vnd.apple.mpegurl" "For HLS players" ();
    /// DASH manifest.
    mpd "/v1/media/{id}/manifest.mpd" "application/dash+xml" "For DASH players" ();
    /// HLS media playlist.
    playlist "/v1/media/{id}/{rendition}/playlist.m3u8" "application/vnd.apple.mpegurl" "Segments of one rendition"
        ("rendition" "v1, a1, t1 ...");
    /// HLS playlist of keyframes.
    iframes "/v1/media/{id}/{rendition}/iframes.m3u8" "application/vnd.apple.mpegurl" "Keyframes of one video rendition"
        ("rendition" "v1 ...");
    /// Init segment.
    init "/v1/media/{id}/{rendition}/init.mp4" "video/mp4" "CMAF header" ("rendition" "v1, a1, t1 ...")
        "Version of the medium, as its manifests write it; one that is over is gone";
    /// Segment.
    segment "/v1/media/{id}/{rendition}/{segment}" "video/mp4" "CMAF segment, or a WebVTT file"
        ("rendition" "v1, a1, t1 ...", "segment" "1.m4s, or 1.vtt for captions")
        "Version of the medium, as its manifests write it; one that is over is gone";
}
