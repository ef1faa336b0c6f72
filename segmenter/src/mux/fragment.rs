//! Media segments: `styp`, messages, then for each fragment `moof` and the header of its `mdat` (ISO/IEC 23000-19 7.3, 7.4.5).
//!
//! Writes headers only. The samples themselves stay where they are; [`Recipe`] says in what order they follow.

use std::ops::Range;

use super::TRACK;
use crate::bytes::ByteRange;
use crate::isobmff::{Aux, Event, Grouping, Track, Writer};
use crate::manifest;
use crate::sample::Sample;
use crate::time::Ticks;
use crate::track::Kind;

/// A fragment lasts at least this part of a second, so that tracks of sync samples alone are not all headers.
const SHORTEST_FRAGMENT: i64 = 2;
/// `sample_flags` of a sample that depends on no other (8.8.3.1).
pub(super) const SYNC: u32 = 0x0200_0000;
/// `sample_flags` of a sample that depends on others.
pub(super) const NON_SYNC: u32 = 0x0101_0000;
/// An `mdat` with more bytes than this needs a 64-bit size.
const LARGE: u64 = u32::MAX as u64 - 8;

/// How to make a segment: new headers, and the ranges of the source that follow each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// The bytes of every header, one after the other.
    pub header: Vec<u8>,
    /// What the segment consists of, in order.
    pub parts: Vec<Part>,
    /// Where its fragments begin.
    pub fragments: Vec<manifest::Fragment>,
    /// Bytes of the whole segment.
    pub size: u64,
}

/// A piece of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes of [`Recipe::header`].
    Header(Range<usize>),
    /// Bytes of the source.
    Source(ByteRange),
}

impl Recipe {
    /// The ranges of the source it needs, in the order of the segment.
    pub fn ranges(&self) -> impl Iterator<Item = ByteRange> + '_ {
        self.parts.iter().filter_map(|part| match part {
            Part::Source(range) => Some(*range),
            Part::Header(_) => None,
        })
    }
}

/// What a segment is made from.
pub(crate) struct Content<'a> {
    pub(crate) track: &'a Track,
    pub(crate) aux: &'a Aux,
    pub(crate) groups: &'a [Grouping],
    pub(crate) samples: &'a [Sample],
    /// Output decode time less the source's.
    pub(crate) shift: Ticks,
    /// Composition offset of the track's first sample: the output's is zero.
    pub(crate) first_offset: i32,
    /// Messages that happen in the segment.
    pub(crate) events: &'a [&'a Event],
    /// Presentation time at which the segment starts.
    pub(crate) start: Ticks,
}

/// The recipe of the segment that holds `content`.
pub(crate) fn recipe(content: &Content<'_>) -> Recipe {
    let fragments = fragments(content);
    let mut recipe = Recipe::default();
    recipe.header.reserve(64 + fragments.len() * 160 + content.samples.len() * 12);
    recipe.fragments.reserve(fragments.len());
    recipe.parts.reserve(fragments.len() + content.samples.len());
    let start = content.samples.first();
    for (i, range) in fragments.into_iter().enumerate() {
        let samples = &content.samples[range];
        let from = recipe.header.len();
        if i == 0 {
            segment_type(&mut Writer::new(&mut recipe.header));
            let clock = content.track.timescale;
            content.events.iter().for_each(|event| event.write(&mut recipe.header, content.start, clock));
        }
        let before = (recipe.header.len() - from) as u64;
        let offset = recipe.size + before;
        let data: u64 = samples.iter().map(|sample| sample.place.len()).sum();
        fragment(&mut Writer::new(&mut recipe.header), content, samples, data);
        let header = from..recipe.header.len();
        recipe.size += header.len() as u64 + data;
        let head = header.len() as u64 - before;
        recipe.parts.push(Part::Header(header));
        follow(&mut recipe.parts, samples);
        recipe.fragments.push(manifest::Fragment {
            time: samples
                .first()
                .or(start)
                .map_or(Ticks::ZERO, |s| content.track.edits.presentation(s.composition())),
            offset,
            key: head + samples.first().map_or(0, |sample| sample.place.len()),
        });
    }
    recipe
}

/// Adds the bytes of `samples`, those that lie side by side in one piece.
fn follow(parts: &mut Vec<Part>, samples: &[Sample]) {
    let mut open: Option<ByteRange> = None;
    for place in samples.iter().map(|sample| sample.place).filter(|place| !place.is_empty()) {
        match &mut open {
            Some(range) if range.end == place.start => range.end = place.end,
            _ => {
                parts.extend(open.map(Part::Source));
                open = Some(place);
            }
        }
    }
    parts.extend(open.map(Part::Source));
}

/// Where the segment's fragments begin and end: one a GOP, those shorter than half a second joined; also where the
/// sample entry changes, which only a fragment can say (`tfhd`).
fn fragments(content: &Content<'_>) -> Vec<Range<usize>> {
    let samples = content.samples;
    let shortest = i64::from(content.track.timescale.get()) / SHORTEST_FRAGMENT;
    let end = samples.last().map_or(Ticks::ZERO, |last| last.decode + Ticks::from(last.duration));
    let mut found = Vec::new();
    let mut from = 0;
    for i in 1..samples.len() {
        let (first, sample) = (&samples[from], &samples[i]);
        let gop = content.track.kind == Kind::Video
            && sample.sync
            && (sample.decode - first.decode).0 >= shortest
            && (end - sample.decode).0 >= shortest;
        if gop || sample.entry != first.entry {
            found.push(from..i);
            from = i;
        }
    }
    found.push(from..samples.len());
    found
}

fn segment_type(out: &mut Writer<'_>) {
    out.boxed(b"styp", |out| {
        out.put(b"cmfs");
        out.u32(0);
        out.put(b"cmfsmsdh");
    });
}

/// `moof` and the header of `mdat`.
fn fragment(out: &mut Writer<'_>, content: &Content<'_>, samples: &[Sample], data: u64) {
    let moof = out.position();
    let mut data_offset = 0;
    out.boxed(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| out.u32(samples.first().map_or(1, |sample| sample.index + 1)));
        out.boxed(b"traf", |out| {
            let run = Run::of(content, samples);
            run.head(out, samples);
            let decode = samples.first().map_or(Ticks::ZERO, |sample| sample.decode + content.shift);
            out.full(b"tfdt", 1, 0, |out| out.u64(decode.unsigned()));
            data_offset = run.write(out, content, samples);
            membership(out, content, samples);
            encryption(out, content, samples, moof);
        });
    });
    let header = if data > LARGE { 16 } else { 8 };
    let moof_size = u32::try_from(out.position() - moof).unwrap_or(u32::MAX);
    out.patch_u32(data_offset, moof_size.saturating_add(header));
    match u32::try_from(data + 8) {
        Ok(size) if header == 8 => out.u32(size),
        _ => out.u32(1),
    }
    out.put(b"mdat");
    if header == 16 {
        out.u64(data + 16);
    }
}

/// Which fields differ from sample to sample (8.8.8).
struct Run {
    duration: Option<u32>,
    size: Option<u32>,
    flags: Flags,
    offsets: bool,
}

enum Flags {
    /// As `trex` says.
    Default,
    /// The first sample alone is a sync sample.
    First,
    /// Every sample has its own.
    Each,
}

impl Run {
    fn of(content: &Content<'_>, samples: &[Sample]) -> Self {
        let same = |value: fn(&Sample) -> u32| {
            let first = samples.first().map_or(0, value);
            samples.iter().all(|sample| value(sample) == first).then_some(first)
        };
        let rest_non_sync = samples.iter().skip(1).all(|sample| !sample.sync);
        let flags = match (content.track.kind, samples.first().is_some_and(|sample| sample.sync)) {
            (Kind::Video, true) if rest_non_sync => Flags::First,
            (Kind::Video, false) if rest_non_sync => Flags::Default,
            (Kind::Audio | Kind::Text, _) if samples.iter().all(|sample| sample.sync) => Flags::Default,
            _ => Flags::Each,
        };
        Self {
            duration: same(|sample| sample.duration),
            // Samples without a byte are told one by one: a mere count of them is nothing that a reader should believe.
            size: same(Sample::size).filter(|&size| size > 0),
            flags,
            offsets: samples.iter().any(|sample| sample.offset != content.first_offset),
        }
    }

    /// `tfhd` (8.8.7).
    fn head(&self, out: &mut Writer<'_>, samples: &[Sample]) {
        let entry = samples.first().map_or(1, |sample| sample.entry);
        let flags = 0x2_0000
            | if entry == 1 { 0 } else { 0x2 }
            | self.duration.map_or(0, |_| 0x8)
            | self.size.map_or(0, |_| 0x10);
        out.full(b"tfhd", 0, flags, |out| {
            out.u32(TRACK.0);
            if entry != 1 {
                out.u32(entry);
            }
            self.duration.inspect(|duration| out.u32(*duration));
            self.size.inspect(|size| out.u32(*size));
        });
    }

    /// `trun` (8.8.8); returns where its `data_offset` is to be filled in.
    fn write(&self, out: &mut Writer<'_>, content: &Content<'_>, samples: &[Sample]) -> usize {
        let each_flags = matches!(self.flags, Flags::Each);
        let first_flags = matches!(self.flags, Flags::First);
        let flags = 0x1
            | if first_flags { 0x4 } else { 0 }
            | if self.duration.is_none() { 0x100 } else { 0 }
            | if self.size.is_none() { 0x200 } else { 0 }
            | if each_flags { 0x400 } else { 0 }
            | if self.offsets { 0x800 } else { 0 };
        let mut data_offset = 0;
        out.full(b"trun", 1, flags, |out| {
            out.u32(u32::try_from(samples.len()).unwrap_or(u32::MAX));
            data_offset = out.position();
            out.u32(0);
            if first_flags {
                out.u32(SYNC);
            }
            for sample in samples {
                if self.duration.is_none() {
                    out.u32(sample.duration);
                }
                if self.size.is_none() {
                    out.u32(sample.size());
                }
                if each_flags {
                    out.u32(if sample.sync { SYNC } else { NON_SYNC });
                }
                if self.offsets {
                    out.i32(sample.offset.saturating_sub(content.first_offset));
                }
            }
        });
        data_offset
    }
}

/// `sbgp` of every group the samples belong to (8.9.2); the descriptions are in the init segment.
fn membership(out: &mut Writer<'_>, content: &Content<'_>, samples: &[Sample]) {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
    for group in content.groups.iter().filter(|group| !group.descriptions.is_empty()) {
        let runs = group.runs_within(first.index, last.index + 1);
        if runs.iter().all(|run| run.1 == 0) {
            continue;
        }
        out.full(b"sbgp", u8::from(group.parameter.is_some()), 0, |out| {
            out.put(&group.kind.0);
            group.parameter.inspect(|parameter| out.u32(*parameter));
            out.u32(u32::try_from(runs.len()).unwrap_or(u32::MAX));
            for (samples, description) in runs {
                out.u32(samples);
                out.u32(description);
            }
        });
    }
}

/// `saiz`, `saio` and `senc` (8.7.8, 8.7.9; ISO/IEC 23001-7 7.2).
fn encryption(out: &mut Writer<'_>, content: &Content<'_>, samples: &[Sample], moof: usize) {
    let entry = samples.first().and_then(|sample| content.track.entries.get(sample.entry as usize - 1));
    let Some(protection) = entry.and_then(|entry| entry.codec.protection.as_ref()) else { return };
    if content.aux.is_empty() || samples.iter().all(|sample| sample.aux.is_empty()) {
        return;
    }
    let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let iv = usize::from(protection.iv_size);
    let of = |sample: &Sample| content.aux.of(sample);
    let subsamples = samples.iter().any(|sample| of(sample).len() > iv);
    // An entry without subsamples among others that have them says so: zero of them.
    let padding = |sample: &Sample| if subsamples && of(sample).len() <= iv { 2 } else { 0 };
    let len = |sample: &Sample| u8::try_from(of(sample).len() + padding(sample)).unwrap_or(u8::MAX);
    let first_len = samples.first().map_or(0, len);
    let same = samples.iter().all(|sample| len(sample) == first_len);
    out.full(b"saiz", 0, 0, |out| {
        out.u8(if same { first_len } else { 0 });
        out.u32(count);
        if !same {
            samples.iter().for_each(|sample| out.u8(len(sample)));
        }
    });
    let mut offset = 0;
    out.full(b"saio", 0, 0, |out| {
        out.u32(1);
        offset = out.position();
        out.u32(0);
    });
    out.full(b"senc", 0, if subsamples { 2 } else { 0 }, |out| {
        out.u32(count);
        let from = u32::try_from(out.position() - moof).unwrap_or(u32::MAX);
        out.patch_u32(offset, from);
        for sample in samples {
            out.put(of(sample));
            out.zeros(padding(sample));
        }
    });
}
