//! `Draft`: a model as it is to be registered.

use serde_json::{Map, Value};

use super::{MadeOf, Model, Stage};
use crate::artifact::moment::Moment;

/// A model that has no number and no history yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// What it is called.
    pub name: String,
    /// Which version of that name.
    pub version: String,
    /// Where it starts.
    pub stage: Stage,
    /// Whether what it is made of can never be changed.
    pub frozen: bool,
    /// Where its checkpoint is, and what it came from.
    pub made_of: MadeOf,
    /// Step of the training.
    pub training_step: Option<i64>,
    /// Loss at that step.
    pub training_loss: Option<f64>,
    /// What it was trained on.
    pub dataset: Option<String>,
    /// What people say about it.
    pub description: Option<String>,
    /// Labels to find it by.
    pub tags: Option<Vec<String>>,
    /// Results of evaluations, a JSON object as text.
    pub metrics: Option<String>,
}

impl Draft {
    /// The model it becomes. Its first times have whole seconds.
    pub(super) fn into_model(self, id: u64, now: Moment) -> Model {
        let now = now.whole_second();
        Model {
            id,
            name: self.name,
            version: self.version,
            stage: self.stage,
            description: self.description,
            tags: self.tags,
            created_at: now,
            updated_at: now,
            frozen: self.frozen,
            made_of: self.made_of,
            training_step: self.training_step,
            training_loss: self.training_loss,
            dataset: self.dataset,
            metrics: self.metrics,
        }
    }
}

impl Model {
    /// What the events of its first and last day tell.
    pub(super) fn identity(&self) -> Map<String, Value> {
        [
            ("name", self.name.as_str()),
            ("version", &self.version),
            ("status", self.stage.word()),
            ("artifact_uri", &self.made_of.artifact_uri),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
    }
}
