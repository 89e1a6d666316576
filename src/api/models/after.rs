//! What follows a change of the registry that is durable: whoever wants to know of models in production is
//! told, and their bytes are brought into the cache. Nobody waits for either, and neither can fail a request.

use std::sync::Arc;

use artifact_cache_layers::body::BoxError;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Registry, failed, record::Record};
use crate::{
    artifact::{
        model::{
            Model, Refusal,
            notice::{Announce, Announcement, Move},
            plan::{Order, Plan},
        },
        moment::Moment,
    },
    catalog::Change,
    error::Error,
    telemetry::{label::Warmed, metrics::Metrics},
};

/// Artifacts that are brought at the same time.
const WARMING: usize = 2;
/// Artifacts that may wait for that.
const WAITING: usize = 256;

/// Who is told of models in production.
#[derive(Clone)]
pub struct Telling {
    /// The names of the receivers.
    pub receivers: Arc<[String]>,
    /// Most messages that wait; older ones are dropped.
    pub limit: u64,
    /// Is told that there are messages, and how many older ones were dropped; returns at once.
    pub tell: Arc<dyn Fn(u64) + Send + Sync>,
}

/// What carries out what follows. Clones share it.
#[derive(Clone)]
pub struct After {
    tasks: TaskTracker,
    stop: CancellationToken,
    metrics: Metrics,
    telling: Option<Telling>,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A message about a model: what moved, from where to where, and by whom.
#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    event: &'static str,
    occurred_at: String,
    actor: &'a str,
    from: Option<&'static str>,
    to: Option<&'static str>,
    model: Record<'a>,
}

impl After {
    /// Carries out by tasks of `tasks` until `stop`; `telling` says who wants to know.
    #[must_use]
    pub fn new(
        tasks: TaskTracker,
        stop: CancellationToken,
        metrics: Metrics,
        telling: Option<Telling>,
    ) -> Self {
        Self {
            tasks,
            stop,
            metrics,
            telling,
            places: Arc::new(Semaphore::new(WAITING)),
            turns: Arc::new(Semaphore::new(WARMING)),
        }
    }
}

impl Registry {
    /// Hands the order to the writer and waits until it is durable. What follows does so even when the
    /// client has gone away meanwhile.
    pub(super) async fn commit(self, order: Order) -> Result<Result<Plan, Refusal>, Error> {
        let tasks = self.after.tasks.clone();
        let committing = tasks.spawn(async move {
            let limit = self.config.registry.busy_timeout.0;
            let change = self.after.change(order);
            let written = self.catalog.write_within(limit, change).await;
            let written = written.map_err(failed)?;
            self.after.tell(written.announced);
            let outcome = written.model.ok_or(Error::NotFound)?;
            if let Ok(plan) = &outcome {
                self.follow(plan);
            }
            Ok(outcome)
        });
        committing.await.map_err(|error| Error::internal(&error))?
    }

    fn follow(&self, plan: &Plan) {
        for moved in plan.moves() {
            if moved.is_promotion() && self.config.registry.warm_on_promote {
                self.warm(moved.model.clone());
            }
        }
    }

    /// Brings the artifact of a model into the cache, in the background.
    fn warm(&self, model: Model) {
        let after = self.after.clone();
        let Ok(place) = after.places.clone().try_acquire_owned() else {
            let (name, version) = (&model.name, &model.version);
            tracing::warn!(name, version, "model not warmed, too many are waiting");
            return after.metrics.models_warmed.of(Warmed::Dropped).increment();
        };
        let (registry, stop) = (self.clone(), after.stop.clone());
        let warming = async move {
            let _place = place;
            // The semaphore is never closed; without a turn nothing is done.
            let Ok(_turn) = registry.after.turns.acquire().await else {
                return;
            };
            let brought = registry.bring(&model).await;
            registry.after.report(&model, brought);
        };
        after
            .tasks
            .spawn(async move { stop.run_until_cancelled(warming).await });
    }

    async fn bring(&self, model: &Model) -> Result<(), BoxError> {
        let target = self.target(model)?;
        let digest = target.expect.ok_or(Error::NotFound)?;
        let cache = self.cache.as_ref().ok_or(Error::NotFound)?;
        let response = cache.get(&target.uri, digest).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the answer is {status}").into()),
        }
    }
}

impl After {
    /// The order, with what it tells if anybody wants to know.
    fn change(&self, order: Order) -> Change {
        let order = Box::new(order);
        match &self.telling {
            None => Change::Registry(order),
            Some(telling) => Change::Announced(
                order,
                Announce {
                    receivers: telling.receivers.clone(),
                    limit: telling.limit,
                    write: announcement,
                },
            ),
        }
    }

    fn tell(&self, (written, dropped): (u64, u64)) {
        if let Some(telling) = self.telling.as_ref().filter(|_| written > 0) {
            (telling.tell)(dropped);
        }
    }

    fn report(&self, model: &Model, brought: Result<(), BoxError>) {
        let (id, name, version) = (model.id, &model.name, &model.version);
        let outcome = match brought {
            Ok(()) => {
                tracing::info!(id, name, version, "model warmed");
                Warmed::Done
            }
            Err(error) => {
                tracing::warn!(id, name, version, error = &*error, "model not warmed");
                Warmed::Failed
            }
        };
        self.metrics.models_warmed.of(outcome).increment();
    }
}

/// The message about a move. Paths of this machine are not told.
fn announcement(moved: &Move<'_>, actor: &str, now: Moment) -> Announcement {
    let (event, word) = if moved.is_promotion() {
        ("model.promoted", "promoted")
    } else {
        ("model.demoted", "demoted")
    };
    let tag = moved.model.entity_tag();
    let id = format!("{}-{word}", tag.trim_matches('"'));
    let message = Message {
        id: &id,
        event,
        occurred_at: now.iso(),
        actor,
        from: moved.from.map(crate::artifact::model::Stage::word),
        to: moved.to.map(crate::artifact::model::Stage::word),
        model: Record::of(moved.model, false),
    };
    // Our own types always have a JSON form.
    let body = serde_json::to_string(&message).unwrap_or_default();
    let event = event.to_owned();
    Announcement { id, event, body }
}
