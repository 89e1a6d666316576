//! Takes up certificates of listeners that changed, without a break for anybody.

use std::time::Duration;

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::server::Tls;

/// Time between two looks at the files.
const ROUND: Duration = Duration::from_secs(2);

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
