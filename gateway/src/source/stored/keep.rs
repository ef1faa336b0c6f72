//! Bytes are kept: synced first, then in rows; only then may they be acknowledged.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::{io, iter, thread};

use segmenter::bytes::ByteRange;

use super::{Stored, WriteError};
use crate::index::{self, Chunk};
use crate::ranges::Ranges;
use crate::store::{self, BLOCK, FILE, step};

/// Chunks brought to the disk at once.
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
        let Some(&first) = numbers.first() else { return Ok(Vec::new()) };
        let numbers: Vec<u32> = numbers.iter().copied().collect();
        let sync_all = |numbers: &[u32]| numbers.iter().map(|number| self.sync_one(*number)).collect();
        // A disk brings several files home in hardly more time than one, and others are read for their sums meanwhile.
        let (own, others) = numbers.split_at(numbers.len().div_ceil(SYNCS));
        let chunks: Result<Vec<Vec<Chunk>>, WriteError> = thread::scope(|scope| {
            let others = others.chunks(own.len()).map(|part| scope.spawn(move || sync_all(part)));
            let others: Vec<_> = others.collect();
            let own = sync_all(own);
            let joined =
                others.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)));
            iter::once(own).chain(joined).collect()
        });
        let chunks = chunks?.concat();
        self.ground.files.keep_names(self.id).map_err(|error| self.failed(first, error))?;
        Ok(chunks)
    }

    fn sync_one(&self, number: u32) -> Result<Chunk, WriteError> {
        let failed = |error| self.failed(number, error);
        let file = self.file(number, || self.ground.files.create(self.id, number)).map_err(failed)?;
        // Before the sync: what comes later is of the next one.
        let (here, whole) = self.of_chunk(number);
        self.ground.files.keep(&file).map_err(failed)?;
        let sum = (here.bytes() == whole).then(|| store::sum(&file, whole)).transpose().map_err(failed)?;
        Ok(Chunk { number, stored: here.stored(BLOCK) + FILE, here, sum })
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
