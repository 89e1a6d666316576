//! [`Bucket`]: what one key may still take.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// So many per second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units per second, more than 0.
    pub per_second: u64,
    /// Units that may be taken at once after a rest, at least 1.
    pub burst: u64,
}

/// What one key may still take. The number is the time, in nanoseconds since the first bucket was made,
/// at which all that was taken will have been earned.
#[derive(Debug, Default)]
pub struct Bucket(AtomicU64);

impl Rate {
    /// How long it takes to earn so many units, in nanoseconds.
    fn earning(self, units: u64) -> u64 {
        let nanoseconds = u128::from(units) * 1_000_000_000 / u128::from(self.per_second.max(1));
        u64::try_from(nanoseconds).unwrap_or(u64::MAX)
    }
}

impl Bucket {
    /// Takes `units` now.
    ///
    /// # Errors
    /// How long to wait, when they are not there; nothing is taken then.
    pub fn take(&self, units: u64, rate: Rate, now: Instant) -> Result<(), Duration> {
        let (now, cost) = (nanoseconds(now), rate.earning(units));
        let allowed = now.saturating_add(rate.earning(rate.burst));
        let next = |earned: u64| earned.max(now).saturating_add(cost);
        let take = |earned: u64| Some(next(earned)).filter(|next| *next <= allowed);
        // The number stands alone: no other memory depends on its order.
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken
            .map(drop)
            .map_err(|earned| Duration::from_nanos(next(earned) - allowed))
    }

    /// Takes `units` in any case; how long whoever took them must wait for that.
    pub fn owe(&self, units: u64, rate: Rate, now: Instant) -> Duration {
        let (now, cost) = (nanoseconds(now), rate.earning(units));
        let owe = |earned: u64| Some(earned.max(now).saturating_add(cost));
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, owe);
        let earned = before.unwrap_or_else(|unchanged| unchanged).max(now);
        let allowed = now.saturating_add(rate.earning(rate.burst));
        Duration::from_nanos(earned.saturating_add(cost).saturating_sub(allowed))
    }

    /// Whether nothing is owed any more: a new bucket would be the same.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.0.load(Ordering::Relaxed) <= nanoseconds(now)
    }
}

/// Since some time before the first time that anybody asked.
fn nanoseconds(now: Instant) -> u64 {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    const BEFORE: Duration = Duration::from_mins(1);
    let first = *FIRST.get_or_init(|| {
        let first = Instant::now();
        first.checked_sub(BEFORE).unwrap_or(first)
    });
    u64::try_from(now.saturating_duration_since(first).as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 10,
        burst: 3,
    };

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let (bucket, start) = (Bucket::default(), Instant::now() + Duration::from_secs(1));
        for _ in 0..3 {
            assert_eq!(bucket.take(1, RATE, start), Ok(()));
        }
        let wait = bucket.take(1, RATE, start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert!(bucket.take(1, RATE, start + wait / 2).is_err());
        assert_eq!(bucket.take(1, RATE, start + wait), Ok(()));
    }

    #[test]
    fn a_rest_earns_no_more_than_the_burst() {
        let (bucket, start) = (Bucket::default(), Instant::now() + Duration::from_secs(1));
        assert_eq!(bucket.take(3, RATE, start), Ok(()));
        let later = start + Duration::from_hours(1);
        assert!(bucket.is_idle(later));
        assert_eq!(bucket.take(3, RATE, later), Ok(()));
        assert!(bucket.take(1, RATE, later).is_err());
    }

    #[test]
    fn what_is_owed_is_waited_for() {
        let (bucket, start) = (Bucket::default(), Instant::now() + Duration::from_secs(1));
        assert_eq!(bucket.owe(3, RATE, start), Duration::ZERO);
        assert_eq!(bucket.owe(20, RATE, start), Duration::from_secs(2));
        assert_eq!(
            bucket.owe(0, RATE, start + Duration::from_secs(2)),
            Duration::ZERO
        );
    }
}
