//! Fragments told as sample tables: what `moof` boxes say, in the run-length form of `moov`.

use ::bytes::{BufMut, Bytes};

use super::columns::{Aux, Chunks, Sizes};
use super::groups::Grouping;
use super::tables::{MAX_SAMPLES, SampleTable};
use crate::time::Ticks;

/// What a sample is, as a fragment tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FragmentSample {
    pub(super) duration: u32,
    pub(super) offset: i32,
    pub(super) size: u32,
    pub(super) sync: bool,
}

/// What keeps a fragment from joining the samples before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// More samples than a track may have.
    #[error("more than {MAX_SAMPLES} samples")]
    TooMany,
    /// More samples than the source has bytes: a run may claim any number of samples without a byte for one of them.
    #[error("{samples} samples are more than the {len} bytes of the source can hold")]
    MoreThanBytes {
        /// Samples of the track, those of the run included.
        samples: u64,
        /// Length of the source.
        len: u64,
    },
    /// The fragment starts before the samples already there are decoded.
    #[error("decode time goes back from {end} to {start}")]
    Backwards {
        /// Where the samples so far end, in ticks.
        end: i64,
        /// Where the fragment says it starts, in ticks.
        start: i64,
    },
    /// The hole before the fragment is longer than a sample can last.
    #[error("decode time jumps ahead by {0} ticks")]
    Jump(i64),
}

/// Grows the tables of a track, fragment by fragment.
#[derive(Debug, Default)]
pub(super) struct TableBuilder {
    count: u32,
    start: Ticks,
    end: Ticks,
    durations: Runs,
    offsets: Runs,
    sizes: Vec<u8>,
    chunks: Vec<u8>,
    chunk_runs: Vec<u8>,
    chunk: OpenChunk,
    sync: Vec<u8>,
    aux_sizes: Vec<u8>,
    aux: Vec<u8>,
    groups: Vec<Grouping>,
}

#[derive(Debug, Default)]
struct OpenChunk {
    number: u32,
    samples: u32,
    entry: u32,
    /// Samples a chunk and entry of the last run written.
    run: Option<(u32, u32)>,
}

/// (count, value) pairs, big-endian; the last is still open.
#[derive(Debug, Default)]
struct Runs {
    table: Vec<u8>,
    count: u32,
    value: u32,
}

impl Runs {
    fn push(&mut self, value: u32) {
        if self.count > 0 && self.value != value {
            self.close();
        }
        self.value = value;
        self.count += 1;
    }

    fn close(&mut self) {
        if self.count > 0 {
            self.table.put_u32(self.count);
            self.table.put_u32(self.value);
            self.count = 0;
        }
    }

    /// Changes the value pushed last.
    fn amend(&mut self, value: u32) {
        self.count -= 1;
        if self.count > 0 {
            let (count, last) = (self.count, self.value);
            self.table.put_u32(count);
            self.table.put_u32(last);
        }
        self.count = 1;
        self.value = value;
    }
}

impl TableBuilder {
    /// Goes on from the samples `moov` holds itself, which are few or none.
    pub(super) fn new(table: &SampleTable) -> Self {
        let mut builder = Self { groups: table.groups().to_vec(), ..Self::default() };
        let mut chunk_end = None;
        for sample in table.walk(table.start()) {
            if chunk_end != Some((sample.place.start, sample.entry)) {
                builder.open_chunk(sample.place.start, sample.entry);
            }
            chunk_end = Some((sample.place.end, sample.entry));
            builder.push(FragmentSample {
                duration: sample.duration,
                offset: sample.offset,
                size: sample.size(),
                sync: sample.sync,
            });
            builder.set_aux(table.aux().of(&sample));
        }
        builder
    }

    /// Number of the sample that comes next.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Decode time of the sample that comes next.
    pub(super) fn end(&self) -> Ticks {
        self.end
    }

    /// Bytes the tables take so far.
    pub(super) fn weight(&self) -> usize {
        self.durations.table.len()
            + self.offsets.table.len()
            + self.sizes.len()
            + self.chunks.len()
            + self.chunk_runs.len()
            + self.sync.len()
            + self.aux.len()
            + self.aux_sizes.len()
            + self.groups.iter().map(|group| group.runs.len() * 8).sum::<usize>()
    }

    /// A fragment starts, at `decode` if it says so: a hole lengthens the sample before, a small overlap shortens it.
    pub(super) fn fragment(&mut self, decode: Option<Ticks>) -> Result<(), JoinError> {
        let Some(decode) = decode else { return Ok(()) };
        if self.count == 0 {
            (self.start, self.end) = (decode, decode);
            return Ok(());
        }
        let Ticks(hole) = decode - self.end;
        if hole == 0 {
            return Ok(());
        }
        let last = i64::from(self.durations.value) + hole;
        if last <= 0 {
            return Err(JoinError::Backwards { end: self.end.0, start: decode.0 });
        }
        self.durations.amend(u32::try_from(last).map_err(|_| JoinError::Jump(hole))?);
        self.end = decode;
        Ok(())
    }

    /// The samples that follow lie one after the other from `place` on and use sample entry `entry`.
    pub(super) fn open_chunk(&mut self, place: u64, entry: u32) {
        self.close_chunk();
        self.chunks.put_u64(place);
        self.chunk.number += 1;
        self.chunk.entry = entry;
    }

    fn close_chunk(&mut self) {
        let OpenChunk { number, samples, entry, run } = self.chunk;
        if number > 0 && run != Some((samples, entry)) {
            for field in [number, samples, entry] {
                self.chunk_runs.put_u32(field);
            }
            self.chunk.run = Some((samples, entry));
        }
        self.chunk.samples = 0;
    }

    /// Whether so many more samples of a source of `len` bytes may be added.
    pub(super) fn expect_more(&self, samples: u32, len: u64) -> Result<(), JoinError> {
        let samples = u64::from(self.count) + u64::from(samples);
        if samples > u64::from(MAX_SAMPLES) {
            return Err(JoinError::TooMany);
        }
        if samples > len { Err(JoinError::MoreThanBytes { samples, len }) } else { Ok(()) }
    }

    /// Adds a sample to the open chunk.
    pub(super) fn push(&mut self, sample: FragmentSample) {
        self.count += 1;
        self.chunk.samples += 1;
        self.durations.push(sample.duration);
        self.offsets.push(sample.offset.cast_unsigned());
        self.sizes.put_u32(sample.size);
        if sample.sync {
            self.sync.put_u32(self.count);
        }
        self.end += Ticks::from(sample.duration);
    }

    /// The auxiliary information of the sample added last; at most 255 bytes.
    pub(super) fn set_aux(&mut self, information: &[u8]) {
        if let (false, Ok(len)) = (information.is_empty(), u8::try_from(information.len())) {
            self.push_aux(self.count - 1, len, information);
        }
    }

    /// The auxiliary information of sample `index`, not before that of any sample told so far.
    pub(super) fn push_aux(&mut self, index: u32, len: u8, information: &[u8]) {
        self.aux_sizes.resize(index as usize, 0);
        self.aux_sizes.push(len);
        self.aux.extend_from_slice(information);
    }

    /// The groups of a fragment whose first sample has number `base`.
    pub(super) fn append_groups(&mut self, base: u32, fragment: Vec<Grouping>) {
        for group in fragment {
            if !self.groups.iter().any(|known| known.kind == group.kind) {
                let (kind, parameter) = (group.kind, group.parameter);
                self.groups.push(Grouping { kind, parameter, descriptions: Vec::new(), runs: Vec::new() });
            }
            for known in self.groups.iter_mut().filter(|known| known.kind == group.kind) {
                known.parameter = known.parameter.or(group.parameter);
                known.append(base, &group);
            }
        }
    }

    /// The tables of everything told so far.
    pub(super) fn finish(mut self) -> SampleTable {
        self.close_chunk();
        self.durations.close();
        self.offsets.close();
        let offsets =
            if self.offsets.table.get(4..) == Some(&[0; 4]) { Vec::new() } else { self.offsets.table };
        if !self.aux_sizes.is_empty() {
            self.aux_sizes.resize(self.count as usize, 0);
        }
        let all_sync = self.sync.len() / 4 == self.count as usize;
        SampleTable {
            count: self.count,
            start: self.start,
            durations: self.durations.table.into(),
            offsets: offsets.into(),
            sizes: Sizes::Wide(self.sizes.into()),
            chunk_runs: self.chunk_runs.into(),
            chunks: Chunks::Wide(self.chunks.into()),
            sync: (!all_sync).then(|| Bytes::from(self.sync)),
            aux: Aux { sizes: self.aux_sizes.into(), data: self.aux.into() },
            groups: self.groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::ByteRange;

    const FRAME: FragmentSample = FragmentSample { duration: 10, offset: 5, size: 3, sync: false };

    #[test]
    fn what_is_pushed_is_what_the_tables_give_back() {
        let mut builder = TableBuilder::default();
        builder.fragment(Some(Ticks(1000))).unwrap();
        builder.open_chunk(50, 1);
        builder.push(FragmentSample { sync: true, ..FRAME });
        builder.push(FRAME);
        builder.open_chunk(90, 2);
        builder.push(FragmentSample { size: 0, offset: -5, ..FRAME });
        let table = builder.finish();
        let samples: Vec<_> = table.walk(table.start()).collect();
        assert_eq!(samples.iter().map(|s| s.decode.0).collect::<Vec<_>>(), [1000, 1010, 1020]);
        assert_eq!(samples.iter().map(|s| s.offset).collect::<Vec<_>>(), [5, 5, -5]);
        assert_eq!(samples.iter().map(|s| s.sync).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(samples.iter().map(|s| s.entry).collect::<Vec<_>>(), [1, 1, 2]);
        assert_eq!(samples[1].place, ByteRange::at(53, 3));
        assert_eq!(samples[2].place, ByteRange::at(90, 0));
    }

    #[test]
    fn a_hole_between_fragments_lengthens_the_sample_before_it() {
        let mut builder = TableBuilder::default();
        for start in [0, 25] {
            builder.fragment(Some(Ticks(start))).unwrap();
            builder.open_chunk(0, 1);
            builder.push(FRAME);
            builder.push(FRAME);
        }
        let table = builder.finish();
        assert_eq!(table.walk(table.start()).map(|s| s.duration).collect::<Vec<_>>(), [10, 15, 10, 10]);
    }

    #[test]
    fn a_fragment_that_starts_before_the_last_sample_is_refused() {
        let mut builder = TableBuilder::default();
        builder.open_chunk(0, 1);
        builder.push(FRAME);
        assert_eq!(builder.fragment(Some(Ticks(-1))), Err(JoinError::Backwards { end: 10, start: -1 }));
    }
}
