//! What was evicted lately.

use askama::Template;

use super::{
    Answer, Panel,
    format::{When, count, parts, size},
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::catalog::{Eviction, MAX_EVICTIONS};

/// Evictions on a page.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "evictions.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    summary: String,
    empty: &'static str,
    items: Vec<Row>,
    next: Option<String>,
}

struct Row {
    name: String,
    place: String,
    further: u64,
    size: String,
    hits: String,
    used: String,
    reason: String,
    at: When,
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    let before = before(&visit.parameter("cursor"));
    let mut found = panel.store().catalog().evictions(before, SHOWN + 1)?;
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let next = found.last().filter(|_| has_more);
    let has_cap = panel.store().room().cap() > 0;
    ok(&Page {
        shell: Shell::new(panel, visit, "Evictions", Section::Evictions),
        summary: format!(
            "The last {} are remembered, the latest first.",
            count(MAX_EVICTIONS)
        ),
        empty: if has_cap {
            "Everything fits below storage.max_bytes so far."
        } else {
            "Without storage.max_bytes nothing is evicted as long as the disk has room."
        },
        next: next.map(|last| format!("/ui/evictions?cursor=e{:x}", last.number)),
        items: found.iter().map(|eviction| row(eviction, visit)).collect(),
    })
}

fn row(eviction: &Eviction, visit: &Visit) -> Row {
    let (name, place) = match eviction.urls.first() {
        Some(url) => parts(url),
        None => (format!("sha256:{}", eviction.digest), String::new()),
    };
    let used = eviction.last_accessed_at;
    Row {
        name,
        place,
        further: eviction.url_count.saturating_sub(1),
        size: size(eviction.size_bytes),
        hits: count(eviction.hits),
        used: used.map_or_else(|| "never".to_owned(), |at| When::of(at, visit.now).ago),
        reason: eviction.reason.clone(),
        at: When::of(eviction.at, visit.now),
    }
}

/// The cursor in an address; the latest for one that is none.
fn before(text: &str) -> u64 {
    let number = text.strip_prefix('e');
    let number = number.and_then(|number| u64::from_str_radix(number, 16).ok());
    number.unwrap_or(u64::MAX)
}
