//! What goes when space is needed: a plain function of what is there.
//!
//! First what has expired; then single chunks that somebody else can give back, the longest unused first, those of idle media before those
//! of media in use; then whole media, the longest unused first; last of all media that are being watched. What is being sent to the gateway
//! is not taken away to make room for something else but for chunks that can be sent again, and what is pinned never is.
//!
//! # Why
//! A film that is larger than all the space there is plays through if what has been seen of it makes room for what comes, though it is
//! being watched and sent all the while. What was touched last goes last, so it is not what comes next.

use crate::clock::Moment;
use crate::id::MediaId;

/// A medium that takes space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which.
    pub id: MediaId,
    /// Bytes that are free once it is gone.
    pub bytes: u64,
    /// When it was last watched or fed.
    pub used: Moment,
    /// When it goes anyway; `None` for what stays.
    pub expires: Option<Moment>,
    /// What it is held by.
    pub held: Held,
    /// Chunks of it that somebody else can give back.
    pub spare: Vec<Spare>,
}

/// A chunk that somebody else can give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spare {
    /// Its number in its medium.
    pub number: u32,
    /// Bytes that are free once it is gone.
    pub bytes: u64,
    /// When it was last read or written.
    pub used: Moment,
}

/// Why a medium should stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// For no reason but its age.
    #[default]
    Idle,
    /// Somebody watches it.
    Watched,
    /// Somebody is sending it.
    Fed,
    /// Somebody said so.
    Pinned,
}

/// Something that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Victim {
    /// A medium whose time is over.
    Expired(MediaId),
    /// Some chunks of a medium, of which it is regained.
    Chunks(MediaId, Vec<u32>),
    /// A medium that could have stayed longer.
    Media(MediaId),
}

/// What goes so that `need` bytes become free. What has expired goes even when nothing is needed; if all that may go is not enough,
/// nothing else does, for the one who asked is refused either way.
pub fn choose(now: Moment, need: u64, holdings: &[Holding]) -> Vec<Victim> {
    let is_over =
        |holding: &&Holding| holding.held < Held::Fed && holding.expires.is_some_and(|at| at <= now);
    let mut victims: Vec<_> = holdings.iter().filter(is_over).map(|over| Victim::Expired(over.id)).collect();
    let mut free: u64 = holdings.iter().filter(is_over).map(|over| over.bytes).sum();
    let mut left: Vec<_> =
        holdings.iter().filter(|holding| !is_over(holding) && holding.held < Held::Fed).collect();
    let fed: Vec<_> = holdings.iter().filter(|holding| holding.held == Held::Fed).collect();
    let possible = free
        + left.iter().map(|holding| holding.bytes).sum::<u64>()
        + fed.iter().map(|holding| spared(holding)).sum::<u64>();
    if free >= need || possible < need {
        return victims;
    }
    let with_chunks: Vec<_> = left.iter().chain(&fed).copied().collect();
    let (chunks, freed) = spare(&with_chunks, need - free);
    free += freed;
    if free >= need {
        victims.extend(chunks);
        return victims;
    }
    // Not enough: whole media go, and with them their chunks. Those that stay still lose what can be regained.
    left.sort_by_key(|holding| (holding.held, holding.used, holding.id));
    let mut gone = Vec::new();
    for holding in left {
        if free >= need {
            break;
        }
        free += holding.bytes.saturating_sub(spared(holding));
        gone.push(holding.id);
    }
    victims.extend(
        chunks.into_iter().filter(|victim| !matches!(victim, Victim::Chunks(id, _) if gone.contains(id))),
    );
    victims.extend(gone.into_iter().map(Victim::Media));
    victims
}

/// Bytes of chunks that can be regained.
fn spared(holding: &Holding) -> u64 {
    holding.spare.iter().map(|chunk| chunk.bytes).sum()
}

/// The coldest chunks that can be regained, until they are enough, by medium; and how many bytes they are.
fn spare(holdings: &[&Holding], need: u64) -> (Vec<Victim>, u64) {
    let mut all: Vec<_> = holdings
        .iter()
        .flat_map(|holding| holding.spare.iter().map(|chunk| (holding.held > Held::Idle, holding.id, *chunk)))
        .collect();
    all.sort_by_key(|(in_use, id, chunk)| (*in_use, chunk.used, *id, chunk.number));
    let mut freed = 0;
    let mut taken: Vec<_> = all
        .into_iter()
        .take_while(|(_, _, chunk)| {
            let more = freed < need;
            freed += if more { chunk.bytes } else { 0 };
            more
        })
        .map(|(_, id, chunk)| (id, chunk.number))
        .collect();
    taken.sort_unstable();
    let by_media = taken.chunk_by(|a, b| a.0 == b.0);
    let victims =
        by_media.map(|run| Victim::Chunks(run[0].0, run.iter().map(|(_, number)| *number).collect()));
    (victims.collect(), freed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    fn holding(name: u8, bytes: u64, used: u64) -> Holding {
        let id = MediaId::of_file(Path::new(&format!("/{name}")));
        Holding { id, bytes, used: Moment(used), expires: None, held: Held::Idle, spare: Vec::new() }
    }

    #[test]
    fn the_expired_go_even_when_nothing_is_needed_but_not_while_they_are_sent() {
        let over = Holding { expires: Some(Moment(5)), ..holding(1, 10, 0) };
        let sent = Holding { held: Held::Fed, ..over.clone() };
        assert_eq!(choose(Moment(5), 0, std::slice::from_ref(&over)), [Victim::Expired(over.id)]);
        assert_eq!(choose(Moment(4), 0, &[over, sent]), []);
    }

    #[test]
    fn what_can_be_regained_goes_before_what_cant_and_the_coldest_first() {
        let chunk = |number, used| Spare { number, bytes: 4, used: Moment(used) };
        let replicated = Holding { spare: vec![chunk(0, 9), chunk(1, 7), chunk(2, 8)], ..holding(1, 12, 9) };
        let alone = holding(2, 100, 0);
        let all = [replicated.clone(), alone.clone()];
        assert_eq!(choose(Moment(10), 5, &all), [Victim::Chunks(replicated.id, vec![1, 2])]);
        assert_eq!(
            choose(Moment(10), 100, &all),
            [Victim::Chunks(replicated.id, vec![0, 1, 2]), Victim::Media(alone.id)]
        );
    }

    #[test]
    fn what_is_watched_goes_last_and_what_is_sent_or_pinned_does_not_go() {
        let held = |name, held| Holding { held, ..holding(name, 10, 0) };
        let watched = held(1, Held::Watched);
        let idle = Holding { used: Moment(9), ..held(2, Held::Idle) };
        let all = [watched.clone(), idle.clone(), held(3, Held::Fed), held(4, Held::Pinned)];
        assert_eq!(choose(Moment(10), 10, &all), [Victim::Media(idle.id)]);
        assert_eq!(choose(Moment(10), 20, &all), [Victim::Media(idle.id), Victim::Media(watched.id)]);
        assert_eq!(choose(Moment(10), 21, &all), [], "it would be for nothing");
    }

    #[test]
    fn a_film_that_is_sent_while_it_is_watched_makes_room_for_itself_after_idle_ones() {
        let chunk = |number, used| Spare { number, bytes: 4, used: Moment(used) };
        let spare = vec![chunk(0, 1), chunk(1, 2), chunk(2, 3)];
        let sent = Holding { held: Held::Fed, spare, ..holding(1, 100, 9) };
        assert_eq!(choose(Moment(10), 5, std::slice::from_ref(&sent)), [Victim::Chunks(sent.id, vec![0, 1])]);
        assert_eq!(choose(Moment(10), 13, std::slice::from_ref(&sent)), [], "the rest of it stays");
        let idle = Holding { spare: vec![chunk(0, 8)], ..holding(2, 4, 8) };
        assert_eq!(choose(Moment(10), 4, &[sent, idle.clone()]), [Victim::Chunks(idle.id, vec![0])]);
    }

    fn some() -> impl Strategy<Value = Holding> {
        let held = prop::sample::select(vec![Held::Idle, Held::Watched, Held::Fed, Held::Pinned]);
        let spare = prop::collection::vec((1_u64..9, 0_u64..50), 0..5);
        (any::<u8>(), 0_u64..50, 0_u64..50, prop::option::of(0_u64..50), held, spare).prop_map(
            |(name, own, used, expires, held, spare)| {
                let spare: Vec<_> = (0..)
                    .zip(spare)
                    .map(|(number, (bytes, used))| Spare { number, bytes, used: Moment(used) })
                    .collect();
                let bytes = own + spare.iter().map(|chunk| chunk.bytes).sum::<u64>();
                Holding { expires: expires.map(Moment), held, spare, ..holding(name, bytes, used) }
            },
        )
    }

    fn freed(holdings: &[Holding], victims: &[Victim]) -> u64 {
        let of = |id: &MediaId| holdings.iter().find(|holding| holding.id == *id).unwrap();
        victims
            .iter()
            .map(|victim| match victim {
                Victim::Expired(id) | Victim::Media(id) => of(id).bytes,
                Victim::Chunks(id, numbers) => of(id)
                    .spare
                    .iter()
                    .filter(|chunk| numbers.contains(&chunk.number))
                    .map(|chunk| chunk.bytes)
                    .sum(),
            })
            .sum()
    }

    proptest! {
        #[test]
        fn enough_becomes_free_or_nothing_but_the_expired_goes(
            mut holdings in prop::collection::vec(some(), 0..12),
            need in 0_u64..300,
        ) {
            holdings.sort_by_key(|holding| holding.id);
            holdings.dedup_by_key(|holding| holding.id);
            let now = Moment(25);
            let victims = choose(now, need, &holdings);
            let may_go: u64 = holdings.iter().map(|holding| match holding.held {
                Held::Idle | Held::Watched => holding.bytes,
                Held::Fed => spared(holding),
                Held::Pinned => 0,
            }).sum();
            if may_go >= need {
                prop_assert!(freed(&holdings, &victims) >= need, "{victims:?}");
            } else {
                prop_assert!(victims.iter().all(|victim| matches!(victim, Victim::Expired(_))));
            }
            let mut named: Vec<_> = victims.iter().map(|victim| match victim {
                Victim::Expired(id) | Victim::Media(id) | Victim::Chunks(id, _) => *id,
            }).collect();
            named.sort();
            prop_assert!(named.windows(2).all(|two| two[0] != two[1]), "each is named once");
            for holding in holdings.iter().filter(|holding| holding.held >= Held::Fed) {
                let only_chunks = victims.iter().any(|victim| matches!(victim, Victim::Chunks(id, _) if *id == holding.id));
                prop_assert!(!named.contains(&holding.id) || (only_chunks && holding.held == Held::Fed));
            }
            // No watched medium goes while an idle one stays.
            let gone = |id: MediaId| victims.contains(&Victim::Media(id)) || victims.contains(&Victim::Expired(id));
            let watched_gone = holdings.iter().any(|holding| holding.held == Held::Watched && victims.contains(&Victim::Media(holding.id)));
            prop_assert!(!watched_gone || holdings.iter().all(|holding| holding.held != Held::Idle || gone(holding.id)));
        }
    }
}
