//! ISO base media files: boxes read and written (ISO/IEC 14496-12). The only room that names the `mp4` crate.

pub mod boxes;
mod codec;

pub use boxes::FourCc;
pub use codec::{Codec, Format, Picture, Protection, SampleEntry, Sound, Subtitle, VideoRange};
