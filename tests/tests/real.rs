//! Real files from public test suites, where a folder of them is given: `SHARED` names it, else `../shared` beside the repository.
//! What comes out of each is compared with its source by `segue verify`; `make test` has a second, independent checker for the same set.

use std::path::PathBuf;

use crate::fixtures;
use crate::program;

fn folder() -> PathBuf {
    let shared = std::env::var_os("SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    fixtures::repository().join(shared).join("media")
}

#[test]
fn what_comes_out_of_real_files_verifies_against_them() {
    let media = folder();
    let Ok(rows) = fixtures::read(&media.join("INDEX.tsv")) else {
        eprintln!("skipped: no real media in {}", media.display());
        return;
    };
    fixtures::every(&rows, |row| {
        let source = media.join(&row.file);
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let out = folder.path().join("out");
        let run = program::segment(&source, &out, &[]);
        if run.code != Some(0) {
            let why = run.not_a_clean_refusal();
            let wrong =
                if row.expect == "ok" { Some(format!("refused: {}", run.stderr.trim())) } else { None };
            return why.or(wrong).map_or(Ok(()), Err);
        }
        let run = program::verify(&out, Some(&source));
        if run.code == Some(0) { Ok(()) } else { Err(format!("verify: {}", run.words().trim())) }
    });
}
