//! Speaking HTTP to a gateway, as those do who bring bytes to it: uploaders, broadcasters, providers. Knows no route.
//!
//! Everything is bounded: connecting, silence, the length of an answer. Dropping a question or an answer ends its connection at once.

mod address;
mod backoff;
mod body;
mod events;
mod http;
mod stream;
#[cfg(test)]
mod tests;

pub use address::{Address, NotAnAddress};
pub use backoff::Backoff;
pub use body::Body;
pub use events::{EventStream, Message};
pub use http::{Client, Error, Reply, Request};
pub(crate) use stream::connect;
