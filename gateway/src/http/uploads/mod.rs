//! Uploads over HTTP: tus 1.0.0, parts in any order, and what is wanted next.
//!
//! # Why
//! tus is what ready-made clients speak, and speaks of one offset. Our own clients send the ranges that are asked for, several at once; both
//! may be used on the same upload, and what one brought the other need not.

pub(super) mod fields;
mod metadata;
pub(super) mod parts;
mod refusals;
pub(super) mod tus;
pub(super) mod wants;

use axum::body::Body as HttpBody;
use axum::http::Uri;
use futures_util::{StreamExt, TryStreamExt};
use segmenter::bytes::ByteRange;
use segmenter::manifest::State;
use serde::Serialize;

use super::error::{Kind, Problem};
use super::media::rfc3339;
use crate::id::{MediaId, UploadId};
use crate::ingest::uploads::{Body, Status};

/// Where uploads are.
pub(super) const ADDRESS: &str = "/v1/uploads";

/// How far an upload is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Upload)]
pub(super) struct Shown {
    /// Its name in addresses; whoever knows it may go on with it.
    id: String,
    /// `receiving`, `playable` as soon as the timeline is known, `ready` when all is here, `failed`.
    #[schema(value_type = String)]
    state: State,
    /// Bytes in all; null as long as nobody has said.
    length: Option<u64>,
    /// Bytes that are acknowledged, as pairs of the first and the one behind the last.
    here: Vec<[u64; 2]>,
    /// Bytes that are wanted, the most urgent first; at most 64 ranges.
    wants: Vec<[u64; 2]>,
    /// How many of them somebody waits for; the others are the rest, in order.
    urgent: usize,
    /// What it becomes; null for a part of another.
    #[schema(value_type = Option<String>)]
    media: Option<MediaId>,
    /// When it expires if nobody goes on with it.
    expires: String,
    /// Why it can't be played.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<&Status> for Shown {
    fn from(status: &Status) -> Self {
        Self {
            id: status.id.to_string(),
            state: status.state,
            length: status.length,
            here: pairs(status.here.iter()),
            wants: pairs(status.wants.iter().copied()),
            urgent: status.urgent,
            media: (!status.partial).then_some(status.media),
            expires: rfc3339(status.expires),
            error: status.error.clone(),
        }
    }
}

fn pairs(ranges: impl Iterator<Item = ByteRange>) -> Vec<[u64; 2]> {
    ranges.map(|range| [range.start, range.end]).collect()
}

/// The upload that an address names.
fn id(uri: &Uri) -> Result<UploadId, Problem> {
    let rest = uri.path().strip_prefix(ADDRESS).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let id = rest.split('/').next().unwrap_or_default();
    UploadId::parse(id).ok_or_else(|| Problem::new(Kind::NoUpload))
}

/// A request's body as the service takes it.
fn body(body: HttpBody) -> Body {
    body.into_data_stream().map_err(Into::into).boxed()
}
