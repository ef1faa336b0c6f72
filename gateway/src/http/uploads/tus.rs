//! tus 1.0.0: resumable uploads of bytes in order (<https://tus.io/protocols/resumable-upload>).

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::super::Shared;
use super::super::answer::{insert, text};
use super::super::error::{Kind, Problem};
use super::fields::{
    self, TUS_RESUMABLE, TUS_VERSION, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_EXPIRES, UPLOAD_LENGTH,
    UPLOAD_METADATA, UPLOAD_OFFSET, bad,
};
use super::{ADDRESS, Shown, body, id, metadata};
use crate::clock::Moment;
use crate::ingest::uploads::{ALGORITHMS, Append, New, Status};

/// The version of the protocol.
const VERSION: &str = "1.0.0";
const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,checksum,concatenation,expiration,termination";
/// What the body of a request is that brings bytes.
const BYTES: &str = "application/offset+octet-stream";
const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");

/// Make an upload.
///
/// Space for all of it is promised now. With a body, the first bytes come along.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    tag = "uploads",
    params(
        ("tus-resumable" = String, Header, description = "1.0.0"),
        ("upload-length" = Option<u64>, Header, description = "Bytes in all"),
        ("upload-defer-length" = Option<u32>, Header, description = "1 if the length will be said later"),
        ("upload-metadata" = Option<String>, Header, description = "filename, title, type, tmdb, season, episode, filetype: each with its value in base64"),
        ("upload-concat" = Option<String>, Header, description = "`partial`, or `final;` and the addresses of the parts"),
        ("upload-checksum" = Option<String>, Header, description = "sha1, sha256 or sha512 of the body, in base64"),
        ("idempotency-key" = Option<String>, Header, description = "Asking again with the same key makes no second upload"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "The first bytes, or none"),
    responses(
        (status = 201, description = "It is made, at `Location`", body = Shown),
        (status = 400, description = "A header can't be understood", content_type = "application/problem+json"),
        (status = 412, description = "Another version of the protocol", content_type = "application/problem+json"),
        (status = 413, description = "It could never fit", content_type = "application/problem+json"),
        (status = 422, description = "It holds no film", content_type = "application/problem+json"),
        (status = 460, description = "The bytes are not those of the checksum", content_type = "application/problem+json"),
        (status = 507, description = "It does not fit now", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn create(
    State(gateway): State<Shared>,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Response, Problem> {
    speaks(&headers)?;
    let metadata = metadata::read(&headers)?;
    let (partial, parts) = fields::concat(&headers)?;
    let length = length(&headers, !parts.is_empty())?;
    let brings = text(&headers, &CONTENT_TYPE) == Some(BYTES);
    let checksum = fields::checksum(&headers)?;
    let new = New {
        length,
        title: metadata.title,
        name: metadata.name,
        metadata: metadata.text,
        partial,
        parts,
        key: fields::key(&headers)?,
    };
    let (mut status, again) = gateway.uploads.create(new).await?;
    let announced = fields::number(&headers, &CONTENT_LENGTH)?;
    if brings && !again && announced != Some(0) {
        let append = Append { offset: 0, length: None, announced, checksum, body: body(bytes) };
        status = gateway.uploads.append(status.id, append).await?;
    }
    let shown = serde_json::to_string(&Shown::from(&status)).unwrap_or_default();
    let mut response = (StatusCode::CREATED, shown).into_response();
    let told = response.headers_mut();
    told.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    insert(told, LOCATION, format!("{ADDRESS}/{}", status.id));
    progress(told, &status);
    Ok(response)
}

/// How far an upload is, to go on with it.
///
/// Whoever sends bytes to it now is ended, for its connection may be dead; what it brought is kept.
#[utoipa::path(
    head,
    path = "/v1/uploads/{id}",
    tag = "uploads",
    params(("id" = String, Path, description = "Id of the upload"), ("tus-resumable" = String, Header, description = "1.0.0")),
    responses(
        (status = 200, description = "`Upload-Offset` says where the next byte goes"),
        (status = 404, description = "No such upload"),
        (status = 412, description = "Another version of the protocol"),
    )
)]
pub(in super::super) async fn resume(
    State(gateway): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    speaks(&headers)?;
    let status = gateway.uploads.resume(id(&uri)?).await?;
    let mut response = StatusCode::OK.into_response();
    let told = response.headers_mut();
    progress(told, &status);
    match status.length {
        Some(length) => drop(told.insert(UPLOAD_LENGTH, length.into())),
        None => drop(told.insert(UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1"))),
    }
    if !status.metadata.is_empty() {
        insert(told, UPLOAD_METADATA, status.metadata.clone());
    }
    if status.partial {
        told.insert(UPLOAD_CONCAT, HeaderValue::from_static("partial"));
    }
    if !status.parts.is_empty() {
        let parts: Vec<_> = status.parts.iter().map(|part| format!("{ADDRESS}/{part}")).collect();
        insert(told, UPLOAD_CONCAT, format!("final;{}", parts.join(" ")));
        if status.length != Some(status.offset()) {
            // It is still being joined.
            told.remove(UPLOAD_OFFSET);
        }
    }
    Ok(response)
}

/// Go on with an upload where it ended.
#[utoipa::path(
    patch,
    path = "/v1/uploads/{id}",
    tag = "uploads",
    params(
        ("id" = String, Path, description = "Id of the upload"),
        ("tus-resumable" = String, Header, description = "1.0.0"),
        ("upload-offset" = u64, Header, description = "Where it ended"),
        ("upload-length" = Option<u64>, Header, description = "Bytes in all, if they are said only now"),
        ("upload-checksum" = Option<String>, Header, description = "sha1, sha256 or sha512 of the body, in base64"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "All of it is kept, up to `Upload-Offset`"),
        (status = 400, description = "A header can't be understood, or the body broke off; what came is kept", content_type = "application/problem+json"),
        (status = 403, description = "It is joined of others", content_type = "application/problem+json"),
        (status = 404, description = "No such upload", content_type = "application/problem+json"),
        (status = 408, description = "Nothing came for a minute; what came before is kept", content_type = "application/problem+json"),
        (status = 409, description = "It ended somewhere else, other bytes are here, or another request goes on with it", content_type = "application/problem+json"),
        (status = 412, description = "Another version of the protocol", content_type = "application/problem+json"),
        (status = 413, description = "More bytes than it was to have", content_type = "application/problem+json"),
        (status = 415, description = "Not a body of bytes", content_type = "application/problem+json"),
        (status = 422, description = "It holds no film", content_type = "application/problem+json"),
        (status = 460, description = "The bytes are not those of the checksum; none is kept", content_type = "application/problem+json"),
        (status = 507, description = "There is no space", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn append(
    State(gateway): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Response, Problem> {
    speaks(&headers)?;
    let id = id(&uri)?;
    if text(&headers, &CONTENT_TYPE) != Some(BYTES) {
        return Err(Problem::new(Kind::MediaType).detail(format!("Content-Type: {BYTES}")));
    }
    let offset = fields::number(&headers, &UPLOAD_OFFSET)?;
    let append = Append {
        offset: offset.ok_or_else(|| bad("Upload-Offset: missing"))?,
        length: fields::number(&headers, &UPLOAD_LENGTH)?,
        announced: fields::number(&headers, &CONTENT_LENGTH)?,
        checksum: fields::checksum(&headers)?,
        body: body(bytes),
    };
    let status = gateway.uploads.append(id, append).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    progress(response.headers_mut(), &status);
    Ok(response)
}

/// End an upload, and delete what came of it.
#[utoipa::path(
    delete,
    path = "/v1/uploads/{id}",
    tag = "uploads",
    params(("id" = String, Path, description = "Id of the upload"), ("tus-resumable" = String, Header, description = "1.0.0")),
    responses(
        (status = 204, description = "It is gone, and so is its medium"),
        (status = 404, description = "No such upload", content_type = "application/problem+json"),
        (status = 412, description = "Another version of the protocol", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn remove(
    State(gateway): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    speaks(&headers)?;
    let media = gateway.uploads.remove(id(&uri)?).await?;
    gateway.playback.forget(media).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The versions that are spoken, for one who speaks another.
pub(in super::super) fn tell_version(told: &mut HeaderMap) {
    told.insert(TUS_VERSION, HeaderValue::from_static(VERSION));
}

/// What the gateway can do, on the answer to OPTIONS.
pub(in super::super) fn describe(told: &mut HeaderMap, largest: u64) {
    tell_version(told);
    told.insert(TUS_EXTENSION, HeaderValue::from_static(EXTENSIONS));
    told.insert(TUS_MAX_SIZE, largest.into());
    insert(told, TUS_CHECKSUM_ALGORITHM, ALGORITHMS.join(","));
}

/// What every answer says below the address of uploads.
pub(in super::super) fn version(told: &mut HeaderMap) {
    told.insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
}

/// Whether an address is one of uploads.
pub(in super::super) fn is_upload(uri: &Uri) -> bool {
    uri.path().strip_prefix(ADDRESS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// An address as it may be logged: whoever knows the name of an upload may go on with it.
pub(in super::super) fn told_path(uri: &Uri) -> Cow<'_, str> {
    let path = uri.path();
    match id(uri).ok().filter(|_| is_upload(uri)) {
        Some(id) => Cow::Owned(path.replace(id.as_str(), &format!("{id:?}"))),
        None => Cow::Borrowed(path),
    }
}

/// Where a client can't use other methods than POST, it says which it means.
pub(in super::super) fn mean_method<B>(request: &mut Request<B>) {
    if !is_upload(request.uri()) || request.method() != Method::POST {
        return;
    }
    let meant = match text(request.headers(), &OVERRIDE) {
        Some("PATCH") => Method::PATCH,
        Some("HEAD") => Method::HEAD,
        Some("DELETE") => Method::DELETE,
        Some("PUT") => Method::PUT,
        _ => return,
    };
    *request.method_mut() = meant;
}

/// Whether the client speaks this version.
fn speaks(headers: &HeaderMap) -> Result<(), Problem> {
    match text(headers, &TUS_RESUMABLE) {
        Some(VERSION) => Ok(()),
        _ => Err(Problem::new(Kind::Version).detail("Tus-Resumable: 1.0.0")),
    }
}

/// Bytes of a new upload, or that they will be said later.
fn length(headers: &HeaderMap, joined: bool) -> Result<Option<u64>, Problem> {
    let length = fields::number(headers, &UPLOAD_LENGTH)?;
    let deferred = match text(headers, &UPLOAD_DEFER_LENGTH) {
        None => false,
        Some("1") => true,
        Some(_) => return Err(bad("Upload-Defer-Length: 1, or nothing")),
    };
    match (length, deferred, joined) {
        (length, false, true) => length.map_or(Ok(None), |_| {
            Err(bad("Upload-Length: an upload that is joined has the length of its parts"))
        }),
        (Some(length), false, false) => Ok(Some(length)),
        (None, true, false) => Ok(None),
        _ => Err(bad("either Upload-Length or Upload-Defer-Length: 1")),
    }
}

/// Where the next byte goes, and until when.
fn progress(told: &mut HeaderMap, status: &Status) {
    told.insert(UPLOAD_OFFSET, status.offset().into());
    insert(told, UPLOAD_EXPIRES, http_date(status.expires));
    told.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// A moment as headers have it.
pub(super) fn http_date(at: Moment) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(at.0))
}
