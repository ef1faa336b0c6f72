use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::*;
use crate::config::Sync;
use crate::index::film;

struct House {
    jobs: Jobs,
    clock: Clock,
    media: MediaId,
    _data: TempDir,
}

/// With one medium, and something to do with it.
async fn house() -> House {
    let data = tempfile::tempdir().unwrap();
    let index = Arc::new(Index::open(data.path(), Sync::Process).unwrap());
    let media = film("/films/a.mp4");
    let id = media.id;
    index.put(media, None).await.unwrap();
    let clock = Clock::manual();
    let jobs = Jobs::new(index, clock.clone());
    jobs.add(JobKind::Seal, id).await.unwrap();
    House { jobs, clock, media: id, _data: data }
}

fn nobody(_: &Job) {}

impl House {
    async fn job(&self) -> (Job, f64) {
        let query = JobQuery { state: None, media: None, before: None, limit: 10 };
        let jobs = self.jobs.list(query).await.unwrap();
        assert_eq!(jobs.len(), 1);
        jobs.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn what_is_to_be_done_is_done_and_told() {
    let house = house().await;
    let told = Mutex::new(Vec::new());
    let work = async |job: Job, progress: Arc<Progress>| {
        assert_eq!((job.media, job.state, job.tries), (house.media, JobState::Running, 1));
        progress.expect(4);
        progress.add(1);
        let (listed, share) = house.job().await;
        assert_eq!((listed.state, share), (JobState::Running, 0.25));
        Ok(())
    };
    let tell = |job: &Job| told.lock().unwrap().push(job.state);
    assert_eq!(house.jobs.turn(&work, &tell).await.unwrap(), Duration::ZERO);
    let (job, share) = house.job().await;
    assert_eq!((job.state, job.error.as_deref(), share), (JobState::Done, None, 1.0));
    assert_eq!(house.jobs.turn(&work, &tell).await.unwrap(), LOOK, "it is not done again");
    assert_eq!(told.into_inner().unwrap(), [JobState::Running, JobState::Done]);
}

#[tokio::test]
async fn what_fails_is_tried_three_times_more_each_after_a_longer_rest() {
    let house = house().await;
    let tries = AtomicU32::new(0);
    let work = async |_: Job, _: Arc<Progress>| {
        Err(format!("the disk is full, {}", tries.fetch_add(1, Ordering::Relaxed)))
    };
    for (tried, rest) in (0..).zip(RESTS) {
        house.jobs.turn(&work, &nobody).await.unwrap();
        let (job, _) = house.job().await;
        let error = format!("the disk is full, {tried}");
        assert_eq!((job.state, job.error.as_deref()), (JobState::Queued, Some(error.as_str())));
        assert_eq!(house.jobs.turn(&work, &nobody).await.unwrap(), rest, "it is not due");
        house.clock.advance(rest);
    }
    house.jobs.turn(&work, &nobody).await.unwrap();
    assert_eq!((house.job().await.0.state, tries.into_inner()), (JobState::Failed, 4));
}

#[tokio::test]
async fn what_is_over_is_remembered_for_its_time() {
    let house = house().await;
    let work = async |_: Job, _: Arc<Progress>| Ok(());
    house.clock.advance(REMEMBERED.1);
    house.jobs.turn(&work, &nobody).await.unwrap();
    house.clock.advance(REMEMBERED.0);
    house.jobs.turn(&work, &nobody).await.unwrap();
    let (job, _) = house.job().await;
    house.clock.advance(Duration::from_millis(1));
    house.jobs.turn(&work, &nobody).await.unwrap();
    assert!(house.jobs.get(job.number).await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_broken_off_is_begun_again() {
    let house = house().await;
    let (begun, begin) = tokio::sync::oneshot::channel();
    let begun = Mutex::new(Some(begun));
    let never = async |_: Job, _: Arc<Progress>| {
        let _ = begun.lock().unwrap().take().unwrap().send(());
        std::future::pending().await
    };
    tokio::select! {
        () = house.jobs.run(never, nobody) => {}
        _ = begin => {}
    }
    assert_eq!(house.job().await.0.state, JobState::Running);
    let (done, end) = tokio::sync::oneshot::channel();
    let done = Mutex::new(Some(done));
    let work = async |job: Job, _: Arc<Progress>| {
        let _ = done.lock().unwrap().take().unwrap().send(job.tries);
        Ok(())
    };
    let tries = tokio::select! {
        () = house.jobs.run(work, nobody) => unreachable!("it goes on"),
        tries = end => tries.unwrap(),
    };
    assert_eq!(tries, 2);
}

#[tokio::test]
async fn what_is_to_be_done_with_a_medium_that_is_gone_is_not() {
    let house = house().await;
    house.jobs.index.remove(vec![house.media]).await.unwrap();
    house.jobs.add(JobKind::Seal, MediaId::of_file(Path::new("/nowhere"))).await.unwrap();
    let work = async |_: Job, _: Arc<Progress>| unreachable!("there is nothing");
    assert_eq!(house.jobs.turn(&work, &nobody).await.unwrap(), LOOK);
}
