//! How long to rest before something is tried again.

use std::time::Duration;

/// Rests that double, up to a bound, each a little different so that those who failed together don't come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    /// The first rest, and the longest.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { next: first.min(most), most }
    }

    /// The next rest: half of what it may be, and some of the other half.
    pub fn rest(&mut self) -> Duration {
        let (whole, part) = (self.next, chance());
        self.next = (self.next * 2).min(self.most);
        whole / 2 + (whole / 2).mul_f64(part)
    }
}

/// From 0 to 1, by the system's generator.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Not filled only before the system has gathered any randomness: then all rest equally long.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_their_bound_and_differ() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 3 * second);
        for whole in [1, 2, 3, 3] {
            let rest = backoff.rest();
            assert!(rest >= whole * second / 2 && rest <= whole * second, "{rest:?}");
        }
    }
}
