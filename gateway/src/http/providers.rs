//! Database providers: the socket they come through, and how they are doing.

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::Method;
use axum::http::header::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future};
use serde::Serialize;

use super::Shared;
use super::answer::json;
use super::error::{Kind, Problem};
use crate::provider::{Standing, largest_frame};

/// The providers that ever came.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProviderList)]
pub(super) struct List {
    /// By id.
    items: Vec<Item>,
}

/// How a provider is doing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Provider)]
pub(super) struct Item {
    /// What it is called.
    id: String,
    /// Whether it is connected.
    connected: bool,
    /// Chunks it holds.
    chunks: u64,
    /// Chunks that are here and that it has still to be handed.
    lacking: u64,
    /// Bytes its database takes; null while it is not connected.
    used: Option<u64>,
    /// Bytes it may take.
    limit: Option<u64>,
    /// How often it gave back other bytes than it was given.
    faults: u32,
}

impl From<Standing> for Item {
    fn from(standing: Standing) -> Self {
        let Standing { id, connected, chunks, lacking, used, limit, faults } = standing;
        Self { id, connected, chunks, lacking, used, limit, faults }
    }
}

/// List database providers.
#[utoipa::path(get, path = "/v1/providers", tag = "peers", responses(
    (status = 200, description = "Every provider that ever came", body = List),
))]
pub(super) async fn list(
    State(gateway): State<Shared>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let items = gateway.providers.standing().await?.into_iter().map(Item::from).collect();
    Ok(json(&method, &headers, &List { items }))
}

/// Connect a database provider.
#[utoipa::path(get, path = "/v1/providers/socket", tag = "peers", responses(
    (status = 101, description = "A WebSocket of binary frames, as `segue provider` speaks"),
    (status = 400, description = "Not the start of a WebSocket", content_type = "application/problem+json"),
))]
pub(super) async fn socket(
    State(gateway): State<Shared>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| Problem::new(Kind::NoSocket).detail(error.body_text()))?;
    let largest = largest_frame(gateway.sources.chunk());
    let tasks = gateway.tasks.clone();
    let speak = move |socket: WebSocket| tasks.track(speak(gateway, socket));
    Ok(upgrade.max_message_size(largest).max_frame_size(largest).on_upgrade(speak))
}

async fn speak(gateway: Shared, socket: WebSocket) {
    let (outgoing, incoming) = socket.split();
    let incoming = incoming.take_while(|message| future::ready(message.is_ok())).filter_map(|message| {
        future::ready(match message {
            Ok(Message::Binary(bytes)) => Some(bytes),
            _ => None,
        })
    });
    let outgoing = outgoing.with(|bytes: Bytes| future::ready(Ok::<_, axum::Error>(Message::Binary(bytes))));
    gateway.providers.serve(incoming, outgoing).await;
}
