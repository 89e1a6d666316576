//! `Courier`: delivers the messages of one endpoint, one after the other, each until it is taken or given
//! up.

use std::{sync::Arc, time::Duration};

use artifact_cache_layers::{body::BoxError, semantics::target_uri::TargetUri};
use aws_lc_rs::hmac;
use http::StatusCode;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tower::ServiceExt as _;

use super::{Outbox, message};
use crate::{
    artifact::model::notice::Announcement,
    clock::Clock,
    telemetry::{label::Delivery, metrics::Metrics},
    upstream::Upstreams,
};

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// How often and how fast.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) attempts: u32,
    pub(super) first_wait: Duration,
    pub(super) timeout: Duration,
}

/// Brings messages to one endpoint.
pub(super) struct Courier {
    pub(super) name: String,
    pub(super) uri: TargetUri,
    pub(super) key: hmac::Key,
    pub(super) pace: Pace,
    pub(super) wake: Arc<Notify>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) upstreams: Upstreams,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("no answer in time")]
    TooLate,
    #[error("it could not be asked")]
    Unreachable(#[source] BoxError),
}

impl Courier {
    /// Delivers what waits, and then what comes, until it is dropped: what is not delivered by then waits
    /// for the next start.
    pub(super) async fn deliver_all(self) {
        let mut last = 0;
        loop {
            while let Some((number, announcement)) = self.outbox.next(&self.name, last) {
                self.deliver(&announcement).await;
                self.outbox.done(&self.name, number).await;
                self.metrics.webhooks_waiting.set(self.outbox.waiting());
                last = number;
            }
            self.wake.notified().await;
        }
    }

    /// Tries until it is taken, with longer and longer waits between.
    async fn deliver(&self, announcement: &Announcement) {
        for made in 1..self.pace.attempts {
            let Err(failed) = self.attempt(announcement).await else {
                return self.count(Delivery::Delivered);
            };
            self.failed_once(announcement, made, &failed);
            sleep(self.pace.wait_after(made)).await;
        }
        self.deliver_now(announcement).await;
    }

    fn failed_once(&self, announcement: &Announcement, made: u32, failed: &Failed) {
        self.count(Delivery::Retried);
        let error = failed as &dyn std::error::Error;
        let (endpoint, id) = (&self.name, &announcement.id);
        tracing::debug!(endpoint, id, made, error, "webhook not delivered yet");
    }

    /// Tries for the last time.
    async fn deliver_now(&self, announcement: &Announcement) {
        let Err(failed) = self.attempt(announcement).await else {
            return self.count(Delivery::Delivered);
        };
        self.count(Delivery::Failed);
        let error = &failed as &dyn std::error::Error;
        let (endpoint, id, event) = (&self.name, &announcement.id, &announcement.event);
        tracing::warn!(endpoint, id, event, error, "webhook given up");
    }

    async fn attempt(&self, announcement: &Announcement) -> Result<(), Failed> {
        let request = message::request(announcement, &self.uri, &self.key, self.clock.now());
        let asking = self.upstreams.clone().oneshot(request);
        let answered = timeout(self.pace.timeout, asking).await;
        let response = answered
            .map_err(|_| Failed::TooLate)?
            .map_err(Failed::Unreachable)?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(Failed::Status(status)),
        }
    }

    fn count(&self, outcome: Delivery) {
        self.metrics.webhook_attempts.of(outcome).increment();
    }
}

impl Pace {
    /// The wait after so many attempts: doubled each time, and a random part of it, so that receivers that
    /// come back are not asked by everybody at once.
    fn wait_after(&self, made: u32) -> Duration {
        let doubled = 1_u32 << (made - 1).min(20);
        let wait = self.first_wait.saturating_mul(doubled).min(LONGEST_WAIT);
        wait.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let pace = Pace {
            attempts: 40,
            first_wait: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
        };
        for (made, full) in [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (40, 300)] {
            let (wait, full) = (pace.wait_after(made), Duration::from_secs(full));
            assert!((full / 2..=full).contains(&wait), "{made}: {wait:?}");
        }
    }
}
