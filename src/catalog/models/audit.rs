//! Whether the registry's tables agree: every index entry has a model that says so, every model has its
//! entries, counts are the counts, and no number was given that is not remembered.

use std::collections::BTreeMap;

use heed::RoTxn;

use super::{NUMBERS_KEY, Numbers, Result, counts_of, keys, keys::Counted, texts};
use crate::{
    artifact::model::Model,
    catalog::{
        Inconsistency, codec,
        environment::{Environment, Tables},
        outbox::Outgoing,
        table::Table,
        transaction::{event_at, model_at},
    },
};

/// What is gathered on the way.
struct Audit<'e, 't> {
    tables: &'e Tables,
    txn: &'e RoTxn<'t>,
    counts: BTreeMap<Vec<u8>, Counted>,
    numbers: Numbers,
    found: &'e mut Vec<Inconsistency>,
}

/// Reads every table of the registry and adds what is wrong.
pub(in crate::catalog) fn audit(
    environment: &Environment,
    found: &mut Vec<Inconsistency>,
) -> Result<()> {
    let txn = environment.read()?;
    let mut audit = Audit {
        tables: &environment.tables,
        txn: &txn,
        counts: BTreeMap::new(),
        numbers: Numbers::default(),
        found,
    };
    let tables = &environment.tables;
    audit.each(tables.models, Audit::model)?;
    audit.each(tables.model_orders, Audit::order)?;
    audit.each(tables.model_names, Audit::name)?;
    audit.each(tables.model_counts, Audit::count)?;
    audit.each(tables.model_texts, Audit::texts)?;
    audit.each(tables.model_events, Audit::event)?;
    audit.each(tables.outbox, |_, _, value| {
        codec::decode::<Outgoing>(value).is_ok()
    })?;
    audit.rest();
    Ok(())
}

impl Audit<'_, '_> {
    fn each(&mut self, table: Table, look: impl Fn(&mut Self, &[u8], &[u8]) -> bool) -> Result<()> {
        let txn = self.txn;
        for row in table.lmdb.iter(txn)? {
            let (key, value) = row?;
            if !look(self, key, value) {
                self.wrong(table, key);
            }
        }
        Ok(())
    }

    fn wrong(&mut self, table: Table, key: &[u8]) {
        self.found.push(Inconsistency::WrongEntry {
            database: table.name,
            key: key.to_vec(),
        });
    }

    /// Like the others below: false when the entry itself is wrong.
    fn model(&mut self, key: &[u8], value: &[u8]) -> bool {
        let Some(model) = model_at(key, value) else {
            return false;
        };
        self.numbers.model = self.numbers.model.max(model.id);
        let (orders, names) = (self.tables.model_orders, self.tables.model_names);
        for key in keys::orders(&model) {
            // What cannot be read is as good as absent here.
            if orders.get(self.txn, &key).ok().flatten().is_none() {
                self.wrong(orders, &key);
            }
        }
        let block = self
            .tables
            .model_texts
            .get(self.txn, &texts::block_of(model.id));
        if !texts::agrees(block.ok().flatten(), &model) {
            self.wrong(self.tables.model_texts, &texts::block_of(model.id));
        }
        for key in keys::names(&model) {
            let leads_to = self.tables.model_id(self.txn, &key).ok().flatten();
            if leads_to == Some(model.id) {
                continue;
            }
            match self.namesake(&model, leads_to) {
                Some(other) if key == keys::named(&model.name, &model.version) => {
                    let (one, other) = (other.min(model.id), other.max(model.id));
                    self.found.push(Inconsistency::SameName { one, other });
                }
                _ => self.wrong(names, &key),
            }
        }
        for (key, counted) in counts_of(&model) {
            let so_far = self.counts.get(&key).map_or(0, Counted::count);
            self.counts.insert(key, counted.with(so_far + 1));
        }
        true
    }

    fn order(&mut self, key: &[u8], _: &[u8]) -> bool {
        let id = key.last_chunk().copied().map(u64::from_be_bytes);
        self.known(id)
            .is_some_and(|model| keys::orders(&model).iter().any(|order| order == key))
    }

    fn name(&mut self, key: &[u8], value: &[u8]) -> bool {
        let model = self.known(codec::decode(value).ok());
        model.is_some_and(|model| keys::names(&model).iter().any(|name| name == key))
    }

    fn texts(&mut self, key: &[u8], value: &[u8]) -> bool {
        let members = texts::members(key, value);
        members.is_some_and(|ids| ids.into_iter().all(|id| self.known(Some(id)).is_some()))
    }

    /// The number of another model that has this name and version.
    fn namesake(&self, model: &Model, other: Option<u64>) -> Option<u64> {
        let other = self.known(other)?;
        let is_same = (&other.name, &other.version) == (&model.name, &model.version);
        is_same.then_some(other.id)
    }

    fn count(&mut self, key: &[u8], value: &[u8]) -> bool {
        let counted: Option<Counted> = codec::decode(value).ok();
        counted.is_some() && self.counts.remove(key) == counted
    }

    fn event(&mut self, key: &[u8], value: &[u8]) -> bool {
        let event = event_at(key, value);
        let last = event.as_ref().map_or(0, |event| event.id);
        self.numbers.event = self.numbers.event.max(last);
        event.is_some()
    }

    /// Counts that nobody recorded, and the last numbers given.
    fn rest(&mut self) {
        for key in std::mem::take(&mut self.counts).into_keys() {
            self.wrong(self.tables.model_counts, &key);
        }
        let recorded = self.tables.registry_numbers(self.txn).unwrap_or_default();
        let (last, meta) = (self.numbers, self.tables.meta);
        if recorded.model < last.model || recorded.event < last.event {
            self.wrong(meta, NUMBERS_KEY);
        }
    }

    /// The model of that number; one that cannot be read was reported with its own table.
    fn known(&self, id: Option<u64>) -> Option<Model> {
        self.tables.model(self.txn, id?).ok().flatten()
    }
}
