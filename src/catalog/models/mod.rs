//! The registry of models in the catalog: what is read of it. Lists walk an order that is kept with every
//! write, so that a page costs what it shows and not what is registered.

pub(super) mod audit;
mod import;
pub(super) mod keys;
mod list;
mod record;
#[cfg(test)]
mod tests;
pub(super) mod texts;

use std::collections::BTreeMap;

use artifact_cache_layers::digest::Sha256;
use heed::RoTxn;
use serde::{Deserialize, Serialize};

use self::keys::Counted;
pub(super) use self::record::ModelHead;
pub use self::{
    import::{Import, ImportReport, Incoming},
    keys::ModelSort,
    list::ModelFilter,
};
use super::{Catalog, CatalogError, codec, environment::Tables};
use crate::artifact::{
    event::Event,
    model::{Model, Stage},
};

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// Where the registry's numbers are recorded in `meta`.
pub(super) const NUMBERS_KEY: &[u8] = b"registry";

/// The last numbers given; none is given twice, whatever is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbers {
    pub(super) model: u64,
    pub(super) event: u64,
}

/// How many models there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelStats {
    /// All of them.
    pub total: u64,
    /// By stage; stages without any are left out.
    pub by_stage: BTreeMap<&'static str, u64>,
    /// By name.
    pub by_name: BTreeMap<String, u64>,
}

impl Catalog {
    /// The model of that number.
    pub fn model(&self, id: u64) -> Result<Option<Model>> {
        let txn = self.environment().read()?;
        self.environment().tables.model(&txn, id)
    }

    /// The version of a name.
    pub fn model_named(&self, name: &str, version: &str) -> Result<Option<Model>> {
        self.model_at(&keys::named(name, version))
    }

    /// The version of a name that is in production.
    pub fn model_in_production(&self, name: &str) -> Result<Option<Model>> {
        self.model_at(&keys::production(name))
    }

    /// The models of these numbers, in order of number, each once; those that are not there are left out.
    pub fn models(&self, ids: &[u64]) -> Result<Vec<Model>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let models = ids.into_iter().map(|id| tables.model(&txn, id));
        models.filter_map(Result::transpose).collect()
    }

    /// Whether a model in production has this checkpoint: then its bytes must not be removed.
    pub fn is_in_production(&self, digest: &Sha256) -> Result<bool> {
        let txn = self.environment().read()?;
        self.environment().tables.is_in_production(&txn, digest)
    }

    /// How many models there are; reads one record for each name.
    pub fn model_stats(&self) -> Result<ModelStats> {
        let txn = self.environment().read()?;
        let counts = self.environment().tables.model_counts;
        let mut stats = ModelStats::default();
        for row in counts.lmdb.iter(&txn)? {
            let counted = counts.sound(codec::decode::<Counted>(row?.1))?;
            match counted {
                Counted::Stage(stage, count) => {
                    stats.total += count;
                    stats.by_stage.insert(stage.word(), count);
                }
                Counted::Name(name, count) => drop(stats.by_name.insert(name, count)),
            }
        }
        Ok(stats)
    }

    /// Events of a model, newest first. They stay when it is deleted.
    pub fn model_events(&self, model: u64, offset: usize, limit: usize) -> Result<Vec<Event>> {
        let txn = self.environment().read()?;
        let events = self.environment().tables.model_events;
        let rows = events.lmdb.rev_prefix_iter(&txn, &model.to_be_bytes())?;
        rows.skip(offset)
            .take(limit)
            .map(|row| events.sound(codec::decode(row?.1)))
            .collect()
    }

    /// A page of every event there is, in order of model and number, behind the given one.
    pub fn all_model_events(&self, after: (u64, u64), limit: usize) -> Result<Vec<Event>> {
        let txn = self.environment().read()?;
        let events = self.environment().tables.model_events;
        let rows = events.rows(&txn, Some(&keys::event(after.0, after.1)), limit)?;
        rows.iter()
            .map(|(_, bytes)| events.sound(codec::decode(bytes)))
            .collect()
    }

    fn model_at(&self, key: &[u8]) -> Result<Option<Model>> {
        let txn = self.environment().read()?;
        let tables = &self.environment().tables;
        match tables.model_id(&txn, key)? {
            Some(id) => tables.model(&txn, id),
            None => Ok(None),
        }
    }
}

impl Tables {
    pub(super) fn model(&self, txn: &RoTxn<'_>, id: u64) -> Result<Option<Model>> {
        self.models.record(txn, &id.to_be_bytes(), codec::decode)
    }

    pub(super) fn is_in_production(&self, txn: &RoTxn<'_>, digest: &Sha256) -> Result<bool> {
        Ok(!self
            .model_names
            .keys(txn, &keys::kept(digest), 1)?
            .is_empty())
    }

    /// The number at a key of `model_names`.
    pub(super) fn model_id(&self, txn: &RoTxn<'_>, key: &[u8]) -> Result<Option<u64>> {
        self.model_names.record(txn, key, codec::decode)
    }

    pub(super) fn registry_numbers(&self, txn: &RoTxn<'_>) -> Result<Numbers> {
        let numbers = self.meta.record(txn, NUMBERS_KEY, codec::decode)?;
        Ok(numbers.unwrap_or_default())
    }

    /// How many models of a stage or a name there are.
    pub(super) fn counted(&self, txn: &RoTxn<'_>, key: &[u8]) -> Result<u64> {
        let counted = self.model_counts.record(txn, key, codec::decode)?;
        Ok(counted.map_or(0, |counted: Counted| counted.count()))
    }
}

/// The keys of the counts that a model is part of.
pub(super) fn counts_of(model: &Model) -> [(Vec<u8>, Counted); 2] {
    let stage = |stage: Stage| (vec![b's', stage as u8], Counted::Stage(stage, 0));
    let name = (
        keys::count_of_name(&model.name),
        Counted::Name(model.name.clone(), 0),
    );
    [stage(model.stage), name]
}
