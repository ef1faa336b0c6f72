//! The sample tables of a track, read where they lie: big-endian, run-length, never expanded.
//!
//! [`SampleTable`] keeps the bodies of `stts`, `ctts`, `stsz`/`stz2`, `stsc`, `stco`/`co64` and `stss`; a [`Cursor`] walks
//! them sample by sample in constant memory and is small enough to keep one for every cut. Fragments are turned into
//! the same tables by `TableBuilder`, so that every room above knows one kind of film.
//!
//! # Why
//! A three-hour film has some 800,000 samples. Expanded they take 50 MB; as they lie in the file, 7. Reading a
//! table entry costs a byte swap, less than fetching the larger struct would.

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::boxes::{Fields, FourCc, child};
use super::columns::{Aux, Chunks, Sizes, ascending, word};
use super::groups::{Grouping, groups};
use crate::bytes::ByteRange;
use crate::sample::Sample;
use crate::time::Ticks;

/// Samples a track may have: 77 hours at 60 a second.
pub const MAX_SAMPLES: u32 = 1 << 24;

/// What is wrong with the tables of a track.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A mandatory table is not there.
    #[error("sample table '{0}' is missing")]
    Missing(FourCc),
    /// A table ends before its last entry.
    #[error("sample table '{table}' claims {claimed} entries but holds {held}")]
    Short {
        /// Which table.
        table: FourCc,
        /// Entries it says it has.
        claimed: u32,
        /// Entries its bytes hold.
        held: u32,
    },
    /// More samples than [`MAX_SAMPLES`].
    #[error("{0} samples are more than the {MAX_SAMPLES} a track may have")]
    TooMany(u64),
    /// `stsc` and `stco` give a place to fewer samples than `stsz` counts.
    #[error("chunks hold {covered} of {samples} samples")]
    ChunksTooFew {
        /// Samples that lie in a chunk.
        covered: u64,
        /// Samples of the track.
        samples: u32,
    },
    /// `stz2` with a field size other than 4, 8 or 16 (8.7.3.3).
    #[error("compact sample sizes of {0} bits")]
    FieldSize(u8),
}

/// The sample tables of one track.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleTable {
    pub(super) count: u32,
    pub(super) start: Ticks,
    pub(super) durations: Bytes,
    pub(super) offsets: Bytes,
    pub(super) sizes: Sizes,
    pub(super) chunk_runs: Bytes,
    pub(super) chunks: Chunks,
    pub(super) sync: Option<Bytes>,
    pub(super) aux: Aux,
    pub(super) groups: Vec<Grouping>,
}

/// Where a walk over the samples stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    sample: u32,
    decode: Ticks,
    duration: Run,
    offset: Run,
    chunk: u32,
    chunk_left: u32,
    chunks: ChunkRun,
    place: u64,
    /// Row of `stss` that comes next, and the number there.
    sync: u32,
    next_sync: u32,
    aux: u64,
}

/// The row of `stsc` in force (8.7.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ChunkRun {
    row: u32,
    /// Number of the chunk, from 1, that the next row is for.
    end: u32,
    samples: u32,
    entry: u32,
}

/// A place in a table of (count, value) pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    next: u32,
    left: u32,
    value: u32,
}

impl Run {
    /// The value for the next sample; past the table's end, `rest` of the last value.
    fn next(&mut self, table: &[u8], rest: fn(u32) -> u32) -> u32 {
        while self.left == 0 {
            let at = self.next as usize * 8;
            if at + 8 > table.len() {
                self.left = u32::MAX;
                self.value = rest(self.value);
                break;
            }
            self.left = word(table, at / 4);
            self.value = word(table, at / 4 + 1);
            self.next += 1;
        }
        self.left -= 1;
        self.value
    }
}

impl Cursor {
    /// Number of the sample that comes next.
    pub fn sample(&self) -> u32 {
        self.sample
    }
}

impl SampleTable {
    /// Reads the tables of an `stbl` body; its bytes are shared, not copied.
    ///
    /// # Errors
    /// When a table is missing, shorter than it says or can't belong to the others.
    pub fn read(stbl: &Bytes) -> Result<Self, TableError> {
        let durations = entries(stbl, b"stts", 8)?.unwrap_or_default();
        let offsets = entries(stbl, b"ctts", 8)?.unwrap_or_default();
        let sync = entries(stbl, b"stss", 4)?.map(ascending);
        let (count, sizes) = sizes(stbl)?;
        let chunk_runs = entries(stbl, b"stsc", 12)?;
        let chunks = match entries(stbl, b"stco", 4)? {
            Some(table) => Some(Chunks::Narrow(table)),
            None => entries(stbl, b"co64", 8)?.map(Chunks::Wide),
        };
        let mut table = Self { count, durations, offsets, sizes, sync, ..Self::default() };
        if count > 0 {
            if table.durations.is_empty() {
                return Err(TableError::Missing(FourCc(*b"stts")));
            }
            table.chunk_runs = chunk_runs.ok_or(TableError::Missing(FourCc(*b"stsc")))?;
            table.chunks = chunks.ok_or(TableError::Missing(FourCc(*b"stco")))?;
            table.check_chunks()?;
        }
        table.groups = groups(stbl);
        Ok(table)
    }

    /// Number of samples.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether samples are shown in the order they are decoded in (no `ctts`).
    pub fn is_in_order(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Sum of all sample durations, run by run.
    pub fn duration(&self) -> Ticks {
        let (mut left, mut total, mut last) = (u64::from(self.count), 0_u64, 0);
        for run in self.durations.chunks_exact(8) {
            let count = u64::from(word(run, 0)).min(left);
            last = u64::from(word(run, 1));
            total = total.saturating_add(count * last);
            left -= count;
        }
        Ticks(i64::try_from(total.saturating_add(left * last)).unwrap_or(i64::MAX))
    }

    /// Bytes the tables take in memory.
    pub fn weight(&self) -> usize {
        let sizes = match &self.sizes {
            Sizes::Same(_) => 0,
            Sizes::Wide(table) | Sizes::Compact(_, table) => table.len(),
        };
        let (Chunks::Narrow(chunks) | Chunks::Wide(chunks)) = &self.chunks;
        let groups: usize = self.groups.iter().map(|group| group.runs.len() * 8).sum();
        self.durations.len()
            + self.offsets.len()
            + sizes
            + self.chunk_runs.len()
            + chunks.len()
            + self.sync.as_ref().map_or(0, Bytes::len)
            + self.aux.data.len()
            + self.aux.sizes.len()
            + groups
    }

    /// What decryption needs, sample by sample.
    pub fn aux(&self) -> &Aux {
        &self.aux
    }

    /// The groups its samples are put into.
    pub fn groups(&self) -> &[Grouping] {
        &self.groups
    }

    /// Whether every sample is a sync sample (no `stss`, 8.6.2.1).
    pub fn all_sync(&self) -> bool {
        self.sync.is_none()
    }

    /// Before the first sample.
    pub fn start(&self) -> Cursor {
        Cursor { decode: self.start, ..Cursor::default() }
    }

    /// The sample at `cursor`, which moves on; `None` past the last.
    #[inline]
    pub fn next(&self, cursor: &mut Cursor) -> Option<Sample> {
        if cursor.sample >= self.count {
            return None;
        }
        while cursor.chunk_left == 0 {
            self.next_chunk(cursor)?;
        }
        Some(self.sample(cursor))
    }

    /// The samples from `cursor` up to, not including, number `end`.
    pub fn samples(&self, mut cursor: Cursor, end: u32) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(end.min(self.count).saturating_sub(cursor.sample) as usize);
        while cursor.sample < end.min(self.count) {
            while cursor.chunk_left == 0 {
                if self.next_chunk(&mut cursor).is_none() {
                    return samples;
                }
            }
            samples.push(self.sample(&mut cursor));
        }
        samples
    }

    /// The sample at `cursor`, which lies in the chunk entered last.
    #[inline(always)]
    fn sample(&self, cursor: &mut Cursor) -> Sample {
        let size = self.sizes.get(cursor.sample);
        let duration = cursor.duration.next(&self.durations, |last| last);
        let offset = if self.offsets.is_empty() { 0 } else { cursor.offset.next(&self.offsets, |_| 0) };
        let aux_len = self.aux.sizes.get(cursor.sample as usize).copied().unwrap_or(0);
        let aux = ByteRange::at(cursor.aux, u64::from(aux_len));
        let sample = Sample {
            index: cursor.sample,
            decode: cursor.decode,
            offset: offset.cast_signed(),
            duration,
            place: ByteRange::at(cursor.place, u64::from(size)),
            sync: self.is_sync(cursor),
            entry: cursor.chunks.entry,
            aux,
        };
        cursor.sample += 1;
        cursor.decode += Ticks::from(duration);
        cursor.place = sample.place.end;
        cursor.chunk_left -= 1;
        cursor.aux = aux.end;
        sample
    }

    /// The samples from `cursor` on.
    pub fn walk(&self, cursor: Cursor) -> impl Iterator<Item = Sample> + '_ {
        let mut cursor = cursor;
        std::iter::from_fn(move || self.next(&mut cursor))
    }

    fn is_sync(&self, cursor: &mut Cursor) -> bool {
        let Some(table) = &self.sync else { return true };
        let number = cursor.sample + 1;
        while cursor.next_sync < number {
            cursor.next_sync = match word(table, cursor.sync as usize) {
                0 if cursor.sync as usize >= table.len() / 4 => u32::MAX,
                next => next,
            };
            cursor.sync += 1;
        }
        cursor.next_sync == number
    }

    /// Enters the next chunk: its place, how many samples it holds and which entry they use.
    #[inline]
    fn next_chunk(&self, cursor: &mut Cursor) -> Option<()> {
        cursor.place = self.chunks.get(cursor.chunk)?;
        cursor.chunk += 1;
        if cursor.chunk >= cursor.chunks.end {
            self.next_chunk_run(cursor);
        }
        cursor.chunk_left = cursor.chunks.samples;
        Some(())
    }

    /// Finds the row of `stsc` for the chunk just entered (8.7.4).
    #[cold]
    fn next_chunk_run(&self, cursor: &mut Cursor) {
        while cursor.chunk >= cursor.chunks.end {
            let row = cursor.chunks.row as usize;
            let more = row + 1 < self.chunk_runs.len() / 12;
            cursor.chunks = ChunkRun {
                row: cursor.chunks.row + 1,
                end: if more { word(&self.chunk_runs, (row + 1) * 3) } else { u32::MAX },
                samples: word(&self.chunk_runs, row * 3 + 1),
                entry: word(&self.chunk_runs, row * 3 + 2),
            };
        }
    }

    /// How many samples lie in each chunk that holds any.
    pub(super) fn chunk_lens(&self) -> impl Iterator<Item = u32> + '_ {
        let (mut cursor, mut left) = (self.start(), self.count);
        std::iter::from_fn(move || {
            self.next_chunk(&mut cursor).filter(|()| left > 0)?;
            let len = cursor.chunk_left.min(left);
            left -= len;
            Some(len)
        })
    }

    /// Counts, run by run, the samples that lie in chunks.
    fn check_chunks(&self) -> Result<(), TableError> {
        let (runs, chunks) = (self.chunk_runs.len() / 12, self.chunks.len());
        let (mut covered, mut first) = (0_u64, 0_u64);
        for run in 0..runs {
            let next = match run + 1 < runs {
                true => {
                    u64::from(word(&self.chunk_runs, (run + 1) * 3)).saturating_sub(1).clamp(first, chunks)
                }
                false => chunks,
            };
            let each = u64::from(word(&self.chunk_runs, run * 3 + 1));
            covered = covered.saturating_add((next - first).saturating_mul(each));
            first = next;
        }
        match covered < u64::from(self.count) {
            true => Err(TableError::ChunksTooFew { covered, samples: self.count }),
            false => Ok(()),
        }
    }
}

/// The entries of a table of `width` bytes each, without its count.
fn entries(stbl: &Bytes, code: &[u8; 4], width: usize) -> Result<Option<Bytes>, TableError> {
    let Some(table) = child(stbl, code) else { return Ok(None) };
    let mut fields = Fields::new(table.body);
    let count = fields.version_and_flags().and_then(|_| fields.u32()).unwrap_or(0);
    let held = fields.rest().len() / width;
    match fields.take(count as usize * width) {
        Some(entries) => Ok(Some(stbl.slice_ref(entries))),
        None => Err(TableError::Short {
            table: FourCc(*code),
            claimed: count,
            held: u32::try_from(held).unwrap_or(u32::MAX),
        }),
    }
}

fn sizes(stbl: &Bytes) -> Result<(u32, Sizes), TableError> {
    let (code, table) = match (child(stbl, b"stsz"), child(stbl, b"stz2")) {
        (Some(table), _) => (*b"stsz", table),
        (None, Some(table)) => (*b"stz2", table),
        (None, None) => return Err(TableError::Missing(FourCc(*b"stsz"))),
    };
    let mut fields = Fields::new(table.body);
    let head = fields.version_and_flags().and_then(|_| Some((fields.u32()?, fields.u32()?)));
    let (size, count) = head.ok_or(TableError::Missing(FourCc(code)))?;
    if count > MAX_SAMPLES {
        return Err(TableError::TooMany(u64::from(count)));
    }
    if code == *b"stsz" && size != 0 {
        return Ok((count, Sizes::Same(size)));
    }
    let bits = if code == *b"stsz" { 32 } else { size.to_be_bytes()[3] };
    if !matches!(bits, 4 | 8 | 16 | 32) || (bits == 32 && code == *b"stz2") {
        return Err(TableError::FieldSize(bits));
    }
    let held = fields.rest().len() * 8 / usize::from(bits);
    let Some(each) = fields.take((count as usize * usize::from(bits)).div_ceil(8)) else {
        return Err(TableError::Short {
            table: FourCc(code),
            claimed: count,
            held: u32::try_from(held).unwrap_or(u32::MAX),
        });
    };
    let each = stbl.slice_ref(each);
    Ok((count, if bits == 32 { Sizes::Wide(each) } else { Sizes::Compact(bits, each) }))
}
