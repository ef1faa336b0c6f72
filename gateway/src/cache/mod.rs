//! Things that cost work to make, kept while there is room: weighed by bytes, the longest unused going first, each made once however
//! many ask for it at the same time.
//!
//! # Why
//! The longest unused goes first, although keeping what is asked for most often would hit more. A player's next segments
//! are made ahead of it and have been asked for never; a cache that looks at frequency would turn just those away. So that one who
//! watches a long film alone does not push out what many watch, a cache may have two parts: what has been asked for
//! `PROVEN` times moves to the larger one, and what passes by once only ever pushes out what did so before.

use std::future::{Future, ready};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use moka::Entry as Held;
use moka::future::{Cache as Moka, FutureExt as _};
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;

/// Tells how many bytes of memory a value takes.
pub trait Weight {
    /// Bytes, about.
    fn weight(&self) -> u64;
}

/// Bytes that an entry takes besides its value.
const OVERHEAD: u64 = 256;

/// Times that something was asked for, after it was made, and then is worth more than what was not.
const PROVEN: u32 = 2;
/// Part of a cache that is for what has not proven itself.
const YOUNG: u64 = 4;

/// A cache of shared values.
#[derive(Clone, Debug)]
pub struct Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Weight + Send + Sync + 'static,
{
    young: Moka<K, Arc<Entry<V>>>,
    /// `None` where all have proven themselves by being asked for at all.
    proven: Option<Moka<K, Arc<Entry<V>>>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    asked: AtomicU32,
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Weight + Send + Sync + 'static,
{
    /// A cache that holds values of `capacity` bytes together.
    pub fn new(capacity: u64) -> Self {
        Self { young: part(capacity), proven: None }
    }

    /// The same, but what is asked for once or twice never pushes out what is asked for more often.
    pub fn in_two_parts(capacity: u64) -> Self {
        let young = capacity / YOUNG;
        Self { young: part(young), proven: Some(part(capacity - young)) }
    }

    /// What is held under this key.
    pub async fn get(&self, key: &K) -> Option<Arc<V>> {
        let Some(proven) = &self.proven else {
            return self.young.get(key).await.map(|entry| Arc::clone(&entry.value));
        };
        if let Some(entry) = proven.get(key).await {
            return Some(Arc::clone(&entry.value));
        }
        let entry = self.young.get(key).await?;
        if entry.asked.fetch_add(1, Ordering::Relaxed) + 1 == PROVEN {
            proven.insert(key.clone(), Arc::clone(&entry)).await;
            self.young.invalidate(key).await;
        }
        Some(Arc::clone(&entry.value))
    }

    /// Whether something is held under this key; does not count as a use of it.
    pub fn holds(&self, key: &K) -> bool {
        self.young.contains_key(key) || self.proven.as_ref().is_some_and(|proven| proven.contains_key(key))
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
        if let Some(held) = self.get(key).await {
            return Ok(held);
        }
        let entry = |value| Arc::new(Entry { value: Arc::new(value), asked: AtomicU32::new(0) });
        let made = self.young.try_get_with_by_ref(key, async { make.await.map(entry) }.boxed());
        let made = made.await.map_err(|error: Arc<E>| E::clone(&error))?;
        Ok(Arc::clone(&made.value))
    }

    /// Puts a value in the place of what is held under this key, if anything still is.
    pub async fn replace(&self, key: &K, value: V) {
        let value = Arc::new(value);
        for part in self.parts() {
            let by = |held: Option<Held<K, Arc<Entry<V>>>>| {
                let asked = held.map(|held| held.value().asked.load(Ordering::Relaxed));
                let entry =
                    |asked| Arc::new(Entry { value: Arc::clone(&value), asked: AtomicU32::new(asked) });
                ready(asked.map_or(Op::Nop, |asked| Op::Put(entry(asked))))
            };
            part.entry_by_ref(key).and_compute_with(by).await;
        }
    }

    /// Takes one value out.
    pub async fn remove(&self, key: &K) {
        for part in self.parts() {
            part.invalidate(key).await;
        }
    }

    /// Takes out what lies under keys of which this holds.
    pub fn remove_all(&self, those: impl Fn(&K) -> bool + Clone + Send + Sync + 'static) {
        for part in self.parts() {
            let those = those.clone();
            // The only error is that the cache was not made for it; this one is.
            let _ = part.invalidate_entries_if(move |key, _| those(key));
        }
    }

    /// Bytes held, about.
    pub fn weight(&self) -> u64 {
        self.parts().map(Moka::weighted_size).sum()
    }

    /// Values held, about.
    pub fn count(&self) -> u64 {
        self.parts().map(Moka::entry_count).sum()
    }

    fn parts(&self) -> impl Iterator<Item = &Moka<K, Arc<Entry<V>>>> {
        [Some(&self.young), self.proven.as_ref()].into_iter().flatten()
    }
}

fn part<K, V>(capacity: u64) -> Moka<K, Arc<Entry<V>>>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Weight + Send + Sync + 'static,
{
    Moka::builder()
        .max_capacity(capacity)
        .eviction_policy(EvictionPolicy::lru())
        .support_invalidation_closures()
        .weigher(|_, entry: &Arc<Entry<V>>| {
            u32::try_from(entry.value.weight() + OVERHEAD).unwrap_or(u32::MAX)
        })
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    async fn only_what_is_held_is_replaced() {
        for cache in [Cache::<u32, Vec<u8>>::new(1 << 20), Cache::in_two_parts(1 << 20)] {
            cache.get_or_make(&1, async { Ok::<_, String>(vec![1]) }).await.unwrap();
            cache.replace(&1, vec![2]).await;
            cache.replace(&7, vec![7]).await;
            assert_eq!(*cache.get(&1).await.unwrap(), [2]);
            cache.get(&1).await;
            cache.replace(&1, vec![3]).await;
            assert_eq!(*cache.get(&1).await.unwrap(), [3]);
            assert!(!cache.holds(&7));
        }
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
        cache.young.run_pending_tasks().await;
        assert!(cache.weight() <= 10_000, "{}", cache.weight());
        assert!(cache.holds(&99) && !cache.holds(&0), "the longest unused goes first");
    }

    #[tokio::test]
    async fn one_pass_over_much_does_not_push_out_what_many_ask_for() {
        let cache = Cache::<u32, Vec<u8>>::in_two_parts(20_000);
        let ask =
            async |key: u32| cache.get_or_make(&key, async { Ok::<_, String>(vec![0; 1000]) }).await.unwrap();
        for _ in 0..=PROVEN {
            for popular in 0..5 {
                ask(popular).await;
            }
        }
        for once in 1000..2000 {
            // Made ahead, and then asked for.
            ask(once).await;
            ask(once).await;
        }
        for part in cache.parts() {
            part.run_pending_tasks().await;
        }
        assert!((0..5).all(|popular| cache.holds(&popular)));
        assert!(cache.holds(&1999) && cache.weight() <= 20_000);
    }

    #[tokio::test]
    async fn what_is_taken_out_is_made_anew() {
        let cache = Cache::<u32, Vec<u8>>::in_two_parts(20_000);
        for key in 0..4 {
            cache.get_or_make(&key, async { Ok::<_, String>(vec![1]) }).await.unwrap();
        }
        cache.remove_all(|key| key % 2 == 0);
        let mut left = Vec::new();
        for key in 0..4 {
            left.extend(cache.get(&key).await.map(|_| key));
        }
        assert_eq!(left, [1, 3]);
    }
}
