//! [`Pace`]: what is held to a rate in bytes, and the bucket it takes from.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::{Bucket, Rate};

/// A rate in bytes per second, together with everything else that takes from the same bucket. As a
/// request extension: what the tunnel that is asked for is held to.
#[derive(Clone)]
pub struct Pace {
    /// What is taken from.
    pub bucket: Arc<Bucket>,
    /// How fast it earns.
    pub rate: Rate,
}

impl Pace {
    /// Takes so many bytes, which were sent already, and waits until they are paid for.
    pub async fn keep(&self, bytes: u64) {
        let now = Instant::now();
        let wait = self.bucket.owe(bytes, self.rate, now);
        if !wait.is_zero() {
            sleep_until(now + wait).await;
        }
    }

    /// How much to send at once, so that a piece takes about a second at most.
    #[must_use]
    pub fn piece(&self, most: usize) -> usize {
        usize::try_from(self.rate.per_second).map_or(most, |bytes| bytes.clamp(1, most))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_take_the_time_that_the_rate_says() {
        let rate = Rate {
            per_second: 1000,
            burst: 1000,
        };
        let pace = Pace {
            bucket: Arc::default(),
            rate,
        };
        let start = Instant::now();
        for _ in 0..5 {
            pace.keep(1000).await;
        }
        let took = start.elapsed();
        let expected = Duration::from_secs(4)..=Duration::from_millis(4100);
        assert!(expected.contains(&took), "{took:?}");
        assert_eq!(pace.piece(16 << 10), 1000);
    }
}
