//! Where to cut: sample tables and options in, a list of cuts out. Never touches payload, never decides how bytes are written.
//!
//! Video is cut at sync samples (`video`); audio and text follow it (`follow`). All renditions share one timeline: the
//! presentation time of the source after its edit list, less [`Plan::origin`].
//!
//! # Why
//! A track whose first sample lies before time zero (audio priming; an edit that starts between two sync samples) keeps
//! those samples, for a decoder needs them, and hides them with an edit list in its init segment. Every other offset is
//! folded into decode times and signed composition offsets, so that no player needs to honour anything unusual.

mod follow;
mod video;

use std::time::Duration;

use crate::isobmff::{Cursor, Movie, MovieTrack, SampleTable};
use crate::sample::Sample;
use crate::time::{Ticks, Timescale};
use crate::track::{Edits, Kind, TrackId};

/// Segments a rendition may have: twelve days at four seconds.
pub const MAX_SEGMENTS: usize = 1 << 18;

/// Samples a segment may have: nearly five hours at sixty frames a second, should a film have no second sync sample. A segment
/// is made in memory that grows with them.
pub const MAX_SAMPLES: u32 = 1 << 20;

/// What the caller may choose.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long segments should be.
    pub target: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { target: Duration::from_secs(4) }
    }
}

/// Why a film can't be cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A sample does not lie in the source.
    #[error("track {track}: sample {sample} ends at byte {end}, past the {len} bytes of the source")]
    SampleOutOfBounds {
        /// Which track.
        track: TrackId,
        /// Number of the sample, from 0.
        sample: u32,
        /// Where it would end.
        end: u64,
        /// Where the source ends.
        len: u64,
    },
    /// More segments than [`MAX_SEGMENTS`].
    #[error("track {0}: more than {MAX_SEGMENTS} segments")]
    TooManySegments(TrackId),
    /// More samples than [`MAX_SAMPLES`] before the next place to cut.
    #[error("track {track}: segment {segment} would have {samples} samples, more than {MAX_SAMPLES}")]
    TooManySamples {
        /// Which track.
        track: TrackId,
        /// Number of the segment, from 1.
        segment: usize,
        /// How many it would have.
        samples: u32,
    },
    /// A composition offset differs from the first one by more than a run of samples can tell (8.8.8: 32 bits).
    #[error(
        "track {track}: sample {sample} has a composition offset of {offset} ticks, too far from the first one's"
    )]
    Offset {
        /// Which track.
        track: TrackId,
        /// Number of the sample, from 0.
        sample: u32,
        /// Its offset.
        offset: i32,
    },
    /// Samples of an encrypted track have an entry that is not there.
    #[error("track {track}: sample {sample} uses sample entry {entry}, which is not there")]
    NoEntry {
        /// Which track.
        track: TrackId,
        /// Number of the sample, from 0.
        sample: u32,
        /// The entry it names.
        entry: u32,
    },
}

/// Where every rendition is cut.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Tracks of the movie, as they go out: video first, then audio, then text.
    pub tracks: Vec<TrackPlan>,
    /// What players show as time zero: the earliest presentation time, in seconds as `origin / origin_scale`.
    pub origin: Ticks,
    /// Clock of `origin`: one tick of it is a whole number of ticks of every track.
    pub origin_scale: Timescale,
    /// Tracks that could be carried but are not, and why.
    pub left_out: Vec<(TrackId, &'static str)>,
}

/// Where one track is cut.
#[derive(Clone, Debug)]
pub struct TrackPlan {
    /// Which track of the movie, by its place there.
    pub track: usize,
    /// What it holds.
    pub kind: Kind,
    /// Segments, in order; never empty.
    pub cuts: Vec<Cut>,
    /// One past the last sample that goes out.
    pub end_sample: u32,
    /// Presentation time at which the last sample ends.
    pub end: Ticks,
    /// How much of the output's media time lies before presentation time zero, hidden by an edit list.
    pub hidden: Ticks,
    /// Output decode time less the source's.
    pub shift: Ticks,
    /// Samples that go out.
    pub samples: u32,
    /// Samples left out because the source ends before they do: the last fragment of a recording that was cut off.
    pub cut_off: u32,
}

/// A planned segment border.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Where the walk over the tables stands.
    pub at: Cursor,
    /// Presentation time at which the segment starts: never negative, always after the cut before.
    pub time: Ticks,
}

impl TrackPlan {
    /// One past the last sample of a segment, by its place in `cuts`.
    pub fn segment_end(&self, segment: usize) -> u32 {
        self.cuts.get(segment + 1).map_or(self.end_sample, |next| next.at.sample())
    }

    /// In which segment each of these presentation times lies: the segment's place in `cuts` and the time's own, in the order of
    /// the segments. What happens before the first lies in it, and what happens after the last in that.
    pub fn place(&self, times: impl Iterator<Item = Ticks>) -> Vec<(usize, usize)> {
        let segment = |time| self.cuts.partition_point(|cut| cut.time <= time).saturating_sub(1);
        let mut placed: Vec<_> = times.enumerate().map(|(index, time)| (segment(time), index)).collect();
        placed.sort_unstable();
        placed
    }

    /// How long a segment lasts, by its place in `cuts`.
    pub fn duration(&self, segment: usize) -> Ticks {
        let end = self.cuts.get(segment + 1).map_or(self.end, |next| next.time);
        self.cuts.get(segment).map_or(Ticks::ZERO, |cut| end - cut.time)
    }
}

/// Cuts `movie`, whose source has `len` bytes.
///
/// # Errors
/// When samples lie outside the source or the film is longer than any film.
pub fn plan(movie: &Movie, len: u64, options: &Options) -> Result<Plan, Error> {
    let mut left_out = Vec::new();
    let chosen = choose(movie, &mut left_out);
    let mut tracks: Vec<TrackPlan> = Vec::with_capacity(chosen.len());
    for index in chosen {
        let source = Source::new(&movie.tracks[index], len, movie.fragmented, options);
        let guide = tracks.first().filter(|first| first.kind == Kind::Video);
        let cut = match (source.track.kind, guide) {
            (Kind::Video, _) => video::cut(&source)?,
            (_, Some(video)) => {
                follow::cut(&source, &follow::borders(video, &movie.tracks[video.track].track, &source))?
            }
            (_, None) => follow::cut(&source, &follow::even(&source))?,
        };
        let track = cut.finish(index, &source);
        bounded(&track, source.track.id)?;
        tracks.push(track);
    }
    let (origin, origin_scale) = origin(movie, &tracks);
    Ok(Plan { tracks, origin, origin_scale, left_out })
}

fn bounded(plan: &TrackPlan, track: TrackId) -> Result<(), Error> {
    for (segment, cut) in plan.cuts.iter().enumerate() {
        let samples = plan.segment_end(segment).saturating_sub(cut.at.sample());
        if samples > MAX_SAMPLES {
            return Err(Error::TooManySamples { track, segment: segment + 1, samples });
        }
    }
    Ok(())
}

/// The tracks that go out, in order. A second video track is a rendition only if it could be the first one's substitute.
fn choose(movie: &Movie, left_out: &mut Vec<(TrackId, &'static str)>) -> Vec<usize> {
    let of = |kind: Kind| (0..movie.tracks.len()).filter(move |&i| movie.tracks[i].track.kind == kind);
    let seconds = |i: usize| {
        let MovieTrack { track, table } = &movie.tracks[i];
        track.timescale.seconds(table.duration())
    };
    let mut video: Vec<usize> = of(Kind::Video).collect();
    video.sort_by_key(|&i| !movie.tracks[i].track.display.enabled);
    let longest = video.iter().map(|&i| seconds(i)).fold(0.0, f64::max);
    // A poster picture marked as the main track is not the film.
    let main = video.iter().position(|&i| seconds(i) * 2.0 >= longest).unwrap_or(0);
    if main < video.len() {
        let main = video.remove(main);
        video.insert(0, main);
        video.retain(|&i| {
            let alike = i == main || (seconds(i) - seconds(main)).abs() <= 0.02 * seconds(main) + 0.1;
            if !alike {
                left_out.push((
                    movie.tracks[i].track.id,
                    "it is not as long as the main video track, so not an alternative",
                ));
            }
            alike
        });
    }
    video.into_iter().chain(of(Kind::Audio)).chain(of(Kind::Text)).collect()
}

/// The earliest start of any rendition, rounded down to a time that is whole in every clock.
fn origin(movie: &Movie, tracks: &[TrackPlan]) -> (Ticks, Timescale) {
    let clock = |plan: &TrackPlan| movie.tracks[plan.track].track.timescale;
    let common = tracks.iter().map(|plan| clock(plan).get()).reduce(gcd).and_then(Timescale::new);
    let common = common.unwrap_or(Timescale::SECOND);
    let timed = |text: bool| {
        let tracks = tracks.iter().filter(move |plan| (plan.kind == Kind::Text) == text);
        tracks.filter_map(|plan| Some(clock(plan).convert_floor(plan.cuts.first()?.time, common))).min()
    };
    (timed(false).or_else(|| timed(true)).unwrap_or_default(), common)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A track with what cutting needs to know.
struct Source<'a> {
    track: &'a crate::isobmff::Track,
    table: &'a SampleTable,
    len: u64,
    fragmented: bool,
    target: Ticks,
}

impl<'a> Source<'a> {
    fn new(source: &'a MovieTrack, len: u64, fragmented: bool, options: &Options) -> Self {
        let millis = i64::try_from(options.target.as_millis()).unwrap_or(i64::MAX).max(1);
        let clock = Timescale::new(1000).unwrap_or(Timescale::SECOND);
        let target = clock.convert(Ticks(millis), source.track.timescale).max(Ticks(1));
        Self { track: &source.track, table: &source.table, len, fragmented, target }
    }

    fn edits(&self) -> &Edits {
        &self.track.edits
    }

    /// When a sample is shown.
    fn time(&self, sample: &Sample) -> Ticks {
        self.edits().presentation(sample.composition())
    }

    /// Whether a sample goes out: it lies in the source and names an entry that is there. `false` when the track ends
    /// before it: a recording that was cut off ends with its last whole sample.
    fn check(&self, sample: &Sample, first: Option<&Sample>) -> Result<bool, Error> {
        let track = self.track.id;
        if sample.place.end > self.len {
            if self.fragmented && first.is_some() {
                return Ok(false);
            }
            let end = sample.place.end;
            return Err(Error::SampleOutOfBounds { track, sample: sample.index, end, len: self.len });
        }
        if sample.entry == 0 || sample.entry as usize > self.track.entries.len() {
            return Err(Error::NoEntry { track, sample: sample.index, entry: sample.entry });
        }
        if first.is_some_and(|first| sample.offset.checked_sub(first.offset).is_none()) {
            return Err(Error::Offset { track, sample: sample.index, offset: sample.offset });
        }
        Ok(true)
    }

    /// The first sample that is shown, in decode order: none of those before it is on the screen at time zero or later.
    /// The very first if the edit shows nothing of the media: better all of it than none.
    fn first_shown(&self) -> Cursor {
        let start = self.table.start();
        let all = || self.table.walk(start);
        if all().next().is_none_or(|first| self.time(&first) >= Ticks::ZERO) {
            return start;
        }
        // On the screen at time zero is the sample whose time came last; in decode order it need not be the last.
        let ordered = self.table.is_in_order();
        let past = all().take_while(|sample| !ordered || self.time(sample) <= Ticks::ZERO);
        let past = past.filter(|sample| self.time(sample) <= Ticks::ZERO);
        let Some(at_zero) = past.max_by_key(|sample| self.time(sample)) else { return start };
        let ends = self.time(&at_zero) + Ticks::from(at_zero.duration.max(1));
        if ends <= Ticks::ZERO && !all().any(|sample| self.time(&sample) > Ticks::ZERO) {
            return start;
        }
        let mut cursor = start;
        loop {
            let at = cursor;
            match self.table.next(&mut cursor) {
                Some(sample) if self.time(&sample) < self.time(&at_zero) => {}
                Some(_) => return at,
                None => return start,
            }
        }
    }

    /// The last sync sample at or before sample `shown`, which is decoded from there; the first one after it if there is
    /// none, for what comes before that can't be decoded; the very first sample if there is none at all.
    fn sync_before(&self, shown: Cursor) -> Cursor {
        let mut cursor = self.table.start();
        let mut found = None;
        loop {
            let at = cursor;
            let Some(sample) = self.table.next(&mut cursor) else { break };
            if sample.index > shown.sample() && found.is_some() {
                break;
            }
            if sample.sync {
                found = Some(at);
            }
        }
        found.unwrap_or(self.table.start())
    }
}

/// The sample shown last, so far: it says where a track ends. The duration of another may span a pause in decoding that lies
/// before what is shown next.
#[derive(Default)]
struct Last {
    time: Ticks,
    duration: u32,
}

impl Last {
    fn add(&mut self, time: Ticks, duration: u32) {
        if time >= self.time {
            *self = Self { time, duration };
        }
    }

    fn end(&self) -> Ticks {
        self.time + Ticks::from(self.duration)
    }
}

/// What a walk over a track found out.
struct Found {
    cuts: Vec<Cut>,
    end_sample: u32,
    end: Ticks,
    /// Presentation time of the first sample, before it is clamped to zero.
    first: Ticks,
    /// Decode time of the first sample in the source.
    first_decode: Ticks,
    /// The earliest presentation time of all.
    lowest: Ticks,
    /// Samples the source ends before.
    cut_off: u32,
}

impl Found {
    fn finish(mut self, track: usize, source: &Source<'_>) -> TrackPlan {
        let hidden = (-self.lowest).max(Ticks::ZERO);
        // Times before zero are hidden; the first segment starts where something shows.
        self.cuts.iter_mut().for_each(|cut| cut.time = cut.time.max(Ticks::ZERO));
        self.cuts = in_order(self.cuts);
        let last = self.cuts.last().map_or(Ticks(-1), |cut| cut.time);
        TrackPlan {
            track,
            kind: source.track.kind,
            end_sample: self.end_sample,
            end: self.end.max(last + Ticks(1)),
            hidden,
            shift: self.first + hidden - self.first_decode,
            samples: self.end_sample - self.cuts.first().map_or(0, |cut| cut.at.sample()),
            cuts: self.cuts,
            cut_off: self.cut_off,
        }
    }
}

/// Cuts of which each starts after the one before: a segment with something earlier than all of those before it is joined to
/// them. Only composition offsets that make no sense ask for that.
fn in_order(cuts: Vec<Cut>) -> Vec<Cut> {
    let mut ordered: Vec<Cut> = Vec::with_capacity(cuts.len());
    for mut cut in cuts {
        while let Some(before) = ordered.pop_if(|before| cut.time <= before.time) {
            cut.at = before.at;
        }
        ordered.push(cut);
    }
    ordered
}

#[cfg(test)]
mod tests;
