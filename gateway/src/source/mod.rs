//! Where the bytes of a medium come from: files in served folders, read in place by position and never changed; and chunks that arrive
//! in any order, of which whoever needs them says so.
//!
//! Reading blocks; callers put it where blocking is allowed. Waiting does not.

mod any;
mod arriving;
mod buffers;
mod file;
mod film;
mod gather;
mod keep;
mod news;
mod room;
mod sealed;
mod sources;
mod stored;
mod tables;
#[cfg(test)]
mod tests;
pub mod walk;
mod wants;

pub use any::Source;
pub use arriving::read_arriving;
pub use buffers::Buffers;
pub use file::{Error, SourceFile};
pub use film::{FORMAT, OpenFilm};
pub use gather::{gather, gather_each, gather_piece};
pub use keep::keep;
pub use news::News;
pub use room::{Answer, Ask, Giver, Room, Spare};
pub use sealed::SealError;
pub use sources::{CreateError, New, Sources, StartError};
pub use stored::{Feeding, Stored, Wanting, WriteError};
pub use tables::{decode, encode, read_movie};
pub use wants::Priority;
