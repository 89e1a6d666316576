//! `Lock`: what a client says of the state that it means to change (optimistic locking).

use super::{Model, Refusal};

/// The state that a change is meant for; without a condition, any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// `updated_at` as the client has read it.
    pub updated_at: Option<String>,
    /// The entity tags of `If-Match` (RFC 9110 §13.1.1); one of them must be the current one. `*` is any.
    pub tags: Option<Vec<String>>,
}

impl Lock {
    /// Whether the change is meant for this state.
    pub(super) fn check(&self, model: &Model) -> Result<(), Refusal> {
        let current = model.updated_at;
        match &self.updated_at {
            Some(expected) if *expected != current.to_string() => Err(Refusal::Changed {
                expected: expected.clone(),
                current,
            }),
            _ => self.check_tags(model),
        }
    }

    fn check_tags(&self, model: &Model) -> Result<(), Refusal> {
        let Some(tags) = &self.tags else {
            return Ok(());
        };
        let current = model.entity_tag();
        let matches = tags.iter().any(|tag| tag == "*" || *tag == current);
        if matches {
            Ok(())
        } else {
            Err(Refusal::TagMismatch)
        }
    }
}
