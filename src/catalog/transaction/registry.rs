//! The registry's writes: an order is decided on what this transaction sees, and either everything that
//! it changes is written, with its events, or nothing.

use super::{Result, Transaction, Written, codec};
use crate::{
    artifact::{
        event::{Event, Happening},
        model::{
            Model, Refusal, Stage,
            plan::{Order, Plan, Situation, Wish},
        },
        moment::Moment,
    },
    catalog::{
        Import,
        models::{NUMBERS_KEY, Numbers, counts_of, keys, texts},
    },
};

impl Transaction<'_> {
    pub(super) fn registry(&mut self, order: &Order) -> Result<Written> {
        let situation = self.situation(order)?;
        let outcome = order.plan(situation);
        if let Ok(plan) = &outcome {
            self.carry_out(plan, &order.actor)?;
        }
        Ok(answer(outcome))
    }

    /// Writes a model as it is, with its own numbers and times. Numbers given later are greater.
    pub(super) fn import_model(&mut self, model: &Model, events: &[Event]) -> Result<Written> {
        let is_taken = self.tables.model(&self.txn, model.id)?.is_some();
        let name = keys::named(&model.name, &model.version);
        let of_name = self.production_of(&model.name, model.id)?;
        let clash = model.stage == Stage::Production && of_name.is_some();
        if is_taken || clash || self.tables.model_id(&self.txn, &name)?.is_some() {
            let (name, version) = (model.name.clone(), model.version.clone());
            return Ok(answer(Err(Refusal::Exists { name, version })));
        }
        self.put_model(None, model)?;
        let mut numbers = self.tables.registry_numbers(&self.txn)?;
        numbers.model = numbers.model.max(model.id);
        for event in events {
            numbers.event = numbers.event.max(event.id);
            self.put_event(event)?;
        }
        self.put_numbers(numbers)?;
        let (model, events) = (model.clone(), Vec::new());
        Ok(answer(Ok(Plan {
            model,
            before: None,
            removes: false,
            demoted: None,
            events,
        })))
    }

    /// Writes all of an import, or nothing.
    pub(super) fn import(&mut self, import: &Import) -> Result<Written> {
        for (model, _) in &import.models {
            let name = keys::named(&model.name, &model.version);
            let is_taken = self.tables.model(&self.txn, model.id)?.is_some();
            if is_taken || self.tables.model_id(&self.txn, &name)?.is_some() {
                let (name, version) = (model.name.clone(), model.version.clone());
                return Ok(answer(Err(Refusal::Exists { name, version })));
            }
        }
        let mut numbers = self.tables.registry_numbers(&self.txn)?;
        for (model, _) in &import.models {
            self.put_model(None, model)?;
            numbers.model = numbers.model.max(model.id);
        }
        let of_models = import.models.iter().flat_map(|(_, events)| events);
        for event in of_models.chain(&import.events) {
            numbers.event = numbers.event.max(event.id);
            numbers.model = numbers.model.max(event.model_id);
            self.put_event(event)?;
        }
        self.put_numbers(numbers)?;
        Ok(Written::default())
    }

    fn situation(&self, order: &Order) -> Result<Situation> {
        let model = match (&order.wish, order.id()) {
            (_, Some(id)) => self.tables.model(&self.txn, id)?,
            (Wish::Create(draft), None) => {
                self.model_at(&keys::named(&draft.name, &draft.version))?
            }
            (_, None) => None,
        };
        let name = match &order.wish {
            Wish::Create(draft) => Some(draft.name.as_str()),
            _ => model.as_ref().map(|model| model.name.as_str()),
        };
        let production = match name {
            Some(name) => self.production_of(name, order.id().unwrap_or_default())?,
            None => None,
        };
        Ok(Situation {
            model,
            production,
            next_id: self.tables.registry_numbers(&self.txn)?.model + 1,
            now: Moment::of(self.now),
        })
    }

    /// Another version of a name than `except` that is in production.
    fn production_of(&self, name: &str, except: u64) -> Result<Option<Model>> {
        let model = self.model_at(&keys::production(name))?;
        Ok(model.filter(|model| model.id != except))
    }

    fn model_at(&self, key: &[u8]) -> Result<Option<Model>> {
        match self.tables.model_id(&self.txn, key)? {
            Some(id) => self.tables.model(&self.txn, id),
            None => Ok(None),
        }
    }

    fn carry_out(&mut self, plan: &Plan, actor: &str) -> Result<()> {
        if let Some(demoted) = &plan.demoted {
            let before = self.tables.model(&self.txn, demoted.id)?;
            self.put_model(before.as_ref(), demoted)?;
        }
        let before = self.tables.model(&self.txn, plan.model.id)?;
        match &before {
            Some(before) if plan.removes => self.remove_model(before)?,
            // A patch that sets nothing changes nothing.
            Some(before) if plan.events.is_empty() && *before == plan.model => {}
            before => self.put_model(before.as_ref(), &plan.model)?,
        }
        let mut numbers = self.tables.registry_numbers(&self.txn)?;
        numbers.model = numbers.model.max(plan.model.id);
        for happening in &plan.events {
            numbers.event += 1;
            self.put_happening(numbers.event, happening, actor)?;
        }
        self.put_numbers(numbers)
    }

    /// Writes a model and takes everything derived of it from `before` to `after`.
    fn put_model(&mut self, before: Option<&Model>, after: &Model) -> Result<()> {
        let models = self.tables.models;
        models.put_record(&mut self.txn, &after.id.to_be_bytes(), codec::encode(after))?;
        self.derive(before, Some(after))
    }

    fn remove_model(&mut self, model: &Model) -> Result<()> {
        let models = self.tables.models;
        models.delete(&mut self.txn, &model.id.to_be_bytes())?;
        self.derive(Some(model), None)
    }

    /// Writes the block of texts that has the model, unless its texts stay.
    fn put_texts(&mut self, before: Option<&Model>, after: Option<&Model>) -> Result<()> {
        let said = |model: &Model| {
            let (name, version) = (model.name.clone(), model.version.clone());
            (name, version, model.description.clone())
        };
        let Some(id) = after.or(before).map(|model| model.id) else {
            return Ok(());
        };
        if before.map(said) == after.map(said) {
            return Ok(());
        }
        let (key, blocks) = (texts::block_of(id), self.tables.model_texts);
        let block = blocks.get(&self.txn, &key)?;
        match blocks.sound(texts::with(block, id, after))? {
            Some(block) => blocks.put(&mut self.txn, &key, &block),
            None => blocks.delete(&mut self.txn, &key).map(drop),
        }
    }

    /// Orders, texts, names and counts from one state of a model to another.
    pub(super) fn derive(&mut self, before: Option<&Model>, after: Option<&Model>) -> Result<()> {
        let (orders, names) = (self.tables.model_orders, self.tables.model_names);
        let old = before.map(keys::orders).unwrap_or_default();
        let new = after.map(keys::orders).unwrap_or_default();
        for key in old.iter().filter(|key| new.binary_search(key).is_err()) {
            orders.delete(&mut self.txn, key)?;
        }
        for key in new.iter().filter(|key| old.binary_search(key).is_err()) {
            orders.put(&mut self.txn, key, &[])?;
        }
        self.put_texts(before, after)?;
        if let Some(model) = before {
            for key in keys::names(model) {
                names.delete(&mut self.txn, &key)?;
            }
            self.count(model, -1)?;
        }
        if let Some(model) = after {
            for key in keys::names(model) {
                names.put_record(&mut self.txn, &key, codec::encode(&model.id))?;
            }
            self.count(model, 1)?;
        }
        Ok(())
    }

    fn count(&mut self, model: &Model, change: i64) -> Result<()> {
        let counts = self.tables.model_counts;
        for (key, counted) in counts_of(model) {
            let count = self.tables.counted(&self.txn, &key)?;
            match count.saturating_add_signed(change) {
                0 => drop(counts.delete(&mut self.txn, &key)?),
                count => {
                    let record = codec::encode(&counted.with(count));
                    counts.put_record(&mut self.txn, &key, record)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn put_happening(
        &mut self,
        id: u64,
        happening: &Happening,
        actor: &str,
    ) -> Result<()> {
        self.put_event(&Event {
            id,
            model_id: happening.model_id,
            kind: happening.kind,
            created_at: Moment::of(self.now).whole_second(),
            actor: Some(actor.to_owned()),
            payload: Some(happening.payload.clone()),
        })
    }

    pub(super) fn put_event(&mut self, event: &Event) -> Result<()> {
        let events = self.tables.model_events;
        let key = keys::event(event.model_id, event.id);
        events.put_record(&mut self.txn, &key, codec::encode(event))
    }

    pub(super) fn put_numbers(&mut self, numbers: Numbers) -> Result<()> {
        let meta = self.tables.meta;
        meta.put_record(&mut self.txn, NUMBERS_KEY, codec::encode(&numbers))
    }
}

fn answer(outcome: std::result::Result<Plan, Refusal>) -> Written {
    Written {
        model: Some(outcome),
        ..Written::default()
    }
}
