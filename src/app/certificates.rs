//! Takes up certificates of listeners that changed, without a break for anybody.

use std::time::Duration;

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::{
    clock::Clock,
    config::Config,
    proxy::authority::{Directory, InvalidAuthority, Leaves},
    server::{ALPN, Tls},
};

/// Time between two looks at the files.
const ROUND: Duration = Duration::from_secs(2);

/// Certificates of the authority in `intercept.directory`. It reads files on the spot.
pub(super) fn leaves(config: &Config, clock: &Clock) -> Result<Leaves, InvalidAuthority> {
    let settings = &config.intercept;
    let authority = Directory::new(settings.authority(&config.storage)).load()?;
    let description = authority.description();
    if !description.is_valid_at(clock.now()) {
        tracing::warn!(
            name = description.name,
            "the certificate authority is not valid now"
        );
    }
    tracing::info!(
        name = description.name,
        sha256 = %description.sha256,
        hosts = ?description.hosts,
        "tunnels are intercepted"
    );
    Leaves::new(authority, &ALPN, settings.leaf_lifetime.0, clock.clone())
}

/// Reads the authority again. One that cannot be used changes nothing.
pub(super) async fn reload_authority(app: &App) {
    let Some(interception) = app.interception.clone() else {
        return;
    };
    let (config, clock) = (app.config(), app.store.clock().clone());
    match spawn_blocking(move || leaves(&config, &clock)).await {
        Ok(Ok(leaves)) => interception.replace(leaves),
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "cannot use the new authority, the old one stays");
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "cannot read the authority");
        }
    }
}

/// Looks for changed files until `stop` is cancelled. What does not fit together yet, because a key is
/// replaced before its certificate, is tried again when it changes further.
pub(super) async fn watch(tls: Tls, stop: CancellationToken) {
    let mut round = interval(ROUND);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = round.tick() => {}
        }
        let looked = tls.clone();
        if spawn_blocking(move || looked.is_outdated())
            .await
            .unwrap_or(false)
        {
            reload(tls.clone()).await;
        }
    }
}

/// Reads certificates and keys again. What cannot be used changes nothing.
pub(super) async fn reload(tls: Tls) {
    match spawn_blocking(move || tls.reload()).await {
        Ok(Ok(())) => tracing::info!("certificates reloaded"),
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "cannot use the new certificates, the old ones stay");
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "cannot read the certificates");
        }
    }
}
