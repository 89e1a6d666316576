//! Who is told of models in production: the way to the endpoints that the configuration names. They may be
//! anywhere, and only what is sent to them may go there: clients gain no way to them.

use std::{net::SocketAddr, pin::Pin, sync::Arc};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    StartError,
    glue::{self, EgressGuard},
};
use crate::{
    api::{After, Telling},
    artifact::model::notice::Announcement,
    catalog::{Catalog, Change},
    config::{
        Config,
        upstream::{Mode, Upstream},
    },
    telemetry::metrics::Metrics,
    upstream::Upstreams,
    webhook::{self, Means, Outbox, Webhooks},
};

/// What follows a change of the registry.
pub(super) fn after(
    config: &Config,
    own: &[SocketAddr],
    catalog: &Catalog,
    metrics: &Metrics,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<After, StartError> {
    let after = |telling| After::new(tasks.clone(), stop.clone(), metrics.clone(), telling);
    if config.webhooks.endpoints.0.is_empty() {
        return Ok(after(None));
    }
    let receivers: Arc<[String]> = config.webhooks.endpoints.0.keys().cloned().collect();
    // Nothing waits for an endpoint that is no more.
    let (change, of) = (Change::Receivers(receivers.to_vec()), catalog.clone());
    tasks.spawn(async move {
        if let Err(error) = of.write(change).await {
            tracing::warn!(%error, "webhooks of former endpoints could not be dropped");
        }
    });
    let means = Means {
        outbox: Arc::new(Outgoing(catalog.clone())),
        upstreams: Upstreams::new(&patient(&config.upstream), Arc::new(guard(config, own)?))?,
        clock: catalog.clock().clone(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    };
    let webhooks = Webhooks::start(&config.webhooks, &means).map_err(StartError::Setting)?;
    Ok(after(Some(Telling {
        receivers,
        limit: config.webhooks.queue as u64,
        tell: Arc::new(move |dropped| webhooks.tell(dropped)),
    })))
}

/// The messages that wait in the catalog.
struct Outgoing(Catalog);

impl Outbox for Outgoing {
    fn next(&self, endpoint: &str, after: u64) -> Option<(u64, Announcement)> {
        let next = self.0.next_announcement(endpoint, after);
        next.inspect_err(|error| tracing::warn!(%error, "webhooks cannot be read"))
            .ok()?
    }

    fn done<'a>(
        &'a self,
        endpoint: &'a str,
        number: u64,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let to = endpoint.to_owned();
        Box::pin(async move {
            // Without this it is sent once more after a restart, under the same id.
            if let Err(error) = self.0.write(Change::Delivered { number, to }).await {
                tracing::warn!(%error, "a delivered webhook could not be noted");
            }
        })
    }

    fn waiting(&self) -> u64 {
        self.0.announcements_waiting().unwrap_or_default()
    }
}

/// The egress rule with the endpoints, which clients never see.
fn guard(config: &Config, own: &[SocketAddr]) -> Result<EgressGuard, StartError> {
    let mut rule = glue::egress(&config.egress, own).map_err(StartError::Setting)?;
    for endpoint in config.webhooks.endpoints.0.values() {
        let uri = webhook::address(endpoint).map_err(StartError::Setting)?;
        rule = rule.with_endpoint(uri.host(), uri.port());
    }
    Ok(EgressGuard {
        requests: Arc::new(rule.clone()),
        tunnels: rule,
    })
}

/// The settings of the way out, without what webhooks do themselves: to give up, and to try again.
fn patient(settings: &Upstream) -> Upstream {
    Upstream {
        // Endpoints are no origins.
        mode: Mode::Online,
        max_retries: 0,
        circuit_failures: u32::MAX,
        ..settings.clone()
    }
}
