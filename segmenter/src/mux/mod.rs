//! Boxes of the output: init segments, fragments, the index of a single file, WebVTT. Decides nothing.

pub(crate) mod fragment;
pub(crate) mod index;
pub(crate) mod init;
pub mod webvtt;

pub use fragment::{Part, Recipe};
