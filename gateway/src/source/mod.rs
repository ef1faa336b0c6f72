//! Where the bytes of a medium come from: files in served folders, read in place by position and never changed.
//!
//! Everything here blocks; callers put it where blocking is allowed.

mod buffers;
mod file;
mod film;
mod gather;
mod tables;
pub mod walk;

pub use buffers::Buffers;
pub use file::{Error, SourceFile};
pub use film::{FORMAT, OpenFilm};
pub use gather::{gather, gather_each, gather_piece};
pub use tables::{decode, encode, read_movie};
