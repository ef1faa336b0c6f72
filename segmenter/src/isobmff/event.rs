//! Event messages: `emsg` boxes between the fragments of a source (ISO/IEC 23009-1 5.10.3.3). Read and written by the `mp4` crate.
//!
//! # Why
//! A message of version 0 counts from the start of the segment it lies in, so it can't go into another segment as it is. It
//! keeps its version where its own clock can tell the new distance, and becomes one of version 1, which counts in the
//! presentation's time, where that clock is too coarse: what is told stays exact, the cost is that a version may change.

use std::io::Cursor;

use ::bytes::Bytes;
use mp4::{EmsgBox, ReadBox, WriteBox};
use serde::{Deserialize, Serialize};

use super::boxes::Header;
use crate::time::{Ticks, Timescale};

/// `event_duration` of an event nobody knows the length of.
const UNKNOWN: u32 = u32::MAX;

/// A message to whoever plays the film, or to one of its scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `scheme_id_uri`: what kind of message it is.
    pub scheme: String,
    /// `value`: which of its kind.
    pub value: String,
    /// `id`: the same message may come more than once.
    pub id: u32,
    /// `message_data`.
    pub data: Bytes,
    flags: u32,
    clock: Timescale,
    duration: u32,
    time: Ticks,
    /// Presentation time that `time` counts from; `None` where that is zero (version 1).
    since: Option<(Ticks, Timescale)>,
}

impl Event {
    /// Reads a whole `emsg`; `None` if it can't be understood. One of version 0 still has to be told [since](Self::counts_from)
    /// when it counts.
    pub(super) fn read(emsg: &[u8]) -> Option<Self> {
        const HEADER: usize = 8;
        let header = Header::read(emsg)?;
        // The reader expects a short header just before where it starts.
        let whole = [&[0; HEADER], emsg.get(usize::from(header.len)..)?].concat();
        let size = whole.len() as u64;
        let mut reader = Cursor::new(whole);
        reader.set_position(HEADER as u64);
        let read = EmsgBox::read_box(&mut reader, size).ok()?;
        let time = read.presentation_time.or(read.presentation_time_delta.map(u64::from))?;
        Some(Self {
            time: Ticks(i64::try_from(time).ok()?),
            clock: Timescale::new(read.timescale)?,
            since: (read.version == 0).then_some((Ticks::ZERO, Timescale::SECOND)),
            scheme: read.scheme_id_uri,
            value: read.value,
            id: read.id,
            flags: read.flags,
            duration: read.event_duration,
            data: read.message_data.into(),
        })
    }

    /// Whether it counts from the start of the segment it lies in.
    pub(super) fn is_relative(&self) -> bool {
        self.since.is_some()
    }

    /// What it counts from, if it is relative: a presentation time.
    pub(super) fn counts_from(&mut self, start: Ticks, clock: Timescale) {
        self.since = self.since.map(|_| (start, clock));
    }

    /// Bytes it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.scheme.len() + self.value.len() + self.data.len()
    }

    /// When it happens: presentation time in ticks of `clock`.
    pub fn at(&self, clock: Timescale) -> Ticks {
        let since = self.since.map_or(Ticks::ZERO, |(start, of)| of.convert(start, clock));
        since + self.clock.convert(self.time, clock)
    }

    /// Whether both tell the same of the same moment, in ticks of `clock`.
    pub(crate) fn tells_same(&self, other: &Self, clock: Timescale) -> bool {
        let told = |event: &Self| (event.id, event.flags, event.duration == UNKNOWN, event.at(clock));
        told(self) == told(other)
            && (&self.scheme, &self.value, &self.data) == (&other.scheme, &other.value, &other.data)
    }

    /// Adds the box to `out`, for a segment whose presentation begins at `start`, in ticks of `clock`.
    pub(crate) fn write(&self, out: &mut Vec<u8>, start: Ticks, clock: Timescale) {
        let distance = self.since.and_then(|since| self.distance(since, start, clock));
        let (version, told_in, time) = match (self.since, distance) {
            (None, _) => (1, self.clock, self.time),
            (Some(_), Some(_)) => (0, self.clock, self.time),
            (Some(_), None) => (1, clock, self.at(clock)),
        };
        let duration = match self.duration {
            UNKNOWN => UNKNOWN,
            duration => {
                let told = self.clock.convert(Ticks::from(duration), told_in).unsigned();
                u32::try_from(told).unwrap_or(UNKNOWN)
            }
        };
        let written = EmsgBox {
            version,
            flags: self.flags,
            timescale: told_in.get(),
            presentation_time: Some(time.unsigned()),
            presentation_time_delta: distance,
            event_duration: duration,
            id: self.id,
            scheme_id_uri: self.scheme.clone(),
            value: self.value.clone(),
            message_data: self.data.to_vec(),
        };
        written.write_box(out).expect("writing to memory does not fail");
    }

    /// How long after `start` it happens, if its own clock can tell.
    fn distance(&self, since: (Ticks, Timescale), start: Ticks, clock: Timescale) -> Option<u32> {
        let (since, of) = since;
        let moved = of.convert(since, clock) - start;
        let told = clock.convert(moved, self.clock);
        let exact = self.clock.convert(told, clock) == moved && clock.convert(moved, self.clock) == told;
        u32::try_from((self.time + told).0).ok().filter(|_| exact)
    }
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Decode, Emsg, EmsgTimestamp};

    use super::*;

    const SECONDS: Timescale = Timescale::SECOND;

    fn hz(ticks: u32) -> Timescale {
        Timescale::new(ticks).unwrap()
    }

    /// An `emsg` of this version, at `time` of a clock of 1,000 ticks.
    pub(super) fn emsg(version: u8, time: u32) -> Vec<u8> {
        let numbers = |time: &[u8]| [&1000_u32.to_be_bytes(), time, &[0, 0, 1, 0], &[0, 0, 0, 7]].concat();
        let words = b"urn:scheme\0value\0".to_vec();
        let head = vec![version, 0, 0, 0];
        let body = match version {
            0 => [head, words, numbers(&time.to_be_bytes()), b"data".to_vec()].concat(),
            _ => [head, numbers(&u64::from(time).to_be_bytes()), words, b"data".to_vec()].concat(),
        };
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], b"emsg", &body].concat()
    }

    fn written(event: &Event, start: i64, clock: Timescale) -> Vec<u8> {
        let mut out = Vec::new();
        event.write(&mut out, Ticks(start), clock);
        out
    }

    #[test]
    fn a_message_in_the_presentations_time_is_written_as_it_was_read() {
        let bytes = emsg(1, 4500);
        let event = Event::read(&bytes).unwrap();
        assert_eq!(event.at(hz(48_000)), Ticks(216_000));
        assert_eq!(written(&event, 4, SECONDS), bytes);
    }

    #[test]
    fn a_message_that_counts_from_its_segment_is_counted_from_the_new_one() {
        let mut event = Event::read(&emsg(0, 500)).unwrap();
        event.counts_from(Ticks(12_800 * 6), hz(12_800));
        assert_eq!(event.at(hz(12_800)), Ticks(83_200));
        assert_eq!(written(&event, 12_800 * 6, hz(12_800)), emsg(0, 500), "where it was");
        assert_eq!(written(&event, 12_800 * 4, hz(12_800)), emsg(0, 2500), "two seconds earlier");
    }

    #[test]
    fn a_distance_its_clock_cannot_tell_is_told_in_the_presentations_time() {
        let mut event = Event::read(&emsg(0, 500)).unwrap();
        event.counts_from(Ticks(48_001), hz(48_000));
        let bytes = written(&event, 0, hz(48_000));
        let read = Emsg::decode(&mut &bytes[..]).unwrap();
        assert_eq!((read.timescale, read.event_duration, read.id), (48_000, 256 * 48, 7));
        assert_eq!(read.presentation_time, EmsgTimestamp::Absolute(48_001 + 24_000));
        assert_eq!((read.scheme_id_uri.as_str(), read.value.as_str()), ("urn:scheme", "value"));
        assert_eq!(read.message_data, b"data");
    }

    #[test]
    fn what_is_no_message_is_not_read() {
        let mut clockless = emsg(1, 0);
        clockless[12..16].fill(0);
        let mut newer = emsg(1, 0);
        newer[8] = 2;
        for bytes in [&clockless[..], &newer, &emsg(0, 1)[..30], &emsg(0, 1)[..9], b"\0\0\0\x08emsg", b""] {
            assert_eq!(Event::read(bytes), None);
        }
    }
}
