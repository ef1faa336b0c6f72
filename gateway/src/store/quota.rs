//! How much of the disk is taken, and by whom: space is reserved before bytes are accepted, so that no number of writers at once can
//! take more than there is.
//!
//! # Why
//! What is counted is what the disk gives: whole blocks, and something for each file's name. A little too much is counted rather than
//! too little, for the quota is never to be passed, not even for a moment.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::statvfs;
use serde::Serialize;

/// Who takes space: the id of a broadcaster, or nobody in particular.
pub type Owner = Option<Arc<str>>;

/// Bytes the disk gives at once, on nearly every file system.
pub const BLOCK: u64 = 4096;
/// What a file takes besides its bytes: its name, its row in the index.
pub const FILE: u64 = 512;
/// What a medium takes besides its files: folders, rows.
pub const MEDIUM: u64 = 16 << 10;

/// A bound on what is on disk.
#[derive(Debug)]
pub struct Quota {
    limit: u64,
    share: u64,
    /// Kept up by the index.
    index: Arc<AtomicU64>,
    /// A folder on the disk that is filled.
    folder: PathBuf,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    used: u64,
    reserved: u64,
    /// Used and reserved by each who has a name.
    owners: HashMap<Arc<str>, u64>,
}

/// How much is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Usage {
    /// Bytes that may be taken.
    pub quota: u64,
    /// Bytes of chunks, and of all that is made of them.
    pub used: u64,
    /// Bytes that are promised to those who are sending.
    pub reserved: u64,
    /// Bytes of the index.
    pub index: u64,
    /// Bytes that may be sent now.
    pub free: u64,
    /// Bytes that the disk has room for, which others may fill too.
    pub disk: u64,
}

/// Told to one who asks for more than there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would not fit if nothing else were here.
    #[error("{needed} bytes are more than the {limit} that may be stored")]
    Never {
        /// Bytes asked for.
        needed: u64,
        /// Bytes that there may ever be.
        limit: u64,
    },
    /// It does not fit now.
    #[error("{needed} bytes are needed and {} are free of {}", .usage.free, .usage.quota)]
    Full {
        /// Bytes asked for.
        needed: u64,
        /// What is taken.
        usage: Usage,
    },
    /// The quota has room, but the disk has not.
    #[error("{needed} bytes are needed and the disk has room for {disk}")]
    Disk {
        /// Bytes asked for.
        needed: u64,
        /// Bytes that the disk has room for.
        disk: u64,
    },
    /// It does not fit into what one broadcaster may take.
    #[error("{needed} bytes are needed; {used} of the {share} that one broadcaster may take are taken")]
    Share {
        /// Bytes asked for.
        needed: u64,
        /// Bytes this broadcaster has taken.
        used: u64,
        /// Bytes it may take.
        share: u64,
    },
}

impl Quota {
    /// At most `limit` bytes in all, and `share` for each owner. `index` is what the index takes, and is kept up by it; `folder` lies on
    /// the disk that is filled.
    pub fn new(limit: u64, share: u64, index: Arc<AtomicU64>, folder: &Path) -> Arc<Self> {
        Arc::new(Self { limit, share, index, folder: folder.to_owned(), counts: Mutex::default() })
    }

    /// What is on disk already when the gateway starts, reserved by nobody.
    pub fn found(&self, bytes: u64, owner: &Owner) {
        self.counts().take(bytes, owner);
        self.counts().used += bytes;
    }

    /// Promises space, if there is some.
    ///
    /// # Errors
    /// When there is not as much.
    pub fn reserve(self: &Arc<Self>, bytes: u64, owner: &Owner) -> Result<Reservation, Refusal> {
        let mut reservation = Reservation { quota: Arc::clone(self), owner: owner.clone(), left: 0 };
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// Space that is free again: what was used is gone.
    pub fn give_back(&self, bytes: u64, owner: &Owner) {
        let mut counts = self.counts();
        counts.used = counts.used.saturating_sub(bytes);
        counts.leave(bytes, owner);
    }

    /// What is taken now.
    pub fn usage(&self) -> Usage {
        self.usage_of(&self.counts())
    }

    /// Used and reserved by each broadcaster.
    pub fn owners(&self) -> Vec<(Arc<str>, u64)> {
        let mut owners: Vec<_> =
            self.counts().owners.iter().map(|(name, used)| (Arc::clone(name), *used)).collect();
        owners.sort();
        owners
    }

    fn usage_of(&self, counts: &Counts) -> Usage {
        let Counts { used, reserved, .. } = *counts;
        let index = self.index.load(Ordering::Relaxed);
        // What is promised is not written yet, so the disk still shows it as room.
        let disk = self.disk().saturating_sub(reserved);
        let free = self.limit.saturating_sub(used + reserved + index).min(disk);
        Usage { quota: self.limit, used, reserved, index, free, disk }
    }

    /// Bytes that the disk has room for; no bound if it doesn't say.
    fn disk(&self) -> u64 {
        statvfs(&self.folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Each change is one statement: they are sound whoever panicked.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn take(&mut self, bytes: u64, owner: &Owner) {
        if let Some(name) = owner {
            *self.owners.entry(Arc::clone(name)).or_default() += bytes;
        }
    }

    fn leave(&mut self, bytes: u64, owner: &Owner) {
        let Some(name) = owner else { return };
        if let Some(used) = self.owners.get_mut(name) {
            *used = used.saturating_sub(bytes);
            if *used == 0 {
                self.owners.remove(name);
            }
        }
    }
}

/// Space that is promised; what is not used of it is free again when this is dropped.
#[derive(Debug)]
pub struct Reservation {
    quota: Arc<Quota>,
    owner: Owner,
    left: u64,
}

impl Reservation {
    /// Promises more.
    ///
    /// # Errors
    /// When there is not as much; what was promised before stays so.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        let Quota { limit, share, .. } = *self.quota;
        if bytes > limit {
            return Err(Refusal::Never { needed: bytes, limit });
        }
        let mut counts = self.quota.counts();
        let usage = self.quota.usage_of(&counts);
        if bytes > usage.disk {
            return Err(Refusal::Disk { needed: bytes, disk: usage.disk });
        }
        if bytes > usage.free {
            return Err(Refusal::Full { needed: bytes, usage });
        }
        let used = self.owner.as_ref().and_then(|name| counts.owners.get(name)).copied().unwrap_or(0);
        if self.owner.is_some() && bytes > share.saturating_sub(used) {
            return Err(Refusal::Share { needed: bytes, used, share });
        }
        counts.take(bytes, &self.owner);
        counts.reserved += bytes;
        drop(counts);
        self.left += bytes;
        Ok(())
    }

    /// Turns some of the promise into use; false if it is not large enough, and then nothing changes.
    pub fn spend(&mut self, bytes: u64) -> bool {
        let Some(left) = self.left.checked_sub(bytes) else { return false };
        let mut counts = self.quota.counts();
        counts.reserved -= bytes;
        counts.used += bytes;
        drop(counts);
        self.left = left;
        true
    }

    /// Bytes promised and not used.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Who holds it.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut counts = self.quota.counts();
        counts.reserved -= self.left;
        counts.leave(self.left, &self.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Owner {
        Some(name.into())
    }

    #[test]
    fn what_is_promised_to_one_is_not_promised_to_another() {
        let quota = Quota::new(100, 100, Arc::default(), Path::new("/"));
        let first = quota.reserve(60, &None).unwrap();
        assert!(
            matches!(quota.reserve(60, &None), Err(Refusal::Full { needed: 60, usage }) if usage.free == 40)
        );
        drop(first);
        assert!(quota.reserve(60, &None).is_ok());
        assert!(matches!(quota.reserve(101, &None), Err(Refusal::Never { limit: 100, .. })));
    }

    #[test]
    fn what_is_used_stays_taken_until_it_is_given_back() {
        let quota = Quota::new(100, 100, Arc::default(), Path::new("/"));
        let mut reservation = quota.reserve(60, &of("a")).unwrap();
        assert!(reservation.spend(50) && !reservation.spend(11));
        drop(reservation);
        let usage = quota.usage();
        assert_eq!((usage.used, usage.reserved, usage.free), (50, 0, 50));
        assert_eq!(quota.owners(), [("a".into(), 50)]);
        quota.give_back(50, &of("a"));
        assert!(quota.usage().free == 100 && quota.owners().is_empty());
    }

    #[test]
    fn one_broadcaster_takes_no_more_than_its_share_and_the_index_counts() {
        let quota = Quota::new(100, 40, Arc::new(10.into()), Path::new("/"));
        let _first = quota.reserve(30, &of("a")).unwrap();
        let refused = quota.reserve(20, &of("a")).unwrap_err();
        assert_eq!(refused, Refusal::Share { needed: 20, used: 30, share: 40 });
        assert!(quota.reserve(40, &of("b")).is_ok());
        assert_eq!(quota.usage().free, 60);
    }

    #[test]
    fn many_at_once_never_get_more_than_there_is() {
        let quota = Quota::new(1000, 1000, Arc::default(), Path::new("/"));
        let got: u64 = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..32)
                .map(|_| {
                    scope.spawn(|| {
                        (0..100)
                            .filter_map(|_| quota.reserve(7, &None).ok())
                            .map(|mut held| {
                                assert!(held.spend(7));
                                7
                            })
                            .sum::<u64>()
                    })
                })
                .collect();
            tries.into_iter().map(|each| each.join().unwrap()).sum()
        });
        assert_eq!((got, quota.usage().used), (994, 994));
    }
}
