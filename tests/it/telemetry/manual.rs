//! Dashboards, alerts and the operating manual name only what exists, and all of it.

use std::{collections::BTreeSet, fs, path::Path};

use artifact_cache::{
    error::table,
    telemetry::metrics::{self, Metrics, TABLE},
};
use serde_json::Value;

use super::{emit_everything, objects};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The metrics that a text names, without what Prometheus adds to histograms.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !word(c))
        .filter(|name| name.starts_with("artifact_cache_"))
        .map(|name| {
            let base = ["_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(|end| name.strip_suffix(end));
            base.unwrap_or(name).to_owned()
        })
        .collect()
}

#[test]
fn dashboards_alerts_and_documents_name_only_metrics_that_exist() {
    serde_json::from_str::<Value>(&read("deploy/grafana.json")).unwrap();
    let alerts: Value = yaml_serde::from_str(&read("deploy/alerts.yaml")).unwrap();
    assert!(alerts["groups"][0]["rules"].as_array().unwrap().len() > 5);
    let known: BTreeSet<String> = TABLE.iter().map(|metric| metric.name.to_owned()).collect();
    for path in [
        "deploy/grafana.json",
        "deploy/alerts.yaml",
        "docs/OPERATING.md",
    ] {
        let names = named(&read(path));
        assert!(!names.is_empty(), "{path}");
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}");
    }
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let shown = named(&read("deploy/grafana.json"));
    let known = TABLE.iter().map(|metric| metric.name);
    // The version is nothing to be plotted.
    let absent: Vec<_> = known
        .filter(|name| !shown.contains(*name) && *name != "artifact_cache_build_info")
        .collect();
    assert!(absent.is_empty(), "{absent:?}");
}

#[test]
fn panels_of_the_dashboard_have_numbers_of_their_own_and_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana.json")).unwrap();
    let (mut numbers, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(numbers.insert(panel["id"].as_u64()), "{}", panel["title"]);
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for y in at("y")..at("y") + at("h") {
            for x in at("x")..at("x") + at("w") {
                assert!(taken.insert((x, y)), "{} covers another", panel["title"]);
            }
        }
    }
}

#[test]
fn every_alert_and_every_message_is_explained_in_the_operating_manual() {
    let manual = read("docs/OPERATING.md");
    let alerts: Value = yaml_serde::from_str(&read("deploy/alerts.yaml")).unwrap();
    for rule in alerts["groups"][0]["rules"].as_array().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        assert!(manual.contains(&format!("| {name} |")), "{name}");
    }
    let metrics = Metrics::new();
    let found = objects(|| emit_everything(&metrics));
    for object in &found {
        let message = object["msg"].as_str().unwrap();
        let row = manual
            .lines()
            .find(|line| line.starts_with(&format!("| `{message}` |")));
        let row = row.unwrap_or_else(|| panic!("`{message}` is not explained"));
        assert!(row.contains(object["level"].as_str().unwrap()), "{row}");
    }
}

#[test]
fn every_message_in_the_operating_manual_is_said_somewhere() {
    let levels = ["ERROR", "WARN", "INFO", "DEBUG"];
    let manual = read("docs/OPERATING.md");
    let rows = manual.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let message = cells.next()?.strip_suffix('`')?;
        levels.contains(&cells.next()?).then_some(message)
    });
    let (sources, mut rows) = (source_text(Path::new("src")), rows.peekable());
    assert!(rows.peek().is_some());
    for message in rows {
        assert!(sources.contains(&format!("\"{message}\"")), "{message}");
    }
}

/// All files below a directory of the repository, one after the other.
fn source_text(directory: &Path) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    let text = entries.map(|entry| {
        if entry.file_type().unwrap().is_dir() {
            source_text(&directory.join(entry.file_name()))
        } else {
            fs::read_to_string(entry.path()).unwrap()
        }
    });
    text.collect()
}

#[test]
fn the_operating_manual_holds_the_tables_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATING.md");
    for (name, table) in [
        ("metrics", metrics::markdown()),
        ("errors", table::markdown()),
    ] {
        let text = fs::read_to_string(&path).unwrap();
        let (begin, end) = (
            format!("<!-- {name}: begin -->\n"),
            format!("<!-- {name}: end -->\n"),
        );
        let (before, rest) = text.split_once(&begin).unwrap();
        let (kept, after) = rest.split_once(&end).unwrap();
        if std::env::var_os("REWRITE").is_some() {
            fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
        } else {
            assert_eq!(
                kept, table,
                "docs/OPERATING.md is out of date: run the tests with REWRITE=1"
            );
        }
    }
}
