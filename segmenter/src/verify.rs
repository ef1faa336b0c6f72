//! Output against source, output against itself: every packet, every timestamp.
//!
//! Takes tables, gives faults; who read the tables from where is the caller's business. An output track is read like any
//! fragmented source: its init segment and its segments, one after the other.

use std::fmt;

use crate::bytes::ByteRange;
use crate::isobmff::{Movie, MovieTrack, SampleTable, Track};
use crate::plan::TrackPlan;
use crate::render::Presentation;
use crate::sample::Sample;
use crate::time::Ticks;
use crate::track::Kind;

/// Something that is wrong with a segmented film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which file or rendition.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A segment as its playlist tells it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its file, for people.
    pub name: String,
    /// Where its bytes lie among those of the rendition.
    pub place: ByteRange,
    /// Presentation time at which it starts, after the edit list.
    pub start: Ticks,
    /// Until the next one starts.
    pub duration: Ticks,
    /// Presentation time, offset in the segment and key bytes of each fragment.
    pub fragments: Vec<(Ticks, u64, u64)>,
}

/// What is wrong with a rendition by itself: its segments tile the timeline, start where decoding can, hold what they say.
pub fn rendition(track: &Track, table: &SampleTable, segments: &[Told]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut samples = table.walk(table.start()).peekable();
    let mut expected: Option<Ticks> = None;
    for (number, told) in segments.iter().enumerate() {
        let fault = |what: String| Fault { place: told.name.clone(), what };
        if let Some(expected) = expected.filter(|expected| *expected != told.start) {
            faults.push(fault(format!(
                "starts at tick {}, but the one before ends at {}",
                told.start.0, expected.0
            )));
        }
        expected = Some(told.start + told.duration);
        let end = segments.get(number + 1).map_or(u64::MAX, |next| next.place.start);
        // A sample without a byte may lie where the next segment or fragment begins; those of that one lie behind its headers.
        let inside: Vec<Sample> =
            std::iter::from_fn(|| samples.next_if(|sample| sample.place.start <= end)).collect();
        let Some(first) = inside.first() else {
            faults.push(fault("holds no sample".to_owned()));
            continue;
        };
        if track.kind == Kind::Video && !first.sync && !(number == 0 && table_has_no_sync(table)) {
            faults.push(fault("does not start with a sync sample".to_owned()));
        }
        if let Some(last) = inside.last().filter(|last| last.place.end > told.place.end) {
            faults.push(fault(format!(
                "its last sample ends at byte {} of {}",
                last.place.end - told.place.start,
                told.place.len()
            )));
        }
        let time = |sample: &Sample| track.edits.presentation(sample.composition());
        let earliest = inside.iter().map(time).min().unwrap_or_default().max(Ticks::ZERO);
        if earliest != told.start {
            faults.push(fault(format!(
                "starts at tick {}, its first picture is shown at {}",
                told.start.0, earliest.0
            )));
        }
        for &(tick, offset, key) in &told.fragments {
            let at = told.place.start + offset;
            match inside.iter().find(|sample| sample.place.start > at) {
                Some(sample) if time(sample) != tick => faults.push(fault(format!(
                    "the fragment at byte {offset} starts at tick {}, its first sample is shown at {}",
                    tick.0,
                    time(sample).0
                ))),
                Some(sample) if sample.place.end != at + key => faults.push(fault(format!(
                    "the first sample of the fragment at byte {offset} ends at byte {}, not {}",
                    sample.place.end - told.place.start,
                    offset + key
                ))),
                Some(_) => {}
                None => faults.push(fault(format!("there is no fragment at byte {offset}"))),
            }
        }
    }
    if samples.peek().is_some() {
        let place = segments.last().map(|told| told.name.clone()).unwrap_or_default();
        faults.push(Fault { place, what: "more samples follow than its playlist tells of".to_owned() });
    }
    faults
}

fn table_has_no_sync(table: &SampleTable) -> bool {
    !table.walk(table.start()).any(|sample| sample.sync)
}

/// A sample of the source, and the one of the output that should be it.
pub struct Pair {
    /// In the source.
    pub source: Sample,
    /// In the output.
    pub output: Sample,
}

/// What is wrong with a rendition compared with the source it was made from; `same` says whether two samples' bytes are equal.
pub fn against(
    presentation: &Presentation,
    index: usize,
    output: &Movie,
    mut same: impl FnMut(&Pair) -> bool,
) -> Vec<Fault> {
    let Some((source, plan)) = presentation.cut(index) else { return Vec::new() };
    let place = presentation.renditions()[index].id().to_owned();
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(Fault { place: place.clone(), what });
    let Some(MovieTrack { track, table }) = output.tracks.first() else {
        fault("holds no track".to_owned());
        return faults;
    };
    if track.timescale != source.track.timescale {
        fault(format!(
            "its clock runs at {} ticks a second, the source's at {}",
            track.timescale.get(),
            source.track.timescale.get()
        ));
        return faults;
    }
    let configuration =
        |track: &Track| track.entries.iter().map(|entry| entry.bytes.clone()).collect::<Vec<_>>();
    if configuration(track) != configuration(&source.track) {
        fault("its decoder configuration is not the source's".to_owned());
    }
    let mut messages = output.events.iter();
    let mut expected = presentation.events(index);
    let told = expected
        .all(|event| messages.next().is_some_and(|message| message.tells_same(event, track.timescale)));
    if !told || messages.next().is_some() {
        fault("its event messages are not the source's".to_owned());
    }
    let mut made = table.walk(table.start());
    for source_sample in planned(plan, &source.table) {
        let Some(output_sample) = made.next() else {
            fault(format!("ends before sample {} of the source", source_sample.index));
            return faults;
        };
        let pair = Pair { source: source_sample, output: output_sample };
        let aux = (source.table.aux().of(&pair.source), table.aux().of(&pair.output));
        // Among samples with subsamples, one without says so: with a count of zero.
        if aux.0 != aux.1 && Some(aux.0) != aux.1.strip_suffix(&[0, 0]) {
            fault(format!("sample {}: its encryption information is not the source's", source_sample.index));
            return faults;
        }
        if let Some(what) = difference(&pair, plan, track, &source.track) {
            fault(format!("sample {}: {what}", source_sample.index));
            return faults;
        }
        if !same(&pair) {
            fault(format!("sample {}: its bytes are not the source's", source_sample.index));
        }
    }
    if made.next().is_some() {
        fault("has more samples than the source".to_owned());
    }
    faults
}

/// The samples of the source that go out.
fn planned<'a>(plan: &TrackPlan, table: &'a SampleTable) -> impl Iterator<Item = Sample> + use<'a> {
    let start = plan.cuts.first().map_or(table.start(), |cut| cut.at);
    let end = plan.end_sample;
    table.walk(start).take_while(move |sample| sample.index < end)
}

fn difference(pair: &Pair, plan: &TrackPlan, track: &Track, source: &Track) -> Option<String> {
    let Pair { source: from, output: to } = pair;
    let shown = (source.edits.presentation(from.composition()), track.edits.presentation(to.composition()));
    if shown.0 != shown.1 {
        return Some(format!("is shown at tick {}, in the source at {}", shown.1.0, shown.0.0));
    }
    if to.decode != from.decode + plan.shift {
        return Some(format!("is decoded at tick {}, not {}", to.decode.0, (from.decode + plan.shift).0));
    }
    if from.size() != to.size() {
        return Some(format!("has {} bytes, in the source {}", to.size(), from.size()));
    }
    if from.sync != to.sync {
        return Some("is a sync sample in only one of them".to_owned());
    }
    (from.entry != to.entry).then(|| "uses another sample entry".to_owned())
}

#[cfg(test)]
mod tests;
