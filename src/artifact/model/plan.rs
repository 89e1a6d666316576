//! [`Plan`]: what one request changes in the registry, decided on what is there, before anything is
//! written. A refused request changes nothing.

use serde_json::{Map, Value, json};

use super::{Draft, Evaluation, Lock, Model, Patch, Refusal, Rules, Stage, gate};
use crate::artifact::{
    event::{EventKind, Happening},
    moment::Moment,
};

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// A new model.
    Create(Box<Draft>),
    /// Other values in some fields.
    Update(u64, Box<Patch>),
    /// The model gone.
    Delete(u64),
    /// Another stage.
    Promote(u64, Stage),
    /// The result of a suite.
    Evaluate(u64, Box<Evaluation>),
}

/// A request for a change of the registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What is asked for.
    pub wish: Wish,
    /// Who asks.
    pub actor: String,
    /// The state that it is meant for.
    pub lock: Lock,
    /// What the operator decided.
    pub rules: Rules,
}

/// What is there when an order is decided.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// The model that is asked for; for a new one, the one that has its name and version.
    pub model: Option<Model>,
    /// Another version of its name that is in production.
    pub production: Option<Model>,
    /// The number of the next new model.
    pub next_id: u64,
    /// The time.
    pub now: Moment,
}

/// What an order changes. Applied in this order: `demoted`, then `model`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The model as it is afterwards, or was before it is removed.
    pub model: Model,
    /// The stage that the model was in; none when it is new.
    pub before: Option<Stage>,
    /// Whether the model is removed.
    pub removes: bool,
    /// The former version in production, as it is afterwards.
    pub demoted: Option<Model>,
    /// What the audit trail is told, oldest first.
    pub events: Vec<Happening>,
}

impl Order {
    /// The model that the order is about, when it has a number.
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        match self.wish {
            Wish::Create(_) => None,
            Wish::Update(id, _)
            | Wish::Delete(id)
            | Wish::Promote(id, _)
            | Wish::Evaluate(id, _) => Some(id),
        }
    }

    /// What it changes, or why it is refused.
    pub fn plan(&self, at: Situation) -> Result<Plan, Refusal> {
        let plan = match &self.wish {
            Wish::Create(draft) => self.create(draft, at),
            Wish::Update(_, patch) => self.update(patch, at),
            Wish::Delete(_) => self.delete(at),
            Wish::Promote(_, to) => self.promote(*to, at),
            Wish::Evaluate(_, evaluation) => self.evaluate(evaluation, at),
        }?;
        let limit = self.rules.max_event_payload_bytes;
        if plan.events.iter().any(|event| event.payload.len() > limit) {
            return Err(Refusal::EventTooLarge(limit));
        }
        Ok(plan)
    }

    fn create(&self, draft: &Draft, at: Situation) -> Result<Plan, Refusal> {
        if at.model.is_some() {
            return Err(Refusal::Exists {
                name: draft.name.clone(),
                version: draft.version.clone(),
            });
        }
        let model = draft.clone().into_model(at.next_id, at.now);
        let mut plan = Plan::of(model);
        plan.before = None;
        if plan.model.stage == Stage::Production {
            self.pass_gate(&plan.model, at.production.as_ref())?;
            plan.demote(at.production, at.now);
        }
        let identity = plan.model.identity();
        Ok(plan.tell(EventKind::Create, identity))
    }

    fn update(&self, patch: &Patch, at: Situation) -> Result<Plan, Refusal> {
        let (model, production) = self.found(at.model, at.production)?;
        let from = model.stage;
        let mut plan = Plan::of(model);
        let fields = patch.apply(&mut plan.model)?;
        if fields.is_empty() {
            return Ok(plan);
        }
        let to = plan.model.stage;
        if to == Stage::Production && from != to {
            if !self.rules.patch_status_bypass {
                self.pass_gate(&plan.model, production.as_ref())?;
            }
            plan.demote(production, at.now);
            plan = plan.tell(EventKind::Promote, moved(from, to));
        }
        plan.touch(at.now);
        Ok(plan.tell(
            EventKind::Update,
            Map::from_iter([("updated_fields".into(), json!(fields))]),
        ))
    }

    fn delete(&self, at: Situation) -> Result<Plan, Refusal> {
        let (model, _) = self.found(at.model, None)?;
        if self.rules.protect_production && model.is_immutable() {
            return Err(Refusal::protected(model.stage));
        }
        let identity = model.identity();
        let mut plan = Plan::of(model).tell(EventKind::Delete, identity);
        plan.removes = true;
        Ok(plan)
    }

    fn promote(&self, to: Stage, at: Situation) -> Result<Plan, Refusal> {
        let (model, production) = self.found(at.model, at.production)?;
        let from = model.stage;
        let mut plan = Plan::of(model);
        if to == Stage::Production {
            self.pass_gate(&plan.model, production.as_ref())?;
            plan.demote(production, at.now);
        }
        plan.model.stage = to;
        plan.touch(at.now);
        Ok(plan.tell(EventKind::Promote, moved(from, to)))
    }

    fn evaluate(&self, evaluation: &Evaluation, at: Situation) -> Result<Plan, Refusal> {
        let (model, _) = self.found(at.model, None)?;
        let mut plan = Plan::of(model);
        let payload = evaluation.join(&mut plan.model, &self.actor);
        plan.touch(at.now);
        Ok(plan.tell(EventKind::Eval, payload))
    }

    /// The model that must be there, in the state that the order is meant for.
    fn found(
        &self,
        model: Option<Model>,
        production: Option<Model>,
    ) -> Result<(Model, Option<Model>), Refusal> {
        let model = model.ok_or(Refusal::NotFound)?;
        self.lock.check(&model)?;
        Ok((model, production))
    }

    fn pass_gate(&self, candidate: &Model, production: Option<&Model>) -> Result<(), Refusal> {
        gate::check(self.rules.required_suite.as_deref(), candidate, production)
    }
}

impl Plan {
    const fn of(model: Model) -> Self {
        let before = Some(model.stage);
        Self {
            model,
            before,
            removes: false,
            demoted: None,
            events: Vec::new(),
        }
    }

    /// Adds an event about the model.
    fn tell(mut self, kind: EventKind, payload: Map<String, Value>) -> Self {
        self.events
            .push(Happening::new(self.model.id, kind, payload));
        self
    }

    fn touch(&mut self, now: Moment) {
        self.model.updated_at = now.after(self.model.updated_at);
    }

    /// Makes room in production.
    fn demote(&mut self, former: Option<Model>, now: Moment) {
        let Some(mut former) = former else {
            return;
        };
        let mut payload = moved(former.stage, Stage::Staging);
        let reason = format!("new production: {}", self.model.id);
        payload.insert("reason".into(), reason.into());
        former.stage = Stage::Staging;
        former.updated_at = now.after(former.updated_at);
        self.events
            .push(Happening::new(former.id, EventKind::AutoDemote, payload));
        self.demoted = Some(former);
    }
}

fn moved(from: Stage, to: Stage) -> Map<String, Value> {
    Map::from_iter([
        ("from".to_owned(), from.word().into()),
        ("to".to_owned(), to.word().into()),
    ])
}
