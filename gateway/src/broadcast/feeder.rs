//! One film's wants, handed to one broadcaster at a time: another is asked when it stalls or is gone.

use std::future::pending;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use segmenter::bytes::ByteRange;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::demand::{Demand, plan};
use super::peer::{Peer, Request};
use super::{Broadcasts, ends};
use crate::events::Event;
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
    /// It sends nothing.
    Stalled,
    /// It sends other bytes than those that are here.
    Lies,
    /// What came is not what was offered.
    NotIt,
    /// The film is gone, or is no film.
    Over,
}

/// Asks broadcasters for what is wanted of a film, until none is left who offers it.
pub(super) async fn feed(broadcasts: &Arc<Broadcasts>, source: &Arc<Stored>) -> Result<(), index::Error> {
    let mut film = Film { broadcasts, source, asked: Vec::new(), is_checked: false };
    let (mut wants, mut peers) = (source.wants(), broadcasts.changed.subscribe());
    loop {
        wants.borrow_and_update();
        peers.borrow_and_update();
        if source.refused().is_some() {
            film.begin_anew("it sent what can't be played").await?;
            return Ok(());
        }
        if !broadcasts.can_feed(source) {
            return Ok(());
        }
        let mut again = None;
        if !source.urgent().is_empty() {
            match choose(broadcasts, source).await? {
                Some((peer, request, hash)) => {
                    let ended = film.ask(&peer, request, hash).await;
                    film.after(&peer, ended).await?;
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

/// A film that broadcasters are asked for, one after another.
struct Film<'a> {
    broadcasts: &'a Arc<Broadcasts>,
    source: &'a Arc<Stored>,
    /// Who was asked for it, while this went on.
    asked: Vec<Arc<Peer>>,
    /// What came was found to be something else, and there is nothing better.
    is_checked: bool,
}

impl Film<'_> {
    async fn ask(&mut self, peer: &Arc<Peer>, request: Request, hash: Option<String>) -> Ended {
        let Self { broadcasts, source, .. } = *self;
        if !self.was_asked(peer) {
            self.asked.push(Arc::clone(peer));
        }
        let hash = hash.filter(|hash| !self.is_checked && ends::is_such(hash));
        let ended = Serving { broadcasts, source, peer, request, position: None, hash }.run().await;
        debug!(media = %source.id(), broadcaster = %peer.id, ?ended, "broadcaster is not asked any more");
        broadcasts.tell();
        ended
    }

    /// Sees to it that another is asked where that is better.
    async fn after(&mut self, peer: &Arc<Peer>, ended: Ended) -> Result<(), index::Error> {
        let (id, broadcaster) = (self.source.id(), &peer.id);
        match ended {
            Ended::Stalled => {
                info!(media = %id, %broadcaster, "broadcaster stalls; another is asked");
                peer.avoid();
            }
            Ended::Lies if self.broadcasts.givers(id).await?.len() > 1 => {
                warn!(media = %id, %broadcaster, "broadcaster sends other bytes than others did");
                peer.distrust(id);
            }
            // Whoever sent what is here is gone: nothing of it can go on.
            Ended::Lies => {
                warn!(media = %id, %broadcaster, "broadcaster sends other bytes than are here; the film begins anew");
                self.remove().await?;
            }
            Ended::NotIt => {
                // Where it is all there is, who watches it sees for themselves.
                self.is_checked = !self.begin_anew("the ends of what it sent have another hash").await?;
            }
            Ended::Idle | Ended::Lost | Ended::Over => {}
        }
        Ok(())
    }

    /// What came is not the film: it goes, and those who sent it are not asked for it again, if there is another who may send what it is;
    /// false if there is none.
    async fn begin_anew(&self, why: &'static str) -> Result<bool, index::Error> {
        let id = self.source.id();
        if self.broadcasts.givers(id).await?.iter().all(|(peer, _)| self.was_asked(peer)) {
            return Ok(false);
        }
        for peer in &self.asked {
            warn!(media = %id, broadcaster = %peer.id, why, "broadcaster is not asked for this film any more");
            peer.distrust(id);
        }
        self.remove().await?;
        Ok(true)
    }

    async fn remove(&self) -> Result<(), index::Error> {
        let id = self.source.id();
        if self.broadcasts.sources.remove(id).await? {
            self.broadcasts.events.tell(Event::Gone { id, why: "deleted" });
        }
        Ok(())
    }

    fn was_asked(&self, peer: &Arc<Peer>) -> bool {
        self.asked.iter().any(|asked| Arc::ptr_eq(asked, peer))
    }
}

/// The broadcaster with the least to do, of those who can be asked; one who has stalled only if there is no other. With the hash of what
/// it offers.
async fn choose(
    broadcasts: &Arc<Broadcasts>,
    source: &Arc<Stored>,
) -> Result<Option<(Arc<Peer>, Request, Option<String>)>, index::Error> {
    let mut givers = broadcasts.givers(source.id()).await?;
    givers.retain(|(_, offer)| source.length() == Some(offer.size));
    // Of those who stalled the one whose turn is longest ago.
    givers.sort_by_key(|(peer, _)| (peer.avoided(), peer.load()));
    let request = |(peer, offer): (Arc<Peer>, Offer)| {
        let request = peer.request(&offer, source)?;
        Some((peer, request, offer.hash))
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
    /// What the ends of the film have to be, until that has been seen.
    hash: Option<String>,
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
                return Ended::Lies;
            }
            if !self.ends_hold().await {
                return Ended::NotIt;
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

    /// False once the ends of the film are here and are not what was offered.
    async fn ends_hold(&mut self) -> bool {
        let Some(length) = self.source.length() else { return true };
        let is_here = |place: Range<u64>| self.source.has(ByteRange { start: place.start, end: place.end });
        let Some(hash) = self.hash.take_if(|_| ends::places(length).into_iter().all(is_here)) else {
            return true;
        };
        let source = Arc::clone(self.source);
        let read = move |bytes: &mut [u8], at| source.read(bytes, at).map_err(io::Error::other);
        let found = tokio::task::spawn_blocking(move || ends::hash(length, read)).await;
        // What can't be read now says nothing.
        found.ok().and_then(Result::ok).is_none_or(|found| found == hash)
    }

    /// What is wanted of the film, and what will be if somebody watches it.
    fn demand(&mut self, ranked: Vec<(Priority, ByteRange)>, watched: bool) -> Demand {
        let viewers = ranked.iter().find(|(priority, _)| *priority != Priority::Timeline);
        self.position = viewers.map(|(_, range)| range.end).or(self.position);
        let window = self.position.filter(|_| watched).zip(self.source.length()).map(|(position, length)| {
            let end = position.saturating_add(self.broadcasts.ahead).min(length);
            ByteRange { start: position.min(end), end }
        });
        let (ahead, urgent): (Vec<_>, Vec<_>) =
            ranked.into_iter().partition(|(priority, _)| *priority == Priority::Ahead);
        let only = |ranked: Vec<(Priority, ByteRange)>| ranked.into_iter().map(|(_, range)| range).collect();
        let (mut ahead, urgent): (Vec<_>, Vec<_>) = (only(ahead), only(urgent));
        if let Some(window) = window {
            let mut listed = self.source.here();
            ahead.iter().for_each(|range| {
                listed.insert(*range);
            });
            ahead.extend(listed.missing(window));
        }
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
        let kept = (0..asked.len()).filter(|at| !plan.cancel.contains(at));
        let kept: Ranges = kept.map(|at| asked[at].range).collect();
        let urgent: Vec<_> = plan.ask.iter().copied().filter(|asked| asked.urgent).collect();
        // Where there is no space to read ahead there may be some for what somebody waits for.
        for pieces in [plan.ask, urgent] {
            let mut all = kept.clone();
            pieces.iter().for_each(|piece| {
                all.insert(piece.range);
            });
            match self.reserve(&all).await {
                Ok(()) => {
                    self.request.ask(&pieces);
                    return false;
                }
                Err(refusal) => {
                    debug!(media = %self.source.id(), %refusal, pieces = pieces.len(), "nothing is asked for");
                }
            }
        }
        true
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
