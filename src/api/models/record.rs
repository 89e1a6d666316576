//! The JSON of models and events: always the same keys, null where there is nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use crate::artifact::{
    event::Event,
    model::{Model, Stage},
};

/// A registered version of a model.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Model")]
pub(super) struct Record<'a> {
    id: u64,
    name: &'a str,
    version: &'a str,
    status: &'static str,
    artifact_uri: &'a str,
    checkpoint_sha256: Option<&'a str>,
    checkpoint_size_bytes: Option<u64>,
    config_sha256: Option<&'a str>,
    config_size_bytes: Option<u64>,
    run_id: Option<&'a str>,
    git_commit: Option<&'a str>,
    created_by: Option<&'a str>,
    source_host: Option<&'a str>,
    frozen: bool,
    local_checkpoint_path: Option<&'a str>,
    local_config_path: Option<&'a str>,
    d_model: Option<i64>,
    n_layers: Option<i64>,
    n_heads: Option<i64>,
    vocab_size: Option<i64>,
    params: Option<i64>,
    training_step: Option<i64>,
    training_loss: Option<f64>,
    dataset: Option<&'a str>,
    description: Option<&'a str>,
    tags: Option<&'a [String]>,
    #[schemars(with = "Option<Map<String, Value>>")]
    metrics: Option<&'a RawValue>,
    created_at: String,
    updated_at: String,
}

impl<'a> Record<'a> {
    /// The record of `model`, with the paths of local files where they may be shown.
    pub(super) fn of(model: &'a Model, shows_paths: bool) -> Self {
        let of = &model.made_of;
        let path = |path: &'a Option<String>| path.as_deref().filter(|_| shows_paths);
        Self {
            id: model.id,
            name: &model.name,
            version: &model.version,
            status: model.stage.word(),
            artifact_uri: &of.artifact_uri,
            checkpoint_sha256: of.checkpoint_sha256.as_deref(),
            checkpoint_size_bytes: of.checkpoint_size_bytes,
            config_sha256: of.config_sha256.as_deref(),
            config_size_bytes: of.config_size_bytes,
            run_id: of.run_id.as_deref(),
            git_commit: of.git_commit.as_deref(),
            created_by: of.created_by.as_deref(),
            source_host: of.source_host.as_deref(),
            frozen: model.frozen,
            local_checkpoint_path: path(&of.local_checkpoint_path),
            local_config_path: path(&of.local_config_path),
            d_model: of.d_model,
            n_layers: of.n_layers,
            n_heads: of.n_heads,
            vocab_size: of.vocab_size,
            params: of.params,
            training_step: model.training_step,
            training_loss: model.training_loss,
            dataset: model.dataset.as_deref(),
            description: model.description.as_deref(),
            tags: model.tags.as_deref(),
            metrics: raw(model.metrics.as_deref()),
            created_at: model.created_at.to_string(),
            updated_at: model.updated_at.to_string(),
        }
    }
}

/// An entry of the audit trail.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub(super) struct EventRecord<'a> {
    id: u64,
    model_id: u64,
    event_type: &'static str,
    #[schemars(with = "Option<Map<String, Value>>")]
    payload: Option<&'a RawValue>,
    actor: Option<&'a str>,
    created_at: String,
}

impl<'a> EventRecord<'a> {
    /// The record of `event`.
    pub(super) fn of(event: &'a Event) -> Self {
        Self {
            id: event.id,
            model_id: event.model_id,
            event_type: event.kind.word(),
            payload: raw(event.payload.as_deref()),
            actor: event.actor.as_deref(),
            created_at: event.created_at.to_string(),
        }
    }
}

/// JSON that was valid when it was stored; null should it not be.
fn raw(text: Option<&str>) -> Option<&RawValue> {
    serde_json::from_str(text?).ok()
}

/// Models side by side, and in three orders.
#[derive(Serialize, JsonSchema)]
pub(super) struct Compared<'a> {
    pub(super) models: Vec<Record<'a>>,
    pub(super) comparison: Comparison<'a>,
}

/// The same models by size, by loss and by step.
#[expect(clippy::struct_field_names, reason = "the names of the JSON")]
#[derive(Serialize, JsonSchema)]
pub(super) struct Comparison<'a> {
    /// Most parameters first.
    pub(super) by_params: Vec<Record<'a>>,
    /// Lowest loss first, models without one last.
    pub(super) by_loss: Vec<Record<'a>>,
    /// Latest step first.
    pub(super) by_step: Vec<Record<'a>>,
}

/// How many models there are.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stats {
    pub(super) total_models: u64,
    pub(super) by_status: BTreeMap<&'static str, u64>,
    pub(super) by_name: BTreeMap<String, u64>,
}

/// A model that is gone.
#[derive(Serialize, JsonSchema)]
pub(super) struct Deleted {
    pub(super) status: &'static str,
    pub(super) id: u64,
}

impl JsonSchema for Stage {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "enum": Self::ALL.map(Self::word)})
    }
}
