//! How often one client may ask.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// After so many requests those clients are forgotten who have been quiet for long enough to have all their requests again.
const FORGET_EVERY: u32 = 4096;

type Limiter =
    RateLimiter<IpAddr, DashMapStateStore<IpAddr>, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// Counts requests of each client.
pub(super) struct Throttle {
    limiter: Limiter,
    seen: AtomicU32,
}

impl Throttle {
    /// So many requests a second, and so many at once; `None` if there is no limit.
    pub(super) fn new(rate: u32, burst: u32) -> Option<Self> {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(NonZeroU32::new(rate)?).allow_burst(burst);
        Some(Self {
            limiter: RateLimiter::dashmap_with_clock(quota, MonotonicClock),
            seen: AtomicU32::new(0),
        })
    }

    /// Counts a request of a client.
    ///
    /// # Errors
    /// When there were too many; says when to come back.
    pub(super) fn count(&self, client: IpAddr) -> Result<(), Duration> {
        if self.seen.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let counted = self.limiter.check_key(&network(client));
        counted.map_err(|refused| refused.wait_time_from(MonotonicClock.now()))
    }
}

/// Whom an address belongs to: one who has an IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_too_many_requests_and_others_none_the_fewer() {
        let throttle = Throttle::new(1, 3).unwrap();
        let [one, other]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        assert_eq!([(); 3].map(|()| throttle.count(one)), [Ok(()); 3]);
        assert!(throttle.count(one).is_err_and(|wait| wait <= Duration::from_secs(1)));
        assert_eq!(throttle.count(other), Ok(()));
        assert!(Throttle::new(0, 3).is_none());
    }

    #[test]
    fn a_client_is_a_network_of_its_own() {
        let whose = |address: &str| network(address.parse().unwrap()).to_string();
        assert_eq!(whose("2001:db8:1:2:3:4:5:6"), whose("2001:db8:1:2::1"));
        assert_ne!(whose("2001:db8:1:3::1"), whose("2001:db8:1:2::1"));
        assert_eq!(whose("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
