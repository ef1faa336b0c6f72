//! The one thread that writes. What is handed in while it commits goes into the next transaction together.
//!
//! The queue holds [`QUEUE`] writes; when it is full, those who hand in more wait.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::Error;

/// Writes that may wait.
const QUEUE: usize = 1024;
/// Writes of one transaction.
const BATCH: usize = 256;
/// What the files of the database may grow by before their size is looked at again: a batch of rows, in the journal and in the pages
/// that it is worked into.
const SLACK: u64 = 1 << 20;

type Write = Box<dyn FnOnce(&Connection) -> Result<(), rusqlite::Error> + Send>;
type Job = (Write, oneshot::Sender<Result<(), Error>>);

/// Hands writes to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    size: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(connection: Connection, path: &Path) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let size = Arc::new(AtomicU64::new(size_of(path)));
        let (told, path) = (Arc::clone(&size), path.to_owned());
        let work = move || run(connection, jobs, &path, &told);
        let thread = thread::Builder::new().name("index".to_owned()).spawn(work)?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), size })
    }

    /// Returns when it is written.
    pub(super) async fn write(
        &self,
        write: impl FnOnce(&Connection) -> Result<(), rusqlite::Error> + Send + 'static,
    ) -> Result<(), Error> {
        let queue = self.queue.lock().ok().and_then(|queue| queue.clone()).ok_or(Error::Closed)?;
        let (done, written) = oneshot::channel();
        queue.send((Box::new(write), done)).await.map_err(|_| Error::Closed)?;
        written.await.map_err(|_| Error::Closed)?
    }

    /// Bytes of the database's files, and what they may grow by next; kept up as it is written.
    pub(super) fn size(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.size)
    }

    /// Ends the thread, once the queue is empty.
    pub(super) fn close(&self) {
        drop(self.queue.lock().ok().and_then(|mut queue| queue.take()));
        if let Some(thread) = self.thread.lock().ok().and_then(|mut thread| thread.take()) {
            // It ends by itself; a panic in it has been told already.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>, path: &Path, size: &AtomicU64) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while let Some(job) = (batch.len() < BATCH).then(|| jobs.try_recv().ok()).flatten() {
            batch.push(job);
        }
        let (writes, told): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let results = commit(&mut connection, writes);
        size.store(size_of(path), Ordering::Relaxed);
        for (done, result) in told.into_iter().zip(results) {
            // Whoever handed it in may have stopped waiting.
            let _ = done.send(result);
        }
    }
}

/// Writes all in one transaction. One that is refused spares the others; a commit that fails fails them all.
fn commit(connection: &mut Connection, writes: Vec<Write>) -> Vec<Result<(), Error>> {
    let count = writes.len();
    let all = |error: rusqlite::Error| {
        let error = Error::from(error);
        (0..count).map(|_| Err(error.clone())).collect()
    };
    let mut transaction = match connection.transaction() {
        Ok(transaction) => transaction,
        Err(error) => return all(error),
    };
    let mut results = Vec::with_capacity(count);
    for write in writes {
        let done = transaction.savepoint().and_then(|savepoint| {
            write(&savepoint)?;
            savepoint.commit()
        });
        results.push(done.map_err(Error::from));
    }
    match transaction.commit() {
        Ok(()) => results,
        Err(error) => all(error),
    }
}

/// The database, its journal, and the journal's index.
fn size_of(path: &Path) -> u64 {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let files = ["", "-wal", "-shm"].map(|ending| fs::metadata(beside(ending)).map_or(0, |file| file.len()));
    files.iter().sum::<u64>() + SLACK
}
