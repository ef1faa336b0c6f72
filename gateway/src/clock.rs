//! Time for those who must wait and compare: the system's, or one that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A clock that never goes back. Copies share the same time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System(Instant),
    Manual(Arc<AtomicU64>),
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
        assert_eq!(other.millis(), 2000);
    }
}
