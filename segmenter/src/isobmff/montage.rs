//! A track put together anew, as an edit list of several parts says: its samples in the order they are shown in, some left out,
//! some there twice, with pauses between. What comes out is a sample table like any other.
//!
//! # Why
//! A CMAF track has one run of media time, so a list that jumps in it has to be followed before anything is cut. Only what shows
//! exactly what the list asks for is made: a part of video begins at a sync sample or goes on where the one before ended, and
//! shows every sample decoded up to its last. Anything else needs samples that are decoded and not shown, which a fragment can't
//! tell; such a list is followed as far as its first part and reported. A pause lengthens the sample before it, as a hole
//! between fragments does: players stop at a gap in what is buffered. Sound goes on with whole samples, less than one of them
//! off where a part begins or ends inside one.

use super::builder::{FragmentSample, TableBuilder};
use super::edits::Part;
use super::groups::Grouping;
use super::tables::{Cursor, SampleTable};
use crate::sample::Sample;
use crate::time::Ticks;
use crate::track::{Edits, Kind};

/// Samples a montage may have: twelve hours of sound. The tables of one are held beside those it is made of.
const MOST: u32 = 1 << 21;

/// Samples that may be looked at to find where parts begin and end.
const LOOKS: u64 = 1 << 26;

/// The samples that `parts` show, and the edit list that is left to tell; `None` where they can't be shown exactly.
pub(super) fn assemble(parts: &[Part], table: &SampleTable, kind: Kind) -> Option<(SampleTable, Edits)> {
    let (first, last) = (parts.first()?, parts.last()?);
    let runs: Vec<&[Part]> = parts.chunk_by(Part::goes_on_with).collect();
    if (runs.len() as u64).checked_mul(u64::from(table.len()))? > LOOKS {
        return None;
    }
    let mut montage = Montage::new(table, first);
    for (number, parts) in runs.iter().enumerate() {
        let run = Run { parts, table, kind, opens: number == 0, closes: number + 1 == runs.len() };
        match run.span()? {
            Some(span) => montage.add(&run, span)?,
            // A film whose first part shows nothing has nothing to count from.
            None if number == 0 => return None,
            None => {}
        }
    }
    let end = last.end.map(|end| end + montage.shift(last));
    let edits = Edits { empty: first.shown, start: first.start, end, ignored: 0 };
    Some((montage.finish(), edits))
}

/// Parts that go on where the one before ends, perhaps after a pause: their samples are decoded one after the other.
struct Run<'a> {
    parts: &'a [Part],
    table: &'a SampleTable,
    kind: Kind,
    /// Whether it is the first: what it needs before its start is hidden by an edit list.
    opens: bool,
    /// Whether it is the last: what is decoded past its end harms nobody.
    closes: bool,
}

/// Samples of a run.
#[derive(Clone, Copy)]
struct Span {
    /// The first.
    from: Cursor,
    /// One past the number of the last.
    to: u32,
    /// Composition time of the first that is shown; what follows it in decoding order and is earlier leads nowhere.
    earliest: Ticks,
}

impl Run<'_> {
    fn start(&self) -> Ticks {
        self.parts.first().map_or(Ticks::ZERO, |part| part.start)
    }

    fn is_past_end(&self, composition: Ticks) -> bool {
        self.parts.last().and_then(|part| part.end).is_some_and(|end| composition >= end)
    }

    /// Its samples; `Some(None)` when it shows none, `None` when it can't be shown exactly.
    fn span(&self) -> Option<Option<Span>> {
        let Some((at, sample)) = self.opening() else { return Some(None) };
        if !self.opens && !sample.sync {
            return None;
        }
        let earliest = sample.composition();
        let from = if self.opens { self.table.start() } else { at };
        let (mut to, mut overhang, mut whole) = (at.sample(), false, true);
        for sample in self.table.walk(at) {
            let composition = sample.composition();
            if self.is_past_end(composition) {
                overhang = true;
            } else if composition >= earliest {
                to = sample.index + 1;
                whole &= !overhang;
            }
        }
        match to > at.sample() {
            true if whole || self.closes => Some(Some(Span { from, to, earliest })),
            true => None,
            false => Some(None),
        }
    }

    /// The sample shown first: of sound the first that begins within the part, of all else the one on the screen as it begins.
    fn opening(&self) -> Option<(Cursor, Sample)> {
        let mut cursor = self.table.start();
        let mut found: Option<(Cursor, Sample)> = None;
        let start = self.start();
        loop {
            let at = cursor;
            let Some(sample) = self.table.next(&mut cursor) else { break };
            let time = sample.composition();
            let best = found.as_ref().map(|(_, best)| best.composition());
            let better = match self.kind {
                Kind::Audio => time >= start && best.is_none_or(|best| time < best),
                // The latest up to the start, else the earliest after it.
                Kind::Video | Kind::Text => best.is_none_or(|best| match best <= start {
                    true => time > best && time <= start,
                    false => time < best,
                }),
            };
            if better {
                found = Some((at, sample));
            }
        }
        found.filter(|(_, sample)| {
            let ends = sample.composition() + Ticks::from(sample.duration.max(1));
            ends > start && !self.is_past_end(sample.composition())
        })
    }

    /// Which of its parts shows a sample.
    fn part_of(&self, composition: Ticks) -> usize {
        self.parts.partition_point(|part| part.start <= composition).saturating_sub(1)
    }
}

/// A table on its way.
struct Montage<'a> {
    source: &'a SampleTable,
    first: Part,
    builder: TableBuilder,
    groups: Vec<Grouping>,
    /// Where the bytes of the sample added last end, and its entry.
    chunk: Option<(u64, u32)>,
    decode: Option<Ticks>,
}

impl<'a> Montage<'a> {
    fn new(source: &'a SampleTable, first: &Part) -> Self {
        let groups =
            source.groups().iter().map(|group| Grouping { runs: Vec::new(), ..group.clone() }).collect();
        let builder = TableBuilder::default();
        Self { source, first: *first, builder, groups, chunk: None, decode: None }
    }

    /// What is added to the times of a part's samples. Those of the first part stay as they are.
    fn shift(&self, part: &Part) -> Ticks {
        part.shown - self.first.shown + self.first.start - part.start
    }

    fn add(&mut self, run: &Run<'_>, span: Span) -> Option<()> {
        let from = span.from.sample();
        let count = (span.to - from).checked_add(self.builder.count())?;
        if count > MOST {
            return None;
        }
        let is_led = |sample: &Sample| !run.opens && sample.composition() < span.earliest;
        let samples = || run.table.walk(span.from).take_while(|sample| sample.index < span.to);
        // A sample that is shown after a pause may be decoded before it: decoding goes on once nothing earlier is to come.
        let mut decoded_in: Vec<u32> = samples()
            .map(|sample| u32::try_from(run.part_of(sample.composition())).unwrap_or(u32::MAX))
            .collect();
        let mut least = u32::MAX;
        for part in decoded_in.iter_mut().rev() {
            least = least.min(*part);
            *part = least;
        }
        for (sample, decoded_in) in samples().zip(decoded_in).filter(|(sample, _)| !is_led(sample)) {
            let part = &run.parts[run.part_of(sample.composition())];
            let mut composition = sample.composition() + self.shift(part);
            if !run.opens {
                composition = composition.max(part.start + self.shift(part));
            }
            let decode = sample.decode + self.shift(&run.parts[decoded_in as usize]);
            self.push(&sample, decode, composition)?;
        }
        Some(())
    }

    /// Adds a sample at its new times; decoding never goes back.
    fn push(&mut self, sample: &Sample, decode: Ticks, composition: Ticks) -> Option<()> {
        let decode = self.decode.map_or(decode, |last| decode.max(last + Ticks(1)));
        self.decode = Some(decode);
        self.builder.fragment(Some(decode)).ok()?;
        self.join_groups(sample.index);
        if self.chunk != Some((sample.place.start, sample.entry)) {
            self.builder.open_chunk(sample.place.start, sample.entry);
        }
        self.chunk = Some((sample.place.end, sample.entry));
        let offset = i32::try_from((composition - decode).0).ok()?;
        let (duration, size, sync) = (sample.duration, sample.size(), sample.sync);
        self.builder.push(FragmentSample { duration, offset, size, sync });
        Some(())
    }

    /// The sample about to be added belongs to the groups that sample `index` of the source does.
    fn join_groups(&mut self, index: u32) {
        let at = self.builder.count();
        for (group, source) in self.groups.iter_mut().zip(self.source.groups()) {
            let description = source.runs_within(index, index + 1).first().map_or(0, |run| run.1);
            if group.runs.last().is_none_or(|last| last.1 != description) {
                group.runs.push((at, description));
            }
        }
    }

    fn finish(self) -> SampleTable {
        let mut table = self.builder.finish();
        table.groups = self.groups;
        table
    }
}

#[cfg(test)]
mod tests;
