//! What of an upload is wanted next, as a stream of events.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use futures_util::{Stream, stream};
use segmenter::manifest::State as MediaState;
use serde::Serialize;

use super::super::Shared;
use super::super::error::Problem;
use super::super::sse::Message;
use super::{id, pairs};
use crate::id::MediaId;
use crate::ingest::uploads::{Say, Telling, Wants};

/// What is wanted of an upload.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in super::super) struct Wanted {
    /// The most urgent first, as pairs of the first byte and the one behind the last; at most 64.
    wants: Vec<[u64; 2]>,
    /// How many of them somebody waits for; the others are the rest, in order.
    urgent: usize,
    /// `receiving`, `playable`, `ready`, `failed`, `expired`.
    #[schema(value_type = String)]
    state: MediaState,
    /// What the upload becomes.
    #[schema(value_type = String)]
    media: MediaId,
}

impl From<Wants> for Wanted {
    fn from(wants: Wants) -> Self {
        let Wants { ranges, urgent, state, media } = wants;
        Self { wants: pairs(ranges.into_iter()), urgent, state, media }
    }
}

/// Listen to what is wanted of an upload.
///
/// `wants` comes at once and with every change: first the timeline wherever it lies, then what viewers wait for, then what they will want
/// next, then the rest in order. `done` comes when nothing more is wanted, and ends the stream.
#[utoipa::path(
    get,
    path = "/v1/uploads/{id}/wants",
    tag = "uploads",
    params(("id" = String, Path, description = "Id of the upload")),
    responses(
        (status = 200, description = "Events `wants` and `done`", body = Wanted, content_type = "text/event-stream"),
        (status = 404, description = "No such upload", content_type = "application/problem+json"),
        (status = 503, description = "Too many listen already", content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn wants(State(gateway): State<Shared>, uri: Uri) -> Result<Response, Problem> {
    let telling = gateway.uploads.wants(id(&uri)?)?;
    gateway.streams.to_peer(messages(telling))
}

fn messages(telling: Telling) -> impl Stream<Item = Message> + Send {
    stream::unfold(telling, |mut telling| async move {
        let message = match telling.next().await? {
            Say::Wants(wants) => Message::new("wants", &Wanted::from(wants)),
            Say::Done(wants) => Message::new("done", &Wanted::from(wants)),
        };
        Some((message, telling))
    })
}
