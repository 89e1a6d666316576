//! Walking through the artifacts that pass a filter: over the rows of the one table that leads to them by
//! the shortest way, in steps of bounded work.

use std::ops::Bound;

use heed::RoTxn;

use super::{
    Result, codec,
    codec::{ArtifactRecord, nanoseconds},
    environment::{Environment, Tables},
    list::is_on_host,
    orders::{self, id_of},
    pins::PinOf,
    read::key_of,
    table::Table,
    tags,
};
use crate::artifact::{
    Filter, Place,
    listing::{By, Span, State},
};

/// Rows looked at in one read transaction: a long one keeps the file from reusing pages.
const CHUNK: usize = 2_000;
/// Schemes under which a host can be.
const SCHEMES: [&str; 3] = ["http", "https", "s3"];
/// What follows a host in a URL.
const AFTER_HOST: [char; 3] = ['/', ':', '?'];

/// An artifact on the way.
pub(super) struct Step<'t> {
    pub(super) tables: &'t Tables,
    pub(super) txn: &'t RoTxn<'t>,
    pub(super) id: u64,
    pub(super) record: ArtifactRecord<'t>,
}

/// Rows from the first key to before the second; no second is the end of the table.
type Range = (Vec<u8>, Option<Vec<u8>>);

/// A part of a table.
type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The way: which table, which of its rows, in which direction.
pub(super) struct Walk<'f> {
    filter: &'f Filter,
    table: Table,
    ranges: Vec<Range>,
    /// Bytes of a key that are not part of a place.
    hidden: Vec<u8>,
}

/// What is left of the work of one page.
struct Budget {
    rows: usize,
    found: usize,
}

impl<'f> Walk<'f> {
    /// The way to what passes `filter`.
    pub(super) fn new(tables: &Tables, filter: &'f Filter) -> Self {
        let (table, ranges, hidden) = match (orders::letter(filter.order.by), &filter.tag) {
            (None, Some(tag)) => {
                let start = tags::name_start(tag);
                (tables.tags, vec![starting(start.clone())], start)
            }
            (None, None) => (tables.artifacts, vec![(vec![0], None)], Vec::new()),
            (Some(letter), _) => (tables.orders, ranges(letter, filter), Vec::new()),
        };
        Self {
            filter,
            table,
            ranges,
            hidden,
        }
    }

    /// Visits what passes, `limit` artifacts at most, and looks at `rows` rows at most; where to go on.
    pub(super) fn go(
        &self,
        environment: &Environment,
        rows: usize,
        limit: usize,
        visit: &mut dyn FnMut(Step<'_>) -> Result<()>,
    ) -> Result<Option<Place>> {
        if limit == 0 {
            return Ok(None);
        }
        let mut budget = Budget { rows, found: limit };
        let mut after = self.filter.after.clone();
        loop {
            let txn = environment.read()?;
            let (next, is_over) =
                self.chunk(&environment.tables, &txn, after, &mut budget, visit)?;
            match next {
                Some(next) if !is_over => after = next,
                next => return Ok(next),
            }
        }
    }

    /// One transaction's part; where to go on, and whether this page is over.
    fn chunk(
        &self,
        tables: &Tables,
        txn: &RoTxn<'_>,
        mut after: Place,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Step<'_>) -> Result<()>,
    ) -> Result<(Option<Place>, bool)> {
        for (looked_at, key) in self.keys(txn, &after)?.enumerate() {
            let key = key?;
            if looked_at == CHUNK || budget.rows == 0 {
                return Ok((Some(after), budget.rows == 0));
            }
            budget.rows -= 1;
            let id = id_of(key);
            let passes = self.passes(tables, txn, id)?;
            if let Some(record) = passes {
                // One more than wanted is there, so there is a next page; it begins with that one.
                if budget.found == 0 {
                    return Ok((Some(after), true));
                }
                budget.found -= 1;
                visit(Step {
                    tables,
                    txn,
                    id,
                    record,
                })?;
            }
            after = Place(key[self.hidden.len()..].to_vec());
        }
        Ok((None, true))
    }

    /// The keys behind a place, in the direction of the order.
    fn keys<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        after: &Place,
    ) -> Result<Box<dyn Iterator<Item = Result<&'t [u8]>> + 't>> {
        let is_descending = self.filter.order.is_descending;
        let mut all: Vec<Box<dyn Iterator<Item = Result<&'t [u8]>> + 't>> = Vec::new();
        for range in &self.ranges {
            let Some((from, to)) = self.behind(range, after) else {
                continue;
            };
            let bounds = (as_slice(&from), as_slice(&to));
            if is_descending {
                let rows = self.table.lmdb.rev_range(txn, &bounds)?;
                all.push(Box::new(rows.map(|row| Ok(row?.0))));
            } else {
                let rows = self.table.lmdb.range(txn, &bounds)?;
                all.push(Box::new(rows.map(|row| Ok(row?.0))));
            }
        }
        if is_descending {
            all.reverse();
        }
        Ok(Box::new(all.into_iter().flatten()))
    }

    /// The part of a range behind a place; nothing when all of it is before.
    fn behind(&self, (from, to): &Range, after: &Place) -> Option<Bounds> {
        let mut lower = Bound::Included(from.clone());
        let mut upper = to.clone().map_or(Bound::Unbounded, Bound::Excluded);
        if !after.0.is_empty() {
            let mut place = self.hidden.clone();
            place.extend(&after.0);
            let is_past_end = to.as_ref().is_some_and(|to| place >= *to);
            if self.filter.order.is_descending {
                if place <= *from {
                    return None;
                }
                if !is_past_end {
                    upper = Bound::Excluded(place);
                }
            } else if is_past_end {
                return None;
            } else if place >= *from {
                lower = Bound::Excluded(place);
            }
        }
        Some((lower, upper))
    }

    /// The record of an artifact that passes the filter.
    fn passes<'t>(
        &self,
        tables: &Tables,
        txn: &'t RoTxn<'_>,
        id: u64,
    ) -> Result<Option<ArtifactRecord<'t>>> {
        let record = tables.artifact_record(txn, id)?;
        match record {
            Some(record) if passes(self.filter, tables, txn, id, &record)? => Ok(Some(record)),
            _ => Ok(None),
        }
    }
}

/// Whether an artifact passes; what costs more is asked last.
pub(super) fn passes(
    filter: &Filter,
    tables: &Tables,
    txn: &RoTxn<'_>,
    id: u64,
    record: &ArtifactRecord<'_>,
) -> Result<bool> {
    let url = record.source_url;
    let is = |wanted: &Option<String>, test: fn(&str, &str) -> bool| {
        wanted.as_deref().is_none_or(|wanted| test(url, wanted))
    };
    let is_of_type = || {
        let wanted = filter.content_type.as_deref();
        wanted.is_none_or(|wanted| is_of_type(record.content_type, wanted))
    };
    let is_plain = is(&filter.host, is_on_host)
        && is(&filter.prefix, |url, prefix| url.starts_with(prefix))
        && is(&filter.contains, |url, part| url.contains(part))
        && is_of_type()
        && filter
            .created
            .contains(&codec::time(record.first_cached_at));
    if !is_plain {
        return Ok(false);
    }
    if let Some(tag) = &filter.tag
        && !tables.has_tag(txn, id, tag)?
    {
        return Ok(false);
    }
    if !(filter.size_bytes.is_open() && filter.used.is_open()) {
        let placed = tables.placed(txn, id)?.unwrap_or_default();
        let is_within = filter.size_bytes.contains(&placed.size_bytes)
            && filter.used.contains(&codec::time(placed.used));
        if !is_within {
            return Ok(false);
        }
    }
    passes_by_set(filter, tables, txn, record)
}

fn passes_by_set(
    filter: &Filter,
    tables: &Tables,
    txn: &RoTxn<'_>,
    record: &ArtifactRecord<'_>,
) -> Result<bool> {
    if filter.pinned.is_none() && filter.state.is_none() {
        return Ok(true);
    }
    let key = key_of(record.key);
    let Some(set) = tables.set(txn, &key)? else {
        return Ok(false);
    };
    if filter.state.is_some_and(|state| state != set.state()) {
        return Ok(false);
    }
    match filter.pinned {
        Some(wanted) => Ok(tables.is_set_pinned(txn, &key, &set)? == wanted),
        None => Ok(true),
    }
}

/// Whether a `Content-Type` is of a media type, or of `type/*`; parameters do not count.
fn is_of_type(content_type: Option<&str>, wanted: &str) -> bool {
    let found = content_type.unwrap_or_default();
    let found = found.split(';').next().unwrap_or_default().trim();
    match wanted.strip_suffix("/*") {
        Some(whole) => found
            .split_once('/')
            .is_some_and(|(of, _)| of.eq_ignore_ascii_case(whole)),
        None => found.eq_ignore_ascii_case(wanted),
    }
}

/// The rows of an order that a filter leaves.
fn ranges(letter: u8, filter: &Filter) -> Vec<Range> {
    let numbers = match filter.order.by {
        By::Url => return url_ranges(filter),
        By::Size => filter.size_bytes,
        By::Used => Span {
            from: filter.used.from.map(nanoseconds),
            to: filter.used.to.map(nanoseconds),
        },
        By::Hits | By::Id => Span::default(),
    };
    let from = orders::number_key(letter, numbers.from.unwrap_or(0), 0);
    let to = match numbers.to.and_then(|to| to.checked_add(1)) {
        Some(to) => orders::number_key(letter, to, 0).to_vec(),
        None => vec![letter + 1],
    };
    vec![(from.to_vec(), Some(to))]
}

fn url_ranges(filter: &Filter) -> Vec<Range> {
    if let Some(prefix) = &filter.prefix {
        return vec![starting(orders::url_start(prefix))];
    }
    let Some(host) = &filter.host else {
        return vec![starting(orders::url_start(""))];
    };
    let mut starts: Vec<Vec<u8>> = SCHEMES
        .iter()
        .flat_map(|scheme| {
            AFTER_HOST.map(|end| orders::url_start(&format!("{scheme}://{host}{end}")))
        })
        .collect();
    starts.sort();
    starts.into_iter().map(starting).collect()
}

/// All rows that start with `start`.
fn starting(start: Vec<u8>) -> Range {
    let mut end = start.clone();
    // The last byte is a letter, a zero or of a URL: never the largest there is.
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    (start, Some(end))
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

impl super::ResponseSet {
    /// What can be served of it.
    #[must_use]
    pub fn state(&self) -> State {
        let newest = self.versions.first().map(|version| version.digest);
        let at = newest.and_then(|newest| self.index_of(&newest));
        match at.map(|at| self.responses[at].invalidated) {
            Some(false) => State::Current,
            Some(true) => State::Stale,
            None => State::Past,
        }
    }
}

impl Tables {
    /// Whether an operator pinned a URL, or bytes of it.
    pub(super) fn is_set_pinned(
        &self,
        txn: &RoTxn<'_>,
        key: &artifact_cache_layers::semantics::cache_key::CacheKey,
        set: &super::ResponseSet,
    ) -> Result<bool> {
        if self.pins.lmdb.is_empty(txn)? {
            return Ok(false);
        }
        if self.is_pinned(txn, &PinOf::Url(*key))? {
            return Ok(true);
        }
        for digest in set.digests() {
            if self.is_pinned(txn, &PinOf::Blob(digest))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
