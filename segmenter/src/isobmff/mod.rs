//! ISO base media files: boxes read and written (ISO/IEC 14496-12). The only room that names the `mp4` crate.

pub mod boxes;
mod brands;
mod builder;
mod codec;
mod columns;
mod edits;
mod encryption;
mod event;
mod events;
#[cfg(test)]
pub(crate) mod film;
mod groups;
pub mod language;
mod montage;
mod moof;
mod movie;
mod tables;
mod track;
mod write;

pub use boxes::FourCc;
pub use brands::Brands;
pub(crate) use brands::file_type;
pub use builder::JoinError;
pub use codec::{
    Codec, Format, Picture, Protection, SampleEntry, Sound, Subtitle, Supplemental, Unsupported, VideoRange,
};
pub use columns::Aux;
pub(crate) use encryption::AuxPlace;
pub use event::Event;
pub use groups::Grouping;
pub use moof::FragmentError;
pub(crate) use moof::Fragments;
pub(crate) use movie::Moov;
pub use movie::{Movie, MovieError, MovieTrack, Skipped};
pub use tables::{Cursor, MAX_SAMPLES, SampleTable, TableError};
pub use track::Track;
pub use write::Writer;
