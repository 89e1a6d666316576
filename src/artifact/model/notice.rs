//! `Move`: a model that went into production, or left it. Whoever is told of models is told of these.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Model, Stage, plan::Plan};
use crate::artifact::moment::Moment;

/// A change of stage that production is part of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move<'a> {
    /// The model as it is afterwards, or was before it was removed.
    pub model: &'a Model,
    /// The stage it was in; none when it is new.
    pub from: Option<Stage>,
    /// The stage it is in; none when it is removed.
    pub to: Option<Stage>,
}

impl Move<'_> {
    /// Whether it went into production; otherwise it left.
    #[must_use]
    pub fn is_promotion(&self) -> bool {
        self.to == Some(Stage::Production)
    }

    fn concerns_production(&self) -> bool {
        let is_production = |stage| stage == Some(Stage::Production);
        is_production(self.from) != is_production(self.to)
    }
}

impl Plan {
    /// What of it concerns production, in the order it happens.
    pub fn moves(&self) -> impl Iterator<Item = Move<'_>> {
        let demoted = self.demoted.iter().map(|model| Move {
            model,
            from: Some(Stage::Production),
            to: Some(model.stage),
        });
        let own = Move {
            model: &self.model,
            from: self.before,
            to: (!self.removes).then_some(self.model.stage),
        };
        demoted.chain([own]).filter(Move::concerns_production)
    }
}

/// A message about a model, ready to be sent. The order of the fields is the catalog's format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its name; the same for the same change, however often it is sent.
    pub id: String,
    /// What happened, such as `model.promoted`.
    pub event: String,
    /// The message, a JSON object as text.
    pub body: String,
}

/// Who is told of moves, and how.
#[derive(Clone, Debug)]
pub struct Announce {
    /// The names of the receivers.
    pub receivers: Arc<[String]>,
    /// Most messages that wait; older ones are dropped.
    pub limit: u64,
    /// Writes the message about a move that somebody made.
    pub write: fn(&Move<'_>, &str, Moment) -> Announcement,
}
