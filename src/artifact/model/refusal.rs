//! Why a change of a model is refused, in the words that clients know.

use super::Stage;
use crate::artifact::{canonical, moment::Moment};

/// Why a change is refused. The text is for the client, word for word as the registry always said it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such model.
    #[error("Model not found")]
    NotFound,
    /// Name and version are taken.
    #[error("Model {name}:{version} already exists")]
    Exists {
        /// The name.
        name: String,
        /// The version.
        version: String,
    },
    /// What the model is made of cannot be changed any more.
    #[error("Model is immutable (production/frozen); blocked fields: {}", listed(.0))]
    Immutable(Vec<&'static str>),
    /// Freezing is for ever.
    #[error("Cannot unfreeze a frozen model")]
    Unfreeze,
    /// The gate wants metrics of a suite.
    #[error("Promotion requires suite metrics: {0}")]
    SuiteMissing(String),
    /// The gate compared scores.
    #[error(
        "Promotion blocked: {suite}.score ({}) < current production score ({})",
        canonical::float(*.candidate),
        canonical::float(*.production)
    )]
    ScoreTooLow {
        /// The suite.
        suite: String,
        /// The score of the model that was to be promoted.
        candidate: f64,
        /// The score of the one in production.
        production: f64,
    },
    /// The model changed since the client read it.
    #[error("Conflict: model.updated_at has changed (expected {expected}, got {current})")]
    Changed {
        /// What the client had read.
        expected: String,
        /// What it is now.
        current: Moment,
    },
    /// The same, by entity tag.
    #[error("The model has changed: its entity tag is none of If-Match")]
    TagMismatch,
    /// The audit trail would have to keep too much.
    #[error("Event payload too large (max {0} bytes)")]
    EventTooLarge(usize),
    /// The operator protects what is in use.
    #[error(
        "Model is protected ({0}); archive it first, or switch registry.protect_production off"
    )]
    Protected(&'static str),
}

impl Refusal {
    /// The refusal to delete a model that is in use.
    pub(super) const fn protected(stage: Stage) -> Self {
        Self::Protected(match stage {
            Stage::Production => "production",
            _ => "frozen",
        })
    }
}

/// `['a', 'b']`
fn listed(fields: &[&str]) -> String {
    let quoted: Vec<_> = fields.iter().map(|field| format!("'{field}'")).collect();
    format!("[{}]", quoted.join(", "))
}
