//! Things that cost work to make, kept while there is room: weighed by bytes, the longest unused going first, each made once however
//! many ask for it at the same time.
//!
//! # Why
//! The longest unused goes first, although keeping what is asked for most often would hit more. A player's next segments
//! are made ahead of it and have been asked for never; a cache that looks at frequency would turn just those away.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use moka::future::{Cache as Moka, FutureExt as _};
use moka::policy::EvictionPolicy;

/// Tells how many bytes of memory a value takes.
pub trait Weight {
    /// Bytes, about.
    fn weight(&self) -> u64;
}

/// Bytes that an entry takes besides its value.
const OVERHEAD: u64 = 256;

/// A cache of shared values.
#[derive(Clone, Debug)]
pub struct Cache<K, V>(Moka<K, Arc<V>>)
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Weight + Send + Sync + 'static;

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Weight + Send + Sync + 'static,
{
    /// A cache that holds values of `capacity` bytes together.
    pub fn new(capacity: u64) -> Self {
        let cache = Moka::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, value: &Arc<V>| u32::try_from(value.weight() + OVERHEAD).unwrap_or(u32::MAX));
        Self(cache.build())
    }

    /// What is held under this key.
    pub async fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.get(key).await
    }

    /// Whether something is held under this key; does not count as a use of it.
    pub fn holds(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// What is held under this key, or what `make` makes. Of many who ask at once, one makes it and all get it, or its error. One who
    /// makes it and goes away leaves the making to the next.
    pub async fn get_or_make<E>(
        &self,
        key: &K,
        make: impl Future<Output = Result<V, E>> + Send,
    ) -> Result<Arc<V>, E>
    where
        E: Clone + Send + Sync + 'static,
    {
        if let Some(held) = self.0.get(key).await {
            return Ok(held);
        }
        let made = self.0.try_get_with_by_ref(key, async { make.await.map(Arc::new) }.boxed());
        made.await.map_err(|error: Arc<E>| E::clone(&error))
    }

    /// Takes one value out.
    pub async fn remove(&self, key: &K) {
        self.0.invalidate(key).await;
    }

    /// Bytes held, about.
    pub fn weight(&self) -> u64 {
        self.0.weighted_size()
    }

    /// Values held, about.
    pub fn count(&self) -> u64 {
        self.0.entry_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    impl Weight for Vec<u8> {
        fn weight(&self) -> u64 {
            self.len() as u64
        }
    }

    #[tokio::test]
    async fn what_many_ask_for_at_once_is_made_once() {
        let cache = Cache::<u32, Vec<u8>>::new(1 << 20);
        let made = AtomicU32::new(0);
        let ask = || {
            cache.get_or_make(&1, async {
                tokio::task::yield_now().await;
                made.fetch_add(1, Ordering::Relaxed);
                Ok::<_, String>(vec![7; 10])
            })
        };
        let all = futures_util::future::join_all((0..64).map(|_| ask())).await;
        assert!(all.iter().all(|value| value.as_ref().unwrap().len() == 10));
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_error_reaches_all_and_is_not_kept() {
        let cache = Cache::<u32, Vec<u8>>::new(1 << 20);
        let failed = cache.get_or_make(&1, async { Err("broken".to_owned()) }).await;
        assert_eq!(failed.unwrap_err(), "broken");
        assert_eq!(cache.get_or_make(&1, async { Ok::<_, String>(vec![1]) }).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn it_never_holds_more_than_it_may() {
        let cache = Cache::<u32, Vec<u8>>::new(10_000);
        for key in 0..100 {
            cache.get_or_make(&key, async { Ok::<_, String>(vec![0; 1000]) }).await.unwrap();
        }
        cache.0.run_pending_tasks().await;
        assert!(cache.weight() <= 10_000, "{}", cache.weight());
        assert!(cache.holds(&99) && !cache.holds(&0), "the longest unused goes first");
    }
}
