//! What was asked for while no origin might be asked.

use askama::Template;

use super::{
    Answer, Panel,
    format::{When, count},
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::artifact::misses::Miss;

/// Misses on a page.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "misses.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    mode: &'static str,
    items: Vec<Row>,
    unlisted: u64,
    next: Option<String>,
}

struct Row {
    method: String,
    url: String,
    digest: Option<String>,
    count: String,
    last: When,
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    let after = after(&visit.parameter("cursor"));
    let misses = panel.misses();
    let mut found = misses.list(after, SHOWN + 1);
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let next = found.last().filter(|_| has_more);
    ok(&Page {
        shell: Shell::new(panel, visit, "Misses", Section::Misses),
        mode: panel.config().upstream.mode.word(),
        next: next.map(|last| format!("/ui/misses?cursor=m{:x}", last.number)),
        items: found.iter().map(|miss| row(miss, visit)).collect(),
        unlisted: misses.unlisted(),
    })
}

fn row(miss: &Miss, visit: &Visit) -> Row {
    Row {
        method: miss.wanted.method.clone(),
        url: miss.wanted.url.clone(),
        digest: miss.wanted.expect.map(|digest| digest.to_string()),
        count: count(miss.count),
        last: When::of(miss.last, visit.now),
    }
}

/// The cursor in an address; the beginning for one that is none.
fn after(text: &str) -> u64 {
    let number = text.strip_prefix('m');
    let number = number.and_then(|number| u64::from_str_radix(number, 16).ok());
    number.unwrap_or(0)
}
