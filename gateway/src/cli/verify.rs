//! `segue verify`: one line a fault.

use std::io::Write;
use std::process::ExitCode;

use segmenter::offline;

use super::Failure;
use super::args::VerifyArgs;
use super::failure::one_line;

/// Checks a folder, alone or against its source.
pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let faults = offline::verify(&args.dir, args.against.as_deref())?;
    if faults.is_empty() {
        eprintln!("{}: no faults", args.dir.display());
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = std::io::stdout().lock();
    for fault in &faults {
        // A reader that has seen enough (`| head`) is no failure of the check.
        if writeln!(out, "{}", one_line(&fault.to_string())).is_err() {
            break;
        }
    }
    eprintln!("{}: {} faults", args.dir.display(), faults.len());
    Ok(ExitCode::FAILURE)
}
