//! Figures for a monitor, in the text format of Prometheus.

use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, HeaderMap};
use axum::http::{Method, StatusCode};
use axum::response::Response;

use super::Shared;
use super::answer::made;
use super::error::Problem;
use super::tree::SERVER_TIMING;

/// Milliseconds at which answers are told apart.
const BOUNDS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000];
/// Where bytes of media come from, as [`SERVER_TIMING`] names it: memory; made of the film and kept; made of it as it is sent.
const TIERS: [&str; 3] = ["hot", "made", "passing"];

/// What is counted of answers.
#[derive(Debug, Default)]
pub struct Counts {
    /// By the first digit of their status.
    classes: [AtomicU64; 6],
    /// By the time until they began: one for each of [`BOUNDS`], and one for what took longer.
    times: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
    tiers: [Tier; TIERS.len()],
}

#[derive(Debug, Default)]
struct Tier {
    answers: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    /// Counts an answer that began so long after its request.
    pub(super) fn count(&self, status: StatusCode, headers: &HeaderMap, took: Duration) {
        let add = |counter: &AtomicU64, count| {
            counter.fetch_add(count, Ordering::Relaxed);
        };
        if let Some(counter) = self.classes.get(usize::from(status.as_u16() / 100)) {
            add(counter, 1);
        }
        let bound = BOUNDS.partition_point(|bound| took > Duration::from_millis(*bound));
        add(&self.times[bound], 1);
        add(&self.micros, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let timing = headers.get(SERVER_TIMING).map(|timing| timing.as_bytes());
        let named =
            timing.and_then(|timing| TIERS.iter().position(|tier| timing.starts_with(tier.as_bytes())));
        if let Some(tier) = named.map(|tier| &self.tiers[tier]) {
            let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            add(&tier.answers, 1);
            add(&tier.bytes, length.unwrap_or(0));
        }
    }
}

/// Text as it grows.
struct Page(String);

impl Page {
    /// What the lines that follow are.
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: impl Display, value: impl Display) {
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// Something of which there is one.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(name, value);
    }

    /// A counter for each value of a label.
    fn each<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: impl IntoIterator<Item = (&'a str, &'a AtomicU64)>,
    ) {
        self.head(name, "counter", help);
        for (value, count) in counts {
            self.line(format_args!("{name}{{{label}=\"{value}\"}}"), count.load(Ordering::Relaxed));
        }
    }

    fn answers(&mut self, counts: &Counts) {
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&counts.classes[1..]);
        self.each("segue_http_responses_total", "Responses by class of status.", "class", classes.skip(1));
        let name = "segue_http_response_seconds";
        self.head(name, "histogram", "Time from a request's head to the head of its response.");
        let mut below = 0;
        let bounds =
            BOUNDS.iter().map(|millis| (*millis as f64 / 1000.0).to_string()).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&counts.times) {
            below += count.load(Ordering::Relaxed);
            self.line(format_args!("{name}_bucket{{le=\"{bound}\"}}"), below);
        }
        self.line(format_args!("{name}_sum"), counts.micros.load(Ordering::Relaxed) as f64 / 1e6);
        self.line(format_args!("{name}_count"), below);
        let tiers = || TIERS.into_iter().zip(&counts.tiers);
        let answers = tiers().map(|(name, tier)| (name, &tier.answers));
        self.each(
            "segue_media_responses_total",
            "Responses with media or manifests by where they came from.",
            "tier",
            answers,
        );
        let bytes = tiers().map(|(name, tier)| (name, &tier.bytes));
        self.each("segue_media_bytes_total", "Bytes of them.", "tier", bytes);
    }
}

/// Figures in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Counters and gauges", content_type = "text/plain"),
))]
pub(super) async fn metrics(
    State(gateway): State<Shared>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut page = Page(String::new());
    page.answers(&gateway.counts);
    let (bytes, count) = gateway.playback.in_memory();
    let usage = gateway.sources.quota().usage();
    for (name, help, value) in [
        ("segue_hot_bytes", "Bytes of segments and manifests in memory.", bytes),
        ("segue_hot_items", "Segments and manifests in memory.", count),
        (
            "segue_films_waiting",
            "Films that were found and have not been read yet.",
            gateway.ingest.waiting(),
        ),
        ("segue_store_used_bytes", "Bytes of chunks and segments on disk.", usage.used),
        ("segue_store_reserved_bytes", "Bytes promised to those who are sending.", usage.reserved),
        ("segue_store_index_bytes", "Bytes of the index on disk.", usage.index),
        ("segue_store_quota_bytes", "Bytes that may be on disk.", usage.quota),
        ("segue_store_free_bytes", "Bytes that may be sent now.", usage.free),
    ] {
        page.one(name, "gauge", help, value);
    }
    let evictions = gateway.retention.evictions();
    let media = [("expired", &evictions.expired), ("space", &evictions.media)];
    page.each("segue_evicted_media_total", "Media that were taken away, by reason.", "reason", media);
    let chunks = [("space", &evictions.chunks)];
    page.each("segue_evicted_chunks_total", "Chunks taken away that can be had again.", "reason", chunks);
    page.head("segue_jobs", "gauge", "Work in the background by state; what is over is counted for a while.");
    for (state, count) in gateway.index.count_jobs().await? {
        page.line(format_args!("segue_jobs{{state=\"{}\"}}", state.as_str()), count);
    }
    Ok(made(&method, &headers, "text/plain; version=0.0.4", page.0.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn answers_are_counted_by_status_time_and_tier() {
        let counts = Counts::default();
        let mut headers = HeaderMap::new();
        headers.insert(SERVER_TIMING, HeaderValue::from_static("made;dur=3.1"));
        headers.insert(CONTENT_LENGTH, 77.into());
        counts.count(StatusCode::OK, &headers, Duration::from_millis(3));
        counts.count(StatusCode::NOT_FOUND, &HeaderMap::new(), Duration::from_secs(60));
        let mut page = Page(String::new());
        page.answers(&counts);
        for line in [
            "segue_http_responses_total{class=\"2xx\"} 1",
            "segue_http_responses_total{class=\"4xx\"} 1",
            "segue_http_response_seconds_bucket{le=\"0.002\"} 0",
            "segue_http_response_seconds_bucket{le=\"0.005\"} 1",
            "segue_http_response_seconds_bucket{le=\"5\"} 1",
            "segue_http_response_seconds_bucket{le=\"+Inf\"} 2",
            "segue_http_response_seconds_count 2",
            "segue_media_responses_total{tier=\"made\"} 1",
            "segue_media_bytes_total{tier=\"made\"} 77",
            "segue_media_bytes_total{tier=\"hot\"} 0",
        ] {
            assert!(page.0.lines().any(|have| have == line), "no {line} in\n{}", page.0);
        }
    }
}
