//! Boxes of the output: init segments, fragments, the index of a single file, WebVTT. Decides nothing.

pub(crate) mod fragment;
pub(crate) mod index;
pub(crate) mod init;
pub mod webvtt;

pub use fragment::{Part, Recipe};

use crate::track::TrackId;

/// `track_ID` of every output track: each has files of its own, and there are readers that count on 1.
const TRACK: TrackId = TrackId(1);
