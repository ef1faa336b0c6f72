//! How fast bytes are kept, beside a program that only writes and syncs the same files; and how long a start takes that finds much.
//!
//! `cargo bench -p gateway --bench store [-- FOLDER]`: FOLDER lies on the disk to be measured, the system's temporary folder if none is named.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures and ends at the first fault"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::clock::Clock;
use gateway::config::{self, Form, Size, Sync};
use gateway::index::Index;
use gateway::source::{New, Sources};
use gateway::title::Title;
use segmenter::bytes::Span;
use tokio::task::JoinHandle;

const CHUNK: usize = 4 << 20;
/// Chunks of a round of writing.
const CHUNKS: usize = 64;
const ROUNDS: usize = 5;
/// Chunks that an upload may be ahead of what is kept.
const AHEAD: usize = 8;
/// Chunks that a start finds, of a block each, and in how many media they are.
const FOUND: usize = 100_000;
const MEDIA: usize = 100;

fn main() {
    let place = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).map(PathBuf::from);
    let place = place.unwrap_or_else(std::env::temp_dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (sync, ahead) in [(Sync::Full, 1), (Sync::Full, AHEAD), (Sync::Process, 1), (Sync::Process, AHEAD)] {
        let mut rounds: Vec<_> = (0..ROUNDS)
            .map(|_| (plainly(&place, sync), runtime.block_on(stored(&place, sync, ahead))))
            .map(|(plain, stored)| (plain.as_secs_f64() / stored.as_secs_f64(), plain, stored))
            .collect();
        rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (ratio, plain, stored) = rounds[ROUNDS / 2];
        let rate = |took: Duration| (CHUNK * CHUNKS) as f64 / 1e6 / took.as_secs_f64();
        println!(
            "writing {CHUNKS} chunks of 4 MiB, {ahead} at most before they are kept, sync = {sync:?}: {:.0} MB/s; files alone {:.0} MB/s; ratio {ratio:.2}",
            rate(stored),
            rate(plain)
        );
    }
    let (started, chunks) = runtime.block_on(start(&place));
    println!("start that finds {chunks} chunks: {:.0} ms", started.as_secs_f64() * 1e3);
}

fn bytes() -> Vec<u8> {
    (0..CHUNK).map(|at| (at * 31 % 251).to_le_bytes()[0]).collect()
}

/// Each chunk into a file of its own, synced as often as the store does it.
fn plainly(place: &Path, sync: Sync) -> Duration {
    let (folder, bytes) = (tempfile::tempdir_in(place).unwrap(), bytes());
    let began = Instant::now();
    for number in 0..CHUNKS {
        let mut file = File::create(folder.path().join(number.to_string())).unwrap();
        file.write_all(&bytes).unwrap();
        if sync == Sync::Full {
            file.sync_data().unwrap();
            File::open(folder.path()).unwrap().sync_all().unwrap();
        }
    }
    began.elapsed()
}

fn settings(sync: Sync, chunk: u64) -> config::Store {
    config::Store {
        quota: Size(64 << 30),
        share: Size(64 << 30),
        chunk: Size(chunk),
        sync,
        form: Form::Chunks,
    }
}

async fn open(data: &Path, sync: Sync, chunk: u64) -> Sources {
    let index = Arc::new(Index::open(data, sync).unwrap());
    Sources::start(index, data, &settings(sync, chunk), Clock::default()).await.unwrap()
}

fn new(length: usize) -> New {
    New {
        title: Title::default(),
        name: "film.mp4".into(),
        length: Some(length as u64),
        owner: None,
        reserve: true,
    }
}

/// The same bytes through the store, no more than so many chunks before what is acknowledged.
async fn stored(place: &Path, sync: Sync, ahead: usize) -> Duration {
    let data = tempfile::tempdir_in(place).unwrap();
    let sources = open(data.path(), sync, CHUNK as u64).await;
    let source = sources.create(new(CHUNK * CHUNKS)).await.unwrap();
    let bytes = bytes::Bytes::from(bytes());
    let (mut keeping, mut kept) = (None::<JoinHandle<()>>, 0);
    let began = Instant::now();
    for number in 0..CHUNKS {
        let (writing, span) =
            (Arc::clone(&source), Span { offset: (number * CHUNK) as u64, bytes: bytes.clone() });
        tokio::task::spawn_blocking(move || writing.write(&span)).await.unwrap().unwrap();
        if number + 1 - kept >= ahead || keeping.as_ref().is_none_or(JoinHandle::is_finished) {
            if let Some(keeping) = keeping.take() {
                keeping.await.unwrap();
            }
            kept = number + 1;
            let source = Arc::clone(&source);
            keeping = Some(tokio::spawn(async move { source.keep().await.unwrap() }));
        }
        if ahead == 1
            && let Some(keeping) = keeping.take()
        {
            keeping.await.unwrap();
        }
    }
    if let Some(keeping) = keeping {
        keeping.await.unwrap();
    }
    source.keep().await.unwrap();
    assert!(source.is_complete());
    began.elapsed()
}

/// How long it takes to be ready where much is kept already.
async fn start(place: &Path) -> (Duration, usize) {
    let data = tempfile::tempdir_in(place).unwrap();
    let (chunk, each) = (64 << 10, FOUND / MEDIA);
    {
        let sources = open(data.path(), Sync::Process, chunk).await;
        for _ in 0..MEDIA {
            let source = sources.create(new(each * (64 << 10))).await.unwrap();
            let writing = Arc::clone(&source);
            let work = move || {
                (0..each as u64).try_for_each(|number| {
                    let span = Span { offset: number * chunk, bytes: bytes::Bytes::from_static(&[7; 64]) };
                    writing.write(&span).map(drop)
                })
            };
            tokio::task::spawn_blocking(work).await.unwrap().unwrap();
            source.keep().await.unwrap();
        }
    }
    let began = Instant::now();
    let sources = open(data.path(), Sync::Process, chunk).await;
    let took = began.elapsed();
    assert!(sources.quota().usage().used > 0);
    (took, count(&data.path().join("chunks")))
}

fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}
