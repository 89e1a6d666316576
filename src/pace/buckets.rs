//! [`Buckets`]: a bucket for each key, in bounded memory.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Bucket;

/// Keys in one shard; further ones share a bucket until some are forgotten.
const CAPACITY: usize = 4096;
/// How often a full shard is looked through: a flood of keys must not cost a look for each.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// So that keys of different clients seldom wait for one lock.
const SHARDS: usize = 16;

/// A bucket for each key. Idle ones are forgotten when there are many; when all are busy, new keys share
/// one bucket, so that a flood of keys costs the flood and not the memory.
pub struct Buckets<K> {
    shards: [Mutex<Shard<K>>; SHARDS],
    hasher: RandomState,
    crowd: Arc<Bucket>,
}

struct Shard<K> {
    buckets: HashMap<K, Arc<Bucket>>,
    swept: Option<Instant>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| {
                Mutex::new(Shard {
                    buckets: HashMap::new(),
                    swept: None,
                })
            }),
            hasher: RandomState::new(),
            crowd: Arc::default(),
        }
    }
}

impl<K: Hash + Eq> Buckets<K> {
    /// The bucket of a key.
    pub fn of(&self, key: K, now: Instant) -> Arc<Bucket> {
        let index = usize::try_from(self.hasher.hash_one(&key) % SHARDS as u64).unwrap_or(0);
        // A number that is already right when a thread panicked while it held the lock.
        let mut shard = self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard.buckets.get(&key) {
            return Arc::clone(known);
        }
        if shard.is_full(now) {
            return Arc::clone(&self.crowd);
        }
        let bucket = Arc::<Bucket>::default();
        shard.buckets.insert(key, Arc::clone(&bucket));
        bucket
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().unwrap().buckets.len())
            .sum()
    }
}

impl<K: Hash + Eq> Shard<K> {
    /// Whether there is no room, after forgetting what may be forgotten.
    fn is_full(&mut self, now: Instant) -> bool {
        let is_due = |swept: Instant| now.saturating_duration_since(swept) >= SWEEP_EVERY;
        if self.buckets.len() >= CAPACITY && self.swept.is_none_or(is_due) {
            self.swept = Some(now);
            let is_used = |bucket: &Arc<Bucket>| Arc::strong_count(bucket) > 1;
            self.buckets
                .retain(|_, bucket| is_used(bucket) || !bucket.is_idle(now));
        }
        self.buckets.len() >= CAPACITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Rate;

    const ONE: Rate = Rate {
        per_second: 1,
        burst: 1,
    };

    #[test]
    fn each_key_has_a_bucket_of_its_own() {
        let (buckets, now) = (Buckets::default(), Instant::now() + Duration::from_secs(1));
        assert!(buckets.of("a", now).take(1, ONE, now).is_ok());
        assert!(buckets.of("b", now).take(1, ONE, now).is_ok());
        assert!(buckets.of("a", now).take(1, ONE, now).is_err());
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_forgotten() {
        let (buckets, now) = (Buckets::default(), Instant::now() + Duration::from_secs(1));
        let mut refused = 0;
        for key in 0..(SHARDS * CAPACITY * 2) {
            refused += u32::from(buckets.of(key, now).take(1, ONE, now).is_err());
        }
        assert_eq!(buckets.len(), SHARDS * CAPACITY);
        assert!(refused > 0, "the crowd shares one bucket");
        let later = now + Duration::from_mins(1);
        assert!(buckets.of(usize::MAX, later).take(1, ONE, later).is_ok());
        assert!(buckets.len() <= SHARDS * CAPACITY);
    }
}
