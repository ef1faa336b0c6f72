//! Segue as its users meet it: a command line, HTTP, files read back by FFmpeg. Nothing here links to the libraries.
//!
//! The program is the one that `SEGUE_BIN` names, else the `segue` beside this test's own build. `make test` builds it first.

mod auth;
mod broadcasters;
mod browser;
mod cli;
mod edits;
mod events;
mod jobs;
mod layers;
mod limits;
mod media;
mod providers;
mod real;
mod retention;
mod sending;
mod serve;
mod store;
mod titles;
mod tls;
mod uploads;
mod versions;
mod webhooks;

mod faults;
mod fixtures;
mod gateway;
mod http;
mod link;
mod listen;
mod packets;
mod program;
mod tokens;
