//! What a broadcaster is asked for, and the bytes that it sends.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, HeaderMap};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use serde::Serialize;

use super::super::Shared;
use super::super::answer::{json, text};
use super::super::error::{Kind, Problem};
use super::super::sse;
use super::super::uploads::fields::content_range;
use super::{key, split};
use crate::broadcast::{Connection, Message, Standing};
use crate::id::Token;

/// A broadcaster.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in super::super) struct Broadcaster {
    /// Its id.
    id: String,
    /// How it stands.
    #[serde(flatten)]
    standing: Standing,
}

/// Show a broadcaster, and how much it may send now.
///
/// Who is about to send asks this, or reads `may` of the last `want`: space for what was asked for is promised.
#[utoipa::path(
    get,
    path = "/v1/broadcasters/{providerId}",
    tag = "broadcast",
    params(("providerId" = String, Path, description = "The broadcaster's id")),
    responses(
        (status = 200, description = "How it stands", body = Broadcaster),
        (status = 404, description = "Nobody has this id", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn show(
    State(gateway): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, _) = split(&uri);
    let known = gateway.index.broadcaster_key(id.to_owned()).await?;
    known.ok_or_else(|| Problem::new(Kind::NoBroadcaster))?;
    let standing = gateway.broadcasts.standing(id);
    Ok(json(&method, &headers, &Broadcaster { id: id.to_owned(), standing }))
}

/// Listen to what is asked for.
///
/// `request` names a film that somebody opened. `want` lists bytes of it, in the order in which they should come, each with a token that
/// gives leave to send them once. `cancel` takes tokens back: what is being sent for them stops at once; without tokens the whole request is
/// over. `replaced` says that another connection with the same key has taken this one's place.
#[utoipa::path(
    get,
    path = "/v1/broadcasters/{providerId}/requests",
    tag = "broadcast",
    params(
        ("providerId" = String, Path, description = "The broadcaster's id"),
        ("broadcaster-key" = Option<String>, Header, description = "The key of the id"),
    ),
    responses(
        (status = 200, description = "Events `request`, `want`, `cancel`, `replaced`", body = Message, content_type = "text/event-stream"),
        (status = 403, description = "The id has another key", content_type = "application/problem+json"),
        (status = 404, description = "Nobody has this id: the catalogue comes first", content_type = "application/problem+json"),
        (status = 503, description = "Too many listen already", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn listen(
    State(gateway): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, _) = split(&uri);
    gateway.broadcasts.authorise(id, key(&headers)).await?;
    let connection = gateway.broadcasts.connect(id).await?;
    gateway.streams.to_peer(messages(connection))
}

fn messages(connection: Connection) -> impl Stream<Item = sse::Message> + Send {
    stream::unfold(connection, |mut connection| async move {
        let message = connection.next().await?;
        Some((sse::Message::new(message.name(), &message), connection))
    })
}

/// Send bytes that were asked for.
///
/// The token stands for all or a part of the bytes of one want, and is used up once they are here. Bytes that were not asked for, or not any
/// more, are refused.
#[utoipa::path(
    put,
    path = "/v1/broadcasters/{providerId}/requests/{token}/bytes",
    tag = "broadcast",
    params(
        ("providerId" = String, Path, description = "The broadcaster's id"),
        ("token" = String, Path, description = "Of the want"),
        ("content-range" = String, Header, description = "Which bytes of the film: `bytes 0-99/1000`, or `bytes 0-99/*`"),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The bytes"),
    responses(
        (status = 204, description = "They are here, and stay so whatever happens to the gateway"),
        (status = 400, description = "Content-Range and the body don't agree", content_type = "application/problem+json"),
        (status = 403, description = "They were not asked for", content_type = "application/problem+json"),
        (status = 409, description = "They are not needed any more, or are being sent already, or others are here", content_type = "application/problem+json"),
        (status = 507, description = "There is no space for them", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn take(
    State(gateway): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (id, rest) = split(&uri);
    let token = rest.strip_prefix("requests/").and_then(|rest| rest.strip_suffix("/bytes"));
    let token = token.and_then(Token::parse).ok_or_else(|| Problem::new(Kind::NotAskedFor))?;
    let (range, length) = content_range(&headers)?;
    let announced = text(&headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if announced.is_some_and(|announced: u64| announced != range.len()) {
        let told = "Content-Length is not what Content-Range says";
        return Err(Problem::new(Kind::BadHeader).detail(told).number("length", range.len()));
    }
    let taking = gateway.broadcasts.take(id, token, range, length)?;
    gateway.broadcasts.receive(taking, body.into_data_stream()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
