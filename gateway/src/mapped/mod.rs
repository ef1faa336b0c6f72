//! Memory that is a file as well: read like any other bytes, and taken by a socket from the file itself, without a copy.
//!
//! Whoever makes segments puts them into [`Draft`]s, those that lie ready on disk are [`kept`] where they are; whoever writes to a socket
//! asks [`find`] whether bytes it was given are such memory. In between they are [`Bytes`](bytes::Bytes) like all others: sliced, held and
//! dropped by code that needs not know. A [`View`] is for what lies in a film: it is never read here, only shown to the kernel.
//!
//! # Why
//! Handing the kernel 2.5 MB to copy costs more than all else that a request needs; handing it a file and a place costs next to nothing.
//! What carries bytes from the cache to the socket (a cache, a router, an HTTP library) takes memory and no files, so the memory itself
//! tells what it is. The cost is a look into a list of regions for each large piece that is written.
//!
//! Once sent, such memory may lie in a socket's queue for as long as a client takes to read it, after every holder here has dropped it. So
//! what was written once is never written again: a draft is new each time, and gone with its last holder.

mod draft;
mod huge;
mod mapping;
mod region;
mod view;

pub use draft::Draft;
pub use mapping::kept;
#[cfg(test)]
pub(crate) use region::is_known;
pub use region::{Place, find};
pub use view::View;
