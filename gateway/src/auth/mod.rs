//! Who may do what: roles, and the tokens and signed addresses that give them.
//!
//! Nothing here knows HTTP: `http` finds the token in a request and says which role its address wants. Secrets are kept as hashes where
//! that is enough, are compared in a time that says nothing about them, and never reach a log.

mod access;
mod role;
mod sign;

pub use access::{Access, Refused};
pub use role::{Role, Roles};
pub use sign::{Grant, SignError, hmac, sign};
