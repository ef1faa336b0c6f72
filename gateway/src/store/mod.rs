//! Bytes on disk: chunks of sources as files, how much of the disk may be taken, what goes first when it is full.
//!
//! Nothing here knows what a chunk is part of or whether it is whole: the index says so. A chunk file that the index does not know is
//! litter, and bytes of a file that it does not list are not there.
//!
//! # Why
//! Chunk files are written where they stay, not beside and then renamed. What publishes bytes is their row, written after them; a
//! chunk is filled in several goes, so its file has unpublished bytes in it most of its life, and a second name would protect nothing.

mod chunks;
mod evict;
mod quota;
mod segments;
mod step;

pub use chunks::{Chunks, Sum, Swept, sum};
pub use evict::{Held, Holding, Spare, Victim, choose};
pub use quota::{BLOCK, FILE, MEDIUM, Owner, Quota, Refusal, Reservation, Usage};
pub use segments::Segments;
pub use step::step;
