//! What a broadcaster is asked for next, and what it need not send any more: a plain function of what is wanted and what was asked for.
//!
//! # Why
//! What is asked for stays short in bytes, so that a seek waits behind little; and in pieces, so that each can be taken back alone. What
//! is only read ahead takes half of that at most, and goes first when a viewer waits.

use segmenter::bytes::ByteRange;

use crate::ranges::Ranges;

/// Bytes of one piece that is asked for: large enough to cost nothing besides its bytes, small enough to come in a moment.
pub(super) const PIECE: u64 = 512 << 10;
/// A piece shorter than this is not asked for where a longer one is wanted: room for that will come.
const LEAST: u64 = 64 << 10;

/// Something that has been asked for and is not all here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) range: ByteRange,
    /// Whether somebody waited for it when it was asked for.
    pub(super) urgent: bool,
}

/// What is wanted of one source, all of it missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    /// What somebody waits for, the most urgent first.
    pub(super) urgent: Vec<ByteRange>,
    /// What will be wanted next.
    pub(super) ahead: Vec<ByteRange>,
}

/// Bytes that may be asked for more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// In all.
    pub(super) free: u64,
    /// Of which only read ahead, counting those that have been asked for.
    pub(super) ahead: u64,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Which of those asked for need not come any more.
    pub(super) cancel: Vec<usize>,
    /// What to ask for, in order.
    pub(super) ask: Vec<Asked>,
}

/// What to take back and what to ask for. What somebody waited for and nobody wants any more is taken back at once; what was read ahead
/// stays unless somebody waits for something else, or nobody wants anything.
pub(super) fn plan(demand: &Demand, asked: &[Asked], room: Room) -> Plan {
    let under_way: Ranges = asked.iter().map(|asked| asked.range).collect();
    let waiting: Vec<_> = demand.urgent.iter().flat_map(|range| under_way.missing(*range)).collect();
    let urgent: Ranges = demand.urgent.iter().copied().collect();
    let wanted: Ranges = demand.urgent.iter().chain(&demand.ahead).copied().collect();
    let touches = |set: &Ranges, range: ByteRange| set.within(range).next().is_some();

    // What is only read ahead would be sent before what somebody waits for, and is asked for again behind it.
    let over = |asked: &Asked| match (asked.urgent, waiting.is_empty()) {
        (true, _) => !touches(&wanted, asked.range),
        (false, true) => wanted.is_empty(),
        (false, false) => !touches(&urgent, asked.range),
    };
    let mut cancel: Vec<_> = (0..asked.len()).filter(|at| over(&asked[*at])).collect();
    let freed = |cancel: &[usize]| cancel.iter().map(|at| asked[*at].range.len()).sum::<u64>();
    let needed: u64 = waiting.iter().map(|range| range.len()).sum();
    // Somebody waited for it, and it is only read ahead by now.
    for at in (0..asked.len()).rev() {
        if room.free + freed(&cancel) >= needed {
            break;
        }
        if !cancel.contains(&at) && !touches(&urgent, asked[at].range) {
            cancel.push(at);
        }
    }
    cancel.sort_unstable();

    let mut free = room.free + freed(&cancel);
    let mut ask = pieces(&waiting, &mut free, true);
    let all_asked = ask.iter().map(|asked| asked.range.len()).sum::<u64>() == needed;
    if all_asked {
        let kept = (0..asked.len()).filter(|at| !cancel.contains(at) && !asked[*at].urgent);
        let taken: u64 = kept.map(|at| asked[at].range.len()).sum();
        let mut left = free.min(room.ahead.saturating_sub(taken));
        let kept = (0..asked.len()).filter(|at| !cancel.contains(at)).map(|at| asked[at].range);
        let covered: Ranges = kept.chain(demand.urgent.iter().copied()).collect();
        let ahead: Vec<_> = demand.ahead.iter().flat_map(|range| covered.missing(*range)).collect();
        ask.extend(pieces(&ahead, &mut left, false));
    }
    Plan { cancel, ask }
}

/// As many pieces of these as there is room for.
fn pieces(ranges: &[ByteRange], free: &mut u64, urgent: bool) -> Vec<Asked> {
    let mut pieces = Vec::new();
    for range in ranges {
        let mut start = range.start;
        while start < range.end {
            let whole = PIECE.min(range.end - start);
            let length = whole.min(*free);
            if length < whole.min(LEAST) || length == 0 {
                return pieces;
            }
            pieces.push(Asked { range: ByteRange::at(start, length), urgent });
            start += length;
            *free -= length;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;
    const ROOM: Room = Room { free: 4 * MIB, ahead: 2 * MIB };

    fn at(start: u64, len: u64) -> ByteRange {
        ByteRange::at(start, len)
    }

    fn asked(range: ByteRange, urgent: bool) -> Asked {
        Asked { range, urgent }
    }

    fn ranges(plan: &Plan) -> Vec<ByteRange> {
        plan.ask.iter().map(|asked| asked.range).collect()
    }

    #[test]
    fn what_somebody_waits_for_comes_first_and_in_pieces() {
        let demand =
            Demand { urgent: vec![at(9 * MIB, 700 << 10), at(0, 10)], ahead: vec![at(10 * MIB, 10)] };
        let plan = plan(&demand, &[], ROOM);
        let rest = at(9 * MIB + PIECE, (700 << 10) - PIECE);
        assert_eq!(ranges(&plan), [at(9 * MIB, PIECE), rest, at(0, 10), at(10 * MIB, 10)]);
        assert_eq!(plan.ask.iter().filter(|asked| asked.urgent).count(), 3);
    }

    #[test]
    fn reading_ahead_takes_no_more_than_its_part_of_the_room() {
        let demand = Demand { ahead: vec![at(0, 100 * MIB)], ..Demand::default() };
        let first = plan(&demand, &[], ROOM);
        assert_eq!(ranges(&first).iter().map(|range| range.len()).sum::<u64>(), 2 * MIB);
        assert!(plan(&demand, &first.ask, Room { free: 2 * MIB, ..ROOM }).ask.is_empty());
    }

    #[test]
    fn a_seek_takes_back_what_was_wanted_before() {
        let before = [asked(at(0, PIECE), true), asked(at(PIECE, PIECE), false)];
        let seek = Demand { urgent: vec![at(50 * MIB, 10)], ahead: vec![at(51 * MIB, 10)] };
        let plan = plan(&seek, &before, Room { free: 0, ahead: MIB });
        assert_eq!(plan.cancel, [0, 1]);
        assert_eq!(ranges(&plan), [at(50 * MIB, 10), at(51 * MIB, 10)]);
    }

    #[test]
    fn what_was_read_ahead_stays_while_nobody_waits_and_goes_when_nobody_wants_anything() {
        let before = [asked(at(0, PIECE), false)];
        let elsewhere = Demand { ahead: vec![at(9 * MIB, 10)], ..Demand::default() };
        assert_eq!(plan(&elsewhere, &before, ROOM).cancel, Vec::<usize>::new());
        assert_eq!(plan(&Demand::default(), &before, ROOM), Plan { cancel: vec![0], ask: vec![] });
    }

    #[test]
    fn who_waits_gets_the_room_of_what_is_only_read_ahead() {
        let before = [asked(at(0, MIB), false), asked(at(MIB, MIB), false)];
        let demand = Demand { urgent: vec![at(5 * MIB, PIECE)], ahead: vec![at(0, 2 * MIB)] };
        let plan = plan(&demand, &before, Room { free: 0, ahead: 2 * MIB });
        assert_eq!(plan.cancel, [0, 1]);
        assert_eq!(
            ranges(&plan)[..2],
            [at(5 * MIB, PIECE), at(0, PIECE)],
            "and what is read ahead behind it"
        );
    }

    #[test]
    fn no_crumbs_are_asked_for() {
        let demand = Demand { urgent: vec![at(0, MIB)], ..Demand::default() };
        assert!(plan(&demand, &[], Room { free: LEAST - 1, ahead: 0 }).ask.is_empty());
        let short = Demand { urgent: vec![at(0, 10)], ..Demand::default() };
        assert_eq!(ranges(&plan(&short, &[], Room { free: LEAST - 1, ahead: 0 })), [at(0, 10)]);
    }

    fn range() -> impl Strategy<Value = ByteRange> {
        (0..64_u64, 1..16_u64).prop_map(|(start, len)| at((start * 64) << 10, (len * 64) << 10))
    }

    proptest! {
        #[test]
        fn nothing_is_asked_for_twice_or_without_being_wanted_or_beyond_the_room(
            urgent in prop::collection::vec(range(), 0..4),
            ahead in prop::collection::vec(range(), 0..2),
            before in prop::collection::vec((range(), any::<bool>()), 0..6),
            free in 0..4 * MIB,
            only_ahead in 0..2 * MIB,
        ) {
            // As the callers make them: no byte stands twice in one list.
            let apart = |ranges: Vec<ByteRange>| {
                let mut seen = Ranges::default();
                ranges.into_iter().flat_map(|range| {
                    let new: Vec<_> = seen.missing(range).collect();
                    seen.insert(range);
                    new
                }).collect::<Vec<_>>()
            };
            let (urgent, ahead) = (apart(urgent), apart(ahead));
            let mut seen = Ranges::default();
            let before: Vec<_> = before.into_iter()
                .filter(|(range, _)| seen.within(*range).next().is_none() && seen.insert(*range) > 0)
                .map(|(range, urgent)| asked(range, urgent)).collect();
            let demand = Demand { urgent: urgent.clone(), ahead: ahead.clone() };
            let plan = plan(&demand, &before, Room { free, ahead: only_ahead });
            let wanted: Ranges = urgent.iter().chain(&ahead).copied().collect();
            let mut under_way = Ranges::default();
            for (at, asked) in before.iter().enumerate() {
                if !plan.cancel.contains(&at) {
                    under_way.insert(asked.range);
                }
            }
            let freed: u64 = plan.cancel.iter().map(|at| before[*at].range.len()).sum();
            let mut new = 0;
            for asked in &plan.ask {
                prop_assert!(wanted.contains(asked.range));
                prop_assert_eq!(under_way.insert(asked.range), asked.range.len(), "asked for twice");
                new += asked.range.len();
            }
            prop_assert!(new <= free + freed);
        }
    }
}
