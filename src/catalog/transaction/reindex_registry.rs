//! Deriving again what follows from models: orders, texts, names, counts and the last numbers given. Models
//! and events are the truth; of two models in production under one name the one changed last stays, and of
//! two with one name and version the later one gets a version of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Result, Transaction, codec};
use crate::{
    artifact::{
        event::{Event, EventKind, Happening},
        model::{Model, Stage},
        moment::Moment,
    },
    catalog::models::{Numbers, keys},
};

/// Who changes a model that contradicts another.
const ACTOR: &str = "fsck";

/// What the passes over the records gather.
#[derive(Default)]
struct Known {
    numbers: Numbers,
    /// By name: when the version in production was changed last, and its number.
    production: BTreeMap<String, (Moment, u64)>,
    /// By name and version, as a key: the model that keeps it.
    named: BTreeMap<Vec<u8>, u64>,
}

/// The model at a key, if it is one.
pub(in crate::catalog) fn model_at(key: &[u8], value: &[u8]) -> Option<Model> {
    let model: Model = codec::decode(value).ok()?;
    (model.id.to_be_bytes() == key).then_some(model)
}

/// The event at a key, if it is one.
pub(in crate::catalog) fn event_at(key: &[u8], value: &[u8]) -> Option<Event> {
    let event: Event = codec::decode(value).ok()?;
    (keys::event(event.model_id, event.id) == key).then_some(event)
}

impl Transaction<'_> {
    pub(super) fn reindex_registry(&mut self) -> Result<()> {
        let mut known = Known {
            numbers: self.tables.registry_numbers(&self.txn).unwrap_or_default(),
            ..Known::default()
        };
        self.each_row(self.tables.model_events, |own, key, value| {
            own.look_at_event(&mut known, key, value)
        })?;
        self.each_row(self.tables.models, |own, key, value| {
            own.look_at_model(&mut known, key, value)
        })?;
        for table in [
            self.tables.model_orders,
            self.tables.model_names,
            self.tables.model_counts,
            self.tables.model_texts,
        ] {
            table.lmdb.clear(&mut self.txn)?;
        }
        self.each_row(self.tables.models, |own, _, value| {
            let models = own.tables.models;
            own.index(&mut known, models.sound(codec::decode(value))?)
        })?;
        self.reindex_outbox()?;
        self.put_numbers(known.numbers)
    }

    /// Drops an event that cannot be read or stands at another's place.
    fn look_at_event(&mut self, known: &mut Known, key: &[u8], value: &[u8]) -> Result<()> {
        let Some(event) = event_at(key, value) else {
            return self
                .tables
                .model_events
                .delete(&mut self.txn, key)
                .map(drop);
        };
        known.numbers.event = known.numbers.event.max(event.id);
        known.numbers.model = known.numbers.model.max(event.model_id);
        Ok(())
    }

    /// Drops a model that cannot be read or stands at another's place.
    fn look_at_model(&mut self, known: &mut Known, key: &[u8], value: &[u8]) -> Result<()> {
        let Some(model) = model_at(key, value) else {
            return self.tables.models.delete(&mut self.txn, key).map(drop);
        };
        known.numbers.model = known.numbers.model.max(model.id);
        let named = known.named.entry(keys::named(&model.name, &model.version));
        let keeper = named.or_insert(model.id);
        if model.stage == Stage::Production {
            // What is in production keeps what it is called by.
            *keeper = model.id;
            let latest = known.production.entry(model.name).or_default();
            *latest = (*latest).max((model.updated_at, model.id));
        }
        Ok(())
    }

    /// Derives everything of a model.
    fn index(&mut self, known: &mut Known, mut model: Model) -> Result<()> {
        let latest = known.production.get(&model.name).map(|(_, id)| *id);
        if model.stage == Stage::Production && latest != Some(model.id) {
            self.demote(&mut known.numbers, &mut model)?;
        }
        let named = keys::named(&model.name, &model.version);
        if known.named.get(&named) != Some(&model.id) {
            self.rename(known, &mut model)?;
        }
        self.derive(None, Some(&model))
    }

    /// Gives a model whose name and version another one has a version that no other has.
    fn rename(&mut self, known: &mut Known, model: &mut Model) -> Result<()> {
        let from = model.version.clone();
        while known
            .named
            .contains_key(&keys::named(&model.name, &model.version))
        {
            model.version = format!("{}~{}", model.version, model.id);
        }
        let named = keys::named(&model.name, &model.version);
        known.named.insert(named, model.id);
        let payload = Map::from_iter([
            ("updated_fields".to_owned(), json!(["version"])),
            ("from".to_owned(), json!(from)),
            ("to".to_owned(), json!(model.version)),
            (
                "reason".to_owned(),
                json!("another model has this name and version"),
            ),
        ]);
        self.rewrite(&mut known.numbers, model, EventKind::Update, payload)
    }

    fn demote(&mut self, numbers: &mut Numbers, model: &mut Model) -> Result<()> {
        model.stage = Stage::Staging;
        let payload = Map::from_iter([
            ("from".to_owned(), json!(Stage::Production.word())),
            ("to".to_owned(), json!(Stage::Staging.word())),
            (
                "reason".to_owned(),
                json!("another version is in production"),
            ),
        ]);
        self.rewrite(numbers, model, EventKind::AutoDemote, payload)
    }

    /// Writes a changed model and the event that says so.
    fn rewrite(
        &mut self,
        numbers: &mut Numbers,
        model: &mut Model,
        kind: EventKind,
        payload: Map<String, Value>,
    ) -> Result<()> {
        model.updated_at = Moment::of(self.now).after(model.updated_at);
        let (models, record) = (self.tables.models, codec::encode(model));
        models.put_record(&mut self.txn, &model.id.to_be_bytes(), record)?;
        numbers.event += 1;
        let happening = Happening::new(model.id, kind, payload);
        self.put_happening(numbers.event, &happening, ACTOR)
    }
}
