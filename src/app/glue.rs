//! Where configuration becomes the values that the layers and the way out take.

use std::{net::SocketAddr, sync::Arc};

use artifact_cache_layers::{
    body::BoxError,
    cache::{self, Alias, Rules},
    egress::{Denied, EgressPolicy, EgressRules, HostPattern, PortRange},
    semantics::{policy::Policy, target_uri::TargetUri},
    target::Mirrors,
};
use http::HeaderValue;
use tokio_util::task::TaskTracker;

use super::NAME;
use crate::{
    clock::Clock,
    config::{
        Config,
        classes::Classifier,
        egress::Egress,
        fetch::{OnPinMismatch, PinAlias},
    },
    upstream::Guard,
};

/// The egress rule of a configuration, which also keeps the cache from dialling itself.
pub(super) fn egress(settings: &Egress, own: &[SocketAddr]) -> Result<EgressPolicy, BoxError> {
    let rules = EgressRules {
        allow_cidrs: settings.allow_cidrs.clone(),
        allow_hosts: patterns(&settings.allow_hosts)?,
        deny_hosts: patterns(&settings.deny_hosts)?,
        allow_ports: ports(&settings.allow_ports)?,
    };
    Ok(EgressPolicy::new(rules).with_own_addresses(own))
}

/// What stands for which origin.
pub(super) fn mirrors(config: &Config) -> Result<Mirrors, BoxError> {
    config.mirror.mirrors().map_err(Into::into)
}

/// The same rule for requests, which may also go to what a mirror stands for. Tunnels may not.
pub(super) fn with_mirrors(policy: EgressPolicy, mirrors: &Mirrors) -> EgressPolicy {
    mirrors.bases().fold(policy, |policy, base| {
        policy.with_endpoint(base.host(), base.port())
    })
}

fn patterns(texts: &[String]) -> Result<Vec<HostPattern>, BoxError> {
    texts
        .iter()
        .map(|text| text.parse().map_err(BoxError::from))
        .collect()
}

pub(super) fn ports(texts: &[String]) -> Result<Vec<PortRange>, BoxError> {
    texts
        .iter()
        .map(|text| text.parse().map_err(BoxError::from))
        .collect()
}

/// What the `cache` layer decides by.
pub(super) fn rules(
    config: &Config,
    classifier: &Classifier,
    clock: &Clock,
    tasks: &TaskTracker,
) -> Rules {
    let classifier = classifier.clone();
    let (clock, tasks) = (clock.clone(), tasks.clone());
    Rules {
        name: NAME,
        http: Policy {
            max_heuristic: config.cache.max_heuristic.0,
            heuristic_errors: config.cache.heuristic_errors,
            stale_if_error: config.cache.stale_if_error,
            ..Policy::default()
        },
        class: Arc::new(move |uri| classifier.find(uri).0),
        index_window: config.classes.index_window.0,
        archive: cache::Archive {
            hold: config.fetch.hold.0,
            revalidate_on_pin_mismatch: config.fetch.on_pin_mismatch == OnPinMismatch::Revalidate,
            alias: match config.fetch.pin_alias {
                PinAlias::Always => Alias::Always,
                PinAlias::Offline => Alias::Offline,
                PinAlias::Never => Alias::Never,
            },
            negative_ttl: config.fetch.negative_ttl.0,
            media_type,
        },
        now: Arc::new(move || clock.now()),
        spawn: Arc::new(move |task| drop(tasks.spawn(task))),
    }
}

/// The media type that the file name suggests; nothing is guessed from the bytes.
fn media_type(uri: &TargetUri) -> HeaderValue {
    let guess = uri
        .file_name()
        .and_then(|name| mime_guess::from_path(name).first_raw());
    guess.map_or(
        HeaderValue::from_static("application/octet-stream"),
        HeaderValue::from_static,
    )
}

/// The egress rule as the way out asks it. Tunnels have ports of their own.
pub(super) struct EgressGuard {
    pub(super) requests: Arc<EgressPolicy>,
    pub(super) tunnels: EgressPolicy,
}

impl Guard for EgressGuard {
    fn check_uri(&self, uri: &TargetUri) -> Result<(), BoxError> {
        self.requests.check_uri(uri).map_err(boxed)
    }

    fn check_authority(&self, host: &str, port: u16) -> Result<(), BoxError> {
        self.tunnels.check_authority(host, port).map_err(boxed)
    }

    fn check_address(&self, address: SocketAddr) -> Result<(), BoxError> {
        self.requests.check_dial(address).map_err(boxed)
    }

    fn check_resolved(&self, host: &str, address: SocketAddr) -> Result<(), BoxError> {
        self.requests.check_resolved(host, address).map_err(boxed)
    }

    fn check_endpoint(&self, address: SocketAddr) -> Result<(), BoxError> {
        self.requests.check_endpoint(address).map_err(boxed)
    }
}

fn boxed(denied: Denied) -> BoxError {
    denied.into()
}
