//! Lets uploaded files go whose time is over, and what interrupted transfers left too long ago.

use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::{config::Config, store::Store};

/// The least time between two rounds, whatever the configuration says.
const LEAST: Duration = Duration::from_secs(1);

/// Runs until `stop`.
pub async fn run(store: Store, config: std::sync::Arc<ArcSwap<Config>>, stop: CancellationToken) {
    loop {
        let interval = config.load().files.expire_interval.0;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval.max(LEAST)) => {}
        }
        let settings = config.load().files.clone();
        if let Err(error) = store.expire_scheduled(&settings).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "cannot let uploaded files go");
        }
        store.drop_old_parts().await;
    }
}
