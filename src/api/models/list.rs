//! Lists of models: a page by filter and order, and everything of a stage.

use artifact_cache_layers::body::Body;
use http::Response;

use super::{
    Registry, answer,
    form::{Query, choice},
    off_thread,
};
use crate::{
    artifact::model::Stage,
    catalog::{ModelFilter, ModelSort},
    error::Error,
};

/// Models on a page when the request names no number.
const DEFAULT_LIMIT: i64 = 50;
/// Most models on a page.
const MAX_LIMIT: i64 = 200;

impl Registry {
    /// A page of models.
    pub(super) async fn list(&self, query: &Query) -> Result<Response<Body>, Error> {
        let filter = filter(query)?;
        let catalog = self.catalog.clone();
        let models = off_thread(move || catalog.list_models(&filter)).await?;
        let records: Vec<_> = models.iter().map(|model| self.record(model)).collect();
        answer::json(&records)
    }

    /// Every model of a stage, the one changed last first.
    pub(super) async fn list_stage(&self, stage: &str) -> Result<Response<Body>, Error> {
        let stage = stage
            .parse()
            .map_err(|_| choice(&Stage::ALL.map(Stage::word)).error(&["path", "status"], stage))?;
        let filter = ModelFilter {
            stage: Some(stage),
            sort: ModelSort::UpdatedAt,
            limit: usize::MAX,
            ..ModelFilter::default()
        };
        let catalog = self.catalog.clone();
        let models = off_thread(move || catalog.list_models(&filter)).await?;
        let records: Vec<_> = models.iter().map(|model| self.record(model)).collect();
        answer::json(&records)
    }
}

fn filter(query: &Query) -> Result<ModelFilter, Error> {
    let stages = Stage::ALL.map(|stage| (stage.word(), Some(stage)));
    let sorts = [
        ("created_at", ModelSort::CreatedAt),
        ("updated_at", ModelSort::UpdatedAt),
        ("training_step", ModelSort::TrainingStep),
    ];
    let text = |name| query.given(name).map(str::to_owned);
    Ok(ModelFilter {
        stage: query.word("status", &stages, None)?,
        name: text("name"),
        contains: text("q"),
        tag: text("tag"),
        run_id: text("run_id"),
        limit: query.number("limit", 1..=MAX_LIMIT, DEFAULT_LIMIT)?,
        offset: query.number("offset", 0..=i64::MAX, 0)?,
        sort: query.word("sort", &sorts, ModelSort::CreatedAt)?,
        ascending: query.word("order", &[("asc", true), ("desc", false)], false)?,
    })
}
