//! The source of a film, wherever its bytes are: a file of a served folder, or chunks.

use std::io::IoSliceMut;
use std::sync::Arc;
use std::time::Duration;

use segmenter::bytes::ByteRange;

use super::{Error, Priority, SourceFile, Stored};
use crate::id::Identity;
use crate::mapped::View;

/// Bytes that can be read by position.
#[derive(Debug)]
pub enum Source {
    /// All there, in one file.
    File(SourceFile),
    /// In chunks, as far as they are here.
    Stored(Arc<Stored>),
}

impl Source {
    /// What it was when it was opened.
    pub fn identity(&self) -> Identity {
        match self {
            Self::File(file) => file.identity(),
            Self::Stored(stored) => stored.identity(),
        }
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.identity().size
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chunks, if that is what it is.
    pub fn stored(&self) -> Option<&Arc<Stored>> {
        match self {
            Self::Stored(stored) => Some(stored),
            Self::File(_) => None,
        }
    }

    /// Waits until these bytes are here, if they are ever to come.
    ///
    /// # Errors
    /// When they have not come in time, or won't.
    pub async fn ready(
        &self,
        priority: Priority,
        ranges: &[ByteRange],
        patience: Duration,
    ) -> Result<(), Error> {
        match self {
            Self::File(_) => Ok(()),
            Self::Stored(stored) => stored.ready(priority, ranges, patience).await,
        }
    }

    /// Fills `buffer` with the bytes from `offset`. Blocks.
    ///
    /// # Errors
    /// When they can't be read, are not here, or the file became shorter.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        match self {
            Self::File(file) => file.read(buffer, offset),
            Self::Stored(stored) => stored.read(buffer, offset),
        }
    }

    /// Fills `places` one after the other with the bytes from `offset`. Blocks.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_scattered(&self, places: &mut [IoSliceMut<'_>], mut offset: u64) -> Result<(), Error> {
        match self {
            Self::File(file) => file.read_scattered(places, offset),
            Self::Stored(stored) => places.iter_mut().try_for_each(|place| {
                let from = offset;
                offset += place.len() as u64;
                stored.read(place, from)
            }),
        }
    }

    /// All of it for the kernel to copy from, where it lies in one file.
    pub fn view(&self) -> Option<&View> {
        match self {
            Self::File(file) => file.view(),
            Self::Stored(_) => None,
        }
    }

    /// Whether what was read is of one version: asked after reading. Chunks never change.
    ///
    /// # Errors
    /// When it is not.
    pub fn unchanged(&self) -> Result<(), Error> {
        match self {
            Self::File(file) => file.unchanged(),
            Self::Stored(_) => Ok(()),
        }
    }

    /// Whether the source is still this one.
    ///
    /// # Errors
    /// When another is in its place, or none.
    pub fn current(&self) -> Result<(), Error> {
        match self {
            Self::File(file) => file.current(),
            Self::Stored(stored) if stored.is_gone() || stored.here().is_empty() => {
                Err(Error::Deleted(stored.id()))
            }
            Self::Stored(_) => Ok(()),
        }
    }
}
