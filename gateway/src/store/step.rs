//! Places at which a test may end the program as `kill -9` would.

/// Called at the step of this name. Built for tests, the program dies here when `SEGUE_DIE_AT=name:count` says so, the count-th time;
/// built for users, nothing happens.
#[inline]
pub fn step(name: &'static str) {
    #[cfg(debug_assertions)]
    deadly::step(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
mod deadly {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static LEFT: AtomicU32 = AtomicU32::new(0);
    static WHERE: OnceLock<Option<String>> = OnceLock::new();

    fn wanted() -> Option<String> {
        let said = std::env::var("SEGUE_DIE_AT").ok()?;
        let (name, count) = said.split_once(':').unwrap_or((&said, "1"));
        LEFT.store(count.parse().ok()?, Ordering::Relaxed);
        Some(name.to_owned())
    }

    pub(super) fn step(name: &str) {
        if WHERE.get_or_init(wanted).as_deref() == Some(name) && LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    }
}
