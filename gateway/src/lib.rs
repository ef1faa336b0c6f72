//! The Segue gateway: folders of films in, CMAF over HTTP out; and its command line.
//!
//! Rooms, bottom to top: `id`, `title`, `config`, `clock`, `task`, `ranges`, [`mapped`], [`auth`]; [`index`], [`store`]; [`cache`], [`source`],
//! [`events`], [`jobs`], [`peer`]; the services [`ingest`] and [`playback`], which meet only through the index; the drivers [`http`],
//! [`tasks`] and [`cli`]; [`app`], which builds them all.

pub mod app;
pub mod auth;
pub mod broadcast;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod events;
pub mod http;
pub mod id;
pub mod index;
pub mod ingest;
pub mod jobs;
pub mod mapped;
pub mod peer;
pub mod playback;
pub mod provider;
pub mod ranges;
pub mod retention;
pub mod source;
pub mod store;
pub mod task;
pub mod tasks;
pub mod title;
pub mod webhook;
