//! Cuts a track whose samples are mostly all places to start, audio and text, at borders that come from elsewhere: those of
//! the video, or evenly spaced ones where there is none.

use super::{Cut, Error, Found, Last, MAX_SEGMENTS, Source, TrackPlan};
use crate::isobmff::{Cursor, Track};
use crate::time::Ticks;
use crate::track::Kind;

/// What an audio decoder is given before the first sample that is heard, where the track does not say.
const PRE_ROLL_MILLIS: i64 = 100;

/// Presentation times a track should be cut at, each after the one before.
pub(super) struct Borders {
    times: Vec<Ticks>,
    /// From the last of `times` on, one border each `target`.
    go_on: bool,
}

/// The borders of a video track, in the clock of `source`; past its end the target goes on.
pub(super) fn borders(video: &TrackPlan, track: &Track, source: &Source<'_>) -> Borders {
    let convert = |time| track.timescale.convert(time, source.track.timescale);
    let inner = video.cuts.iter().skip(1).map(|cut| convert(cut.time));
    Borders { times: inner.chain([convert(video.end)]).collect(), go_on: true }
}

/// Borders each target from the first sample on.
pub(super) fn even(source: &Source<'_>) -> Borders {
    let first = source.table.walk(source.table.start()).next();
    let start = first.map_or(Ticks::ZERO, |sample| source.time(&sample)).max(Ticks::ZERO);
    Borders { times: vec![start + source.target], go_on: true }
}

impl Borders {
    fn get(&self, index: usize, target: Ticks) -> Option<Ticks> {
        let last = self.times.len().checked_sub(1)?;
        match self.times.get(index) {
            Some(time) => Some(*time),
            None if self.go_on => {
                let more = i64::try_from(index - last).unwrap_or(i64::MAX);
                Some(self.times[last] + Ticks(target.0.saturating_mul(more)))
            }
            None => None,
        }
    }
}

pub(super) fn cut(source: &Source<'_>, borders: &Borders) -> Result<Found, Error> {
    let start = if source.track.kind == Kind::Audio { pre_roll(source) } else { source.first_shown() };
    let edit_end = source.edits().presentation_end();
    let mut found = Found {
        cuts: Vec::new(),
        end_sample: start.sample(),
        end: Ticks::ZERO,
        first: Ticks::ZERO,
        first_decode: Ticks::ZERO,
        lowest: Ticks::ZERO,
        cut_off: 0,
    };
    let mut next = 0;
    let (mut due, mut first, mut last) = (false, None, Last::default());
    let mut cursor = start;
    loop {
        let at = cursor;
        let Some(sample) = source.table.next(&mut cursor) else { break };
        let time = source.time(&sample);
        if edit_end.is_some_and(|end| time >= end) && !found.cuts.is_empty() {
            break;
        }
        if !source.check(&sample, first.as_ref())? {
            found.cut_off = source.table.len() - sample.index;
            break;
        }
        first.get_or_insert(sample);
        if found.cuts.is_empty() {
            (found.first, found.first_decode) = (time, sample.decode);
            found.cuts.push(Cut { at, time });
        }
        // Audio is cut at the sample nearest the border, text at the first that starts there or later.
        let near = if source.track.kind == Kind::Audio {
            Ticks(i64::from(sample.duration) / 2)
        } else {
            Ticks::ZERO
        };
        while borders.get(next, source.target).is_some_and(|border| time + near >= border) {
            next += 1;
            due = true;
            // A hole of any length is passed in one step.
            if let Some(border) = borders.get(next, source.target)
                && next >= borders.times.len()
                && border <= time
            {
                next += usize::try_from((time - border).0 / source.target.0).unwrap_or(0);
            }
        }
        // Where some samples are no place to start (xHE-AAC), the next that is.
        if due && sample.sync && found.cuts.last().is_some_and(|last| time > last.time && time > Ticks::ZERO)
        {
            due = false;
            found.cuts.push(Cut { at, time });
            if found.cuts.len() > MAX_SEGMENTS {
                return Err(Error::TooManySegments(source.track.id));
            }
        }
        if let Some(open) = found.cuts.last_mut() {
            open.time = open.time.min(time);
        }
        found.lowest = found.lowest.min(time);
        found.end_sample = sample.index + 1;
        last.add(time, sample.duration);
    }
    found.end = edit_end.map_or(last.end(), |end| last.end().min(end));
    join_short_tail(&mut found, source);
    Ok(found)
}

/// A last segment that lasts less than half the target joins the one before.
fn join_short_tail(found: &mut Found, source: &Source<'_>) {
    if let [.., _, last] = found.cuts[..]
        && Ticks((found.end - last.time).0.saturating_mul(2)) < source.target
        && source.track.kind == Kind::Audio
    {
        found.cuts.pop();
    }
}

/// The sample to start decoding with so that the first one heard sounds right: as many before it as the track's `roll`
/// groups say (10.1.1), else a tenth of a second.
fn pre_roll(source: &Source<'_>) -> Cursor {
    let heard = source.first_shown();
    if heard.sample() == 0 {
        return heard;
    }
    let groups = source.table.groups().iter();
    let roll = groups.filter(|group| matches!(&group.kind.0, b"roll" | b"prol")).find_map(|group| {
        let distance = group.description_of(heard.sample())?;
        Some(i16::from_be_bytes([*distance.first()?, *distance.get(1)?]))
    });
    let back = roll.filter(|roll| *roll < 0).map(|roll| u32::from(roll.unsigned_abs()));
    let earliest = -Ticks(PRE_ROLL_MILLIS * i64::from(source.track.timescale.get()) / 1000);
    let mut cursor = source.table.start();
    loop {
        let at = cursor;
        let Some(sample) = source.table.next(&mut cursor) else { return heard };
        let near = source.time(&sample) + Ticks::from(sample.duration) > earliest;
        let enough = back.is_some_and(|back| sample.index + back >= heard.sample());
        if at.sample() >= heard.sample() || near || enough {
            return at;
        }
    }
}
