//! Whether the gateway lives, whether it is ready, and figures for a monitor.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header::HeaderMap;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::Shared;
use super::answer::{json, made};

/// Responses by the first digit of their status.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; 6]);

impl Counts {
    pub(super) fn count(&self, status: StatusCode) {
        if let Some(counter) = self.0.get(usize::from(status.as_u16() / 100)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How the gateway is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    /// `alive`, `ready` or `starting`.
    status: &'static str,
    /// Films that were found and have not been read yet.
    waiting: u64,
}

/// Whether the gateway lives.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It lives", body = Health)))]
pub(super) async fn live(State(gateway): State<Shared>, method: Method, headers: HeaderMap) -> Response {
    json(&method, &headers, &Health { status: "alive", waiting: gateway.ingest.waiting() })
}

/// Whether every folder has been looked through.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "Every folder has been looked through", body = Health),
    (status = 503, description = "Folders are being looked through for the first time", body = Health),
))]
pub(super) async fn ready(State(gateway): State<Shared>, method: Method, headers: HeaderMap) -> Response {
    let ready = gateway.ingest.is_ready();
    let status = if ready { "ready" } else { "starting" };
    let mut response = json(&method, &headers, &Health { status, waiting: gateway.ingest.waiting() });
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Figures in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Counters and gauges", content_type = "text/plain"),
))]
pub(super) async fn metrics(State(gateway): State<Shared>, method: Method, headers: HeaderMap) -> Response {
    let mut text = String::new();
    let head = |text: &mut String, name: &str, kind: &str, help: &str| {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    };
    head(&mut text, "segue_http_responses_total", "counter", "Responses by class of status.");
    for (class, counter) in gateway.counts.0.iter().enumerate().skip(2) {
        let count = counter.load(Ordering::Relaxed);
        let _ = writeln!(text, "segue_http_responses_total{{class=\"{class}xx\"}} {count}");
    }
    let (bytes, count) = gateway.playback.in_memory();
    for (name, help, value) in [
        ("segue_hot_bytes", "Bytes of segments and manifests in memory.", bytes),
        ("segue_hot_items", "Segments and manifests in memory.", count),
        (
            "segue_films_waiting",
            "Films that were found and have not been read yet.",
            gateway.ingest.waiting(),
        ),
    ] {
        head(&mut text, name, "gauge", help);
        let _ = writeln!(text, "{name} {value}");
    }
    made(&method, &headers, "text/plain; version=0.0.4", text.into())
}
