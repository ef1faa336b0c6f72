//! Bytes in any order, and how far an upload is.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, HeaderMap};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::super::Shared;
use super::super::answer::{insert, json};
use super::super::error::Problem;
use super::fields::{self, UPLOAD_EXPIRES, bad};
use super::tus::http_date;
use super::{Shown, body, id};
use crate::ingest::uploads::Part;

/// Send some bytes of an upload, in any order.
///
/// Parts may come several at once, and again; where they overlap they have to agree. What came of one that breaks off is kept.
#[utoipa::path(
    put,
    path = "/v1/uploads/{id}/parts",
    tag = "uploads",
    params(
        ("id" = String, Path, description = "Id of the upload"),
        ("content-range" = String, Header, description = "Where they go: `bytes 0-99/1000`, or `bytes 0-99/*`"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "All of it is kept"),
        (status = 400, description = "The range can't be understood, or the body has another length", content_type = "application/problem+json"),
        (status = 403, description = "The upload is joined of others", content_type = "application/problem+json"),
        (status = 404, description = "No such upload", content_type = "application/problem+json"),
        (status = 408, description = "Nothing came for a minute", content_type = "application/problem+json"),
        (status = 409, description = "Other bytes are here, or another length was said", content_type = "application/problem+json"),
        (status = 413, description = "They lie behind the end, or could never fit", content_type = "application/problem+json"),
        (status = 422, description = "The upload holds no film", content_type = "application/problem+json"),
        (status = 507, description = "There is no space", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn put(
    State(gateway): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Response, Problem> {
    let id = id(&uri)?;
    let (range, length) = fields::content_range(&headers)?;
    if let Some(announced) = fields::number(&headers, &CONTENT_LENGTH)?.filter(|len| *len != range.len()) {
        return Err(bad(format!("Content-Range has {} bytes, Content-Length says {announced}", range.len())));
    }
    let status = gateway.uploads.put(id, Part { range, length, body: body(bytes) }).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    insert(response.headers_mut(), UPLOAD_EXPIRES, http_date(status.expires));
    Ok(response)
}

/// How far an upload is. Nobody who sends is disturbed.
#[utoipa::path(
    get,
    path = "/v1/uploads/{id}",
    tag = "uploads",
    params(("id" = String, Path, description = "Id of the upload")),
    responses(
        (status = 200, description = "What is here, and what is wanted", body = Shown),
        (status = 404, description = "No such upload", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn show(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let status = gateway.uploads.status(id(&uri)?).await?;
    Ok(json(&method, &headers, &Shown::from(&status)))
}
