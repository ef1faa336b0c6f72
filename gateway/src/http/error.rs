//! The one table from what went wrong to a status, a code that stays, and words for people (RFC 9457).

use std::collections::BTreeMap;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::uploads;
use crate::index;
use crate::playback;
use crate::source;

/// An error as a client sees it.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: Option<String>,
    numbers: BTreeMap<&'static str, u64>,
    /// Seconds after which asking again may help.
    after: Option<u64>,
    log: Option<String>,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No such address.
    NotFound,
    /// No such medium.
    NoMedia,
    /// No medium of such a title.
    NoTitle,
    /// The medium has no such item.
    NoItem,
    /// The medium has other bytes now.
    Stale,
    /// The medium's time is over.
    Expired,
    /// The medium lies in a served folder, which is never changed.
    NotOurs,
    /// The medium is known, and can't be played.
    NotPlayable,
    /// The address is there, but not for this method.
    MethodNotAllowed,
    /// The client asked only for bytes that it knows, and these are others.
    Precondition,
    /// A query that makes no sense.
    BadQuery,
    /// A body that makes no sense.
    BadBody,
    /// Not the start of a WebSocket.
    NoSocket,
    /// The bytes asked for are still elsewhere.
    Elsewhere,
    /// The bytes asked for were here, and nobody has them any more.
    Lost,
    /// The file changed just now.
    Changed,
    /// The file is there and can't be read.
    Unreadable,
    /// As many listen already as may.
    TooManyStreams,
    /// No such upload.
    NoUpload,
    /// No such job.
    NoJob,
    /// A header that makes no sense.
    BadHeader,
    /// The client speaks another version of the upload protocol.
    Version,
    /// The body is of another type than is taken.
    MediaType,
    /// The upload goes on somewhere else.
    WrongOffset,
    /// The upload has another length.
    OtherLength,
    /// A body has more bytes than it was to have.
    BodyTooLong,
    /// A body has fewer bytes than it was to have.
    BodyTooShort,
    /// The bytes are not those of their sum.
    WrongChecksum,
    /// Other bytes are here already.
    BytesDiffer,
    /// What is here lies in too many pieces.
    Scattered,
    /// What is sent holds no film.
    NotAFilm,
    /// The body broke off.
    BrokeOff,
    /// The body is too slow in coming.
    TooSlow,
    /// Another request goes on with the upload.
    TakenOver,
    /// The upload is joined of others.
    Joined,
    /// The upload can't be joined.
    NotJoined,
    /// The key was used for something else.
    KeyUsed,
    /// It could never fit.
    TooLarge,
    /// It does not fit now.
    NoSpace,
    /// It does not fit into what one broadcaster may take.
    ShareFull,
    /// The disk is full.
    DiskFull,
    /// Somebody has to say who they are.
    NoToken,
    /// Nobody gave out this token.
    WrongToken,
    /// The address was not signed by us, or for another.
    WrongSignature,
    /// The address was signed for a time that is over.
    SignatureExpired,
    /// The token is for something else.
    WrongRole,
    /// A page of another site asks a gateway that asks nobody who they are.
    OtherSite,
    /// The client asks too often.
    TooMany,
    /// The address is too long.
    LongAddress,
    /// The headers are too large.
    LargeHeaders,
    /// Nobody has this id.
    NoBroadcaster,
    /// The id or its key can't be used.
    BadBroadcaster,
    /// The id has another key.
    WrongKey,
    /// No more get ids.
    TooManyBroadcasters,
    /// A catalogue that makes no sense.
    BadCatalogue,
    /// Nobody asked for these bytes, or not any more.
    NotAskedFor,
    /// These bytes are being sent already.
    SentAlready,
    /// These bytes are not needed any more.
    Cancelled,
    /// The gateway stops.
    Ending,
    /// The gateway's own fault.
    Internal,
}

impl Kind {
    /// Status, code, and title.
    fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is nothing at this address"),
            Self::NoMedia => (StatusCode::NOT_FOUND, "no_such_media", "There is no such medium"),
            Self::NoTitle => (StatusCode::NOT_FOUND, "no_such_title", "There is no medium of this title"),
            Self::NoItem => (StatusCode::NOT_FOUND, "no_such_item", "The medium has no such item"),
            Self::Stale => {
                (StatusCode::GONE, "stale_version", "The medium was replaced; fetch its manifest again")
            }
            Self::Expired => (StatusCode::GONE, "expired", "The medium's time is over"),
            Self::NotOurs => (
                StatusCode::CONFLICT,
                "in_a_folder",
                "The medium lies in a folder that is served and never changed",
            ),
            Self::NotPlayable => (StatusCode::NOT_FOUND, "not_playable", "The medium can't be played"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This address does not take this method",
            ),
            Self::Precondition => {
                (StatusCode::PRECONDITION_FAILED, "precondition_failed", "The bytes are not those asked for")
            }
            Self::BadQuery => (StatusCode::BAD_REQUEST, "bad_query", "The query can't be understood"),
            Self::BadBody => (StatusCode::BAD_REQUEST, "bad_body", "The body can't be understood"),
            Self::NoSocket => (StatusCode::BAD_REQUEST, "not_a_websocket", "This address speaks WebSocket"),
            Self::Lost => (StatusCode::NOT_FOUND, "lost", "These bytes are lost: nobody has them any more"),
            Self::Elsewhere => {
                (StatusCode::SERVICE_UNAVAILABLE, "not_here_yet", "These bytes have not come yet; ask again")
            }
            Self::Changed => {
                (StatusCode::SERVICE_UNAVAILABLE, "media_changed", "The medium changed just now; ask again")
            }
            Self::Unreadable => {
                (StatusCode::INTERNAL_SERVER_ERROR, "media_unreadable", "The medium's file can't be read")
            }
            Self::TooManyStreams => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_streams",
                "Too many listen already; come back later",
            ),
            Self::NoUpload => {
                (StatusCode::NOT_FOUND, "no_such_upload", "There is no such upload, or it has expired")
            }
            Self::NoJob => {
                (StatusCode::NOT_FOUND, "no_such_job", "There is no such job, or it was over long ago")
            }
            Self::BadHeader => (StatusCode::BAD_REQUEST, "bad_header", "A header can't be understood"),
            Self::Version => (
                StatusCode::PRECONDITION_FAILED,
                "unsupported_version",
                "The gateway speaks another version of the upload protocol",
            ),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "wrong_media_type",
                "The body is not of the type that is taken",
            ),
            Self::WrongOffset => (StatusCode::CONFLICT, "wrong_offset", "The upload goes on somewhere else"),
            Self::OtherLength => (StatusCode::CONFLICT, "other_length", "The upload has another length"),
            Self::BodyTooLong => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", "More bytes came than there are to be")
            }
            Self::BodyTooShort => (
                StatusCode::BAD_REQUEST,
                "body_too_short",
                "Fewer bytes came than were announced; they are kept",
            ),
            Self::WrongChecksum => (
                StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST),
                "wrong_checksum",
                "The bytes are not those that the checksum is of; none of them is kept",
            ),
            Self::BytesDiffer => (StatusCode::CONFLICT, "bytes_differ", "Other bytes are here already"),
            Self::Scattered => {
                (StatusCode::CONFLICT, "too_scattered", "What is here lies in too many pieces")
            }
            Self::NotAFilm => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "not_playable",
                "What is sent holds no film that can be played",
            ),
            Self::BrokeOff => {
                (StatusCode::BAD_REQUEST, "broke_off", "The body broke off; what came of it is kept")
            }
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "The body was too slow in coming; what came before is kept",
            ),
            Self::TakenOver => {
                (StatusCode::CONFLICT, "taken_over", "Another request goes on with this upload")
            }
            Self::Joined => {
                (StatusCode::FORBIDDEN, "joined", "An upload that is joined of others takes no bytes")
            }
            Self::NotJoined => (StatusCode::BAD_REQUEST, "not_joined", "The upload can't be joined of these"),
            Self::KeyUsed => {
                (StatusCode::UNPROCESSABLE_ENTITY, "key_used", "This key was used for another upload")
            }
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "This is more than may ever be stored")
            }
            Self::NoSpace => (StatusCode::INSUFFICIENT_STORAGE, "no_space", "There is no space for this now"),
            Self::ShareFull => {
                (StatusCode::INSUFFICIENT_STORAGE, "share_full", "This is more than one broadcaster may take")
            }
            Self::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full", "The disk is full"),
            Self::NoToken => (StatusCode::UNAUTHORIZED, "token_wanted", "A token is wanted here"),
            Self::WrongToken => (StatusCode::UNAUTHORIZED, "wrong_token", "Nobody gave out this token"),
            Self::WrongSignature => {
                (StatusCode::UNAUTHORIZED, "wrong_signature", "The address is not signed for this")
            }
            Self::SignatureExpired => (
                StatusCode::UNAUTHORIZED,
                "signature_expired",
                "The time is over that the address was signed for",
            ),
            Self::WrongRole => (StatusCode::FORBIDDEN, "wrong_role", "The token is for something else"),
            Self::OtherSite => (
                StatusCode::FORBIDDEN,
                "other_site",
                "Pages of other sites may only read from a gateway without tokens",
            ),
            Self::TooMany => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests; slow down")
            }
            Self::LongAddress => (StatusCode::URI_TOO_LONG, "address_too_long", "The address is too long"),
            Self::LargeHeaders => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                "The headers are too large",
            ),
            Self::NoBroadcaster => (
                StatusCode::NOT_FOUND,
                "no_such_broadcaster",
                "No broadcaster has this id; its catalogue comes first",
            ),
            Self::BadBroadcaster => {
                (StatusCode::BAD_REQUEST, "bad_broadcaster", "This id, or its key, can't be used")
            }
            Self::WrongKey => {
                (StatusCode::FORBIDDEN, "wrong_key", "This id belongs to somebody with another key")
            }
            Self::TooManyBroadcasters => {
                (StatusCode::SERVICE_UNAVAILABLE, "too_many_broadcasters", "No more broadcasters are let in")
            }
            Self::BadCatalogue => {
                (StatusCode::BAD_REQUEST, "bad_catalogue", "The catalogue can't be understood")
            }
            Self::NotAskedFor => (
                StatusCode::FORBIDDEN,
                "not_asked_for",
                "These bytes were not asked for, or are not any more",
            ),
            Self::SentAlready => (StatusCode::CONFLICT, "sent_already", "These bytes are being sent already"),
            Self::Cancelled => (StatusCode::CONFLICT, "cancelled", "These bytes are not needed any more"),
            Self::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending", "The gateway is stopping"),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong in the gateway")
            }
        }
    }
}

impl Kind {
    /// What a client is told of how to say who it is (RFC 6750 3).
    fn challenge(self) -> Option<&'static str> {
        match self {
            Self::NoToken => Some("Bearer realm=\"segue\""),
            Self::WrongToken | Self::WrongSignature | Self::SignatureExpired => {
                Some("Bearer realm=\"segue\", error=\"invalid_token\"")
            }
            Self::WrongRole => Some("Bearer realm=\"segue\", error=\"insufficient_scope\""),
            _ => None,
        }
    }
}

/// For the log only: what went wrong, with names a client has no business with.
#[derive(Clone, Debug)]
pub(super) struct Logged(pub(super) String);

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(flatten)]
    numbers: &'a BTreeMap<&'static str, u64>,
}

impl Problem {
    /// With nothing to add to its title.
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, detail: None, numbers: BTreeMap::new(), after: None, log: None }
    }

    /// With more, for the client.
    pub(super) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// With a number that the client can do something with.
    pub(super) fn number(mut self, name: &'static str, value: u64) -> Self {
        self.numbers.insert(name, value);
        self
    }

    /// With the seconds after which asking again may help.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self { after: Some(seconds), ..self }.number("retryAfter", seconds)
    }

    /// With what only the log is told.
    pub(super) fn logged(kind: Kind, error: &dyn std::error::Error) -> Self {
        Self { log: Some(error.to_string()), ..Self::new(kind) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = self.kind.row();
        let body = Body {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail: self.detail.as_deref(),
            numbers: &self.numbers,
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // What is not there now may come, and a cache may keep a 404 or 410 that says nothing.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let soon = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        if let Some(seconds) = self.after.or(soon) {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.kind.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.kind == Kind::Version {
            uploads::tus::tell_version(headers);
        }
        if let Some(log) = self.log {
            response.extensions_mut().insert(Logged(log));
        }
        response
    }
}

impl From<playback::Error> for Problem {
    fn from(error: playback::Error) -> Self {
        match &error {
            playback::Error::NoMedia(_) => Self::new(Kind::NoMedia),
            playback::Error::NoItem(_) => Self::new(Kind::NoItem),
            playback::Error::NotPlayable { reason, .. } => Self::new(Kind::NotPlayable).detail(reason),
            playback::Error::Elsewhere(_) => Self::new(Kind::Elsewhere),
            playback::Error::Lost(_) => Self::new(Kind::Lost),
            playback::Error::Expired(_) => Self::new(Kind::Expired),
            playback::Error::Source { source, .. } => Self::logged(of_source(source), &error),
            playback::Error::Index(_) => Self::logged(Kind::Internal, &error),
            playback::Error::Ending => Self::new(Kind::Ending),
        }
    }
}

impl From<source::Error> for Problem {
    fn from(error: source::Error) -> Self {
        Self::logged(of_source(&error), &error)
    }
}

fn of_source(error: &source::Error) -> Kind {
    match error {
        source::Error::Gone(_) | source::Error::Deleted(_) => Kind::NoMedia,
        source::Error::Elsewhere(_) => Kind::Elsewhere,
        source::Error::Changed(_) => Kind::Changed,
        source::Error::NotAFile { .. } | source::Error::NotAFilm(_) | source::Error::Plan(_) => {
            Kind::NotPlayable
        }
        source::Error::Unreadable { .. } => Kind::Unreadable,
    }
}

impl From<source::CreateError> for Problem {
    fn from(error: source::CreateError) -> Self {
        match error {
            source::CreateError::Refused(refusal) => refusal.into(),
            source::CreateError::Index(error) => error.into(),
        }
    }
}

impl From<index::Error> for Problem {
    fn from(error: index::Error) -> Self {
        Self::logged(Kind::Internal, &error)
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::new(Kind::NotFound)
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(Kind::MethodNotAllowed)
}
