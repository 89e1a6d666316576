//! What recently failed by archive rules, so that a loop of retries costs the origin nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use http::StatusCode;

use crate::{digest::Sha256, semantics::cache_key::CacheKey};

/// Failures remembered at once; beyond that everything that has expired is dropped, then the rest.
const MOST: usize = 4096;

/// What is remembered of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The origin answered with this status.
    Status(StatusCode),
    /// The origin's bytes have this digest instead of the pinned one.
    Digest(Sha256),
}

type Failures = HashMap<(CacheKey, Option<Sha256>), (Failure, SystemTime)>;

/// Recent failures by URL and pin. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Negative(Arc<Mutex<Failures>>);

impl Negative {
    /// The failure of `key` with `pin`, as long as it is remembered.
    pub(super) fn find(
        &self,
        key: &CacheKey,
        pin: Option<Sha256>,
        now: SystemTime,
    ) -> Option<Failure> {
        let failures = self.lock();
        // What has no bytes has none with the pinned digest either.
        let known = [pin, None]
            .into_iter()
            .find_map(|pin| failures.get(&(*key, pin)));
        known
            .filter(|(_, until)| now < *until)
            .map(|(failure, _)| *failure)
    }

    /// Remembers a failure until `now + ttl`.
    pub(super) fn remember(
        &self,
        key: CacheKey,
        pin: Option<Sha256>,
        failure: Failure,
        until: SystemTime,
    ) {
        let pin = pin.filter(|_| matches!(failure, Failure::Digest(_)));
        let mut failures = self.lock();
        if failures.len() >= MOST {
            let latest = failures.values().map(|(_, until)| *until).max();
            failures.retain(|_, (_, until)| Some(*until) == latest);
        }
        failures.insert((key, pin), (failure, until));
    }

    /// Forgets failures of `key` when it has been stored.
    pub(super) fn forget(&self, key: &CacheKey, pin: Option<Sha256>) {
        let mut failures = self.lock();
        for pin in [pin, None] {
            failures.remove(&(*key, pin));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Failures> {
        // Each use is one operation on the map, so it is consistent whatever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When something remembered at `now` is forgotten.
pub(super) fn until(now: SystemTime, ttl: Duration) -> SystemTime {
    now.checked_add(ttl).unwrap_or(now)
}
