//! MP4 in, CMAF segments and manifests out.

pub mod bytes;
pub mod isobmff;
pub mod manifest;
pub mod time;
pub mod track;
