//! Cuts a video track at the sync samples nearest the target: a segment never starts anywhere else.

use super::{Cut, Error, Found, Last, MAX_SEGMENTS, Source};
use crate::isobmff::Cursor;
use crate::time::Ticks;

/// A sync sample a segment may start with.
#[derive(Clone, Copy)]
struct Gop {
    at: Cursor,
    /// Presentation time of the sync sample: what the target is measured against.
    sync: Ticks,
    /// Earliest presentation time from here on; leading pictures of an open GOP are shown before their sync sample.
    earliest: Ticks,
}

pub(super) fn cut(source: &Source<'_>) -> Result<Found, Error> {
    let start = source.sync_before(source.first_shown());
    let mut walk = Walk { target: source.target, ..Walk::default() };
    let end = source.edits().presentation_end();
    let (mut cut_off, mut first) = (0, None);
    let mut cursor = start;
    loop {
        let at = cursor;
        let Some(sample) = source.table.next(&mut cursor) else { break };
        if !source.check(&sample, first.as_ref())? {
            cut_off = source.table.len() - sample.index;
            break;
        }
        first.get_or_insert(sample);
        let time = source.time(&sample);
        if end.is_none_or(|end| time < end) || walk.gops.is_none() {
            walk.last_shown = sample.index + 1;
            walk.last.add(time, sample.duration);
        }
        walk.lowest = walk.lowest.min(time);
        if sample.sync || walk.gops.is_none() {
            walk.sync(Gop { at, sync: time, earliest: time });
            if walk.cuts.len() > MAX_SEGMENTS {
                return Err(Error::TooManySegments(source.track.id));
            }
        } else if let Some((_, latest)) = &mut walk.gops {
            latest.earliest = latest.earliest.min(time);
        }
    }
    let end = end.map_or(walk.last.end(), |end| walk.last.end().min(end));
    let end_sample = walk.last_shown;
    let (lowest, cuts) = (walk.lowest, walk.finish(end, end_sample));
    Ok(Found {
        first: first.map_or(Ticks::ZERO, |sample| source.time(&sample)),
        first_decode: first.map_or(Ticks::ZERO, |sample| sample.decode),
        cuts,
        end_sample,
        end,
        lowest,
        cut_off,
    })
}

#[derive(Default)]
struct Walk {
    target: Ticks,
    cuts: Vec<Cut>,
    /// The GOP the open segment starts with, and the latest one in it that it could be cut at (or the same one).
    gops: Option<(Gop, Gop)>,
    last_shown: u32,
    last: Last,
    lowest: Ticks,
}

impl Walk {
    /// A sync sample comes: is the open segment cut here, at the GOP before, or not yet?
    fn sync(&mut self, now: Gop) {
        let Some((mut open, latest)) = self.gops else {
            self.gops = Some((now, now));
            return;
        };
        let due = open.sync + self.target;
        if now.sync < due || now.sync <= open.earliest {
            open.earliest = open.earliest.min(latest.earliest);
            self.gops = Some((open, now));
            return;
        }
        let late = now.sync - due;
        let early = due - latest.sync;
        if latest.at.sample() != open.at.sample() && early <= late && latest.sync > open.sync {
            self.close(open);
            self.gops = Some((latest, latest));
            self.sync(now);
        } else {
            open.earliest = open.earliest.min(latest.earliest);
            self.close(open);
            self.gops = Some((now, now));
        }
    }

    fn close(&mut self, segment: Gop) {
        self.cuts.push(Cut { at: segment.at, time: segment.earliest });
    }

    /// The last segment; one that would last less than half the target joins the one before.
    fn finish(mut self, end: Ticks, end_sample: u32) -> Vec<Cut> {
        if let Some((mut open, latest)) = self.gops {
            open.earliest = open.earliest.min(latest.earliest);
            self.close(open);
        }
        while let [.., _, last] = self.cuts[..] {
            let short = Ticks((end - last.time).0.saturating_mul(2)) < self.target;
            if !short && last.at.sample() < end_sample {
                break;
            }
            self.cuts.pop();
        }
        self.cuts
    }
}
