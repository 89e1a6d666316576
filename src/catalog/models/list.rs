//! Lists of models: the narrowest order that a filter allows is walked, and the rest of the filter is
//! asked of the heads of the records. A text that the first records of the order do not have is looked for
//! in the blocks of texts.

use heed::RoTxn;

use super::{ModelHead, ModelSort, Result, keys::Scope, texts::Candidates};
use crate::{
    artifact::model::{Model, Stage},
    catalog::{Catalog, environment::Tables},
};

/// Records whose text is looked at before the blocks are searched: a text that many models have is found
/// there.
const TRIED: usize = 256;
/// So many that have a text are sorted; more are met soon enough when the order is walked.
const SORTED: usize = 1024;

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

    /// The text that is looked for.
    fn text(&self) -> Option<&str> {
        self.contains.as_deref().filter(|text| !text.is_empty())
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
        filters <= 1 && self.text().is_none()
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
    /// A page of models. With one filter at most the work is that of the page and its offset; a text costs
    /// some milliseconds for 100,000 models. Of several filters the narrowest may be walked to its end, some
    /// 50 ms for 100,000: not for async threads.
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

/// How much of a page was met.
struct Page {
    is_exact: bool,
    /// Models that are still skipped.
    skip: usize,
    /// Models that are still to be shown.
    left: usize,
    offset: usize,
    limit: usize,
}

impl Page {
    fn new(filter: &ModelFilter) -> Self {
        let (offset, limit) = (filter.offset, filter.limit);
        Self {
            is_exact: filter.is_exact(),
            skip: offset,
            left: limit,
            offset,
            limit,
        }
    }

    /// Meets one more in order; whether the next one is wanted.
    fn take(&mut self, is_shown: bool, visit: impl FnOnce() -> Result<()>) -> Result<bool> {
        match (is_shown, self.skip, self.left) {
            (_, _, 0) => return Ok(false),
            (false, ..) => {}
            (true, 0, _) => {
                visit()?;
                self.left -= 1;
            }
            (true, ..) => self.skip -= 1,
        }
        Ok(self.left > 0)
    }

    /// The order is met once more from its beginning: what was shown or skipped is skipped.
    fn begin_behind_what_was_shown(&mut self) {
        self.skip = self.offset.saturating_add(self.limit - self.left);
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
        let mut page = Page::new(filter);
        let tried = filter.text().map(|_| TRIED);
        if self.follow(txn, filter, tried, |id| {
            let is_shown = page.is_exact || self.is_shown(txn, filter, id)?;
            page.take(is_shown, || visit(self, id))
        })? {
            return Ok(());
        }
        let candidates = self.candidates(txn, filter.text().unwrap_or_default())?;
        page.begin_behind_what_was_shown();
        if candidates.count() <= SORTED {
            for id in self.sorted(txn, filter, &candidates)? {
                if !page.take(true, || visit(self, id))? {
                    break;
                }
            }
            return Ok(());
        }
        self.follow(txn, filter, None, |id| {
            let is_shown = candidates.has(id) && self.is_shown(txn, filter, id)?;
            page.take(is_shown, || visit(self, id))
        })?;
        Ok(())
    }

    /// Walks the order of a filter until `meet` wants no more; whether that was so, or there was no more,
    /// within `limit` steps.
    fn follow(
        &self,
        txn: &RoTxn<'_>,
        filter: &ModelFilter,
        limit: Option<usize>,
        mut meet: impl FnMut(u64) -> Result<bool>,
    ) -> Result<bool> {
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
        for _ in 0..limit.unwrap_or(usize::MAX) {
            let is_wanted = match next() {
                Some(row) => meet(last_id(row?.0))?,
                None => false,
            };
            if !is_wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those of the candidates that pass, in order.
    fn sorted(
        &self,
        txn: &RoTxn<'_>,
        filter: &ModelFilter,
        candidates: &Candidates,
    ) -> Result<Vec<u64>> {
        let mut passing = Vec::new();
        for id in candidates.ids() {
            if self.is_shown(txn, filter, id)?
                && let Some(model) = self.model(txn, id)?
                && filter
                    .run_id
                    .as_ref()
                    .is_none_or(|run| model.made_of.run_id.as_ref() == Some(run))
            {
                passing.push((filter.sort.value(&model), id));
            }
        }
        passing.sort_unstable();
        if !filter.ascending {
            passing.reverse();
        }
        Ok(passing.into_iter().map(|(_, id)| id).collect())
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
