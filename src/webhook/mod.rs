//! Messages to other services about models that go into production or leave it. Each endpoint has a bounded
//! queue and one task that delivers in order, so that one that is down delays nobody else. What is waiting
//! lives in memory only: the audit trail is the record, a message is the hint to look.

mod delivery;
mod message;

use std::sync::Arc;

use artifact_cache_layers::{body::BoxError, semantics::target_uri::TargetUri};
use aws_lc_rs::hmac;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::delivery::{Courier, Pace};
use crate::{
    artifact::model::notice::Announcement,
    clock::Clock,
    config::webhooks::{Webhook, Webhooks as Settings},
    telemetry::{instrument::UnderWay, label::Delivery, metrics::Metrics},
    upstream::Upstreams,
};

/// Who is told. Clones share the queues.
#[derive(Clone)]
pub struct Webhooks {
    queues: Arc<[(String, mpsc::Sender<Waiting>)]>,
    metrics: Metrics,
}

/// A message in a queue.
struct Waiting {
    announcement: Arc<Announcement>,
    /// Counts it until it is delivered or given up.
    _counted: UnderWay,
}

/// What delivering needs of the program.
pub struct Means {
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
            let (queue, waiting) = mpsc::channel(settings.queue);
            means
                .tasks
                .spawn(courier.deliver_all(waiting, means.stop.clone()));
            Ok((name.clone(), queue))
        });
        let queues: Vec<_> = started.collect::<Result<_, BoxError>>()?;
        Ok(Self {
            queues: queues.into(),
            metrics: means.metrics.clone(),
        })
    }

    /// Puts a message into every queue. Never waits: where there is no room it is dropped.
    pub fn tell(&self, announcement: Announcement) {
        let announcement = Arc::new(announcement);
        for (name, queue) in self.queues.iter() {
            let waiting = Waiting {
                announcement: Arc::clone(&announcement),
                _counted: self.metrics.webhooks_waiting.enter(),
            };
            if queue.try_send(waiting).is_err() {
                self.metrics
                    .webhook_attempts
                    .of(Delivery::Dropped)
                    .increment();
                let (id, event) = (&announcement.id, announcement.event);
                tracing::warn!(
                    endpoint = name,
                    id,
                    event,
                    "webhook dropped, its queue is full"
                );
            }
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
