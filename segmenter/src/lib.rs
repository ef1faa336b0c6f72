//! MP4 in, CMAF segments and manifests out.

pub mod bytes;
pub mod demux;
pub mod engine;
pub mod isobmff;
pub mod manifest;
pub mod mux;
pub mod offline;
pub mod plan;
pub mod render;
pub mod sample;
pub mod time;
pub mod track;
pub mod verify;
