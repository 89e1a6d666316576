//! Models of the registry.

use askama::Template;

use super::{
    Answer, Panel, Refusal,
    shell::{Section, Shell, ok},
    visit::Visit,
};
use crate::{
    access::Scope,
    artifact::model::{Model, Stage},
    catalog::{ModelFilter, ModelSort},
};

/// Models on a page.
const SHOWN: usize = 50;
/// Furthest page.
const MAX_OFFSET: usize = 1_000_000;

#[derive(Template)]
#[template(path = "models.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    stages: Vec<Choice>,
    items: Vec<Row>,
    next: Option<String>,
}

struct Choice {
    label: &'static str,
    href: String,
    is_here: bool,
}

struct Row {
    name: String,
    version: String,
    stage: &'static str,
    is_production: bool,
    frozen: bool,
    description: String,
    uri: String,
    tags: String,
    changed: String,
}

/// Whether the visitor may see models: with a token that may. A registry that only has keys of its own
/// shows nothing here, and without either there is none.
pub(super) fn are_shown(_: &impl Panel, visit: &Visit) -> bool {
    visit.is_guarded && visit.may(Scope::RegistryRead)
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    if !are_shown(panel, visit) {
        let text = "Models are shown to who logs in with a token that has the scope registry:read.";
        return Err(Refusal::Forbidden(text.to_owned()));
    }
    let stage = visit.parameter("stage").parse::<Stage>().ok();
    let offset = visit
        .parameter("offset")
        .parse()
        .unwrap_or(0)
        .min(MAX_OFFSET);
    let mut models = panel.store().catalog().list_models(&ModelFilter {
        stage,
        sort: ModelSort::UpdatedAt,
        offset,
        limit: SHOWN + 1,
        ..ModelFilter::default()
    })?;
    let has_more = models.len() > SHOWN;
    models.truncate(SHOWN);
    ok(&Page {
        shell: Shell::new(panel, visit, "Models", Section::Models),
        stages: choices(stage),
        next: has_more.then(|| address(stage, offset + SHOWN)),
        items: models.iter().map(row).collect(),
    })
}

fn choices(here: Option<Stage>) -> Vec<Choice> {
    let all = std::iter::once(None).chain(Stage::ALL.into_iter().map(Some));
    let choice = |stage: Option<Stage>| Choice {
        label: stage.map_or("all", Stage::word),
        href: address(stage, 0),
        is_here: stage == here,
    };
    all.map(choice).collect()
}

fn address(stage: Option<Stage>, offset: usize) -> String {
    let stage = stage.map_or("", Stage::word);
    format!("/ui/models?stage={stage}&offset={offset}")
}

fn row(model: &Model) -> Row {
    Row {
        name: model.name.clone(),
        version: model.version.clone(),
        stage: model.stage.word(),
        is_production: model.stage == Stage::Production,
        frozen: model.frozen,
        description: model.description.clone().unwrap_or_default(),
        uri: model.made_of.artifact_uri.clone(),
        tags: model.tags.clone().unwrap_or_default().join(", "),
        changed: model.updated_at.whole_second().to_string(),
    }
}
