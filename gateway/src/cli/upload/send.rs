//! Sending: requests side by side, in the order that the schedule gives, until all has arrived and the gateway plays it.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use segmenter::bytes::ByteRange;
use segmenter::offline::Progress;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::super::Failure;
use super::super::progress::Bars;
use super::film::Film;
use super::gate::Gate;
use super::gateway::{Gateway, Refused, Upload, Wanted};
use super::schedule::{Flight, Schedule};
use super::{REST, TRIES, again, not_playable};
use crate::peer::Backoff;

/// How often progress is drawn.
const DRAW: Duration = Duration::from_millis(100);
/// How long the gateway may take to say what it wants first; then the rest is sent.
const FIRST: Duration = Duration::from_secs(2);
/// How long the gateway may take to say that it plays what it has, or that it does not.
const VERDICT: Duration = Duration::from_secs(30);

/// How a request ended.
type Landed = (Flight, Result<(), Refused>);

/// Sends all that is missing; `playable` hears of the medium as soon as it plays. Gives back what to say at the end.
pub(super) async fn send(
    gateway: &Gateway,
    film: &Film,
    upload: Upload,
    bars: &Bars,
    mut playable: impl FnMut(&str),
) -> Result<String, Failure> {
    let (started, had) = (Instant::now(), upload.arrived().bytes());
    let bar = bars.film(film.name.as_ref());
    bar.planned(film.len());
    let (told, mut wanted) = watch::channel(Wanted::nothing(&upload.state));
    let mut following = JoinSet::new();
    following.spawn(follow(gateway.clone(), upload.id.clone(), told));
    let mut schedule = Schedule::new(film.len(), upload.arrived());
    let (gate, mut requests) = (Gate::new(), JoinSet::new());
    let mut flying: HashMap<u64, Arc<AtomicU64>> = HashMap::new();
    let mut draw = tokio::time::interval(DRAW);
    let mut announced = false;
    let mut more_urgent = None;
    // The timeline is worth more than whatever else would be on its way before.
    let _ = tokio::time::timeout(FIRST, wanted.changed()).await;
    loop {
        let now = wanted.borrow_and_update().clone();
        if !announced && matches!(now.state.as_str(), "playable" | "ready") {
            upload.media.iter().for_each(|media| playable(media));
            announced = true;
        }
        if matches!(now.state.as_str(), "failed" | "expired") {
            return Err(not_playable(&gateway.status(&upload.id).await.unwrap_or(upload)));
        }
        schedule.wanted(now.urgent());
        while let Some(flight) = schedule.next() {
            let sent = Arc::default();
            flying.insert(flight.number, Arc::clone(&sent));
            requests.spawn(part(
                gateway.clone(),
                upload.id.clone(),
                film.clone(),
                flight,
                gate.clone(),
                sent,
            ));
        }
        gate.rank(schedule.ranks());
        // Else the rest would fill the link between two requests for what somebody waits for.
        more_urgent = match schedule.has_urgent() {
            true => more_urgent.or_else(|| Some(gate.urgent(u64::MAX))),
            false => None,
        };
        if requests.is_empty() {
            if announced && schedule.is_done() && now.state == "ready" {
                break;
            }
            let here = check(gateway, &upload, &mut schedule, &mut wanted).await?;
            if let Some(ended) = here {
                if !announced {
                    ended.media.iter().for_each(|media| playable(media));
                }
                break;
            }
            continue;
        }
        tokio::select! {
            Some(landed) = requests.join_next() => {
                let (flight, sent): Landed =
                    landed.map_err(|error| Failure::new(format!("a request broke off: {error}")))?;
                flying.remove(&flight.number);
                sent?;
                schedule.landed(&flight);
            }
            changed = wanted.changed() => if changed.is_err() { pending::<()>().await },
            _ = draw.tick() => {
                let sent: u64 = flying.values().map(|sent| sent.load(Ordering::Relaxed)).sum();
                bar.at((schedule.bytes() + sent).min(film.len()));
            }
        }
    }
    let (bytes, took) = (film.len() - had, started.elapsed().as_secs_f64());
    let rate = bytes as f64 / took.max(0.001) / 1e6;
    Ok(format!("{}: {bytes} bytes sent in {took:.1} s, {rate:.1} MB/s", film.name))
}

/// Asks how far the upload is once nothing is left to be sent: gives it back when it has come to its end.
async fn check(
    gateway: &Gateway,
    upload: &Upload,
    schedule: &mut Schedule,
    wanted: &mut watch::Receiver<Wanted>,
) -> Result<Option<Upload>, Failure> {
    let deadline = tokio::time::Instant::now() + VERDICT;
    loop {
        let now = again(|| gateway.status(&upload.id)).await?;
        schedule.arrived(now.arrived());
        match now.state.as_str() {
            "failed" | "expired" => return Err(not_playable(&now)),
            "ready" => return Ok(Some(now)),
            // Something was lost there.
            _ if !schedule.is_done() => return Ok(None),
            _ => {}
        }
        let more = tokio::time::timeout(Duration::from_secs(1), wanted.changed());
        if tokio::time::timeout_at(deadline, more).await.is_err() {
            return Err(Failure::new("all was sent, and the gateway does not say whether it plays it"));
        }
    }
}

/// Sends a part; when that fails, what is missing of it once more, some times.
async fn part(
    gateway: Gateway,
    id: String,
    film: Film,
    flight: Flight,
    gate: Gate,
    sent: Arc<AtomicU64>,
) -> Landed {
    let mut backoff = Backoff::new(REST.0, REST.1);
    let mut left = vec![flight.range];
    let mut tries = 0;
    while let Some(range) = left.pop() {
        let counted = Arc::clone(&sent);
        let told = move |bytes| {
            counted.fetch_add(bytes, Ordering::Relaxed);
        };
        match gateway.put(&id, &film, Flight { range, ..flight }, &gate, told).await {
            Ok(()) => {}
            Err(Refused::Later(_)) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(backoff.rest()).await;
                left = missing(&gateway, &id, flight.range).await.unwrap_or_else(|| vec![flight.range]);
                let there = flight.range.len() - left.iter().map(|range| range.len()).sum::<u64>();
                sent.store(there, Ordering::Relaxed);
            }
            Err(refused) => return (flight, Err(refused)),
        }
    }
    (flight, Ok(()))
}

/// What has not arrived of a part, as the gateway says; `None` if it says nothing.
async fn missing(gateway: &Gateway, id: &str, range: ByteRange) -> Option<Vec<ByteRange>> {
    let upload = gateway.status(id).await.ok()?;
    Some(upload.arrived().missing(range).collect())
}

/// Follows what is wanted until nothing more is. What can't be heard for a while is heard later: meanwhile the rest is sent.
async fn follow(gateway: Gateway, id: String, told: watch::Sender<Wanted>) {
    let mut backoff = Backoff::new(REST.0, REST.1);
    loop {
        if let Ok(mut events) = gateway.wants(&id).await {
            while let Ok(Some(message)) = events.next().await {
                let Ok(wanted) = serde_json::from_str::<Wanted>(&message.data) else { continue };
                backoff = Backoff::new(REST.0, REST.1);
                told.send_replace(wanted);
                if message.name == "done" {
                    // Held, so that whoever listens hears of no end.
                    return pending().await;
                }
            }
        }
        tokio::time::sleep(backoff.rest()).await;
    }
}
