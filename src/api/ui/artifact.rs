//! One artifact: what it is, why it is kept, and how it is fetched.

use artifact_cache_layers::semantics::{cache_key::CacheKey, target_uri::TargetUri};
use askama::Template;

use super::{
    Answer, Panel, Refusal,
    artifacts::Row,
    clients::{Snippet, base},
    format::{When, count, size, span},
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::{
    api::{Explanation, StoredVariant},
    artifact::{Artifact, Version},
    catalog::{Catalog, Eviction, Keeper, MAX_AHEAD, PinOf, policy::Queue},
};

/// Evictions that are shown.
const MAX_HISTORY: usize = 10;

#[derive(Template)]
#[template(path = "artifact.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    item: Row,
    url: String,
    exact_size: String,
    digest: String,
    final_url: Option<String>,
    stored: When,
    class: &'static str,
    rule: Option<String>,
    next: String,
    is_pinned: bool,
    kept_by: Vec<String>,
    standing: String,
    evictions: Vec<Evicted>,
    versions: Vec<VersionRow>,
    variants: Vec<Variant>,
    snippets: Vec<Snippet>,
}

struct Evicted {
    at: When,
    size: String,
    reason: String,
}

struct VersionRow {
    digest: String,
    size: String,
    first: When,
    last: When,
    is_current: bool,
}

struct Variant {
    status: u16,
    age: String,
    fresh: String,
    control: String,
    validators: String,
    vary: String,
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit, id: u64) -> Answer {
    let artifact = panel.artifact(id)?.ok_or(Refusal::NotFound)?;
    let newest = artifact.versions.first().ok_or(Refusal::NotFound)?;
    let uri = artifact
        .source_url
        .parse::<TargetUri>()
        .map_err(|_| Refusal::NotFound)?;
    let explained = panel.explain(&uri)?;
    let catalog = panel.store().catalog();
    let item = Row::of(&artifact, visit.now);
    let title = item.name.clone();
    let mut kept_by: Vec<_> = catalog
        .keepers(&newest.digest)?
        .iter()
        .map(keeper)
        .collect();
    if panel.store().blobs().is_in_use(&newest.digest) {
        kept_by.push("It is being read at this moment.".to_owned());
    }
    ok(&Page {
        shell: Shell::new(panel, visit, &title, Section::Artifacts),
        url: artifact.source_url.clone(),
        exact_size: count(newest.size_bytes),
        digest: newest.digest.to_string(),
        final_url: redirected(&artifact),
        stored: When::of(artifact.first_cached_at, visit.now),
        class: explained.class,
        rule: explained.rule.clone(),
        next: next(&explained),
        is_pinned: is_pinned(catalog, &uri)?,
        standing: standing(panel, newest)?,
        kept_by,
        evictions: evictions(catalog, &artifact, visit)?,
        versions: versions(&artifact, visit),
        variants: explained.stored.iter().map(Variant::of).collect(),
        snippets: snippets(visit, &artifact, newest),
        item,
    })
}

/// Where redirects ended, when that was elsewhere.
fn redirected(artifact: &Artifact) -> Option<String> {
    let last = artifact.final_url.as_ref();
    last.filter(|last| **last != artifact.source_url).cloned()
}

/// Whether the URL itself is pinned.
pub(super) fn is_pinned(catalog: &Catalog, uri: &TargetUri) -> Result<bool, Refusal> {
    let of = PinOf::Url(CacheKey::of(uri));
    Ok(catalog.pins()?.iter().any(|pin| pin.of == of))
}

fn keeper(keeper: &Keeper) -> String {
    match keeper {
        Keeper::Pin(PinOf::Url(_)) => "A URL with these bytes is pinned.".to_owned(),
        Keeper::Pin(PinOf::Blob(_)) => "These bytes are pinned.".to_owned(),
        Keeper::Upload => "The same bytes were uploaded as a file.".to_owned(),
        Keeper::Pointer(name) => format!("The pointer {name} leads to them."),
        Keeper::Production => "A model in production has them.".to_owned(),
    }
}

fn standing(panel: &impl Panel, newest: &Version) -> Result<String, Refusal> {
    let (store, catalog) = (panel.store(), panel.store().catalog());
    if store.room().cap() == 0 {
        return Ok(
            "The cache has no cap, so nothing is evicted as long as the disk has room.".to_owned(),
        );
    }
    let Some(standing) = catalog.standing(&newest.digest)? else {
        return Ok("It has no place in the queues of eviction.".to_owned());
    };
    let queue = match standing.queue {
        None => return Ok("It is on its way out.".to_owned()),
        Some(Queue::Short) => "of what was stored lately",
        Some(Queue::Main) => "of what was used again",
    };
    let more = if standing.ahead == MAX_AHEAD {
        "at least "
    } else {
        ""
    };
    Ok(format!(
        "It stands in the queue {queue}, used {} times since. Before it, {more}{} others with {} are looked at.",
        count(standing.uses),
        count(standing.ahead),
        size(standing.ahead_bytes)
    ))
}

fn evictions(
    catalog: &Catalog,
    artifact: &Artifact,
    visit: &Visit,
) -> Result<Vec<Evicted>, Refusal> {
    let is_meant = |eviction: &Eviction| {
        let mut urls = eviction.urls.iter();
        urls.any(|url| *url == artifact.source_url)
    };
    let found = catalog.evictions_that(MAX_HISTORY, is_meant)?;
    let shown = found.into_iter().map(|eviction| Evicted {
        at: When::of(eviction.at, visit.now),
        size: size(eviction.size_bytes),
        reason: eviction.reason,
    });
    Ok(shown.collect())
}

fn versions(artifact: &Artifact, visit: &Visit) -> Vec<VersionRow> {
    let all = artifact.versions.iter().enumerate();
    all.map(|(at, version)| VersionRow {
        digest: version.digest.to_string(),
        size: size(version.size_bytes),
        first: When::of(version.first_seen, visit.now),
        last: When::of(version.last_seen, visit.now),
        is_current: at == 0,
    })
    .collect()
}

impl Variant {
    fn of(stored: &StoredVariant) -> Self {
        let seconds = |seconds| span(std::time::Duration::from_secs(seconds));
        let validators = [&stored.etag, &stored.last_modified];
        let validators: Vec<_> = validators
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        Self {
            status: stored.status,
            age: seconds(stored.age_seconds),
            fresh: match stored.fresh_for_seconds {
                Some(left) => seconds(left),
                None if stored.invalidated => "marked stale".to_owned(),
                None => "stale".to_owned(),
            },
            control: stored.cache_control.clone().unwrap_or_default(),
            validators: validators.join(", "),
            vary: stored.vary.join(", "),
        }
    }
}

/// What requests would get now.
fn next(explained: &Explanation) -> String {
    let fetch = match explained.fetch {
        "hit" => "served from the store by /fetch",
        _ => "fetched again by /fetch",
    };
    let proxy = match explained.next {
        "hit" => "served from the store by proxy and mirrors",
        "stale" => "served stale by proxy and mirrors, and validated",
        "validate" => "validated first by proxy and mirrors",
        "bypass" => "passed on by proxy and mirrors",
        _ => "fetched again by proxy and mirrors",
    };
    format!("{fetch}; {proxy}")
}

/// How it is fetched, pinned to its digest.
fn snippets(visit: &Visit, artifact: &Artifact, newest: &Version) -> Vec<Snippet> {
    let (base, digest) = (base(visit), newest.digest);
    let url: String =
        url::form_urlencoded::byte_serialize(artifact.source_url.as_bytes()).collect();
    let (name, _) = super::format::parts(&artifact.source_url);
    let name: String = name
        .split('?')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| is_plain(*c))
        .collect();
    let name = if name.is_empty() {
        "artifact".to_owned()
    } else {
        name
    };
    let fetch = format!("{base}/fetch?url={url}&sha256={digest}");
    let task = format!(
        "- name: Download {name}\n  ansible.builtin.get_url:\n    url: \"{fetch}\"\n    dest: /opt/{name}\n    checksum: sha256:{digest}"
    );
    let role = format!(
        "- role: cached_download\n  artifactcache_url: {base}\n  artifacts:\n    - url: '{}'\n      checksum: {digest}\n      dest: /opt/{name}",
        artifact.source_url.replace('\'', "''")
    );
    vec![
        Snippet::new("URL", fetch.clone()),
        Snippet::new("curl", format!("curl -fsSL -o '{name}' '{fetch}'")),
        Snippet::new(
            "Command line",
            format!(
                "artifact-cache get --url {base} --sha256 {digest} -o '{name}' '{}'",
                quoted(&artifact.source_url)
            ),
        ),
        Snippet::new("Ansible task", task),
        Snippet::new("Ansible role cached_download", role),
    ]
}

/// What a file name may have without a shell or YAML reading it as something else.
const fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
}

/// A text within single quotes of a shell.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}
