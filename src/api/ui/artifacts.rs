//! The list of artifacts, and the search. Each page is bounded work: a search that finds little goes on
//! when it is told to.

use std::time::SystemTime;

use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::CacheKey, target_uri::TargetUri},
};
use askama::Template;
use url::form_urlencoded::Serializer;

use super::{
    Answer, Panel, Refusal,
    format::{When, count, parts, size},
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::artifact::{Artifact, Filter, listing::Place};

/// Artifacts on a page.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "artifacts.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    summary: String,
    filter: Wanted,
    items: Vec<Row>,
    next: Option<String>,
    first: String,
    is_first: bool,
}

/// One artifact as lists show it.
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) place: String,
    pub(super) media_type: String,
    pub(super) size: String,
    pub(super) versions: usize,
    pub(super) hits: String,
    pub(super) used: When,
}

/// What is looked for.
struct Wanted {
    q: String,
    host: String,
    prefix: String,
    after: u64,
    is_set: bool,
}

impl Row {
    pub(super) fn of(artifact: &Artifact, now: SystemTime) -> Self {
        let (name, place) = parts(&artifact.source_url);
        let newest = artifact.versions.first();
        Self {
            id: artifact.id,
            name,
            place,
            media_type: artifact.content_type.clone().unwrap_or_default(),
            size: newest.map_or_else(String::new, |version| size(version.size_bytes)),
            versions: artifact.versions.len(),
            hits: count(artifact.access_count),
            used: When::of(artifact.last_accessed_at, now),
        }
    }
}

impl Wanted {
    fn of(visit: &Visit) -> Self {
        let (q, host) = (visit.parameter("q"), visit.parameter("host"));
        let prefix = visit.parameter("prefix");
        let is_set = ![&q, &host, &prefix].into_iter().all(String::is_empty);
        Self {
            is_set,
            after: after(&visit.parameter("cursor")),
            q,
            host,
            prefix,
        }
    }

    fn filter(&self) -> Filter {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let digest = digest(&self.q);
        Filter {
            after: self.after.into(),
            limit: SHOWN,
            host: given(&self.host).map(|host| host.to_ascii_lowercase()),
            prefix: given(&self.prefix),
            contains: given(&self.q).filter(|_| digest.is_none()),
            digest,
            ..Filter::default()
        }
    }

    /// The address of the page after the artifact `after`.
    fn address(&self, after: Option<u64>) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [
            ("q", &self.q),
            ("host", &self.host),
            ("prefix", &self.prefix),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(after) = after {
            query.append_pair("cursor", &format!("a{after:x}"));
        }
        match query.finish() {
            query if query.is_empty() => "/ui/artifacts".to_owned(),
            query => format!("/ui/artifacts?{query}"),
        }
    }
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    let wanted = Wanted::of(visit);
    let (artifacts, next) = find(panel, &wanted)?;
    let items: Vec<_> = artifacts
        .iter()
        .map(|found| Row::of(found, visit.now))
        .collect();
    let total = panel.totals()?.total_items;
    let mut shell = Shell::new(panel, visit, "Artifacts", Section::Artifacts);
    shell.query.clone_from(&wanted.q);
    ok(&Page {
        summary: summary(&wanted, items.len(), next.is_some(), total),
        next: next.map(|after| wanted.address(Some(after))),
        first: wanted.address(None),
        is_first: wanted.after == 0,
        filter: wanted,
        items,
        shell,
    })
}

/// A page, and the cursor of the next one. Who has the whole URL finds it at once.
fn find(panel: &impl Panel, wanted: &Wanted) -> Result<(Vec<Artifact>, Option<u64>), Refusal> {
    let catalog = panel.store().catalog();
    if let Ok(uri) = wanted.q.parse::<TargetUri>()
        && wanted.host.is_empty()
        && wanted.prefix.is_empty()
        && wanted.after == 0
        && let Some(artifact) = catalog.artifact_of(&CacheKey::of(&uri))?
    {
        return Ok((vec![artifact], None));
    }
    let page = catalog.page(&wanted.filter())?;
    // A page that is full says that there may be more; whether there is, the catalog knows.
    let next = page.next.as_ref().and_then(number);
    let next = next.filter(|next| !is_last(panel, *next));
    Ok((page.artifacts, next))
}

/// The number of the artifact that a place in the order of numbers is behind.
fn number(place: &Place) -> Option<u64> {
    place.0.as_slice().try_into().ok().map(u64::from_be_bytes)
}

/// Whether nothing at all follows, whatever it is.
fn is_last(panel: &impl Panel, next: u64) -> bool {
    let rest = Filter {
        after: next.into(),
        limit: 1,
        ..Filter::default()
    };
    let rest = panel.store().catalog().page(&rest);
    rest.is_ok_and(|rest| rest.artifacts.is_empty())
}

fn summary(wanted: &Wanted, found: usize, has_more: bool, total: u64) -> String {
    let total = count(total);
    match (wanted.is_set, has_more) {
        (false, _) => format!("{total} stored, the oldest first."),
        (true, true) => format!("{found} found so far, of {total} stored."),
        (true, false) if wanted.after > 0 => format!("{found} more, of {total} stored."),
        (true, false) => format!("{found} found, of {total} stored."),
    }
}

/// The digest that somebody looks for.
fn digest(text: &str) -> Option<Sha256> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.to_ascii_lowercase().parse().ok()
}

/// The cursor in an address; the beginning for one that is none.
fn after(text: &str) -> u64 {
    let id = text.strip_prefix('a');
    id.and_then(|id| u64::from_str_radix(id, 16).ok())
        .unwrap_or(0)
}
