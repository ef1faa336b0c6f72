//! Edit lists: which parts of a track are shown, and when (ISO/IEC 14496-12 8.6.6).

use super::boxes::{Fields, child};
use crate::time::{Ticks, Timescale};
use crate::track::Edits;

/// Parts that are followed; a list of more is one that nobody has made by hand.
const MOST: usize = 1 << 16;

/// A part of the media that is shown at its own speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Presentation time at which it begins.
    pub(super) shown: Ticks,
    /// Composition time of what is shown first.
    pub(super) start: Ticks,
    /// Composition time at which it ends; `None` for the end of the media.
    pub(super) end: Option<Ticks>,
}

/// An edit list, in ticks of the track. Parts that go on where the one before ends, at once, are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EditList {
    /// What is shown, in order.
    pub(super) parts: Vec<Part>,
    /// Edits that ask for another speed.
    paced: u32,
    /// Edits that show media after the first, those that are part of it not counted.
    more: u32,
    /// Empty edits after the first part, but not at the end.
    pauses: u32,
    /// How long a list without a part puts its track off.
    delay: Ticks,
}

/// One row of `elst`: `media_time` is negative for an empty edit.
struct Entry {
    duration: Ticks,
    time: Ticks,
    at_speed: bool,
}

impl EditList {
    /// The edit list of a `trak` body, empty if there is none.
    pub(super) fn read(trak: &[u8], movie: Timescale, track: Timescale) -> Self {
        let mut list = Self::default();
        let entries = entries(trak);
        // A part that lasts no time shows what is left of the media where it is the only one (fragmented films), else nothing.
        let timed = entries.clone().any(|entry| entry.time >= Ticks::ZERO && entry.duration > Ticks::ZERO);
        let (mut elapsed, mut paused) = (Ticks::ZERO, 0);
        for Entry { duration, time, at_speed } in entries {
            let shown = movie.convert(elapsed, track);
            elapsed += duration;
            if time < Ticks::ZERO {
                paused += u32::from(!list.parts.is_empty());
                continue;
            }
            if timed && duration == Ticks::ZERO {
                continue;
            }
            // Rounded up: a sample that starts within the edit is shown.
            let end = (duration > Ticks::ZERO).then_some(time - movie.convert_floor(-duration, track));
            list.paced += u32::from(!at_speed);
            list.pauses += std::mem::take(&mut paused);
            let part = Part { shown, start: time, end };
            match list
                .parts
                .last_mut()
                .filter(|last| last.goes_on_with(&part) && last.is_followed_at_once(&part))
            {
                Some(last) => last.end = end,
                None => {
                    list.more += u32::from(!list.parts.is_empty());
                    if list.parts.len() < MOST {
                        list.parts.push(part);
                    }
                }
            }
        }
        if list.parts.is_empty() {
            list.delay = movie.convert(elapsed, track);
        }
        list
    }

    /// What can be told of it without a sample moved: its first part. The others count as ignored.
    pub(super) fn first(&self) -> Edits {
        let ignored = self.paced + self.more + self.pauses;
        match self.parts.first() {
            Some(&Part { shown, start, end }) => Edits { empty: shown, start, end, ignored },
            None => Edits { empty: self.delay, ignored, ..Edits::default() },
        }
    }

    /// Whether samples have to be moved to follow it, and can be.
    pub(super) fn moves_samples(&self) -> bool {
        (2..MOST).contains(&self.parts.len()) && self.paced == 0
    }
}

impl Part {
    /// Whether the media goes on in `next` where it ends here.
    pub(super) fn goes_on_with(&self, next: &Part) -> bool {
        self.end.is_some_and(|end| (end - next.start).0.abs() <= 1)
    }

    /// Whether nothing lies between this part and `next`.
    fn is_followed_at_once(&self, next: &Part) -> bool {
        self.end.is_some_and(|end| (self.shown + end - self.start - next.shown).0.abs() <= 1)
    }
}

/// The rows of the `elst` of a `trak` body.
fn entries(trak: &[u8]) -> impl Iterator<Item = Entry> + Clone + '_ {
    let elst = child(trak, b"edts").and_then(|edts| child(edts.body, b"elst"));
    let mut fields = Fields::new(elst.map_or(&[], |elst| elst.body));
    let head = fields.version_and_flags().and_then(|(version, _)| Some((version, fields.u32()?)));
    let (version, count) = head.unwrap_or_default();
    (0..count).map_while(move |_| {
        let (duration, time) = match version {
            0 => {
                let (duration, time) = (fields.u32()?, fields.i32()?);
                (i64::from(if duration == u32::MAX { 0 } else { duration }), i64::from(time))
            }
            _ => (i64::try_from(fields.u64()?).unwrap_or(0), fields.i64()?),
        };
        let rate = fields.u32()?;
        Some(Entry { duration: Ticks(duration), time: Ticks(time), at_speed: rate == 0x1_0000 })
    })
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;

    /// The list of a track at 1,000 ticks in a movie at 100; edits as duration, media time and rate.
    fn list(edits: &[(u32, i32, u32)]) -> EditList {
        let mut trak = Vec::new();
        Writer::new(&mut trak).boxed(b"edts", |out| {
            out.full(b"elst", 0, 0, |out| {
                out.u32(u32::try_from(edits.len()).unwrap());
                for &(duration, time, rate) in edits {
                    out.u32(duration);
                    out.i32(time);
                    out.u32(rate << 16);
                }
            });
        });
        EditList::read(&trak, Timescale::new(100).unwrap(), Timescale::new(1000).unwrap())
    }

    fn part(shown: i64, start: i64, end: i64) -> Part {
        Part { shown: Ticks(shown), start: Ticks(start), end: Some(Ticks(end)) }
    }

    #[test]
    fn parts_that_continue_each_other_are_one() {
        let list = list(&[(10, -1, 1), (20, 500, 1), (30, 700, 1)]);
        assert_eq!(list.parts, [part(100, 500, 1000)]);
        let edits = Edits { empty: Ticks(100), start: Ticks(500), end: Some(Ticks(1000)), ignored: 0 };
        assert_eq!((list.first(), list.moves_samples()), (edits, false));
    }

    #[test]
    fn a_pause_parts_what_goes_on_after_it() {
        let list = list(&[(20, 500, 1), (5, -1, 1), (30, 700, 1), (9, -1, 1)]);
        assert_eq!(list.parts, [part(0, 500, 700), part(250, 700, 1000)]);
        assert_eq!((list.first().ignored, list.moves_samples()), (2, true));
    }

    #[test]
    fn a_list_of_nothing_but_pauses_delays_all_of_the_media() {
        let edits = Edits { empty: Ticks(300), ..Edits::default() };
        assert_eq!(list(&[(10, -1, 1), (20, -1, 1)]).first(), edits);
        assert_eq!(list(&[]).first(), Edits::default());
    }

    #[test]
    fn what_lasts_no_time_is_the_rest_of_the_media_only_by_itself() {
        assert_eq!(list(&[(0, 500, 1)]).parts, [Part { end: None, ..part(0, 500, 0) }]);
        assert_eq!(list(&[(0, 500, 1), (10, 0, 1)]).parts, [part(0, 0, 100)]);
    }

    #[test]
    fn another_speed_moves_no_sample() {
        let list = list(&[(20, 500, 0), (30, 100, 1)]);
        assert_eq!((list.first().ignored, list.moves_samples()), (2, false));
    }
}
