//! Reading: one model by number or name, comparisons, numbers, metrics and events.

use artifact_cache_layers::body::Body;
use http::Response;
use serde_json::{Map, Value};

use super::{
    Asked, Registry, answer, failed,
    form::{Query, fault, integer},
    off_thread,
    record::{Compared, Comparison, EventRecord, Stats},
    route::Route,
};
use crate::{artifact::model::Model, error::Error};

impl Asked<'_> {
    /// Answers a GET.
    pub(super) async fn read(self, route: &Route) -> Result<Response<Body>, Error> {
        let registry = self.registry;
        let query = Query::of(self.head.uri.query());
        match route {
            Route::Models => registry.list(&query).await,
            Route::OfStage(stage) => registry.list_stage(stage).await,
            Route::Model(id) => self.show(&registry.model(id)?),
            Route::Named(name, version) => {
                let found = registry.catalog.model_named(name, version);
                self.show(&found.map_err(failed)?.ok_or_else(no_model)?)
            }
            Route::Production(name) => self.show(&registry.production(name)?),
            Route::Compare => registry.compare(&query).await,
            Route::Stats => registry.stats().await,
            Route::Metrics(id) => registry.metrics(id, &query),
            Route::Events(id) => registry.events(id, &query).await,
            // Answered before they come here, or not read at all.
            Route::Root
            | Route::Health
            | Route::Description
            | Route::Promote(_)
            | Route::Artifact(_)
            | Route::ProductionArtifact(_) => Err(Error::NotFound),
        }
    }

    fn show(&self, model: &Model) -> Result<Response<Body>, Error> {
        self.registry.show_unless_known(model, &self.head.headers)
    }
}

impl Registry {
    /// The model whose number a path names.
    pub(super) fn model(&self, id: &str) -> Result<Model, Error> {
        let model = self.catalog.model(number(id)?).map_err(failed)?;
        model.ok_or_else(no_model)
    }

    pub(super) fn production(&self, name: &str) -> Result<Model, Error> {
        let model = self.catalog.model_in_production(name).map_err(failed)?;
        model.ok_or_else(|| Error::Absent {
            message: format!("No production model found for '{name}'"),
        })
    }

    async fn compare(&self, query: &Query) -> Result<Response<Body>, Error> {
        let loc = &["query", "ids"];
        let text = query
            .text("ids")
            .ok_or_else(|| fault("missing", "Field required").error(loc, Value::Null))?;
        let numbers = text.split(',').map(integer).collect::<Result<Vec<_>, _>>();
        let ids: Vec<_> = numbers
            .map_err(|fault| fault.error(loc, text))?
            .into_iter()
            .filter_map(|id| u64::try_from(id).ok())
            .collect();
        let catalog = self.catalog.clone();
        let models = off_thread(move || catalog.models(&ids)).await?;
        let sorted = |compare: fn(&Model, &Model) -> std::cmp::Ordering| {
            let mut models: Vec<_> = models.iter().collect();
            models.sort_by(|one, other| compare(one, other));
            models.into_iter().map(|model| self.record(model)).collect()
        };
        answer::json(&Compared {
            models: models.iter().map(|model| self.record(model)).collect(),
            comparison: Comparison {
                by_params: sorted(|one, other| params(other).cmp(&params(one))),
                by_loss: sorted(|one, other| loss(one).total_cmp(&loss(other))),
                by_step: sorted(|one, other| step(other).cmp(&step(one))),
            },
        })
    }

    async fn stats(&self) -> Result<Response<Body>, Error> {
        let catalog = self.catalog.clone();
        let stats = off_thread(move || catalog.model_stats()).await?;
        answer::json(&Stats {
            total_models: stats.total,
            by_status: stats.by_stage,
            by_name: stats.by_name,
        })
    }

    fn metrics(&self, id: &str, query: &Query) -> Result<Response<Body>, Error> {
        let mut suites = self.model(id)?.suites();
        let Some(suite) = query.given("suite").map(str::trim) else {
            return answer::json(&suites);
        };
        let found = suites.remove(suite).ok_or_else(|| Error::Absent {
            message: "Suite not found".into(),
        })?;
        answer::json(&Map::from_iter([(suite.to_owned(), found)]))
    }

    async fn events(&self, id: &str, query: &Query) -> Result<Response<Body>, Error> {
        let id = number(id)?;
        let limit = query.number("limit", 1..=500, 100)?;
        let offset = query.number("offset", 0..=i64::MAX, 0)?;
        let catalog = self.catalog.clone();
        let events = off_thread(move || catalog.model_events(id, offset, limit)).await?;
        let records: Vec<_> = events.iter().map(EventRecord::of).collect();
        answer::json(&records)
    }
}

fn params(model: &Model) -> i64 {
    model.made_of.params.unwrap_or_default()
}

fn loss(model: &Model) -> f64 {
    model.training_loss.unwrap_or(f64::INFINITY)
}

fn step(model: &Model) -> i64 {
    model.training_step.unwrap_or_default()
}

/// The number in a path; what no number can be is none that was given.
pub(super) fn number(id: &str) -> Result<u64, Error> {
    let number = integer(id).map_err(|fault| fault.error(&["path", "model_id"], id))?;
    Ok(u64::try_from(number).unwrap_or_default())
}

fn no_model() -> Error {
    Error::Absent {
        message: "Model not found".into(),
    }
}
