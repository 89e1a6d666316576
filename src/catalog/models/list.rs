//! Lists of models: the narrowest order that a filter allows is walked, and the rest of the filter is
//! asked of the heads of the records.

use heed::RoTxn;

use super::{ModelHead, ModelSort, Result, keys::Scope};
use crate::{
    artifact::model::{Model, Stage},
    catalog::{Catalog, environment::Tables},
};

/// Which models a list shows, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFilter {
    /// Only models in this stage.
    pub stage: Option<Stage>,
    /// Only versions of this name.
    pub name: Option<String>,
    /// Only models with this in name, version or description; ASCII letters in either case.
    pub contains: Option<String>,
    /// Only models with this tag.
    pub tag: Option<String>,
    /// Only models of this run.
    pub run_id: Option<String>,
    /// What they are sorted by; those that are equal by number.
    pub sort: ModelSort,
    /// Whether the smallest comes first.
    pub ascending: bool,
    /// Models that are skipped.
    pub offset: usize,
    /// Most models returned.
    pub limit: usize,
}

impl ModelFilter {
    /// The narrowest order that holds every model that passes.
    fn scope(&self) -> Scope<'_> {
        let name = self.name.as_deref().map(Scope::Name);
        let run = self.run_id.as_deref().map(Scope::Run);
        let tag = self.tag.as_deref().map(Scope::Tag);
        let stage = self.stage.map(Scope::Stage);
        name.or(run).or(tag).or(stage).unwrap_or(Scope::All)
    }

    /// Whether the order alone decides, so that skipping needs no record.
    fn is_exact(&self) -> bool {
        let is_set = [
            self.name.is_some(),
            self.run_id.is_some(),
            self.tag.is_some(),
            self.stage.is_some(),
        ];
        let filters = is_set.into_iter().filter(|set| *set).count();
        filters <= 1 && self.contains.is_none()
    }

    fn passes(&self, head: &ModelHead<'_>) -> bool {
        let contains = |text: &str| {
            let part = self.contains.as_deref().unwrap_or_default();
            contains_ignoring_case(text, part)
        };
        self.stage.is_none_or(|stage| head.stage == stage)
            && self.name.as_deref().is_none_or(|name| head.name == name)
            && self.tag.as_deref().is_none_or(|tag| {
                let tags = head.tags.as_deref().unwrap_or_default();
                tags.contains(&tag)
            })
            && (self.contains.is_none()
                || contains(head.name)
                || contains(head.version)
                || head.description.is_some_and(contains))
    }
}

/// As `LIKE '%…%'` compares: ASCII letters without their case, everything else as it is.
fn contains_ignoring_case(text: &str, part: &str) -> bool {
    part.is_empty()
        || text
            .as_bytes()
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

impl Catalog {
    /// A page of models. Without a text to look for, and with one filter at most, the work is that of
    /// the page and its offset; otherwise every model in the narrowest order may be looked at, some
    /// 30 ms for 100,000: not for async threads.
    pub fn list_models(&self, filter: &ModelFilter) -> Result<Vec<Model>> {
        let environment = self.environment();
        let txn = environment.read()?;
        let mut models = Vec::new();
        environment.tables.walk(&txn, filter, |tables, id| {
            models.extend(tables.model(&txn, id)?);
            Ok(())
        })?;
        Ok(models)
    }

    /// The numbers of the models that a list would show.
    pub fn list_model_ids(&self, filter: &ModelFilter) -> Result<Vec<u64>> {
        let environment = self.environment();
        let txn = environment.read()?;
        let mut ids = Vec::new();
        environment.tables.walk(&txn, filter, |_, id| {
            ids.push(id);
            Ok(())
        })?;
        Ok(ids)
    }
}

impl Tables {
    /// Shows `visit` the numbers of a page in order.
    fn walk(
        &self,
        txn: &RoTxn<'_>,
        filter: &ModelFilter,
        mut visit: impl FnMut(&Self, u64) -> Result<()>,
    ) -> Result<()> {
        let prefix = filter.scope().prefix(filter.sort);
        let orders = self.model_orders.lmdb;
        let (mut up, mut down) = if filter.ascending {
            (Some(orders.prefix_iter(txn, &prefix)?), None)
        } else {
            (None, Some(orders.rev_prefix_iter(txn, &prefix)?))
        };
        let mut next = || {
            up.as_mut()
                .map_or_else(|| down.as_mut()?.next(), Iterator::next)
        };
        let (is_exact, mut skipped, mut shown) = (filter.is_exact(), 0, 0);
        while shown < filter.limit
            && let Some(row) = next()
        {
            let id = last_id(row?.0);
            if !is_exact && !self.is_shown(txn, filter, id)? {
                continue;
            }
            if skipped < filter.offset {
                skipped += 1;
                continue;
            }
            shown += 1;
            visit(self, id)?;
        }
        Ok(())
    }

    fn is_shown(&self, txn: &RoTxn<'_>, filter: &ModelFilter, id: u64) -> Result<bool> {
        let head = self.models.record(txn, &id.to_be_bytes(), ModelHead::of)?;
        let Some(head) = head else {
            return Ok(false);
        };
        // The run is no part of the head; where it is no scope, the record is read.
        let of_run = match (&filter.run_id, filter.scope()) {
            (None, _) | (_, Scope::Run(_)) => true,
            (Some(run), _) => self
                .model(txn, id)?
                .is_some_and(|model| model.made_of.run_id.as_ref() == Some(run)),
        };
        Ok(of_run && filter.passes(&head))
    }
}

/// The number at the end of a key.
fn last_id(key: &[u8]) -> u64 {
    key.last_chunk().copied().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_without_the_case_of_ascii_and_without_wildcards() {
        assert!(contains_ignoring_case("Demo-Model", "o-mO"));
        assert!(contains_ignoring_case("100%_a", "%_A"));
        assert!(!contains_ignoring_case("100xxa", "%_A"));
        assert!(!contains_ignoring_case("É", "é"));
        assert!(contains_ignoring_case("x", ""));
    }
}
