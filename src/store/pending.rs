//! Answers that are complete and verified but whose commit is still under way. They are served as if
//! they were stored: a hit never waits for a write, and no second request goes to the origin. What a crash
//! in these milliseconds loses had not been committed; the catalog lists only what has.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

use tokio::sync::Notify;

use crate::{blob::follow::Growing, catalog::ResponseSet};

/// The commits under way. The hit path pays one relaxed load while there are none.
#[derive(Default)]
pub(super) struct Pending {
    count: AtomicUsize,
    commits: Mutex<Commits>,
    /// Told whenever a commit is over.
    ended: Notify,
}

#[derive(Default)]
struct Commits {
    sets: HashMap<CacheKey, Expected>,
    bodies: HashMap<Sha256, (u64, Arc<Growing>)>,
    under_way: BTreeMap<u64, CacheKey>,
    last: u64,
}

/// What a URL will have when the commit with this number is over.
struct Expected {
    number: u64,
    set: Arc<ResponseSet>,
    /// Hits of a URL that has no number yet.
    hits: u64,
}

/// One commit under way; over when ended or dropped.
pub(super) struct Commit<'a> {
    pending: &'a Pending,
    number: u64,
    key: CacheKey,
    digest: Sha256,
}

impl Pending {
    pub(super) fn begin(
        &self,
        key: CacheKey,
        set: Arc<ResponseSet>,
        digest: Sha256,
        body: Arc<Growing>,
    ) -> Commit<'_> {
        let mut commits = self.lock();
        commits.last += 1;
        let number = commits.last;
        commits.under_way.insert(number, key);
        let hits = commits.sets.get(&key).map_or(0, |earlier| earlier.hits);
        commits.sets.insert(key, Expected { number, set, hits });
        commits.bodies.insert(digest, (number, body));
        // Relaxed is enough: whoever is told of the answer later synchronises by the verdict.
        self.count.fetch_add(1, Ordering::Relaxed);
        Commit {
            pending: self,
            number,
            key,
            digest,
        }
    }

    pub(super) fn set(&self, key: &CacheKey) -> Option<Arc<ResponseSet>> {
        if self.is_empty() {
            return None;
        }
        self.lock()
            .sets
            .get(key)
            .map(|expected| expected.set.clone())
    }

    /// A URL that is about to have `digest`.
    pub(super) fn holder(&self, digest: &Sha256) -> Option<Arc<ResponseSet>> {
        if self.is_empty() {
            return None;
        }
        let commits = self.lock();
        let mut sets = commits.sets.values().map(|expected| &expected.set);
        let has = |set: &ResponseSet| set.versions.iter().any(|past| past.digest == *digest);
        sets.find(|set| has(set)).cloned()
    }

    /// The complete bytes with `digest` whose commit is under way.
    pub(super) fn body(&self, digest: &Sha256) -> Option<Arc<Growing>> {
        if self.is_empty() {
            return None;
        }
        self.lock().bodies.get(digest).map(|(_, body)| body.clone())
    }

    /// Counts a hit of a URL that has no number yet; `false` when no commit of it is under way.
    pub(super) fn count_hit(&self, key: &CacheKey) -> bool {
        let mut commits = self.lock();
        let expected = commits.sets.get_mut(key);
        expected.map(|expected| expected.hits += 1).is_some()
    }

    /// Waits until the commits that are under way now are over.
    pub(super) async fn over(&self) {
        let last = self.lock().last;
        self.ended_until(|number, _| number > last).await;
    }

    /// Waits until `suits` is true of every commit that is under way.
    async fn ended_until(&self, suits: impl Fn(u64, &CacheKey) -> bool) {
        loop {
            // Made before the look, so that an end in between is not missed.
            let ended = self.ended.notified();
            let is_over = |commits: &Commits| {
                let mut commits = commits.under_way.iter();
                commits.all(|(number, key)| suits(*number, key))
            };
            if is_over(&self.lock()) {
                return;
            }
            ended.await;
        }
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn lock(&self) -> MutexGuard<'_, Commits> {
        // Each use is a few map operations that do not panic.
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commit<'_> {
    /// Waits for the earlier commits of the same URL: the last bytes that arrived stay the newest.
    pub(super) async fn turn(&self) {
        let is_other = |number, key: &CacheKey| number >= self.number || *key != self.key;
        self.pending.ended_until(is_other).await;
    }

    /// Ends it. Before anybody who waits for that goes on, `count` is told how often the URL was hit
    /// while it had no number.
    pub(super) fn end(self, count: impl FnOnce(u64)) {
        self.remove(count);
    }

    /// A later commit of the same URL or bytes stays.
    fn remove(&self, count: impl FnOnce(u64)) {
        let mut commits = self.pending.lock();
        if commits.under_way.remove(&self.number).is_none() {
            return;
        }
        let is_own = |number: u64| number == self.number;
        let sets = &mut commits.sets;
        let hits = match sets.get(&self.key) {
            Some(expected) if is_own(expected.number) => {
                sets.remove(&self.key).map_or(0, |expected| expected.hits)
            }
            _ => 0,
        };
        let bodies = &mut commits.bodies;
        if bodies
            .get(&self.digest)
            .is_some_and(|(number, _)| is_own(*number))
        {
            bodies.remove(&self.digest);
        }
        // Whoever sees that it is over sees the catalog's commit, too.
        self.pending.count.fetch_sub(1, Ordering::Release);
        count(hits);
        self.pending.ended.notify_waiters();
    }
}

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        // Hits of what could not be stored count for nothing.
        self.remove(|_| {});
    }
}
