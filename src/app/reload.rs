//! Reload: what a changed configuration puts into force while the cache runs.

use std::{error::Error, sync::Arc};

use artifact_cache_layers::body::BoxError;

use super::{App, glue};
use crate::{
    config::{Config, Sources, intercept::Intercept, load, proxy::Proxy, upstream::Upstream},
    telemetry::log::Log,
};

impl App {
    /// Puts into force what can change while the cache runs: the rules of `fetch`, `cache`, `auth`, of
    /// tunnels and of interception, the ways to origins, and the log level. A configuration that is not valid changes nothing.
    pub(super) fn reload(&self, sources: &Sources, log: &Log) {
        let loaded = match load(sources) {
            Ok(loaded) => loaded,
            Err(error) => {
                let error = &error as &dyn Error;
                return tracing::error!(
                    error,
                    "the configuration is not valid, nothing was changed"
                );
            }
        };
        let (old, new) = (self.config(), loaded.config.clone());
        if let Err(error) = self.reload_ways(&new) {
            let error = &*error as &dyn Error;
            return tracing::error!(error, "a setting cannot be put to use, nothing was changed");
        }
        if let Err(error) = log.set_level(&new.logging.level) {
            let error = &error as &dyn Error;
            tracing::error!(error, "cannot change the log level");
        }
        let rules = glue::rules(&new, &self.classifier, self.store.clock(), &self.tasks);
        self.rules.store(Arc::new(rules));
        self.upstreams.contact().set(new.upstream.mode);
        self.gate.set_rules(new.auth.clone());
        let in_force = in_force(&old, &new);
        let needs_restart = in_force != new;
        let shown = loaded.of(in_force.clone());
        self.settings.store(Arc::new(shown.rows()));
        self.config.store(Arc::new(in_force));
        tracing::info!(needs_restart, "configuration reloaded");
    }

    /// What can fail although the configuration is valid, such as a file that is not there, comes first.
    fn reload_ways(&self, new: &Config) -> Result<(), BoxError> {
        self.upstreams.set_ways(&new.upstream)?;
        self.tunnels
            .set_rules(&new.proxy, self.upstreams.dialer())?;
        if let Some(interception) = &self.interception {
            interception.set_rules(&new.intercept)?;
        }
        Ok(())
    }
}

/// What is in force after a reload: what changed, as far as it can change while the cache runs.
fn in_force(old: &Config, new: &Config) -> Config {
    Config {
        fetch: new.fetch.clone(),
        cache: new.cache.clone(),
        logging: new.logging.clone(),
        registry: new.registry.clone(),
        auth: new.auth.clone(),
        proxy: Proxy {
            enabled: new.proxy.enabled,
            connect_rules: new.proxy.connect_rules.clone(),
            ..old.proxy.clone()
        },
        intercept: Intercept {
            hosts: new.intercept.hosts.clone(),
            handshake_timeout: new.intercept.handshake_timeout,
            refusal_pause: new.intercept.refusal_pause,
            ..old.intercept.clone()
        },
        upstream: Upstream {
            mode: new.upstream.mode,
            parent: new.upstream.parent.clone(),
            parent_credentials_file: new.upstream.parent_credentials_file.clone(),
            no_proxy: new.upstream.no_proxy.clone(),
            routes: new.upstream.routes.clone(),
            rewrite: new.upstream.rewrite.clone(),
            fields: new.upstream.fields.clone(),
            ..old.upstream.clone()
        },
        ..old.clone()
    }
}
