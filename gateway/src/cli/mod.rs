//! The command line: what is typed becomes a job for the segmenter, or a configuration for the gateway.
//!
//! `segment`, `probe` and `verify` run without an async runtime and without a database, so that they start in no time. What
//! `serve` starts lies above this room and is handed in by `main`.

mod args;
mod broadcast;
mod failure;
mod inputs;
mod probe;
mod progress;
mod provider;
mod segment;
mod sign;
mod upload;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::config::Config;

pub use failure::Failure;

/// Does what the command line asks for; `serve` runs a gateway until it is told to stop.
pub fn run(serve: impl FnOnce(&Config) -> Result<(), Failure>) -> ExitCode {
    let asked = args::Segue::parse();
    let done = match asked.command {
        args::Command::Segment(args) => segment::run(&args),
        args::Command::Probe(args) => probe::run(&args),
        args::Command::Verify(args) => verify::run(&args),
        args::Command::Upload(args) => upload::run(&args),
        args::Command::Provider(args) => provider::run(args),
        args::Command::Sign(args) => sign::run(&args),
        args::Command::Broadcast(args) => broadcast::run(&args),
        args::Command::Serve(args) => {
            args.config().and_then(|config| serve(&config).map(|()| ExitCode::SUCCESS))
        }
    };
    done.unwrap_or_else(|failure| {
        failure.tell();
        ExitCode::FAILURE
    })
}
