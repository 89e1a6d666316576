//! `Model`: one registered version of a model, and what may become of it. Plain values and rules, no
//! I/O: [`plan`] decides what a request changes, the catalog writes it.

mod draft;
mod gate;
mod lock;
mod metrics;
pub mod notice;
mod patch;
pub mod plan;
mod refusal;

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::{draft::Draft, lock::Lock, metrics::Evaluation, patch::Patch, refusal::Refusal};
use super::moment::Moment;

/// How far a model has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Registered, nothing more.
    #[default]
    Experimental,
    /// To be tried.
    Staging,
    /// In use; at most one version of a name.
    Production,
    /// No longer of interest.
    Archived,
}

impl Stage {
    /// Every stage, in the order of its life.
    pub const ALL: [Self; 4] = [
        Self::Experimental,
        Self::Staging,
        Self::Production,
        Self::Archived,
    ];

    /// How it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Experimental => "experimental",
            Self::Staging => "staging",
            Self::Production => "production",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The text is the name of no stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStage;

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(text: &str) -> Result<Self, UnknownStage> {
        let mut all = Self::ALL.into_iter();
        all.find(|stage| stage.word() == text).ok_or(UnknownStage)
    }
}

/// One version of a model. The order of the fields is the catalog's format; lists look at the first
/// ones only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Number of the model; never reused.
    pub id: u64,
    /// What it is called; with `version` unique.
    pub name: String,
    /// Which version of that name.
    pub version: String,
    /// How far it has come.
    pub stage: Stage,
    /// What people say about it.
    pub description: Option<String>,
    /// Labels to find it by.
    pub tags: Option<Vec<String>>,
    /// When it was registered.
    pub created_at: Moment,
    /// When it was changed last; every change makes it later.
    pub updated_at: Moment,
    /// Whether what it is made of can never be changed again.
    pub frozen: bool,
    /// Where its checkpoint is, and what it came from.
    pub made_of: MadeOf,
    /// Step of the training that the checkpoint is of.
    pub training_step: Option<i64>,
    /// Loss at that step.
    pub training_loss: Option<f64>,
    /// What it was trained on.
    pub dataset: Option<String>,
    /// Results of evaluations, a JSON object as text.
    pub metrics: Option<String>,
}

/// Artifact, provenance and architecture of a model: what cannot change in production or when frozen.
/// Digests are lower-case hex, sizes bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeOf {
    /// Where the checkpoint is; `sha256:<hex>` when only its digest is known.
    pub artifact_uri: String,
    /// Path of the checkpoint on the server, for development.
    pub local_checkpoint_path: Option<String>,
    /// Path of the configuration on the server, for development.
    pub local_config_path: Option<String>,
    /// Digest of the checkpoint.
    pub checkpoint_sha256: Option<String>,
    /// Size of the checkpoint.
    pub checkpoint_size_bytes: Option<u64>,
    /// Digest of the configuration.
    pub config_sha256: Option<String>,
    /// Size of the configuration.
    pub config_size_bytes: Option<u64>,
    /// The run that made it.
    pub run_id: Option<String>,
    /// The commit that the run was of.
    pub git_commit: Option<String>,
    /// Who made it.
    pub created_by: Option<String>,
    /// Where it was made.
    pub source_host: Option<String>,
    /// Width.
    pub d_model: Option<i64>,
    /// Depth.
    pub n_layers: Option<i64>,
    /// Attention heads.
    pub n_heads: Option<i64>,
    /// Size of the vocabulary.
    pub vocab_size: Option<i64>,
    /// Number of parameters.
    pub params: Option<i64>,
}

impl Model {
    /// Whether what it is made of must not be changed.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        self.frozen || self.stage == Stage::Production
    }

    /// The strong validator of this state of the model (RFC 9110 §8.8.3).
    #[must_use]
    pub fn entity_tag(&self) -> String {
        format!("\"m{}-{:x}\"", self.id, self.updated_at.0)
    }

    /// Its metrics as an object; empty when there are none.
    #[must_use]
    pub fn metrics_object(&self) -> Map<String, Value> {
        let text = self.metrics.as_deref();
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// The evaluations by suite; empty when there are none.
    #[must_use]
    pub fn suites(&self) -> Map<String, Value> {
        match self.metrics_object().remove("suites") {
            Some(Value::Object(suites)) => suites,
            _ => Map::new(),
        }
    }
}

/// What the operator decided about changes of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The suite that a model needs metrics of before it goes into production.
    pub required_suite: Option<String>,
    /// Longest payload of an event, in bytes of JSON.
    pub max_event_payload_bytes: usize,
    /// Whether a model in production, or a frozen one, cannot be deleted.
    pub protect_production: bool,
    /// Whether a changed status skips the gate that a promotion passes.
    pub patch_status_bypass: bool,
}
