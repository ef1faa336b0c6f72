//! The player as it was built: modules for pages of anybody, and the pages of the gateway. Embedded; nothing is read while it runs.
//!
//! # Why
//! What is embedded is compressed once, where the player is built, as small as can be: a page that a person waits for is not the
//! place to save work.

use axum::http::header::{ACCEPT_ENCODING, HeaderMap};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::answer::{answer, text};
use super::error::{Kind, Problem};
use super::negotiate;
use crate::playback::{Coding, Head, Keep};

/// A file of the built player.
#[derive(Debug)]
struct File {
    /// Its path in the folder it was built into.
    name: &'static str,
    media_type: &'static str,
    /// Names its bytes.
    tag: u64,
    bytes: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// All of them; empty when the gateway was built before the player.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/player.rs"));

/// The text of a page; `None` when there is no player.
pub(super) fn page(name: &str) -> Option<&'static str> {
    let file = FILES.iter().find(|file| file.name.strip_prefix("pages/") == Some(name))?;
    std::str::from_utf8(file.bytes).ok()
}

/// A file of the player.
#[utoipa::path(
    get,
    path = "/player/{path}",
    tag = "pages",
    params(("path" = String, Path, description = "player.js, element.js, worker.js, thumbnails.js ...")),
    responses(
        (status = 200, description = "The file", content_type = "text/javascript"),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "No such file", content_type = "application/problem+json"),
    )
)]
pub(super) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let name = uri.path().strip_prefix("/player/").unwrap_or_default();
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => file.answer(&method, &headers),
        None => Problem::new(Kind::NotFound).into_response(),
    }
}

impl File {
    fn answer(&self, method: &Method, headers: &HeaderMap) -> Response {
        let (coding, bytes) = self.coded(negotiate::coding(text(headers, &ACCEPT_ENCODING)));
        let suffix = coding.name().map(|name| format!("-{name}")).unwrap_or_default();
        let head = Head {
            etag: format!("\"{:016x}{suffix}\"", self.tag).into(),
            media_type: self.media_type,
            keep: if has_hash(self.name) { Keep::Forever } else { Keep::Ask },
            length: bytes.len() as u64,
            coding,
            varies: self.brotli.is_some() || self.gzip.is_some(),
        };
        answer(headers, &head, (method != Method::HEAD).then(|| Bytes::from_static(bytes)))
    }

    /// Its bytes in a coding, or as they are where they have not got it.
    fn coded(&self, coding: Coding) -> (Coding, &'static [u8]) {
        let coded = match coding {
            Coding::Brotli => self.brotli,
            Coding::Gzip => self.gzip,
            Coding::Identity => None,
        };
        coded.map_or((Coding::Identity, self.bytes), |bytes| (coding, bytes))
    }
}

/// Whether a name ends in `-` and the eight characters in which the build writes a hash: such a file never changes.
fn has_hash(name: &str) -> bool {
    let stem = name.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(_, hash)| {
        hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG};

    const FILE: File = File {
        name: "pages/watch-AB12CD34.js",
        media_type: "text/javascript",
        tag: 7,
        bytes: b"as it is",
        brotli: Some(b"br"),
        gzip: None,
    };

    fn asked(accept: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
        FILE.answer(&Method::GET, &headers)
    }

    #[test]
    fn a_file_comes_as_it_was_compressed_when_it_was_built() {
        let (coded, plain) = (asked("br, gzip"), asked("gzip"));
        assert_eq!(coded.headers()[CONTENT_ENCODING], "br");
        assert!(!plain.headers().contains_key(CONTENT_ENCODING), "there is no gzip of it");
        assert_ne!(coded.headers()[ETAG], plain.headers()[ETAG]);
        assert_eq!(plain.status(), StatusCode::OK);
    }

    #[test]
    fn only_a_name_with_a_hash_is_kept_for_ever() {
        assert!(asked("br").headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        for (name, expected) in [
            ("pages/chunk-EXVDXWRR.js", true),
            ("pages/home-DNXLO7T5.css", true),
            ("player.js", false),
            ("pages/watch.html", false),
            ("pages/watch-page.js", false),
            ("pages-AB12CD34/watch.js", false),
        ] {
            assert_eq!(has_hash(name), expected, "{name}");
        }
    }
}
