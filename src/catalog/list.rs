//! Lists of artifacts in pages of bounded work, and what else is done with what a filter finds.

use artifact_cache_layers::{digest::Sha256, semantics::cache_key::CacheKey};

use super::{
    Catalog, CatalogError,
    environment::Environment,
    orders,
    read::key_of,
    walk::{Walk, passes},
};
use crate::artifact::{Filter, Page, Place, listing::By};

/// Most artifacts in one answer, whatever the filter says.
pub const MAX_LISTED: usize = 1000;
/// Most records looked at for one page: about 10 ms, so a filter that matches nothing stays cheap.
const MAX_SCANNED: usize = 20_000;
/// The same where each row leads to a record elsewhere.
const MAX_FOLLOWED: usize = 8_000;

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// What a filter found, as little as removing it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Number, key, and bytes of the newest version.
    pub found: Vec<(u64, CacheKey, u64)>,
    /// Where the next ones are.
    pub next: Option<Place>,
}

impl Catalog {
    /// Artifacts that match `filter`: at most its limit and at most [`MAX_LISTED`]. Reads the whole
    /// catalog when nothing matches: not for async threads. [`Catalog::page`] bounds that.
    pub fn list(&self, filter: &Filter) -> Result<Vec<crate::artifact::Artifact>> {
        let mut filter = filter.clone();
        let mut found = Vec::new();
        loop {
            let page = self.page(&filter)?;
            filter.limit -= page.artifacts.len().min(filter.limit);
            found.extend(page.artifacts);
            match page.next {
                Some(next) if filter.limit > 0 && found.len() < MAX_LISTED => filter.after = next,
                _ => return Ok(found),
            }
        }
    }

    /// The same, but a bounded number of records is looked at, so a page may be short or empty and still
    /// have a next one. Takes up to some 10 ms.
    pub fn page(&self, filter: &Filter) -> Result<Page> {
        if let Some(digest) = &filter.digest {
            return page_of_digest(self.environment(), filter, digest);
        }
        let (rows, limit) = bounds(filter);
        let environment = self.environment();
        let walk = Walk::new(&environment.tables, filter);
        let mut artifacts = Vec::new();
        let next = walk.go(environment, rows, limit, &mut |step| {
            artifacts.extend(step.tables.artifact(step.txn, step.id)?);
            Ok(())
        })?;
        Ok(Page { artifacts, next })
    }

    /// What matches `filter`, at most its limit: as [`Catalog::page`], but cheaper.
    pub fn select(&self, filter: &Filter) -> Result<Selection> {
        if filter.digest.is_some() {
            return self.page(filter).map(Selection::of);
        }
        let (rows, limit) = bounds(filter);
        let environment = self.environment();
        let walk = Walk::new(&environment.tables, filter);
        let mut found = Vec::new();
        let next = walk.go(environment, rows, limit, &mut |step| {
            let placed = step.tables.placed(step.txn, step.id)?.unwrap_or_default();
            found.push((step.id, key_of(step.record.key), placed.size_bytes));
            Ok(())
        })?;
        Ok(Selection { found, next })
    }

    /// How many match `filter`. Reads the whole catalog: not for async threads.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        let mut filter = Filter {
            after: Place::default(),
            limit: usize::MAX,
            ..filter.clone()
        };
        if let Some(digest) = filter.digest {
            filter.limit = MAX_SCANNED;
            let page = page_of_digest(self.environment(), &filter, &digest)?;
            return Ok(page.artifacts.len() as u64);
        }
        let mut count = 0;
        loop {
            let environment = self.environment();
            let walk = Walk::new(&environment.tables, &filter);
            let next = walk.go(environment, MAX_SCANNED, usize::MAX, &mut |_| {
                count += 1;
                Ok(())
            })?;
            match next {
                Some(next) => filter.after = next,
                None => return Ok(count),
            }
        }
    }
}

impl Selection {
    fn of(page: Page) -> Self {
        let found = page.artifacts.iter().filter_map(|artifact| {
            let uri = artifact.source_url.parse().ok()?;
            let newest = artifact.versions.first();
            let bytes = newest.map_or(0, |version| version.size_bytes);
            Some((artifact.id, CacheKey::of(&uri), bytes))
        });
        Self {
            found: found.collect(),
            next: page.next,
        }
    }
}

/// How many records a page may look at, and how many artifacts it may have.
fn bounds(filter: &Filter) -> (usize, usize) {
    let is_own_table = filter.order.by == By::Id && filter.tag.is_none();
    let rows = if is_own_table {
        MAX_SCANNED
    } else {
        MAX_FOLLOWED
    };
    (rows, filter.limit.min(MAX_LISTED))
}

/// By digest the references lead straight to the artifacts, which are put in order here.
fn page_of_digest(environment: &Environment, filter: &Filter, digest: &Sha256) -> Result<Page> {
    let txn = environment.read()?;
    let tables = &environment.tables;
    let mut found = Vec::new();
    for key in tables.holders(&txn, digest, MAX_SCANNED)? {
        let id = tables.set(&txn, &key)?.map_or(0, |set| set.id);
        let Some(record) = tables.artifact_record(&txn, id)? else {
            continue;
        };
        let placed = tables.placed(&txn, id)?.unwrap_or_default();
        let place = orders::place(filter.order.by, record.source_url, id, &placed);
        let after = &filter.after.0;
        let is_behind =
            after.is_empty() || (place > *after) != filter.order.is_descending && place != *after;
        if is_behind && passes(filter, tables, &txn, id, &record)? {
            found.push((place, id));
        }
    }
    found.sort();
    if filter.order.is_descending {
        found.reverse();
    }
    let mut page = Page::default();
    let limit = filter.limit.min(MAX_SCANNED);
    if found.len() > limit {
        found.truncate(limit);
        page.next = found.last().map(|(place, _)| Place(place.clone()));
    }
    for (_, id) in found {
        page.artifacts.extend(tables.artifact(&txn, id)?);
    }
    page.artifacts
        .retain(|artifact| artifact.versions.iter().any(|past| past.digest == *digest));
    Ok(page)
}

/// Whether a normalised URL is on `host`, given with or without the port.
pub(super) fn is_on_host(url: &str, host: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let name = authority
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
        .map_or(authority, |(name, _)| name);
    host.eq_ignore_ascii_case(authority) || host.eq_ignore_ascii_case(name)
}
#[cfg(test)]
mod tests {
    use super::is_on_host;

    #[test]
    fn a_host_matches_with_and_without_its_port() {
        for (url, host) in [
            ("https://example.com/a", "example.com"),
            ("https://example.com:8443/a", "example.com"),
            ("https://example.com:8443/a", "EXAMPLE.com:8443"),
            ("http://[2001:db8::1]:8080/a", "[2001:db8::1]"),
            ("http://[2001:db8::1]/a", "[2001:db8::1]"),
            ("http://example.com?q", "example.com"),
        ] {
            assert!(is_on_host(url, host), "{url} {host}");
        }
        assert!(!is_on_host("https://example.com/a", "ample.com"));
        assert!(!is_on_host("https://a.example.com/a", "example.com"));
        assert!(!is_on_host(
            "https://other.example/example.com",
            "example.com"
        ));
    }
}
