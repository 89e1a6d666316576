//! Another registry taken into this one: which numbers its models keep, what stands in the way, and what is
//! there already because it was taken in before. Decided on what is read; written as one change.

use std::collections::{BTreeMap, BTreeSet};

use artifact_cache_layers::digest::Sha256;
use serde::Serialize;
use serde_json::json;

use super::{Numbers, Result};
use crate::{
    artifact::{
        event::{Event, EventKind},
        model::{Model, Stage},
        moment::Moment,
    },
    catalog::Catalog,
};

/// Who moved a model that could not stay in production.
const ACTOR: &str = "import";
/// Events read at once.
const CHUNK: usize = 1024;

/// What another registry has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Incoming {
    /// Its models, each number once.
    pub models: Vec<Model>,
    /// Its events, each number once, also those of models that are gone.
    pub events: Vec<Event>,
}

/// What of it is to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Models with their events, by the numbers they will have.
    pub models: Vec<(Model, Vec<Event>)>,
    /// Events of models that are gone.
    pub events: Vec<Event>,
    /// What is told of it.
    pub report: ImportReport,
}

/// What an import came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Models taken in.
    pub models: u64,
    /// Events taken in.
    pub events: u64,
    /// Models that an earlier import brought: of this name and version, registered at the same time.
    pub already_there: u64,
    /// Models that are left out, since another one has their name and version: `name:version`.
    pub conflicts: Vec<String>,
    /// Models whose number was taken, with the number they get.
    pub renumbered: Vec<(u64, u64)>,
    /// By how much the numbers of events grow.
    pub events_shifted_by: u64,
    /// Models that go to staging, since another version of their name is in production.
    pub demoted: Vec<String>,
}

/// What is known on the way.
struct Planner<'c> {
    catalog: &'c Catalog,
    import: Import,
    taken: BTreeSet<u64>,
    next_model: u64,
    next_event: u64,
    /// What the events of models that are gone here say; read when it is needed.
    gone: Option<BTreeSet<Sha256>>,
}

impl Catalog {
    /// Decides what of another registry is taken in. Nothing is written; nothing else may write before the
    /// plan is carried out.
    pub fn plan_import(&self, incoming: Incoming) -> Result<Import> {
        let numbers = self.registry_numbers()?;
        let mut events = BTreeMap::<u64, Vec<Event>>::new();
        let (mut next_model, mut next_event) = (numbers.model, numbers.event);
        for event in incoming.events {
            (next_model, next_event) = (next_model.max(event.model_id), next_event.max(event.id));
            events.entry(event.model_id).or_default().push(event);
        }
        let ids = incoming.models.iter().map(|model| model.id);
        next_model = ids.fold(next_model, u64::max);
        let mut planner = Planner {
            catalog: self,
            import: Import::default(),
            taken: BTreeSet::new(),
            next_model,
            next_event,
            gone: None,
        };
        let mut names = BTreeSet::new();
        for model in incoming.models {
            let events = events.remove(&model.id).unwrap_or_default();
            planner.meet(model, events, &mut names)?;
        }
        for (id, events) in events {
            planner.meet_orphans(id, events)?;
        }
        planner.keep_one_in_production()?;
        Ok(planner.finish(numbers))
    }

    fn registry_numbers(&self) -> Result<Numbers> {
        let txn = self.environment().read()?;
        self.environment().tables.registry_numbers(&txn)
    }
}

impl Planner<'_> {
    fn meet(
        &mut self,
        mut model: Model,
        mut events: Vec<Event>,
        names: &mut BTreeSet<(String, String)>,
    ) -> Result<()> {
        let is_new = names.insert((model.name.clone(), model.version.clone()));
        let here = self.catalog.model_named(&model.name, &model.version)?;
        let report = &mut self.import.report;
        match here {
            Some(here) if is_new && here.created_at == model.created_at => {
                report.already_there += 1;
                return Ok(());
            }
            None if is_new => {}
            _ => {
                report.conflicts.push(name_of(&model));
                return Ok(());
            }
        }
        model.id = self.number(model.id)?;
        for event in &mut events {
            event.model_id = model.id;
        }
        self.import.models.push((model, events));
        Ok(())
    }

    /// Takes in events of a model that is gone, unless they are here.
    fn meet_orphans(&mut self, id: u64, mut events: Vec<Event>) -> Result<()> {
        let said = said(&events);
        if self.gone()?.contains(&said) {
            return Ok(());
        }
        let number = self.number(id)?;
        for event in &mut events {
            event.model_id = number;
        }
        self.import.events.extend(events);
        Ok(())
    }

    /// The number that a model gets: its own, unless it is or was that of another.
    fn number(&mut self, id: u64) -> Result<u64> {
        let is_free = self.catalog.model(id)?.is_none()
            && self.catalog.model_events(id, 0, 1)?.is_empty()
            && self.taken.insert(id);
        if is_free {
            return Ok(id);
        }
        self.next_model += 1;
        self.import.report.renumbered.push((id, self.next_model));
        Ok(self.next_model)
    }

    fn gone(&mut self) -> Result<&BTreeSet<Sha256>> {
        if self.gone.is_none() {
            self.gone = Some(said_of_gone(self.catalog)?);
        }
        Ok(self.gone.get_or_insert_default())
    }

    /// Of several versions in production the one stays that is in production here, or was changed last.
    fn keep_one_in_production(&mut self) -> Result<()> {
        let mut latest = BTreeMap::<String, (Moment, u64)>::new();
        for (model, _) in &self.import.models {
            if model.stage == Stage::Production {
                let latest = latest.entry(model.name.clone()).or_default();
                *latest = (*latest).max((model.updated_at, model.id));
            }
        }
        let now = Moment::of(self.catalog.clock().now());
        for (model, events) in &mut self.import.models {
            let is_here = self.catalog.model_in_production(&model.name)?.is_some();
            let stays = latest.get(&model.name).map(|(_, id)| *id) == Some(model.id);
            if model.stage != Stage::Production || stays && !is_here {
                continue;
            }
            self.import.report.demoted.push(name_of(model));
            self.next_event += 1;
            events.push(demote(model, self.next_event, now));
        }
        Ok(())
    }

    fn finish(mut self, numbers: Numbers) -> Import {
        let events = |import: &mut Import| {
            let of_models = import.models.iter().flat_map(|(_, events)| events);
            let all = of_models.chain(&import.events);
            let least = all.clone().map(|event| event.id).min();
            (all.count() as u64, least)
        };
        let (count, least) = events(&mut self.import);
        let report = &mut self.import.report;
        report.models = self.import.models.len() as u64;
        report.events = count;
        // Their order stays, and no number is given twice.
        if least.is_some_and(|least| least <= numbers.event) {
            report.events_shifted_by = numbers.event;
            let of_models = self.import.models.iter_mut().flat_map(|(_, events)| events);
            for event in of_models.chain(&mut self.import.events) {
                event.id += numbers.event;
            }
        }
        self.import
    }
}

fn name_of(model: &Model) -> String {
    format!("{}:{}", model.name, model.version)
}

fn demote(model: &mut Model, id: u64, now: Moment) -> Event {
    model.stage = Stage::Staging;
    model.updated_at = now.after(model.updated_at);
    let payload = json!({
        "from": Stage::Production.word(),
        "to": Stage::Staging.word(),
        "reason": "another version is in production",
    });
    Event {
        id,
        model_id: model.id,
        kind: EventKind::AutoDemote,
        created_at: now.whole_second(),
        actor: Some(ACTOR.into()),
        payload: Some(payload.to_string()),
    }
}

/// A digest of what events say, whatever their numbers.
fn said(events: &[Event]) -> Sha256 {
    let mut events: Vec<_> = events.iter().collect();
    events.sort_unstable_by_key(|event| event.id);
    let said: Vec<_> = events
        .into_iter()
        .map(|event| {
            (
                event.kind.word(),
                event.created_at.0,
                &event.actor,
                &event.payload,
            )
        })
        .collect();
    Sha256::of(json!(said).to_string().as_bytes())
}

/// The same of each model that is gone here.
fn said_of_gone(catalog: &Catalog) -> Result<BTreeSet<Sha256>> {
    let (mut all, mut after) = (BTreeMap::<u64, Vec<Event>>::new(), (0, 0));
    loop {
        let events = catalog.all_model_events(after, CHUNK)?;
        let Some(last) = events.last() else {
            break;
        };
        after = (last.model_id, last.id);
        for event in events {
            all.entry(event.model_id).or_default().push(event);
        }
    }
    let mut gone = BTreeSet::new();
    for (id, events) in all {
        if catalog.model(id)?.is_none() {
            gone.insert(said(&events));
        }
    }
    Ok(gone)
}
