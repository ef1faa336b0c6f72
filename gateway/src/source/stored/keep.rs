//! Bytes are kept: synced first, then in rows; only then may they be acknowledged.

use std::collections::BTreeSet;
use std::fs::File;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::{io, thread};

use segmenter::bytes::ByteRange;

use super::{Stored, WriteError};
use crate::index::{self, Chunk};
use crate::ranges::Ranges;
use crate::store::{self, BLOCK, FILE, step};

/// Chunks that are brought to the disk together.
const GROUP: usize = 8;
/// So many of them at once: a disk brings several home in hardly more time than one.
const SYNCS: usize = 4;

impl Stored {
    /// Publishes what was written before this was called: it may be acknowledged from when this returns.
    ///
    /// # Errors
    /// When disk or index can't be written; the bytes can still be read, and may be kept by the next call.
    pub async fn keep(self: &Arc<Self>) -> Result<(), WriteError> {
        let Ok(_turn) = self.keeping.acquire().await else { return Err(WriteError::Gone(self.id)) };
        let mut chunks = Dirty::take(self);
        if chunks.numbers.is_empty() {
            return Ok(());
        }
        let (source, numbers) = (Arc::clone(self), chunks.numbers.clone());
        let synced = tokio::task::spawn_blocking(move || source.sync(&numbers)).await;
        let synced = synced.map_err(|_| WriteError::Gone(self.id))??;
        step("chunks synced");
        self.ground.index.put_chunks(self.id, synced.clone()).await.map_err(|error| match error {
            index::Error::Full => WriteError::DiskFull,
            error => error.into(),
        })?;
        step("rows written");
        chunks.numbers.clear();
        let whole: Vec<_> =
            synced.iter().filter(|chunk| chunk.sum.is_some()).map(|chunk| chunk.number).collect();
        let mut state = self.state();
        for chunk in synced {
            let start = self.start(chunk.number);
            for range in chunk.here.iter() {
                state.kept.insert(ByteRange { start: start + range.start, end: start + range.end });
            }
            if let Some(sum) = chunk.sum {
                state.sums.insert(chunk.number, sum);
                state.checked.insert(chunk.number);
            }
            let used = self.used();
            state.touched.insert(chunk.number, used);
        }
        drop(state);
        self.tell();
        whole.into_iter().for_each(|number| self.ground.news.landed(self.id, number));
        Ok(())
    }

    /// Brings chunks to the disk, and says what is here of each.
    fn sync(&self, numbers: &BTreeSet<u32>) -> Result<Vec<Chunk>, WriteError> {
        let Some(first) = numbers.first() else { return Ok(Vec::new()) };
        let mut chunks = Vec::with_capacity(numbers.len());
        for group in numbers.iter().copied().collect::<Vec<_>>().chunks(GROUP) {
            chunks.extend(self.sync_group(group)?);
        }
        self.ground.files.keep_names(self.id).map_err(|error| self.failed(*first, error))?;
        Ok(chunks)
    }

    /// The same of some at once: their sums are taken while the disk works.
    fn sync_group(&self, numbers: &[u32]) -> Result<Vec<Chunk>, WriteError> {
        let filled: Vec<Filled> =
            numbers.iter().map(|number| self.filled(*number)).collect::<Result<_, _>>()?;
        let home = |chunk: &Filled| {
            self.ground.files.keep(&chunk.file).map_err(|error| self.failed(chunk.number, error))
        };
        thread::scope(|scope| {
            let parts = filled.chunks(filled.len().div_ceil(SYNCS));
            let parts: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter().try_for_each(home))).collect();
            let summed = filled.iter().map(|chunk| self.summed(chunk)).collect();
            for part in parts {
                part.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            }
            summed
        })
    }

    /// What is here of a chunk now; what comes later is of the next sync.
    fn filled(&self, number: u32) -> Result<Filled, WriteError> {
        let file = self.file(number, || self.ground.files.create(self.id, number));
        let file = file.map_err(|error| self.failed(number, error))?;
        let (here, whole) = self.of_chunk(number);
        Ok(Filled { number, file, here, whole })
    }

    fn summed(&self, chunk: &Filled) -> Result<Chunk, WriteError> {
        let Filled { number, file, here, whole } = chunk;
        let sum = (here.bytes() == *whole).then(|| store::sum(file, *whole)).transpose();
        let sum = sum.map_err(|error| self.failed(*number, error))?;
        Ok(Chunk { number: *number, stored: here.stored(BLOCK) + FILE, here: here.clone(), sum })
    }

    /// What it means that a chunk can't be written.
    pub(super) fn failed(&self, number: u32, source: io::Error) -> WriteError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteError::DiskFull,
            _ => WriteError::Disk { media: self.id, number, source },
        }
    }

    /// What is here of a chunk, counted from its start, and how many bytes it has in all.
    pub(super) fn of_chunk(&self, number: u32) -> (Ranges, u64) {
        let state = self.state();
        let range = ByteRange::at(self.start(number), self.chunk);
        let end = state.length.map_or(range.end, |length| range.end.min(length));
        let here = state.here.within(range);
        let here =
            here.map(|part| ByteRange { start: part.start - range.start, end: part.end - range.start });
        (here.collect(), end.saturating_sub(range.start))
    }
}

/// A chunk with something in it.
struct Filled {
    number: u32,
    file: Arc<File>,
    here: Ranges,
    /// Bytes there will be.
    whole: u64,
}

/// Chunks that are being kept; if that is broken off, they are dirty again.
struct Dirty<'a> {
    source: &'a Stored,
    numbers: BTreeSet<u32>,
}

impl<'a> Dirty<'a> {
    fn take(source: &'a Stored) -> Self {
        let numbers = std::mem::take(&mut source.state().dirty);
        Self { source, numbers }
    }
}

impl Drop for Dirty<'_> {
    fn drop(&mut self) {
        self.source.state().dirty.extend(&self.numbers);
    }
}
