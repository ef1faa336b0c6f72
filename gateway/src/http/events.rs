//! What happens, as a stream of events.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderName;
use axum::http::header::HeaderMap;
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::Shared;
use super::answer::text;
use super::error::Problem;
use super::paging::bad;
use super::sse::Message;
use crate::events::{Event, Listening};
use crate::id::MediaId;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Which events to tell.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The number of the last event that was heard; `Last-Event-ID` says the same and wins.
    after: Option<u64>,
    /// Only events of this medium.
    #[param(value_type = Option<String>)]
    media: Option<MediaId>,
}

/// Told when events are missing before the next: what is known should be asked for anew.
#[derive(Debug, Serialize)]
struct Lagged {}

/// Listen to what happens.
///
/// Each event has its number as `id`, its `type` as `event`, and JSON as `data`. One that comes back with `Last-Event-ID` hears what it
/// missed. `lagged` says that some can't be had any more, or that the listener was too slow, after which the stream ends.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "media",
    params(Asked, ("last-event-id" = Option<String>, Header, description = "The number of the last event that was heard")),
    responses(
        (status = 200, description = "Events as they happen", body = Event, content_type = "text/event-stream"),
        (status = 400, description = "The query can't be understood", content_type = "application/problem+json"),
        (status = 503, description = "Too many listen already", content_type = "application/problem+json"),
    )
)]
pub(super) async fn listen(
    State(gateway): State<Shared>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|error| bad(error.body_text()))?;
    // The address of one that comes back by itself still says what it said at first.
    let last = text(&headers, &LAST_EVENT_ID).and_then(|last| last.parse().ok());
    let listening = gateway.events.listen(last.or(asked.after));
    gateway.streams.to_listener(messages(listening, asked.media))
}

fn messages(listening: Listening, media: Option<MediaId>) -> impl Stream<Item = Message> + Send {
    let lagged = || Message::new("lagged", &Lagged {});
    let missed = stream::iter(listening.lost().then(lagged));
    let coming = stream::unfold(Some(listening), move |listening| async move {
        let mut listening = listening?;
        loop {
            let Some(next) = listening.next().await else { return Some((lagged(), None)) };
            if media.is_none_or(|media| next.event.media().is_none_or(|id| id == media)) {
                let message = Message::new(next.event.name(), &next.event).id(next.number);
                return Some((message, Some(listening)));
            }
        }
    });
    missed.chain(coming)
}
