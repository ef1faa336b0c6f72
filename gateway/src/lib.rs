//! The Segue gateway: folders of films in, CMAF over HTTP out; and its command line.
//!
//! Rooms, bottom to top: `id`, `title`, `config`, `clock`, `task`; [`index`]; [`cache`], [`source`]; the services [`ingest`] and
//! [`playback`], which meet only through the index; the drivers [`http`] and [`cli`]; [`app`], which builds them all.

pub mod app;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod http;
pub mod id;
pub mod index;
pub mod ingest;
pub mod playback;
pub mod source;
pub mod task;
pub mod title;
