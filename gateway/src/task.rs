//! Tasks that are known by number: nothing runs detached, and shutdown waits for all of them, within a bound.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Everything that runs in the background. Copies share the same tasks.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `task` until it ends; it is expected to end soon after [`Self::stopping`].
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Runs `task` until it ends or everything stops; dropping it half-way must be sound.
    pub fn spawn_until_stop(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            stop.run_until_cancelled_owned(task).await;
        });
    }

    /// The same for a task that somebody else runs: it is waited for.
    pub fn track<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        self.tracker.track_future(task)
    }

    /// Told when everything is to stop.
    pub fn stop_token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits until everything is to stop.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Stops everything and waits for it; gives back how many tasks had not ended in time.
    pub async fn shutdown(&self, within: Duration) -> usize {
        self.stop.cancel();
        self.tracker.close();
        match tokio::time::timeout(within, self.tracker.wait()).await {
            Ok(()) => 0,
            Err(_) => self.tracker.len(),
        }
    }
}

/// How far work is, for those who look on.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    all: AtomicU64,
}

impl Progress {
    /// Says how much there is to do, in whatever unit.
    pub fn expect(&self, all: u64) {
        self.all.store(all, Ordering::Relaxed);
    }

    /// So much more of it is done.
    pub fn add(&self, done: u64) {
        self.done.fetch_add(done, Ordering::Relaxed);
    }

    /// How much of all is done, 0 to 1; nothing as long as it is not known how much there is.
    pub fn share(&self) -> f64 {
        match self.all.load(Ordering::Relaxed) {
            0 => 0.0,
            all => (self.done.load(Ordering::Relaxed) as f64 / all as f64).min(1.0),
        }
    }
}

/// From now on, being asked to end (SIGTERM, or Ctrl-C) is what the future given back waits for.
///
/// # Errors
/// When the system gives no such signals.
pub fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test(start_paused = true)]
    async fn shutdown_ends_what_waits_and_waits_for_what_works() {
        let tasks = Tasks::default();
        tasks.spawn_until_stop(pending());
        let (done, told) = tokio::sync::oneshot::channel();
        let own = tasks.clone();
        tasks.spawn(async move {
            own.stopping().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = done.send(());
        });
        assert_eq!(tasks.shutdown(Duration::from_secs(5)).await, 0);
        assert!(told.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_is_bounded() {
        let tasks = Tasks::default();
        tasks.spawn(pending());
        assert_eq!(tasks.shutdown(Duration::from_secs(5)).await, 1);
    }
}
