//! What runs beside the requests: metrics upkeep, levels, and unlinking what is no longer referred to.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::App;
use crate::{
    api::resolve,
    config::upstream::Mode,
    jobs::{evict, retention, schedule, warm::Means},
    telemetry::label::UpstreamMode,
};

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(5);
/// How long a blob that nothing refers to is kept, for requests that are about to open it.
const GRACE: Duration = Duration::from_mins(1);

impl App {
    /// Runs the jobs until the cache stops.
    pub(super) async fn work(self, means: Means) {
        let (store, metrics) = (self.store.clone(), self.metrics.clone());
        if let Err(error) = self.jobs.recover().await {
            tracing::warn!(%error, "cannot tell which jobs were interrupted");
        }
        let evicting = evict::run(store, metrics, self.stop.clone());
        let (store, stop) = (self.store.clone(), self.stop.clone());
        let retaining = retention::run(store, self.config.clone(), stop);
        let history = self.history.clone().run(self.stop.clone());
        tokio::join!(evicting, retaining, history, self.rounds(means));
    }

    async fn rounds(self, means: Means) {
        let mut is_first = true;
        let mut round = interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = round.tick() => {}
            }
            self.metrics.upkeep();
            if let Err(error) = self.gate.keyring().flush().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot write when tokens were used"
                );
            }
            if let Err(error) = self.jobs.flush().await {
                tracing::warn!(%error, "cannot write how far jobs have come");
            }
            let with = (&means, &self.metrics);
            schedule::round(&self.jobs, with, &self.config(), is_first).await;
            is_first = false;
            if let Err(error) = self.store.committer().reap(GRACE).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot remove blobs"
                );
            }
            let terms = resolve::terms(&self.config().resolve);
            if let Err(error) = self.store.end_leases(terms).await {
                tracing::warn!(error = &*error, "cannot end leases");
            }
        }
    }

    /// Brings the levels up to date that are known only by asking.
    pub(super) fn observe(&self) {
        let (catalog, blobs) = (self.store.catalog(), self.store.blobs());
        if let Ok(totals) = catalog.totals() {
            self.metrics.totals(&totals);
        }
        if let Ok(free) = blobs.free_bytes() {
            self.metrics.disk_free.set(free);
        }
        if let Ok(size) = catalog.size_bytes() {
            self.metrics.catalog_size.set(size);
        }
        self.metrics.allocated.set(catalog.allocated_bytes());
        self.metrics.reserved.set(self.store.room().granted());
        self.metrics.max_bytes.set(self.store.room().cap());
        self.metrics.catalog_commits.reach(catalog.commits());
        if let Ok((files, bytes)) = blobs.quarantined() {
            self.metrics.quarantine_files.set(files);
            self.metrics.quarantine_bytes.set(bytes);
        }
        self.metrics.partial_files.set(self.store.partial_files());
        for (mode, label) in [
            (Mode::Online, UpstreamMode::Online),
            (Mode::Offline, UpstreamMode::Offline),
            (Mode::Sealed, UpstreamMode::Sealed),
        ] {
            let is_in_force = self.config().upstream.mode == mode;
            let level = self.metrics.upstream_mode.of(label);
            level.set(u64::from(is_in_force));
        }
        self.metrics
            .circuit_open
            .set(self.upstreams.open_circuits());
    }
}
