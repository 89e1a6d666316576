//! Where the figures go beside the screen: everything as JSON, the medians as a table in Markdown, and a drawing of what
//! they compare. All three are made of the same values.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::machine;

/// Files to write.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    /// Write everything, turn by turn, to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the medians as a table in Markdown to this file.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Draw the first figure of each workload into this SVG file.
    #[arg(long)]
    svg: Option<PathBuf>,
}

impl Files {
    /// Writes what is wanted.
    pub(super) fn write(&self, outcomes: &[Value]) -> io::Result<()> {
        let machine = machine::description();
        let write = |path: &Option<PathBuf>, text: &dyn Fn() -> String| match path {
            Some(path) => fs::write::<&Path, _>(path, text()),
            None => Ok(()),
        };
        let all = json!({ "machine": machine, "outcomes": outcomes });
        write(&self.json, &|| format!("{all:#}"))?;
        write(&self.markdown, &|| markdown(&machine, outcomes))?;
        write(&self.svg, &|| svg(&machine, outcomes))
    }
}

/// A figure of one workload and what each server has of it.
struct Row {
    title: String,
    figure: String,
    servers: Vec<(String, f64)>,
}

fn rows(outcome: &Value) -> Vec<Row> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let servers = outcome["servers"].as_array().cloned().unwrap_or_default();
    let medians = servers
        .first()
        .and_then(|server| server["median"].as_object());
    let names: Vec<_> = medians
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .collect();
    let row = |name: &String| Row {
        title: format!("{} {}", text(&outcome["scenario"]), text(&outcome["door"])),
        figure: name.clone(),
        servers: servers
            .iter()
            .filter_map(|server| Some((text(&server["server"]), server["median"][name].as_f64()?)))
            .collect(),
    };
    names.into_iter().map(row).collect()
}

fn markdown(machine: &str, outcomes: &[Value]) -> String {
    let mut text =
        format!("{machine}\n\n| workload | figure | server | median |\n|---|---|---|--:|\n");
    for row in outcomes.iter().flat_map(rows) {
        for (server, value) in &row.servers {
            let Row { title, figure, .. } = &row;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {title} | {figure} | {server} | {value:.3} |");
        }
    }
    text
}

/// Height of a line of the drawing.
const LINE: usize = 18;

/// The first figure of each workload.
fn svg(machine: &str, outcomes: &[Value]) -> String {
    let mut bars = String::new();
    let mut y = 2 * LINE;
    let firsts = outcomes
        .iter()
        .filter_map(|outcome| rows(outcome).into_iter().next());
    for row in firsts {
        bars += &drawn(&row, y);
        y += (row.servers.len() + 2) * LINE;
    }
    let machine = escaped(machine);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"{y}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<text x=\"8\" y=\"{LINE}\" fill=\"#4a5568\">{machine}</text>\n{bars}</svg>\n"
    )
}

/// A title, and below it a bar for each server, as a part of the longest.
fn drawn(row: &Row, mut y: usize) -> String {
    let most = row
        .servers
        .iter()
        .map(|(_, value)| *value)
        .fold(0.0, f64::max);
    let title = escaped(&format!("{}: {}", row.title, row.figure));
    let mut text = format!("<text x=\"8\" y=\"{y}\" font-weight=\"bold\">{title}</text>\n");
    for (server, value) in &row.servers {
        y += LINE;
        let width = if most > 0.0 {
            value / most * 420.0
        } else {
            0.0
        };
        let colour = if server == "ours" {
            "#2b6cb0"
        } else {
            "#a0aec0"
        };
        let (top, server, right) = (y - LINE + 5, escaped(server), 100.0 + width);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<text x=\"16\" y=\"{y}\">{server}</text><rect x=\"92\" y=\"{top}\" width=\"{width:.1}\" height=\"14\" \
             fill=\"{colour}\"/><text x=\"{right:.1}\" y=\"{y}\">{value:.3}</text>"
        );
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\n', " ")
}
