//! Changes: each is asked for on a page of its own, so that no link and no slip of a finger changes
//! anything, and done when that page's form comes back.

use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::CacheKey, target_uri::TargetUri},
};
use askama::Template;

use super::{
    Answer, Panel, Refusal,
    deed::Deed,
    form::Form,
    format::{count, size},
    shell::{Section, Shell, ok},
    visit::{Visit, to},
};
use crate::{
    access::Scope,
    artifact::Artifact,
    catalog::{CatalogError, Change, PinOf},
};

/// Longest note of a pin, in bytes.
const MAX_NOTE: usize = 200;

#[derive(Template)]
#[template(path = "ask.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    question: &'static str,
    lines: Vec<String>,
    what: String,
    action: String,
    verb: &'static str,
    back: String,
    note: Option<&'static str>,
    is_destructive: bool,
}

/// The words of a question.
struct Question {
    asks: &'static str,
    lines: Vec<String>,
    what: String,
    verb: &'static str,
    back: String,
    section: Section,
    note: Option<&'static str>,
    is_destructive: bool,
}

/// Asks.
pub(super) fn show<P: Panel>(panel: &P, visit: &Visit, deed: &Deed) -> Answer {
    permit(visit)?;
    let asked = match deed {
        Deed::Delete(id) => delete(&artifact(panel, *id)?),
        Deed::Pin(id) => pin(&artifact(panel, *id)?),
        Deed::Unpin(id) => unpin(&artifact(panel, *id)?),
        Deed::RemovePin => remove_pin(visit)?,
        Deed::CancelJob(number) => cancel(panel, *number)?,
    };
    let action = visit.head.uri.path_and_query();
    ok(&Page {
        shell: Shell::new(panel, visit, asked.asks, asked.section),
        question: asked.asks,
        lines: asked.lines,
        what: asked.what,
        action: action.map_or_else(String::new, ToString::to_string),
        verb: asked.verb,
        back: asked.back,
        note: asked.note,
        is_destructive: asked.is_destructive,
    })
}

/// Does it; the page to go on with.
pub(super) async fn done<P: Panel>(panel: &P, visit: &Visit, deed: Deed, form: &Form) -> Answer {
    permit(visit)?;
    let (change, next) = match deed {
        Deed::Delete(id) => (
            Change::Remove {
                id: artifact(panel, id)?.id,
            },
            "/ui/artifacts".to_owned(),
        ),
        Deed::Pin(id) => {
            let note = form.text("note").to_owned();
            if note.len() > MAX_NOTE {
                return Err(Refusal::Invalid("The note is too long.".to_owned()));
            }
            let of = of_url(&artifact(panel, id)?)?;
            (Change::Pin { of, note }, page_of(id))
        }
        Deed::Unpin(id) => (Change::Unpin(of_url(&artifact(panel, id)?)?), page_of(id)),
        Deed::RemovePin => (Change::Unpin(named(visit)?), "/ui/pins".to_owned()),
        // One that has ended meanwhile is none to be told anything.
        Deed::CancelJob(number) => {
            let _ = panel.jobs().cancel(number);
            return Ok(to(&format!("/ui/jobs/{number}")));
        }
    };
    match panel.store().catalog().write(change).await {
        Ok(_) => Ok(to(&next)),
        Err(CatalogError::InProduction(_)) => Err(Refusal::Conflict(
            "A model in production has these bytes, so they stay.".to_owned(),
        )),
        Err(error) => Err(error.into()),
    }
}

/// The gate asks for the same where a form is sent; a question is for nobody else either.
fn permit(visit: &Visit) -> Result<(), Refusal> {
    if visit.may(Scope::AdminWrite) {
        return Ok(());
    }
    let text = "This needs a token with the scope admin:write.";
    Err(Refusal::Forbidden(text.to_owned()))
}

fn artifact(panel: &impl Panel, id: u64) -> Result<Artifact, Refusal> {
    panel.artifact(id)?.ok_or(Refusal::NotFound)
}

fn page_of(id: u64) -> String {
    format!("/ui/artifacts/{id}")
}

fn of_url(artifact: &Artifact) -> Result<PinOf, Refusal> {
    let uri = artifact.source_url.parse::<TargetUri>();
    let uri = uri.map_err(|_| Refusal::NotFound)?;
    Ok(PinOf::Url(CacheKey::of(&uri)))
}

/// The pin that a query names.
fn named(visit: &Visit) -> Result<PinOf, Refusal> {
    let digest = |name| visit.parameter(name).parse::<Sha256>().ok();
    let blob = digest("sha256").map(PinOf::Blob);
    let url = || digest("key").map(|key| PinOf::Url(CacheKey(key)));
    blob.or_else(url).ok_or(Refusal::NotFound)
}

fn delete(artifact: &Artifact) -> Question {
    let bytes = artifact
        .versions
        .iter()
        .map(|version| version.size_bytes)
        .sum();
    let versions = count(artifact.versions.len() as u64);
    Question {
        asks: "Delete this artifact?",
        lines: vec![
            format!(
                "Everything stored of its URL goes: {versions} version(s), {}. Bytes that another URL has, too, stay for that URL.",
                size(bytes)
            ),
            "The next request for it is a miss. If its origin no longer has it, it is lost."
                .to_owned(),
        ],
        what: artifact.source_url.clone(),
        verb: "Delete",
        back: page_of(artifact.id),
        section: Section::Artifacts,
        note: None,
        is_destructive: true,
    }
}

fn pin(artifact: &Artifact) -> Question {
    Question {
        asks: "Pin this artifact?",
        lines: vec!["Whatever its URL has is never evicted until it is unpinned.".to_owned()],
        what: artifact.source_url.clone(),
        verb: "Pin",
        back: page_of(artifact.id),
        section: Section::Artifacts,
        note: Some("Note, for those who come later"),
        is_destructive: false,
    }
}

fn unpin(artifact: &Artifact) -> Question {
    Question {
        asks: "Unpin this artifact?",
        lines: vec!["From then on it can be evicted when there is too little room.".to_owned()],
        what: artifact.source_url.clone(),
        verb: "Unpin",
        back: page_of(artifact.id),
        section: Section::Artifacts,
        note: None,
        is_destructive: true,
    }
}

fn cancel(panel: &impl Panel, number: u64) -> Result<Question, Refusal> {
    let job = panel.jobs().show(number)?.ok_or(Refusal::NotFound)?;
    Ok(Question {
        asks: "Cancel this job?",
        lines: vec!["What it has done stays done; the rest is left.".to_owned()],
        what: format!("{}: {}", job.kind, job.about),
        verb: "Cancel job",
        back: format!("/ui/jobs/{number}"),
        section: Section::Jobs,
        note: None,
        is_destructive: true,
    })
}

fn remove_pin(visit: &Visit) -> Result<Question, Refusal> {
    let what = match named(visit)? {
        PinOf::Blob(digest) => format!("sha256:{digest}"),
        PinOf::Url(key) => format!("URL with the key {}", key.0),
    };
    Ok(Question {
        asks: "Remove this pin?",
        lines: vec!["From then on it can be evicted when there is too little room.".to_owned()],
        what,
        verb: "Unpin",
        back: "/ui/pins".to_owned(),
        section: Section::Pins,
        note: None,
        is_destructive: true,
    })
}
