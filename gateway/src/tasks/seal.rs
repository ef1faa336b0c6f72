//! Keeps media as segments that are all here, in the place of their chunks.

use std::sync::Arc;
use std::time::Duration;

use segmenter::render::Presentation;
use tracing::warn;

use super::Ground;
use crate::id::MediaId;
use crate::index::{Index, JobKind};
use crate::jobs::Jobs;
use crate::source;
use crate::task::Progress;

/// All bytes are here: nobody is waited for.
const AT_ONCE: Duration = Duration::ZERO;

/// Writes down that every medium is to be sealed that is all here and still kept in chunks.
pub async fn seal_the_rest(index: &Index, jobs: &Jobs) {
    let rest = index.unsealed().await;
    let rest = rest.inspect_err(|error| warn!(%error, "media that were in chunks stay so"));
    for id in rest.unwrap_or_default() {
        if let Err(error) = jobs.add(JobKind::Seal, id).await {
            warn!(media = %id, %error, "medium stays in chunks");
        }
    }
}

/// Keeps a medium as segments from now on. If that can't be done it stays as it is, which is as good for all but the disk.
pub(super) async fn seal(ground: &Ground, id: MediaId, progress: Arc<Progress>) -> Result<(), String> {
    // So it is if the gateway ended before it could write down that it was done.
    if ground.index.sealed(id).await.map_err(|error| error.to_string())?.is_some() {
        return Ok(());
    }
    let source = ground.sources.get(id).await.map_err(|error| error.to_string())?;
    let Some(source) = source.filter(|source| source.is_complete()) else {
        return Err("its bytes are not all here".to_owned());
    };
    let (movie, _) = source::read_arriving(&source, AT_ONCE).await.map_err(|error| error.to_string())?;
    let (options, length) = (ground.options.clone(), source.identity().size);
    let planned = tokio::task::spawn_blocking(move || Presentation::new(movie, length, &options)).await;
    let presentation = planned.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    source.seal(presentation, ground.options.target, progress).await.map_err(|error| error.to_string())
}
