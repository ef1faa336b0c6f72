//! Time for those who must wait and compare: the system's, or one that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A clock that never goes back, and the date. Copies share the same time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System(Instant),
    Manual(Arc<AtomicU64>),
}

/// A moment that outlives the program: milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment that lies so much later.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; nothing if it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(Kind::System(Instant::now()))
    }
}

impl Clock {
    /// A clock that stands still until it is moved.
    pub fn manual() -> Self {
        Self(Kind::Manual(Arc::default()))
    }

    /// Time since the clock was made, in milliseconds.
    pub fn millis(&self) -> u64 {
        match &self.0 {
            Kind::System(start) => u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            Kind::Manual(millis) => millis.load(Ordering::Relaxed),
        }
    }

    /// What is told to those who come after a restart. A manual clock was made in 1970.
    pub fn now(&self) -> Moment {
        match &self.0 {
            Kind::System(_) => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Kind::Manual(millis) => Moment(millis.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock on; a system clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual(millis) = &self.0 {
            millis.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_for_all_who_hold_it() {
        let clock = Clock::manual();
        let other = clock.clone();
        assert_eq!(clock.millis(), 0);
        clock.advance(Duration::from_secs(2));
        assert_eq!((other.millis(), other.now()), (2000, Moment(2000)));
    }

    #[test]
    fn what_lies_ahead_is_no_time_ago() {
        let (early, late) = (Moment(1), Moment(1).after(Duration::from_secs(1)));
        assert_eq!(late.since(early), Duration::from_secs(1));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
