//! One film's wants, handed to one broadcaster at a time: another is asked when it stalls or is gone.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use segmenter::bytes::ByteRange;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info};

use super::demand::{Demand, plan};
use super::peer::{Peer, Request};
use super::{AVOIDED, Broadcasts};
use crate::index::{self, Offer};
use crate::ranges::Ranges;
use crate::source::{Priority, Stored};
use crate::store::Refusal;

/// After how many times the patience with one who sends nothing a single want is asked for anew, though others come.
const OVERDUE: u32 = 5;
/// After what time a refusal for want of space is put to the test again, if nothing happens before.
const NO_SPACE: Duration = Duration::from_millis(500);
/// Rounds in which none could be asked are at least so far apart, unless somebody comes or goes.
const ALL_BUSY: Duration = Duration::from_secs(1);

/// Why a broadcaster is not asked any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Nobody wants anything.
    Idle,
    /// It is gone, or does not offer the film any more.
    Lost,
    /// It sends nothing, or nothing that could be used.
    Stalled,
    /// The film is gone, or is no film.
    Over,
}

/// Asks broadcasters for what is wanted of a film, until none is left who offers it.
pub(super) async fn feed(broadcasts: &Arc<Broadcasts>, source: &Arc<Stored>) -> Result<(), index::Error> {
    let mut avoided: HashMap<Arc<str>, Instant> = HashMap::new();
    let (mut wants, mut peers) = (source.wants(), broadcasts.changed.subscribe());
    loop {
        wants.borrow_and_update();
        peers.borrow_and_update();
        if !broadcasts.can_feed(source) {
            return Ok(());
        }
        avoided.retain(|_, until| *until > Instant::now());
        let mut again = None;
        if !source.urgent().is_empty() {
            match choose(broadcasts, source, &avoided).await? {
                Some((peer, request)) => {
                    let ended =
                        Serving { broadcasts, source, peer: &peer, request, position: None }.run().await;
                    broadcasts.tell();
                    debug!(media = %source.id(), broadcaster = %peer.id, ?ended, "broadcaster is not asked any more");
                    if ended == Ended::Stalled {
                        info!(media = %source.id(), broadcaster = %peer.id, "broadcaster stalls; another is asked");
                        avoided.insert(Arc::clone(&peer.id), Instant::now() + AVOIDED);
                    }
                    continue;
                }
                None => again = Some(Instant::now() + ALL_BUSY),
            }
        }
        tokio::select! {
            _ = wants.changed() => {}
            _ = peers.changed() => {}
            () = until(again) => {}
        }
    }
}

/// The broadcaster with the least to do, of those who can be asked; one who has stalled only if there is no other.
async fn choose(
    broadcasts: &Arc<Broadcasts>,
    source: &Arc<Stored>,
    avoided: &HashMap<Arc<str>, Instant>,
) -> Result<Option<(Arc<Peer>, Request)>, index::Error> {
    let mut givers = broadcasts.givers(source.id()).await?;
    givers.retain(|(_, offer)| source.length() == Some(offer.size));
    // Of those who stalled the one whose turn is longest ago.
    givers.sort_by_key(|(peer, _)| (avoided.get(&peer.id).copied(), peer.load()));
    let request = |(peer, offer): (Arc<Peer>, Offer)| {
        let request = peer.request(&offer, source)?;
        Some((peer, request))
    };
    Ok(givers.into_iter().find_map(request))
}

/// One broadcaster that is asked for one film.
struct Serving<'a> {
    broadcasts: &'a Arc<Broadcasts>,
    source: &'a Arc<Stored>,
    peer: &'a Arc<Peer>,
    request: Request,
    /// Where the viewer who wanted something last will go on.
    position: Option<u64>,
}

impl Serving<'_> {
    async fn run(mut self) -> Ended {
        let _feeding = self.source.feed();
        let ended = self.ask_on().await;
        drop(self.request);
        self.source.release();
        // What came last may not be kept yet, if it was cut off.
        if let Err(error) = self.source.keep().await {
            debug!(media = %self.source.id(), %error, "bytes will be kept with those that come next");
        }
        ended
    }

    async fn ask_on(&mut self) -> Ended {
        let settings = &self.broadcasts.settings;
        let (stall, linger) = (settings.stall.0, settings.linger.0);
        let (mut wants, mut peers) = (self.source.wants(), self.broadcasts.changed.subscribe());
        let mut freed = self.peer.freed.subscribe();
        let mut wanted = Instant::now();
        loop {
            wants.borrow_and_update();
            peers.borrow_and_update();
            freed.borrow_and_update();
            if self.source.is_gone() || self.source.refused().is_some() {
                return Ended::Over;
            }
            if !self.peer.offers(self.source.id()) {
                return Ended::Lost;
            }
            if self.request.is_useless() {
                return Ended::Stalled;
            }
            let now = Instant::now();
            let ranked = self.source.ranked();
            if !ranked.is_empty() {
                wanted = now;
            }
            let until_idle = wanted + linger;
            let demand = self.demand(ranked, now < until_idle);
            if demand.urgent.is_empty() && now >= until_idle {
                return Ended::Idle;
            }
            let refused = self.ask_for(&demand).await;
            let asked = self.request.asked();
            let mut next = until_idle;
            if !asked.is_empty() {
                let last = self.request.last();
                let silent = last.max(self.peer.last()) + stall;
                let unheard = last + stall * OVERDUE;
                if now >= silent || now >= unheard {
                    return Ended::Stalled;
                }
                let overdue = self.request.overdue(now - stall * OVERDUE);
                if !overdue.is_empty() {
                    self.request.cancel(&overdue);
                    continue;
                }
                next = next.min(silent).min(unheard);
            } else if !demand.urgent.is_empty() {
                // Somebody waits, and nothing can be asked for: for want of space, or of room beside other films.
                next = now + if refused { NO_SPACE } else { ALL_BUSY };
            }
            tokio::select! {
                _ = wants.changed() => {}
                _ = freed.changed() => {}
                _ = peers.changed() => {}
                () = self.peer.gone.cancelled() => return Ended::Lost,
                () = sleep_until(next) => {}
            }
        }
    }

    /// What is wanted of the film, and what will be if somebody watches it.
    fn demand(&mut self, ranked: Vec<(Priority, ByteRange)>, watched: bool) -> Demand {
        let viewers = ranked.iter().find(|(priority, _)| *priority != Priority::Timeline);
        self.position = viewers.map(|(_, range)| range.end).or(self.position);
        let urgent = ranked.into_iter().map(|(_, range)| range).collect();
        let window = self.position.filter(|_| watched).zip(self.source.length()).map(|(position, length)| {
            let end = position.saturating_add(self.broadcasts.ahead).min(length);
            ByteRange { start: position.min(end), end }
        });
        let here = self.source.here();
        let ahead = window.map(|window| here.missing(window).collect()).unwrap_or_default();
        Demand { urgent, ahead }
    }

    /// Takes back what is not needed any more, and asks for what there is space for. True if there was none.
    async fn ask_for(&mut self, demand: &Demand) -> bool {
        let asked = self.request.asked();
        let plan = plan(demand, &asked, self.request.room());
        self.request.cancel(&plan.cancel);
        if plan.ask.is_empty() {
            return false;
        }
        let kept =
            asked.iter().enumerate().filter(|(at, _)| !plan.cancel.contains(at)).map(|(_, asked)| asked);
        let all: Ranges = kept.chain(&plan.ask).map(|asked| asked.range).collect();
        match self.reserve(&all).await {
            Ok(()) => {
                self.request.ask(&plan.ask);
                false
            }
            Err(refusal) => {
                debug!(media = %self.source.id(), %refusal, "nothing is asked for");
                true
            }
        }
    }

    /// Promises space for what is to come. Where its broadcaster may take no more, what was seen of this film goes.
    async fn reserve(&self, ranges: &Ranges) -> Result<(), Refusal> {
        let Err(refusal) = self.source.reserve_for(ranges).await else { return Ok(()) };
        let Refusal::Share { needed, used, share } = refusal else { return Err(refusal) };
        let over = used.saturating_add(needed).saturating_sub(share);
        if self.source.remove_coldest(over, ranges).await.is_err() {
            return Err(refusal);
        }
        self.source.reserve_for(ranges).await
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}
