//! Sources in chunks against a model: a plain buffer, and what of it was promised.

#![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use segmenter::bytes::{ByteRange, Span};

use super::*;
use crate::clock::Clock;
use crate::config::{self, Size, Sync};
use crate::index::Index;
use crate::ranges::Ranges;
use crate::store::Refusal;
use crate::title::Title;

const CHUNK: u64 = 64 << 10;

fn settings(quota: u64) -> config::Store {
    config::Store {
        quota: Size(quota),
        share: Size(quota),
        chunk: Size(CHUNK),
        sync: Sync::Process,
        form: config::Form::Chunks,
    }
}

async fn start(data: &Path, quota: u64) -> Arc<Sources> {
    let index = Arc::new(Index::open(data, Sync::Process).unwrap());
    Arc::new(Sources::start(index, data, &settings(quota), Clock::manual()).await.unwrap())
}

fn new(length: Option<u64>) -> New {
    New { title: Title::default(), name: "film.mp4".into(), length, owner: None, reserve: true }
}

/// Bytes that differ everywhere.
fn content(range: ByteRange) -> Span {
    let bytes: Vec<u8> =
        (range.start..range.end).map(|at| (at * 31 % 251) as u8 ^ (at >> 13) as u8).collect();
    Span { offset: range.start, bytes: bytes.into() }
}

async fn write(source: &Arc<Stored>, span: Span) -> Result<u64, WriteError> {
    let source = Arc::clone(source);
    tokio::task::spawn_blocking(move || source.write(&span)).await.unwrap()
}

async fn read(source: &Arc<Stored>, range: ByteRange) -> Result<Vec<u8>, Error> {
    let source = Arc::clone(source);
    let work = move || {
        let mut bytes = vec![0; range.len() as usize];
        source.read(&mut bytes, range.start).map(|()| bytes)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn at(start: u64, len: u64) -> ByteRange {
    ByteRange::at(start, len)
}

/// Where a chunk of the only medium lies.
fn chunk_file(data: &Path, id: crate::id::MediaId, number: u32) -> std::path::PathBuf {
    data.join("chunks").join(&id.as_str()[..2]).join(id.as_str()).join(number.to_string())
}

#[tokio::test]
async fn what_is_kept_is_there_after_a_restart_and_what_is_not_is_not() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.create(new(Some(3 * CHUNK))).await.unwrap();
    write(&source, content(at(100, CHUNK))).await.unwrap();
    source.keep().await.unwrap();
    write(&source, content(at(2 * CHUNK, 10))).await.unwrap();
    let (id, identity, used) = (source.id(), source.identity(), sources.quota().usage().used);
    assert!(source.has(at(2 * CHUNK, 10)));
    drop((source, sources));
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.get(id).await.unwrap().unwrap();
    assert_eq!(source.here(), Ranges::of(at(100, CHUNK)));
    assert_eq!(source.identity(), identity);
    assert_eq!(read(&source, at(100, CHUNK)).await.unwrap(), content(at(100, CHUNK)).bytes);
    assert!(!chunk_file(data.path(), id, 2).exists(), "a file without a row is litter");
    assert!(sources.quota().usage().used < used);
}

#[tokio::test]
async fn other_bytes_in_the_same_place_are_refused_and_the_same_are_welcome() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.create(new(Some(CHUNK))).await.unwrap();
    assert_eq!(write(&source, content(at(10, 100))).await.unwrap(), 100);
    assert_eq!(write(&source, content(at(0, 200))).await.unwrap(), 100, "only what is new counts");
    let others = Span { offset: 50, bytes: Bytes::from_static(b"others") };
    assert!(matches!(write(&source, others).await, Err(WriteError::Conflict(_))));
    assert_eq!(read(&source, at(0, 200)).await.unwrap(), content(at(0, 200)).bytes);
    assert!(matches!(write(&source, content(at(CHUNK - 1, 2))).await, Err(WriteError::PastEnd { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_for_the_bytes_it_wants_and_says_which() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.create(new(Some(10 * CHUNK))).await.unwrap();
    let reader = Arc::clone(&source);
    let wanted = at(5 * CHUNK, 10);
    let waits =
        tokio::spawn(async move { reader.ready(Priority::Viewer, &[wanted], Duration::from_secs(60)).await });
    let mut wants = source.wants();
    wants.wait_for(|_| !source.urgent().is_empty()).await.unwrap();
    assert_eq!(source.urgent(), [wanted]);
    assert_eq!(source.wanted()[0], wanted, "then the rest");
    write(&source, content(wanted)).await.unwrap();
    waits.await.unwrap().unwrap();
    assert_eq!(source.urgent(), []);
    let late = source.ready(Priority::Viewer, &[at(0, 1)], Duration::from_secs(60)).await;
    assert!(matches!(late, Err(Error::Elsewhere(_))), "not for ever");
    assert_eq!(source.urgent(), [], "who has gone wants nothing");
}

#[tokio::test]
async fn a_rotten_chunk_is_put_aside_wanted_again_and_never_read() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.create(new(Some(2 * CHUNK))).await.unwrap();
    write(&source, content(at(0, 2 * CHUNK))).await.unwrap();
    source.keep().await.unwrap();
    assert!(source.is_complete());
    let id = source.id();
    drop((source, sources));
    let file = chunk_file(data.path(), id, 1);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[1000] ^= 4;
    std::fs::write(&file, bytes).unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.get(id).await.unwrap().unwrap();
    assert!(read(&source, at(0, CHUNK)).await.is_ok());
    let whole = at(CHUNK, CHUNK);
    assert!(matches!(read(&source, at(CHUNK + 5, 1)).await, Err(Error::Elsewhere(_))));
    assert!(!source.has(whole) && source.wanted() == [whole] && !file.exists());
    write(&source, content(whole)).await.unwrap();
    source.keep().await.unwrap();
    assert!(source.is_complete() && read(&source, whole).await.unwrap() == content(whole).bytes);
}

#[tokio::test]
async fn a_chunk_that_is_removed_is_wanted_again_and_its_space_is_free() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.create(new(Some(2 * CHUNK))).await.unwrap();
    write(&source, content(at(0, 2 * CHUNK))).await.unwrap();
    source.keep().await.unwrap();
    let before = sources.quota().usage().used;
    source.remove_chunks(vec![0]).await.unwrap();
    assert!(sources.quota().usage().used + CHUNK <= before);
    assert_eq!(source.wanted(), [at(0, CHUNK)]);
    assert!(!chunk_file(data.path(), source.id(), 0).exists());
}

#[tokio::test]
async fn whoever_listens_hears_of_each_chunk_once_all_of_it_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.create(New { reserve: false, ..new(None) }).await.unwrap();
    let mut landed = sources.news().chunks();
    write(&source, content(at(0, CHUNK + 10))).await.unwrap();
    assert!(landed.try_recv().is_err(), "it is not kept yet");
    source.keep().await.unwrap();
    assert_eq!(landed.try_recv(), Ok((source.id(), 0)));
    assert!(landed.try_recv().is_err(), "nobody knows whether the second is whole");
    assert!(source.set_length(CHUNK + 10));
    source.keep().await.unwrap();
    assert_eq!(landed.try_recv(), Ok((source.id(), 1)), "now it is known");
    assert_eq!(source.place(1), at(CHUNK, 10));
}

#[tokio::test]
async fn what_could_never_fit_is_refused_before_a_byte_comes_and_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 8 << 20).await;
    let refused = sources.create(new(Some(9 << 20))).await.unwrap_err();
    assert!(matches!(refused, CreateError::Refused(Refusal::Never { .. })));
    let first = sources.create(new(Some(4 << 20))).await.unwrap();
    assert!(matches!(
        sources.create(new(Some(4 << 20))).await,
        Err(CreateError::Refused(Refusal::Full { .. }))
    ));
    assert!(sources.remove(first.id()).await.unwrap() && !sources.remove(first.id()).await.unwrap());
    assert!(sources.create(new(Some(4 << 20))).await.is_ok());
    assert!(matches!(write(&first, content(at(0, 1))).await, Err(WriteError::Gone(_))));
}

#[tokio::test]
async fn a_deleted_medium_leaves_no_file_no_row_and_no_space_taken() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let before = sources.quota().usage().used;
    let source = sources.create(new(Some(CHUNK))).await.unwrap();
    write(&source, content(at(0, CHUNK))).await.unwrap();
    source.keep().await.unwrap();
    assert!(sources.remove(source.id()).await.unwrap());
    let usage = sources.quota().usage();
    assert_eq!((usage.used, usage.reserved), (before, 0));
    assert!(sources.get(source.id()).await.unwrap().is_none());
    assert!(!chunk_file(data.path(), source.id(), 0).exists());
}

#[tokio::test]
async fn what_is_written_hidden_is_here_once_it_is_shown_and_takes_its_space_before() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.create(new(None)).await.unwrap();
    let hide = |range| {
        let source = Arc::clone(&source);
        tokio::task::spawn_blocking(move || source.write_hidden(&content(range)).unwrap())
    };
    let (first, second) = (at(0, CHUNK + 10), at(CHUNK + 10, CHUNK));
    hide(first).await.unwrap();
    hide(second).await.unwrap();
    source.keep().await.unwrap();
    assert!(source.here().is_empty() && source.kept().is_empty());
    let usage = sources.quota().usage();
    assert!(usage.reserved >= 2 * CHUNK + 10, "{usage:?}");
    source.show(first).unwrap();
    assert_eq!(source.here(), Ranges::of(first));
    source.drop_hidden(second);
    assert!(matches!(source.show(second), Err(WriteError::Conflict(_))), "it is forgotten");
    write(&source, content(second)).await.unwrap();
    source.keep().await.unwrap();
    assert_eq!(read(&source, at(0, 2 * CHUNK + 10)).await.unwrap(), content(at(0, 2 * CHUNK + 10)).bytes);
}

#[tokio::test]
async fn hidden_bytes_that_others_took_the_place_of_are_not_shown() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.create(new(Some(CHUNK))).await.unwrap();
    let hidden = Arc::clone(&source);
    tokio::task::spawn_blocking(move || hidden.write_hidden(&content(at(0, 100)))).await.unwrap().unwrap();
    write(&source, Span { offset: 10, bytes: Bytes::from_static(b"others") }).await.unwrap();
    assert!(matches!(source.show(at(0, 100)), Err(WriteError::Conflict(_))));
    assert_eq!(source.here(), Ranges::of(at(10, 6)));
    source.drop_hidden(at(0, 100));
    assert_eq!(read(&source, at(10, 6)).await.unwrap(), b"others");
}

#[derive(Clone, Debug)]
enum Step {
    Write(ByteRange),
    Keep,
    Remove(u32),
    Restart,
}

const END: u64 = 5 * CHUNK + 777;

fn step() -> impl Strategy<Value = Step> {
    let near_a_border = (0..6_u64, -3_i64..3, 0_u64..2000)
        .prop_map(|(chunk, by, len)| at((chunk * CHUNK).saturating_add_signed(by), len));
    let anywhere = (0..END, 0..2 * CHUNK).prop_map(|(start, len)| at(start, len));
    let range = prop_oneof![near_a_border, anywhere];
    let range = range.prop_map(|range| ByteRange { start: range.start.min(END), end: range.end.min(END) });
    prop_oneof![6 => range.prop_map(Step::Write), 2 => Just(Step::Keep), 1 => (0_u32..6).prop_map(Step::Remove), 1 => Just(Step::Restart)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn it_holds_what_was_written_forgets_what_was_removed_and_keeps_what_was_kept(
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let data = tempfile::tempdir().unwrap();
            let mut sources = start(data.path(), 64 << 20).await;
            let mut source = sources.create(new(Some(END))).await.unwrap();
            let id = source.id();
            let (mut here, mut kept) = (Ranges::default(), Ranges::default());
            for step in steps {
                match step {
                    Step::Write(range) => {
                        let new = write(&source, content(range)).await.unwrap();
                        assert_eq!(new, here.insert(range));
                    }
                    Step::Keep => {
                        source.keep().await.unwrap();
                        kept = here.clone();
                    }
                    Step::Remove(number) => {
                        source.remove_chunks(vec![number]).await.unwrap();
                        here.remove(at(u64::from(number) * CHUNK, CHUNK));
                        kept.remove(at(u64::from(number) * CHUNK, CHUNK));
                    }
                    Step::Restart => {
                        drop((source, sources));
                        sources = start(data.path(), 64 << 20).await;
                        source = sources.get(id).await.unwrap().unwrap();
                        source.reserve().unwrap();
                        here = kept.clone();
                    }
                }
                assert_eq!((source.here(), source.kept()), (here.clone(), kept.clone()));
            }
            for range in here.iter() {
                assert!(read(&source, range).await.unwrap() == content(range).bytes, "{range}");
            }
            assert_eq!(source.is_complete(), kept == Ranges::of(at(0, END)));
            let used = sources.quota().usage().used;
            sources.remove(id).await.unwrap();
            assert!(sources.quota().usage().used == 0 && used > 0);
        });
    }
}

/// A disk of its own, so small that it fills; `None` where mounting one is not allowed.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(bytes: u64) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "segue-test"])
            .arg(place.path())
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(place))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_with_numbers_goes_on_reading_and_heals() {
    let Some(disk) = SmallDisk::mount(4 << 20) else {
        eprintln!("not shown here: mounting a small disk needs root");
        return;
    };
    let sources = start(disk.0.path(), 1 << 30).await;
    let source = sources.create(new(Some(1 << 20))).await.unwrap();
    write(&source, content(at(0, 2 * CHUNK))).await.unwrap();
    source.keep().await.unwrap();
    let too_large = sources.create(new(Some(64 << 20))).await.unwrap_err();
    assert!(matches!(too_large, CreateError::Refused(Refusal::Disk { disk, .. }) if disk < 4 << 20));
    // Somebody else fills the disk, though space was promised.
    let ballast = disk.0.path().join("ballast");
    let filled = std::fs::write(&ballast, vec![1; 4 << 20]);
    assert!(filled.is_err(), "the disk is larger than it was made");
    let refused = write(&source, content(at(4 * CHUNK, 4 * CHUNK))).await;
    assert!(matches!(refused, Err(WriteError::DiskFull)), "{refused:?}");
    assert_eq!(read(&source, at(0, 2 * CHUNK)).await.unwrap(), content(at(0, 2 * CHUNK)).bytes);
    std::fs::remove_file(ballast).unwrap();
    write(&source, content(at(4 * CHUNK, 4 * CHUNK))).await.unwrap();
    source.keep().await.unwrap();
    assert!(source.kept().contains(at(4 * CHUNK, 4 * CHUNK)));
}

#[tokio::test]
async fn a_medium_kept_as_segments_gives_its_source_back_byte_for_byte() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let film = crate::playback::example::film(1);
    let source = sources.create(new(Some(film.len() as u64))).await.unwrap();
    write(&source, Span { offset: 0, bytes: film.clone().into() }).await.unwrap();
    source.keep().await.unwrap();
    let (movie, _) = read_arriving(&source, Duration::ZERO).await.unwrap();
    let (options, whole) = (segmenter::plan::Options::default(), at(0, film.len() as u64));
    let presentation = || segmenter::render::Presentation::new(movie.clone(), whole.end, &options).unwrap();
    let Some(segmenter::render::Body::Media(recipe)) = presentation().segment(0, 2) else {
        panic!("no segment")
    };
    let made = gather(&Source::Stored(Arc::clone(&source)), &recipe, &Buffers::default()).unwrap();
    source.seal(presentation(), options.target, Arc::default()).await.unwrap();
    let (id, usage) = (source.id(), sources.quota().usage());
    assert!(!chunk_file(data.path(), id, 0).exists() && source.is_complete());
    assert!(read(&source, whole).await.unwrap() == film);
    drop((source, sources));
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.get(id).await.unwrap().unwrap();
    assert!(source.is_complete() && read(&source, whole).await.unwrap() == film);
    assert_eq!(source.segment("v1", 2, options.target).unwrap(), made);
    assert_eq!(source.segment("v1", 2, Duration::from_secs(1)), None, "cut in another way");
    assert_eq!((usage.used, usage.reserved), (sources.quota().usage().used, 0));
    source.clear().await.unwrap();
    assert!(source.here().is_empty() && source.stored() == 0);
    sources.remove(id).await.unwrap();
    assert_eq!(sources.quota().usage().used, 0);
    assert_eq!(
        std::fs::read_dir(data.path().join("segments"))
            .unwrap()
            .flatten()
            .filter(|group| group.path().join(id.as_str()).exists())
            .count(),
        0
    );
}

#[tokio::test]
async fn a_segment_that_rots_is_not_read() {
    let data = tempfile::tempdir().unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let film = crate::playback::example::film(1);
    let source = sources.create(new(Some(film.len() as u64))).await.unwrap();
    write(&source, Span { offset: 0, bytes: film.clone().into() }).await.unwrap();
    source.keep().await.unwrap();
    let (movie, _) = read_arriving(&source, Duration::ZERO).await.unwrap();
    let options = segmenter::plan::Options::default();
    let presentation = segmenter::render::Presentation::new(movie, film.len() as u64, &options).unwrap();
    source.seal(presentation, options.target, Arc::default()).await.unwrap();
    let id = source.id();
    drop((source, sources));
    let file = data.path().join("segments").join(&id.as_str()[..2]).join(id.as_str()).join("v1/1.m4s");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let sources = start(data.path(), 64 << 20).await;
    let source = sources.get(id).await.unwrap().unwrap();
    assert!(read(&source, at(0, film.len() as u64)).await.is_err());
    assert!(!source.is_complete() && !source.here().is_empty(), "only what lies in it is not here");
    assert_eq!(source.segment("v1", 1, options.target), None);
    assert!(source.segment("v1", 2, options.target).is_some());
}
