//! `Event`: one entry of the registry's audit trail. Events are only ever added, and outlive the model
//! that they are about.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::moment::Moment;

/// What happened to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// It was registered.
    Create,
    /// Fields were changed.
    Update,
    /// It was removed.
    Delete,
    /// It moved to another stage, or was moved to the one it was in.
    Promote,
    /// Another version of its name took its place in production.
    AutoDemote,
    /// Metrics of a suite were written.
    Eval,
}

impl EventKind {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::Create, "create"),
        (Self::Update, "update"),
        (Self::Delete, "delete"),
        (Self::Promote, "promote"),
        (Self::AutoDemote, "auto_demote"),
        (Self::Eval, "eval"),
    ];

    /// How it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.into_iter();
        words
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, word)| word)
    }

    /// The kind that a word stands for.
    #[must_use]
    pub fn of_word(text: &str) -> Option<Self> {
        let mut words = Self::WORDS.into_iter();
        words.find(|(_, word)| *word == text).map(|(kind, _)| kind)
    }
}

/// One entry of the audit trail. The order of the fields is the catalog's format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Number of the event; never reused, later ones are greater.
    pub id: u64,
    /// The model it is about, which may be gone.
    pub model_id: u64,
    /// What happened.
    pub kind: EventKind,
    /// When, in whole seconds.
    pub created_at: Moment,
    /// Who did it.
    pub actor: Option<String>,
    /// The particulars, a JSON object as text.
    pub payload: Option<String>,
}

/// An event that has no number yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The model it is about.
    pub model_id: u64,
    /// What happened.
    pub kind: EventKind,
    /// The particulars, a JSON object as text.
    pub payload: String,
}

impl Happening {
    /// What happened, with its particulars.
    #[must_use]
    pub fn new(model_id: u64, kind: EventKind, payload: Map<String, Value>) -> Self {
        let payload = Value::Object(payload).to_string();
        Self {
            model_id,
            kind,
            payload,
        }
    }
}
