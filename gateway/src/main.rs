//! The `segue` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::cli::run(gateway::app::serve)
}
