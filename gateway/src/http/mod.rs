//! The gateway over HTTP: the list of media, the tree of each, pages for people. The only room that knows status codes.
//!
//! Handlers ask [`Playback`] and [`Index`] and turn what they say into responses; `around` adds what every response has; `server`
//! owns sockets.

mod answer;
mod around;
mod broadcasters;
mod conditional;
mod described;
mod error;
mod events;
mod gate;
mod health;
mod jobs;
mod media;
mod metrics;
mod negotiate;
mod openapi;
mod original;
mod outgoing;
mod pages;
mod paging;
mod player;
mod providers;
mod range;
mod server;
mod socket;
mod sse;
mod storage;
mod straight;
mod stream;
mod titles;
mod tree;
mod uploads;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

use crate::auth::Access;
use crate::broadcast::Broadcasts;
use crate::events::Events;
use crate::index::Index;
use crate::ingest::{Folders, Uploads};
use crate::jobs::Jobs;
use crate::playback::Playback;
use crate::provider::Providers;
use crate::retention::Retention;
use crate::source::Sources;
use crate::task::Tasks;

pub use metrics::Counts;
pub use server::{Limits, bind, serve};
pub use sse::Streams;
pub use wire::Wire;

/// All that handlers ask; one is shared by all.
#[derive(Debug)]
pub struct Gateway {
    /// Where media are known.
    pub index: Arc<Index>,
    /// Who shows them.
    pub playback: Arc<Playback>,
    /// Who finds them in folders.
    pub ingest: Arc<Folders>,
    /// Who takes in what is sent.
    pub uploads: Arc<Uploads>,
    /// Those that are kept in chunks.
    pub sources: Arc<Sources>,
    /// Who asks broadcasters for theirs.
    pub broadcasts: Arc<Broadcasts>,
    /// Who keeps house.
    pub retention: Arc<Retention>,
    /// Who keeps replicas and gives them back.
    pub providers: Arc<Providers>,
    /// What is to be done in the background, and was.
    pub jobs: Arc<Jobs>,
    /// What runs in the background.
    pub tasks: Tasks,
    /// What happens, for those who listen.
    pub events: Arc<Events>,
    /// Streams of events that are open.
    pub streams: Streams,
    /// Who may do what.
    pub access: Access,
    /// How long a request waits for bytes that are still elsewhere.
    pub patience: Duration,
    /// The folders that are served, canonical.
    pub folders: Vec<PathBuf>,
    /// What is counted.
    pub counts: Counts,
}

type Shared = Arc<Gateway>;

fn router(gateway: Shared) -> Router {
    Router::new()
        .route("/", get(pages::home))
        .route("/watch/{id}", get(pages::watch))
        .route("/upload", get(pages::upload))
        .route("/docs", get(pages::docs))
        .route("/assets/{name}", get(pages::asset))
        .route("/player/{*path}", get(player::file))
        .route("/openapi.json", get(openapi::document))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/v1/media", get(media::list))
        .route("/v1/media/{id}", get(media::show).patch(media::change).delete(media::delete))
        .route("/v1/media/{id}/manifest.json", get(tree::manifest))
        .route("/v1/media/{id}/master.m3u8", get(tree::master))
        .route("/v1/media/{id}/manifest.mpd", get(tree::mpd))
        .route("/v1/media/{id}/original", get(original::original))
        .route("/v1/media/{id}/{rendition}/playlist.m3u8", get(tree::playlist))
        .route("/v1/media/{id}/{rendition}/iframes.m3u8", get(tree::iframes))
        .route("/v1/media/{id}/{rendition}/init.mp4", get(tree::init))
        .route("/v1/media/{id}/{rendition}/{segment}", get(tree::segment))
        .route("/v1/storage", get(storage::storage))
        .route("/v1/providers", get(providers::list))
        .route("/v1/providers/socket", get(providers::socket))
        .route("/v1/titles/{tmdb}", get(titles::find))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::show))
        .route("/v1/events", get(events::listen))
        .route("/v1/uploads", post(uploads::tus::create))
        .route(
            "/v1/uploads/{id}",
            get(uploads::parts::show)
                .head(uploads::tus::resume)
                .patch(uploads::tus::append)
                .delete(uploads::tus::remove),
        )
        .route("/v1/uploads/{id}/parts", put(uploads::parts::put))
        .route("/v1/uploads/{id}/wants", get(uploads::wants::wants))
        .route("/v1/broadcasters/{providerId}", get(broadcasters::requests::show))
        .route("/v1/broadcasters/{providerId}/catalogue", put(broadcasters::catalogue::put))
        .route("/v1/broadcasters/{providerId}/requests", get(broadcasters::requests::listen))
        .route("/v1/broadcasters/{providerId}/requests/{token}/bytes", put(broadcasters::requests::take))
        .route("/video", get(broadcasters::video::video))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        // The gate bounds bodies, each address's by its own measure.
        .layer(DefaultBodyLimit::disable())
        .with_state(gateway)
}

/// Every route there is, as it is written above.
#[cfg(test)]
fn routes() -> impl Iterator<Item = String> {
    let texts = include_str!("mod.rs").split(".route(").skip(1);
    let paths = texts.filter_map(|text| text.trim_start().strip_prefix('"')?.split('"').next());
    paths.filter(|path| path.starts_with('/')).map(str::to_owned)
}
