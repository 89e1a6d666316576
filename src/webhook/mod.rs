//! Messages to other services about models that go into production or leave it. Each endpoint has one task
//! that delivers in order, so that one that is down delays nobody else. What waits stands in the catalog's
//! outbox, written with the change that it tells of: a restart loses nothing.

mod delivery;
mod message;

use std::{pin::Pin, sync::Arc};

use artifact_cache_layers::{body::BoxError, semantics::target_uri::TargetUri};
use aws_lc_rs::hmac;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::delivery::{Courier, Pace};
use crate::{
    artifact::model::notice::Announcement,
    clock::Clock,
    config::webhooks::{Webhook, Webhooks as Settings},
    telemetry::{label::Delivery, metrics::Metrics},
    upstream::Upstreams,
};

/// Where messages wait, in the order of the changes that they tell of.
pub trait Outbox: Send + Sync {
    /// The first message behind a number that waits for this endpoint.
    fn next(&self, endpoint: &str, after: u64) -> Option<(u64, Announcement)>;

    /// The endpoint has it, or will never get it.
    fn done<'a>(
        &'a self,
        endpoint: &'a str,
        number: u64,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    /// How many wait, each once for every endpoint.
    fn waiting(&self) -> u64;
}

/// Who is told. Clones share it.
#[derive(Clone)]
pub struct Webhooks {
    wake: Arc<[Arc<Notify>]>,
    outbox: Arc<dyn Outbox>,
    metrics: Metrics,
}

/// What delivering needs of the program.
pub struct Means {
    /// Where messages wait.
    pub outbox: Arc<dyn Outbox>,
    /// The way out; its guard knows the endpoints.
    pub upstreams: Upstreams,
    /// The time of signatures.
    pub clock: Clock,
    /// Where deliveries are counted.
    pub metrics: Metrics,
    /// Owns the tasks.
    pub tasks: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
}

impl Webhooks {
    /// Starts the task of each endpoint; without any, nothing.
    ///
    /// # Errors
    /// When a URL or a secret cannot be used.
    pub fn start(settings: &Settings, means: &Means) -> Result<Self, BoxError> {
        let started = settings.endpoints.0.iter().map(|(name, endpoint)| {
            let courier = courier(name, endpoint, settings, means)?;
            let wake = courier.wake.clone();
            let stop = means.stop.clone();
            means.tasks.spawn(async move {
                let _ = stop.run_until_cancelled(courier.deliver_all()).await;
            });
            Ok(wake)
        });
        let wake: Vec<_> = started.collect::<Result<_, BoxError>>()?;
        means.metrics.webhooks_waiting.set(means.outbox.waiting());
        Ok(Self {
            wake: wake.into(),
            outbox: means.outbox.clone(),
            metrics: means.metrics.clone(),
        })
    }

    /// There are new messages, for which so many older ones had to go. Never waits.
    pub fn tell(&self, dropped: u64) {
        for wake in self.wake.iter() {
            wake.notify_one();
        }
        self.metrics.webhooks_waiting.set(self.outbox.waiting());
        let attempts = &self.metrics.webhook_attempts;
        for _ in 0..dropped {
            attempts.of(Delivery::Dropped).increment();
        }
        if dropped > 0 {
            tracing::warn!(dropped, "webhooks dropped, too many wait");
        }
    }
}

fn courier(
    name: &str,
    endpoint: &Webhook,
    settings: &Settings,
    means: &Means,
) -> Result<Courier, BoxError> {
    Ok(Courier {
        name: name.to_owned(),
        uri: address(endpoint)?,
        key: hmac::Key::new(hmac::HMAC_SHA256, secret(name, endpoint)?.as_bytes()),
        pace: Pace {
            attempts: settings.attempts,
            first_wait: settings.first_wait.0,
            timeout: settings.timeout.0,
        },
        wake: Arc::new(Notify::new()),
        outbox: means.outbox.clone(),
        upstreams: means.upstreams.clone(),
        clock: means.clock.clone(),
        metrics: means.metrics.clone(),
    })
}

/// Where an endpoint is.
///
/// # Errors
/// When its URL is not one that can be asked.
pub fn address(endpoint: &Webhook) -> Result<TargetUri, BoxError> {
    endpoint.url.parse().map_err(BoxError::from)
}

fn secret(name: &str, endpoint: &Webhook) -> Result<String, BoxError> {
    let Some(path) = &endpoint.secret_file else {
        return Ok(endpoint.secret.expose().to_owned());
    };
    let failed = |why: &dyn std::fmt::Display| {
        format!(
            "cannot use webhooks.endpoints.{name}.secret_file {}: {why}",
            path.display()
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    match text.trim() {
        "" => Err(failed(&"it is empty").into()),
        secret => Ok(secret.to_owned()),
    }
}
