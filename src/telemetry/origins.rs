//! [`Origins`]: how each origin fared lately, for people. Metrics have no label for it, since there is no
//! bound to the number of hosts; here the ones asked longest ago are forgotten.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// Origins that are remembered.
const MOST: usize = 256;
/// Requests whose ends are remembered one by one.
const RECENT: u32 = 32;
/// How much the latest request weighs in the mean: one part of so many.
const WEIGHT: u32 = 8;

/// How each origin fared. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<Mutex<HashMap<String, Origin>>>);

/// How one origin fared since the process started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `host:port`.
    pub authority: String,
    /// Requests sent to it.
    pub requests: u64,
    /// Requests that got no answer, or one of status 500 and above.
    pub failures: u64,
    /// When it was asked last.
    pub asked_at: SystemTime,
    /// How the last request ended: a status, or what went wrong.
    pub last: String,
    /// Seconds until the head of a response, as a mean in which the past fades.
    pub mean: Duration,
    /// The latest requests, the last in the lowest bit; a set bit is a failure.
    recent: u32,
}

impl Origin {
    /// The latest requests, oldest first: whether each failed.
    #[must_use]
    pub fn recent(&self) -> Vec<bool> {
        let known = u32::try_from(self.requests).unwrap_or(RECENT).min(RECENT);
        let bits = (0..known).rev();
        bits.map(|bit| self.recent >> bit & 1 == 1).collect()
    }
}

impl Origins {
    /// A request to `authority` ended `now`, after `duration`, as `last` says.
    pub fn asked(
        &self,
        authority: &str,
        (last, is_failure): (String, bool),
        duration: Duration,
        now: SystemTime,
    ) {
        let mut origins = self.lock();
        if !origins.contains_key(authority) && origins.len() >= MOST {
            let oldest = origins.values().min_by_key(|origin| origin.asked_at);
            if let Some(oldest) = oldest.map(|origin| origin.authority.clone()) {
                origins.remove(&oldest);
            }
        }
        let origin = origins
            .entry(authority.to_owned())
            .or_insert_with(|| Origin {
                authority: authority.to_owned(),
                requests: 0,
                failures: 0,
                asked_at: now,
                last: String::new(),
                mean: duration,
                recent: 0,
            });
        origin.requests += 1;
        origin.failures += u64::from(is_failure);
        origin.asked_at = now;
        origin.last = last;
        origin.mean = (origin.mean * (WEIGHT - 1) + duration) / WEIGHT;
        origin.recent = origin.recent << 1 | u32::from(is_failure);
    }

    /// Every origin, the busiest first.
    #[must_use]
    pub fn all(&self) -> Vec<Origin> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by(|a, b| {
            let busiest = b.requests.cmp(&a.requests);
            busiest.then_with(|| a.authority.cmp(&b.authority))
        });
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Origin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn the_latest_ends_are_in_order_and_the_busiest_comes_first() {
        let origins = Origins::default();
        for (authority, fails) in [("a:80", false), ("b:80", false), ("b:80", true)] {
            let end = ("x".to_owned(), fails);
            origins.asked(authority, end, Duration::from_millis(80), UNIX_EPOCH);
        }
        let all = origins.all();
        assert_eq!(all[0].authority, "b:80");
        assert_eq!(all[0].recent(), [false, true]);
        assert_eq!((all[0].requests, all[0].failures), (2, 1));
        assert_eq!(all[0].mean, Duration::from_millis(80));
    }

    #[test]
    fn those_asked_longest_ago_are_forgotten() {
        let origins = Origins::default();
        for second in 0..300_u64 {
            let now = UNIX_EPOCH + Duration::from_secs(second);
            let end = ("200".to_owned(), false);
            origins.asked(&format!("{second}:80"), end, Duration::ZERO, now);
        }
        let all = origins.all();
        assert_eq!(all.len(), MOST);
        assert!(
            all.iter()
                .all(|origin| origin.asked_at >= UNIX_EPOCH + Duration::from_secs(44))
        );
    }
}
