//! What an operator wants to be kept.

use askama::Template;

use super::{
    Answer, Panel, Refusal,
    format::When,
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::catalog::{Catalog, Pin, PinOf};

#[derive(Template)]
#[template(path = "pins.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    items: Vec<Row>,
}

struct Row {
    what: String,
    artifact: Option<u64>,
    query: String,
    note: String,
    since: When,
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    let catalog = panel.store().catalog();
    let pins = catalog.pins()?;
    let items = pins.iter().map(|pin| row(catalog, pin, visit));
    let items = items.collect::<Result<_, _>>()?;
    ok(&Page {
        shell: Shell::new(panel, visit, "Pins", Section::Pins),
        items,
    })
}

fn row(catalog: &Catalog, pin: &Pin, visit: &Visit) -> Result<Row, Refusal> {
    let (what, artifact, query) = match pin.of {
        PinOf::Blob(digest) => (format!("sha256:{digest}"), None, format!("sha256={digest}")),
        PinOf::Url(key) => {
            let set = catalog.responses(&key)?;
            let url = set.as_ref().map(|set| set.uri.as_str().to_owned());
            let unknown = || format!("a URL that is not stored, key {}", key.0);
            let what = url.unwrap_or_else(unknown);
            (what, set.map(|set| set.id), format!("key={}", key.0))
        }
    };
    Ok(Row {
        what,
        artifact,
        query,
        note: pin.note.clone(),
        since: When::of(pin.since, visit.now),
    })
}
