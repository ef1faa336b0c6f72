//! The one thread that writes. What is handed in while it commits goes into the next transaction together.
//!
//! The queue holds [`QUEUE`] writes; when it is full, those who hand in more wait.

use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{Error, Media, media, tables};
use crate::id::MediaId;

/// Writes that may wait.
const QUEUE: usize = 1024;
/// Writes of one transaction.
const BATCH: usize = 256;

/// Something to write.
#[derive(Debug)]
pub(super) enum Write {
    /// A medium, and its timeline.
    Put(Box<Media>, Option<Vec<u8>>),
    /// Media that are gone.
    Remove(Vec<MediaId>),
}

type Job = (Write, oneshot::Sender<Result<(), Error>>);

/// Hands writes to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("index".to_owned()).spawn(move || run(connection, jobs))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    /// Returns when it is written.
    pub(super) async fn write(&self, write: Write) -> Result<(), Error> {
        let queue = self.queue.lock().ok().and_then(|queue| queue.clone()).ok_or(Error::Closed)?;
        let (done, written) = oneshot::channel();
        queue.send((write, done)).await.map_err(|_| Error::Closed)?;
        written.await.map_err(|_| Error::Closed)?
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

fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while let Some(job) = (batch.len() < BATCH).then(|| jobs.try_recv().ok()).flatten() {
            batch.push(job);
        }
        let (writes, told): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let results = commit(&mut connection, &writes);
        for (done, result) in told.into_iter().zip(results) {
            // Whoever handed it in may have stopped waiting.
            let _ = done.send(result);
        }
    }
}

/// Writes all in one transaction. One that is refused spares the others; a commit that fails fails them all.
fn commit(connection: &mut Connection, writes: &[Write]) -> Vec<Result<(), Error>> {
    let all = |error: rusqlite::Error| {
        let error = Error::from(error);
        writes.iter().map(|_| Err(error.clone())).collect()
    };
    let mut transaction = match connection.transaction() {
        Ok(transaction) => transaction,
        Err(error) => return all(error),
    };
    let mut results = Vec::with_capacity(writes.len());
    for write in writes {
        let done = transaction.savepoint().and_then(|savepoint| {
            apply(&savepoint, write)?;
            savepoint.commit()
        });
        results.push(done.map_err(Error::from));
    }
    match transaction.commit() {
        Ok(()) => results,
        Err(error) => all(error),
    }
}

fn apply(connection: &Connection, write: &Write) -> Result<(), rusqlite::Error> {
    match write {
        Write::Put(film, movie) => {
            media::put(connection, film)?;
            match movie {
                Some(movie) => tables::put(connection, film.id, film.identity, movie),
                None => tables::remove(connection, film.id),
            }
        }
        Write::Remove(ids) => ids.iter().try_for_each(|id| media::remove(connection, *id)),
    }
}
