//! Bytes are read; the first time, a chunk is compared with its sum.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use segmenter::bytes::ByteRange;
use tracing::warn;

use super::Stored;
use crate::source::Error;
use crate::source::sealed::{Lost, Sealed};
use crate::store;

impl Stored {
    /// Fills `buffer` with the bytes from `offset`. Blocks.
    ///
    /// # Errors
    /// When they are not all here.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        let range = ByteRange::at(offset, buffer.len() as u64);
        {
            let mut state = self.state();
            if !state.here.contains(range) {
                return Err(Error::Elsewhere(self.id));
            }
            if let Some(sealed) = state.sealed.clone() {
                drop(state);
                return sealed.read(buffer, offset).map_err(|lost| {
                    self.lose_file(&sealed, &lost);
                    Error::Elsewhere(self.id)
                });
            }
            let used = self.used();
            state.touched.extend(self.by_chunk(range).map(|(number, _)| (number, used)));
        }
        let mut rest = buffer;
        for (number, part) in self.by_chunk(range) {
            let (place, after) =
                std::mem::take(&mut rest).split_at_mut(usize::try_from(part.len()).unwrap_or(0));
            rest = after;
            let read = self
                .checked(number)
                .and_then(|file| file.read_exact_at(place, part.start - self.start(number)));
            if let Err(error) = read {
                self.lose(number, &error);
                return Err(Error::Elsewhere(self.id));
            }
        }
        Ok(())
    }

    /// The file of a chunk whose bytes are what they were, if that can be told.
    fn checked(&self, number: u32) -> io::Result<Arc<File>> {
        let file = self.file(number, || self.ground.files.open_chunk(self.id, number))?;
        let sum = {
            let state = self.state();
            state.sums.get(&number).filter(|_| !state.checked.contains(&number)).copied()
        };
        if let Some(expected) = sum {
            let (_, whole) = self.of_chunk(number);
            if store::sum(&file, whole)? != expected {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its bytes are not what they were"));
            }
            self.state().checked.insert(number);
        }
        Ok(file)
    }

    /// Puts a chunk aside that can't be read or is not what it was. Its row stays for the next start to find that the file is gone.
    fn lose(&self, number: u32, error: &io::Error) {
        warn!(media = %self.id, chunk = number, %error, "chunk put aside");
        self.forget(&[number]);
        if let Err(error) = self.ground.files.quarantine(self.id, number) {
            warn!(media = %self.id, chunk = number, %error, "chunk can't be put aside");
        }
        self.tell();
    }

    /// Knows that what lies in a file of its sealed form is not here, until the next start looks again: all of it, if it is not known
    /// what lies where.
    fn lose_file(&self, sealed: &Sealed, Lost { file, error }: &Lost) {
        warn!(media = %self.id, %error, "bytes of a medium that is kept as segments are lost");
        {
            let mut state = self.state();
            let whole = ByteRange { start: 0, end: state.length.unwrap_or(u64::MAX) };
            let lost = file.map_or_else(|| vec![whole], |file| sealed.places_in(file).collect());
            for range in lost {
                state.here.remove(range);
                state.kept.remove(range);
            }
        }
        self.tell();
    }

    /// The chunks of which these have bytes that are not here; `None` if it is not kept in chunks.
    pub fn missing(&self, ranges: &[ByteRange]) -> Option<Vec<u32>> {
        let state = self.state();
        let missing = ranges.iter().filter(|range| !state.here.contains(**range));
        let missing = missing.flat_map(|range| self.by_chunk(*range));
        let missing = missing.filter(|(_, part)| !state.here.contains(*part)).map(|(number, _)| number);
        state.sealed.is_none().then(|| missing.collect())
    }

    /// A segment in a file of its own, if it is kept as segments. Blocks.
    pub fn segment(&self, rendition: &str, number: u32, target: Duration) -> Option<Bytes> {
        let sealed = self.state().sealed.clone()?;
        sealed.segment(rendition, number, target)
    }

    /// Bytes of what [`Self::segment`] would find.
    pub fn segment_len(&self, rendition: &str, number: u32, target: Duration) -> Option<u64> {
        self.state().sealed.as_ref()?.segment_len(rendition, number, target)
    }
}
