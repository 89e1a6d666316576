//! Uploaded files.

use artifact_cache_layers::digest::Sha256;
use askama::Template;

use super::{
    Answer, Panel, Refusal,
    format::{When, size},
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::access::Scope;

/// Files on a page.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "files.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    items: Vec<Row>,
    next: Option<String>,
}

struct Row {
    digest: String,
    media_type: String,
    size: String,
    at: When,
    pointer: Option<String>,
}

/// Whether the visitor may see files: with a token that may, or where nobody needs a key.
pub(super) fn are_shown(panel: &impl Panel, visit: &Visit) -> bool {
    if visit.is_guarded {
        return visit.may(Scope::FilesRead);
    }
    let files = &panel.config().files;
    files.read_keys.is_empty() && files.upload_keys.is_empty()
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    if !are_shown(panel, visit) {
        let text = "Files are shown to who logs in with a token that has the scope files:read.";
        return Err(Refusal::Forbidden(text.to_owned()));
    }
    let catalog = panel.store().catalog();
    let after = visit.parameter("cursor").parse::<Sha256>().ok();
    let mut found = catalog.files(after.as_ref(), SHOWN + 1)?;
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let next = found.last().filter(|_| has_more);
    let next = next.map(|last| format!("/ui/files?cursor={}", last.digest));
    let mut items = Vec::new();
    for file in found {
        let pointer = catalog.pointer_to(&file.digest)?;
        items.push(Row {
            digest: file.digest.to_string(),
            media_type: file.content_type,
            size: size(file.size_bytes),
            at: When::of(file.created_at, visit.now),
            pointer: pointer.map(|name| name.to_string()),
        });
    }
    ok(&Page {
        shell: Shell::new(panel, visit, "Files", Section::Files),
        items,
        next,
    })
}
