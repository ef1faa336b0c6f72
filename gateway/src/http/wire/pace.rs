//! How much may lie in a socket's queue: much for a client that takes it quickly, little for one that doesn't. Reads no clock.
//!
//! # Why
//! Left to itself the kernel takes a whole segment off our hands, up to 4 MiB, and keeps it until the client has read it: a thousand slow
//! readers make it 2 GiB. A bound on the queue costs speed, because the sender is woken for each part of it. So a connection begins with a
//! bound, and is rid of it as long as each body goes out quickly. What is bounded is what has not been sent, and not what is on the
//! way: a fast connection over a long distance stays fast.

use std::time::{Duration, Instant};

/// Bytes that the kernel takes and has not sent, for a client that has not shown to be quick.
pub(in crate::http) const NARROW: u32 = 256 << 10;
/// A body shorter than this tells nothing.
const TELLING: u64 = 1 << 20;
/// Bytes a second of a client that is quick. Nobody watches a film at 64 Mbit/s.
const QUICK: u64 = 8 << 20;

/// How a client has taken what was sent.
#[derive(Debug, Default)]
pub(super) struct Pace {
    wide: bool,
    body: Option<(Instant, u64)>,
}

impl Pace {
    /// Some of a body is sent.
    pub(super) fn sends(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        self.body.get_or_insert_with(|| (now(), 0)).1 += bytes as u64;
    }

    /// The body has been sent. Whether the queue is to be wide from now on, where that changes.
    pub(super) fn ends(&mut self, now: impl FnOnce() -> Instant) -> Option<bool> {
        let (began, bytes) = self.body.take().filter(|(_, bytes)| *bytes >= TELLING)?;
        let quick = now().saturating_duration_since(began) <= Duration::from_millis(bytes * 1000 / QUICK);
        (quick != std::mem::replace(&mut self.wide, quick)).then_some(quick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pace: &mut Pace, bytes: usize, took: Duration) -> Option<bool> {
        let start = Instant::now();
        pace.sends(bytes / 2, || start);
        pace.sends(bytes - bytes / 2, || start + took);
        pace.ends(|| start + took)
    }

    #[test]
    fn a_queue_is_wide_for_as_long_as_bodies_go_out_quickly() {
        let mut pace = Pace::default();
        let (quick, slow) = (Duration::from_millis(10), Duration::from_secs(60));
        assert_eq!(body(&mut pace, 2 << 20, slow), None, "it begins narrow");
        assert_eq!(body(&mut pace, 2 << 20, quick), Some(true));
        assert_eq!(body(&mut pace, 2 << 20, quick), None);
        assert_eq!(body(&mut pace, 1000, slow), None, "a short one tells nothing");
        assert_eq!(body(&mut pace, 2 << 20, slow), Some(false));
        assert_eq!(pace.ends(Instant::now), None, "nothing was sent");
    }
}
