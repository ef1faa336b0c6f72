//! Broadcasters over HTTP: their catalogues, what they are asked for, the bytes they send, and the old address of their films.

pub(super) mod catalogue;
pub(super) mod requests;
pub(super) mod video;

use axum::http::HeaderName;
use axum::http::Uri;
use axum::http::header::HeaderMap;

use super::answer::text;
use super::error::{Kind, Problem};
use crate::broadcast::{Denied, TakeError};
use crate::source::WriteError;

/// The key of a broadcaster's id. Not `Authorization`, which says what somebody may do on this gateway and may be the same for many.
const BROADCASTER_KEY: HeaderName = HeaderName::from_static("broadcaster-key");

/// The key that a request brings for a broadcaster's id.
fn key(headers: &HeaderMap) -> Option<&str> {
    text(headers, &BROADCASTER_KEY)
}

/// The broadcaster's id, and what stands behind it, of an address below `/v1/broadcasters/`.
fn split(uri: &Uri) -> (&str, &str) {
    let rest = uri.path().strip_prefix("/v1/broadcasters/").unwrap_or_default();
    rest.split_once('/').unwrap_or((rest, ""))
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let told = denied.to_string();
        match denied {
            Denied::Key => Self::new(Kind::WrongKey),
            Denied::WeakKey | Denied::Id => Self::new(Kind::BadBroadcaster).detail(told),
            Denied::Unknown => Self::new(Kind::NoBroadcaster),
            Denied::TooMany => Self::new(Kind::TooManyBroadcasters).detail(told),
            Denied::Index(error) => error.into(),
        }
    }
}

impl From<TakeError> for Problem {
    fn from(error: TakeError) -> Self {
        let told = error.to_string();
        match error {
            TakeError::NotAsked => Self::new(Kind::NotAskedFor),
            TakeError::OtherFilm { length } => {
                Self::new(Kind::OtherLength).detail(told).number("length", length)
            }
            TakeError::Busy => Self::new(Kind::SentAlready),
            TakeError::Cancelled | TakeError::Write(WriteError::Gone(_) | WriteError::NotAFilm(_)) => {
                Self::new(Kind::Cancelled)
            }
            TakeError::Length { said } => Self::new(Kind::OtherLength).detail(told).number("length", said),
            TakeError::BrokeOff => Self::new(Kind::BrokeOff),
            TakeError::Write(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_id_and_the_rest() {
        let of = |path: &str| {
            let uri: Uri = path.parse().unwrap();
            let (id, rest) = split(&uri);
            (id.to_owned(), rest.to_owned())
        };
        assert_eq!(of("/v1/broadcasters/a"), ("a".into(), String::new()));
        assert_eq!(of("/v1/broadcasters/a/requests/t/bytes"), ("a".into(), "requests/t/bytes".into()));
    }
}
