//! Hits between two flushes, counted in memory: each thread has a shard of its own, so that a hit
//! never waits for another core or for a write.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

/// More than the threads that serve hits, so that a shard is nearly always one thread's own.
const SHARDS: usize = 64;
/// Artifacts in one shard before it is flushed early: 64 shards of these stay below 32 MiB.
const CROWDED: usize = 8 * 1024;

/// Hits of one artifact since the last flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    /// Nanoseconds since 1970.
    pub(super) last: u64,
}

pub(super) struct Hits {
    shards: Box<[Shard]>,
    /// Told when a shard should be flushed before its time.
    pub(super) crowded: Notify,
}

/// Two cache lines apart, so that counting on one core does not slow another.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<HashMap<u64, Tally>>);

impl Hits {
    pub(super) fn new() -> Self {
        Self {
            shards: std::iter::repeat_with(Shard::default)
                .take(SHARDS)
                .collect(),
            crowded: Notify::new(),
        }
    }

    /// Counts one hit at `now`.
    pub(super) fn count(&self, artifact: u64, now: u64) {
        let mut shard = self.shard();
        let tally = shard.entry(artifact).or_default();
        tally.count += 1;
        tally.last = tally.last.max(now);
        if shard.len() == CROWDED {
            self.crowded.notify_one();
        }
    }

    /// The first shard that nobody uses at this moment, beginning with the thread's own.
    fn shard(&self) -> MutexGuard<'_, HashMap<u64, Tally>> {
        let own = own_shard();
        for index in 0..SHARDS {
            match self.shards[(own + index) % SHARDS].0.try_lock() {
                Ok(shard) => return shard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(&self.shards[own])
    }

    /// Takes everything counted so far.
    pub(super) fn take(&self) -> HashMap<u64, Tally> {
        let mut sum = HashMap::new();
        for shard in &self.shards {
            let taken = std::mem::take(&mut *lock(shard));
            add(&mut sum, taken);
        }
        sum
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&self, hits: HashMap<u64, Tally>) {
        add(&mut lock(&self.shards[0]), hits);
    }
}

fn add(sum: &mut HashMap<u64, Tally>, hits: HashMap<u64, Tally>) {
    for (artifact, tally) in hits {
        let known = sum.entry(artifact).or_default();
        known.count += tally.count;
        known.last = known.last.max(tally.last);
    }
}

/// A number that is already right when a thread panicked while it held the lock.
fn lock(shard: &Shard) -> MutexGuard<'_, HashMap<u64, Tally>> {
    shard.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Threads take the shards in turn, each for its life.
fn own_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.with(|own| {
        own.get().unwrap_or_else(|| {
            // Only distinctness matters, not order.
            let index = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            own.set(Some(index));
            index
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_of_many_threads_are_all_counted_once() {
        let hits = Hits::new();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let hits = &hits;
                scope.spawn(move || (0..1000).for_each(|hit| hits.count(hit % 10, thread)));
            }
        });
        let sum = hits.take();
        assert_eq!(sum.len(), 10);
        assert!(sum.values().all(|&tally| tally
            == Tally {
                count: 800,
                last: 7
            }));
        assert!(hits.take().is_empty());
    }

    #[test]
    fn what_is_put_back_is_taken_again_with_newer_hits() {
        let hits = Hits::new();
        hits.count(1, 5);
        hits.put_back(hits.take());
        hits.count(1, 9);
        assert_eq!(hits.take()[&1], Tally { count: 2, last: 9 });
    }

    #[tokio::test]
    async fn a_crowded_shard_asks_to_be_flushed() {
        let hits = Hits::new();
        (0..CROWDED as u64).for_each(|artifact| hits.count(artifact, 1));
        tokio::time::timeout(std::time::Duration::from_secs(5), hits.crowded.notified())
            .await
            .expect("asked");
    }
}
