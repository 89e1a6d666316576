//! The settings in force, each with where its value came from.

use askama::Template;

use super::{
    Answer, Panel,
    shell::{Section as Part, Shell, ok},
    visit::Visit,
};
use crate::config::{origin::Origin, show::Row as Setting};

#[derive(Template)]
#[template(path = "configuration.html", config = "src/api/ui/askama.toml")]
struct Page<'a> {
    shell: Shell<'a>,
    is_changed_only: bool,
    sections: Vec<Section>,
}

struct Section {
    name: String,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    value: String,
    origin: String,
    is_default: bool,
}

pub(super) fn show<P: Panel>(panel: &P, visit: &Visit) -> Answer {
    let is_changed_only = visit.parameter("only") == "set";
    let settings = panel.settings();
    let mut sections: Vec<Section> = Vec::new();
    for setting in settings.iter() {
        let row = row(setting);
        if is_changed_only && row.is_default {
            continue;
        }
        let (section, _) = setting.key.split_once('.').unwrap_or((&setting.key, ""));
        match sections.last_mut() {
            Some(last) if last.name == section => last.rows.push(row),
            _ => sections.push(Section {
                name: section.to_owned(),
                rows: vec![row],
            }),
        }
    }
    ok(&Page {
        shell: Shell::new(panel, visit, "Configuration", Part::Configuration),
        is_changed_only,
        sections,
    })
}

fn row(setting: &Setting) -> Row {
    let name = setting
        .key
        .split_once('.')
        .map_or(&*setting.key, |(_, name)| name);
    Row {
        name: name.to_owned(),
        value: setting.value.clone(),
        is_default: setting.origin == Origin::Default.to_string(),
        origin: setting.origin.clone(),
    }
}
