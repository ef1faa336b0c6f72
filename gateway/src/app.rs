//! Builds everything in the order of the layers, and takes it down in reverse.

use crate::cli::Failure;
use crate::config::Config;

/// Runs a gateway until it is asked to end.
///
/// # Errors
/// When it can't start.
pub fn serve(_config: Config) -> Result<(), Failure> {
    Err(Failure::new("serving is not built yet"))
}
