//! Work in the background, and how far it is.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::http::header::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::answer::json;
use super::error::{Kind, Problem};
use super::media::rfc3339;
use super::paging::{self, Address, bad};
use crate::id::MediaId;
use crate::index::{Job, JobKind, JobQuery, JobState};

/// Which jobs to list.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Items of a page: 1 to 1000, 100 if not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins; stands in `next` of the page before.
    #[param(minimum = 1)]
    cursor: Option<i64>,
    /// Only those in this state.
    #[param(inline)]
    state: Option<JobState>,
    /// Only those of this medium.
    #[param(value_type = Option<String>)]
    media: Option<MediaId>,
}

/// A page of the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = JobList)]
pub(super) struct List {
    /// The latest first.
    items: Vec<Item>,
    /// Address of the next page; null when this is the last.
    next: Option<String>,
}

/// Work in the background.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Job)]
pub(super) struct Item {
    /// Its number.
    id: i64,
    /// `seal`: a medium is kept as segments from then on.
    kind: JobKind,
    /// With which medium. When that goes, so does the job.
    #[schema(value_type = String)]
    media: MediaId,
    /// `queued`, `running`, `done`, or `failed`: tried four times.
    state: JobState,
    /// How much of it is done, 0 to 1.
    progress: f64,
    /// How often it was begun.
    tries: u32,
    /// Why it could not be done the last time.
    error: Option<String>,
    /// When it was written down.
    created: String,
    /// When its state changed last.
    changed: String,
    /// When it is to be begun; null unless it is queued.
    due: Option<String>,
}

impl From<(Job, f64)> for Item {
    fn from((job, progress): (Job, f64)) -> Self {
        let due = (job.state == JobState::Queued).then(|| rfc3339(job.due));
        let Job { number: id, kind, media, state, tries, error, made, changed, .. } = job;
        let (created, changed) = (rfc3339(made), rfc3339(changed));
        Self { id, kind, media, state, progress, tries, error, created, changed, due }
    }
}

/// List work in the background.
///
/// What is done is remembered for a day, what has failed for a week.
#[utoipa::path(get, path = "/v1/jobs", tag = "health", params(Asked), responses(
    (status = 200, description = "A page of the list", body = List),
    (status = 400, description = "The query can't be understood", content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(gateway): State<Shared>,
    method: Method,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Asked { limit, cursor, state, media }) = asked.map_err(|error| bad(error.body_text()))?;
    let limit = paging::limit(limit)?;
    if cursor.is_some_and(|cursor| cursor < 1) {
        return Err(bad("cursor: not one of ours"));
    }
    // One more says whether there is another page.
    let query = JobQuery { state, media, before: cursor, limit: limit + 1 };
    let mut jobs = gateway.jobs.list(query).await?;
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    let last = jobs.last().filter(|_| more).map(|(job, _)| job.number);
    let next = last.map(|last| {
        Address::new("/v1/jobs")
            .with("limit", Some(limit))
            .with("state", state.map(JobState::as_str))
            .with("media", media)
            .after(last)
    });
    Ok(json(&method, &headers, &List { items: jobs.into_iter().map(Item::from).collect(), next }))
}

/// Show work in the background.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "health",
    params(("id" = i64, Path, description = "Number of the job", minimum = 1)),
    responses(
        (status = 200, description = "How far it is", body = Item),
        (status = 404, description = "No such job", content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(gateway): State<Shared>,
    method: Method,
    headers: HeaderMap,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Response, Problem> {
    let missing = || Problem::new(Kind::NoJob);
    let Path(id) = id.map_err(|_| missing())?;
    let job = gateway.jobs.get(id).await?.ok_or_else(missing)?;
    Ok(json(&method, &headers, &Item::from(job)))
}
