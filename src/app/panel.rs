//! What the pages ask of the product (`api::ui::Panel`).

use std::sync::Arc;

use super::{App, observers::Observers};
use crate::{
    access::Gate,
    api::ui::{OriginHealth, Panel},
    artifact::misses::Misses,
    config::{Config, show::Row},
    jobs::{Jobs, history::History},
    store::Store,
};

impl App {
    /// Who counts and logs what the server and the way out report.
    pub(super) fn observers(&self) -> Observers {
        let clock = self.store.clock().clone();
        Observers::new(self.metrics.clone(), self.origins.clone(), clock)
    }
}

impl Panel for App {
    fn store(&self) -> &Store {
        &self.store
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn config(&self) -> Arc<Config> {
        self.config()
    }

    fn settings(&self) -> Arc<Vec<Row>> {
        self.settings.load_full()
    }

    fn history(&self) -> &History {
        &self.history
    }

    fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    fn misses(&self) -> Arc<Misses> {
        self.upstreams.contact().misses()
    }

    fn origins(&self) -> Vec<OriginHealth> {
        let resting = self.upstreams.resting();
        let health = |origin: crate::telemetry::origins::Origin| {
            let mut resting = resting.iter();
            let rest = resting.find(|(authority, _)| *authority == origin.authority);
            OriginHealth {
                rests_for: rest.map(|(_, rest)| *rest),
                origin,
            }
        };
        self.origins.all().into_iter().map(health).collect()
    }
}
