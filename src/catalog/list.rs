//! Lists of artifacts, in order of id, in pages of bounded work.

use artifact_cache_layers::digest::Sha256;

use super::{Catalog, CatalogError, codec, codec::ArtifactRecord, environment::Environment};
use crate::artifact::{Artifact, Filter};

/// Most artifacts in one answer, whatever the filter says.
pub const MAX_LISTED: usize = 1000;
/// Most records looked at for one page: about 10 ms, so a filter that matches nothing stays cheap.
const MAX_SCANNED: usize = 20_000;
/// Records looked at in one read transaction: a long one keeps the file from reusing pages.
const CHUNK: usize = 2_000;

type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// Part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The artifacts found, in order of id.
    pub artifacts: Vec<Artifact>,
    /// The cursor (`Filter::after`) of the next page; `None` when there is no more.
    pub next: Option<u64>,
}

impl Catalog {
    /// Artifacts that match `filter`: at most its limit and at most [`MAX_LISTED`]. Reads the whole
    /// catalog when nothing matches: not for async threads. [`Catalog::page`] bounds that.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Artifact>> {
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

    /// The same, but at most 20,000 records are looked at, so a page may be short or empty and still
    /// have a next one. Takes up to some 10 ms.
    pub fn page(&self, filter: &Filter) -> Result<Page> {
        match filter.digest {
            Some(digest) => page_of_digest(self.environment(), filter, &digest),
            None => page_of_all(self.environment(), filter),
        }
    }
}

fn page_of_all(environment: &Environment, filter: &Filter) -> Result<Page> {
    let limit = filter.limit.min(MAX_LISTED);
    let mut page = Page::default();
    let mut after = filter.after;
    for _ in 0..MAX_SCANNED / CHUNK {
        let Some(last) = scan(environment, filter, after, &mut page.artifacts)? else {
            return Ok(page);
        };
        after = last;
        if page.artifacts.len() >= limit {
            break;
        }
    }
    page.next = Some(after);
    Ok(page)
}

/// Looks at one chunk; the last id looked at, `None` at the end of the catalog.
fn scan(
    environment: &Environment,
    filter: &Filter,
    after: u64,
    found: &mut Vec<Artifact>,
) -> Result<Option<u64>> {
    use std::ops::Bound::{Excluded, Unbounded};
    let txn = environment.read()?;
    let tables = &environment.tables;
    let (start, limit) = (after.to_be_bytes(), filter.limit.min(MAX_LISTED));
    let range = (Excluded(&start[..]), Unbounded);
    let mut last = None;
    for row in tables.artifacts.lmdb.range(&txn, &range)?.take(CHUNK) {
        if found.len() >= limit {
            break;
        }
        let (key, bytes) = row?;
        let id = key.try_into().map_or(u64::MAX, u64::from_be_bytes);
        let record = tables.artifacts.sound(codec::decode(bytes))?;
        if matches(filter, &record) {
            found.extend(tables.artifact(&txn, id)?);
        }
        last = Some(id);
    }
    Ok(if limit == 0 { None } else { last })
}

/// By digest the references lead straight to the artifacts.
fn page_of_digest(environment: &Environment, filter: &Filter, digest: &Sha256) -> Result<Page> {
    let txn = environment.read()?;
    let tables = &environment.tables;
    let mut page = Page::default();
    for key in tables.holders(&txn, digest, MAX_SCANNED)? {
        let id = tables.set(&txn, &key)?.map_or(0, |set| set.id);
        let Some(record) = tables.artifact_record(&txn, id)? else {
            continue;
        };
        if id > filter.after && matches(filter, &record) {
            page.artifacts.extend(tables.artifact(&txn, id)?);
        }
    }
    page.artifacts.sort_by_key(|artifact| artifact.id);
    let limit = filter.limit.min(MAX_LISTED);
    if page.artifacts.len() > limit {
        page.artifacts.truncate(limit);
        page.next = page.artifacts.last().map(|last| last.id);
    }
    page.artifacts
        .retain(|artifact| artifact.versions.iter().any(|past| past.digest == *digest));
    Ok(page)
}

fn matches(filter: &Filter, record: &ArtifactRecord<'_>) -> bool {
    let url = record.source_url;
    let is = |wanted: &Option<String>, test: fn(&str, &str) -> bool| {
        wanted.as_deref().is_none_or(|wanted| test(url, wanted))
    };
    is(&filter.host, is_on_host)
        && is(&filter.prefix, |url, prefix| url.starts_with(prefix))
        && is(&filter.contains, |url, part| url.contains(part))
}

/// Whether a normalised URL is on `host`, given with or without the port.
fn is_on_host(url: &str, host: &str) -> bool {
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
