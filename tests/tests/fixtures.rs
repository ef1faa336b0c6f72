//! The media that `fixtures/make.sh` makes, and the table of what is expected of them.

use std::fs;
use std::path::{Path, PathBuf};

/// One line of an INDEX.tsv.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Path under the folder of media.
    pub(crate) file: String,
    /// `ok`, `partial`, `unsupported` or `corrupt`.
    pub(crate) expect: String,
}

/// The folder of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// One of the fixtures, as `edge/moov-last.mp4`.
#[track_caller]
pub(crate) fn path(name: &str) -> PathBuf {
    let path = repository().join("fixtures/media").join(name);
    assert!(path.is_file(), "no {}: make the fixtures first, `fixtures/make.sh`", path.display());
    path
}

/// What is expected of every fixture.
pub(crate) fn index() -> Vec<Row> {
    read(&repository().join("fixtures/INDEX.tsv")).expect("fixtures/INDEX.tsv is part of the repository")
}

/// Reads an INDEX.tsv by the names of its columns.
pub(crate) fn read(path: &Path) -> std::io::Result<Vec<Row>> {
    let text = fs::read_to_string(path)?;
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| head.iter().position(|title| *title == name).expect("the index has the column");
    let (file, expect) = (column("file"), column("expect"));
    let cells = lines.map(|line| line.split('\t').collect::<Vec<_>>());
    Ok(cells.map(|cells| Row { file: cells[file].to_owned(), expect: cells[expect].to_owned() }).collect())
}

/// Calls `check` with every row, on as many threads as there are cores, and panics with all that it complained about.
#[track_caller]
pub(crate) fn every(rows: &[Row], check: impl Fn(&Row) -> Result<(), String> + Sync) {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let turns = std::iter::from_fn(|| rows.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
        turns.filter_map(|row| Some(format!("{}: {}", row.file, check(row).err()?))).collect::<Vec<_>>()
    };
    let complaints: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a check does not panic")).collect()
    });
    assert!(
        complaints.is_empty(),
        "{} of {} files:\n{}",
        complaints.len(),
        rows.len(),
        complaints.join("\n")
    );
}
