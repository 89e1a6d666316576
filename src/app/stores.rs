//! Where the configuration becomes the stores that objects are asked of, and their keys are found.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use artifact_cache_layers::{
    body::BoxError, egress::EgressPolicy, semantics::target_uri::TargetUri,
};
use tower::util::BoxCloneSyncService;

use crate::{
    clock::Clock,
    config::{
        Config, environment_of_the_process,
        units::Span,
        upstream::{Mode, Upstream},
    },
    s3::{
        Endpoints,
        client::Exchange,
        credentials::{Chain, Environment, Keys, of_environment},
    },
    upstream::{Guard, InvalidUpstream, Upstreams},
};

/// The stores of a configuration. Where none is configured, it is AWS, and only keys that the environment
/// holds outright are used: a machine's own role is nobody else's to use unasked.
pub(super) fn stores(config: &Config, clock: &Clock) -> Result<Endpoints, BoxError> {
    let environment: Environment = environment_of_the_process().into();
    if config.s3.endpoints.0.is_empty() {
        let keys = of_environment(&environment);
        let keys = keys.map_or_else(|| Arc::new(()) as Keys, |keys| Arc::new(keys));
        return Ok(Endpoints::aws(&config.s3.region, keys)?);
    }
    let exchange = exchange(&config.upstream)?;
    let keys = |store: &crate::config::s3::Endpoint, region: &str| -> Keys {
        let (exchange, environment) = (exchange.clone(), environment.clone());
        let profile = store.profile.as_deref();
        Arc::new(Chain::new(
            exchange,
            environment,
            region,
            profile,
            clock.clone(),
        ))
    };
    Ok(Endpoints::new(&config.s3, &keys)?)
}

/// The egress rule with the buckets of the stores: what no store has is not asked for.
pub(super) fn with_buckets(rule: EgressPolicy, stores: &Endpoints) -> EgressPolicy {
    match stores.buckets() {
        Some(buckets) => rule.with_buckets(buckets),
        None => rule,
    }
}

/// The way to services that give out keys. They are this machine's own, at addresses that are closed to
/// everything a client asks for.
fn exchange(settings: &Upstream) -> Result<Exchange, InvalidUpstream> {
    let settings = Upstream {
        // They are asked for what a request to a store needs, which has been let out then.
        mode: Mode::Online,
        timeout_seconds: 10,
        connect_timeout: Span(Duration::from_secs(2)),
        max_retries: 1,
        max_redirects: 0,
        ..settings.clone()
    };
    let upstreams = Upstreams::new(&settings, Arc::new(OwnServices))?;
    Ok(BoxCloneSyncService::new(upstreams))
}

struct OwnServices;

impl Guard for OwnServices {
    fn check_uri(&self, _: &TargetUri) -> Result<(), BoxError> {
        Ok(())
    }

    fn check_authority(&self, _: &str, _: u16) -> Result<(), BoxError> {
        Ok(())
    }

    fn check_address(&self, _: SocketAddr) -> Result<(), BoxError> {
        Ok(())
    }
}
