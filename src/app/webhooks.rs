//! Who is told of models in production: the way to the endpoints that the configuration names. They may be
//! anywhere, and only what is sent to them may go there: clients gain no way to them.

use std::{net::SocketAddr, sync::Arc};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    StartError,
    glue::{self, EgressGuard},
};
use crate::{
    api::After,
    clock::Clock,
    config::{
        Config,
        upstream::{Mode, Upstream},
    },
    telemetry::metrics::Metrics,
    upstream::Upstreams,
    webhook::{self, Means, Webhooks},
};

/// What follows a change of the registry.
pub(super) fn after(
    config: &Config,
    own: &[SocketAddr],
    clock: &Clock,
    metrics: &Metrics,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<After, StartError> {
    let after = |tell| After::new(tasks.clone(), stop.clone(), metrics.clone(), tell);
    if config.webhooks.endpoints.0.is_empty() {
        return Ok(after(None));
    }
    let means = Means {
        upstreams: Upstreams::new(&patient(&config.upstream), Arc::new(guard(config, own)?))?,
        clock: clock.clone(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    };
    let webhooks = Webhooks::start(&config.webhooks, &means).map_err(StartError::Setting)?;
    let tell = move |announcement| webhooks.tell(announcement);
    Ok(after(Some(Arc::new(tell))))
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
