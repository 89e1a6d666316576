//! `model import`: another registry is taken in whole, under its own numbers and times, or not at all.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use super::*;
use crate::support::cache::program;

/// Runs `model import` on the data of a cache that is stopped.
pub(super) fn import(data: &Path, file: &Path, more: &[&str]) -> Output {
    let mut command = program();
    command.args(["model", "import"]).arg(file);
    command.arg("--data").arg(data).args(more);
    command.output().unwrap()
}

/// The report of an import that succeeded.
#[track_caller]
pub(super) fn imported(data: &Path, file: &Path, more: &[&str]) -> Value {
    let output = import(data, file, &[more, &["--json"]].concat());
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Refused with exit code 1 and these words.
#[track_caller]
pub(super) fn assert_unusable(data: &Path, file: &Path, words: &str) {
    let output = import(data, file, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains(words), "{words:?} in {said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// Everything that a registry has, as JSON lines.
#[track_caller]
pub(super) fn exported(cache: &Cache) -> String {
    let url = format!("http://{}", cache.address());
    let mut command: Command = program();
    command.args(["model", "export", "--registry-url", &url, "--api-key", KEY]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A file of these lines.
fn file(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("lines.jsonl");
    std::fs::write(&path, text).unwrap();
    path
}

/// The lines, sorted: the order of events is newest first for each model, and no more.
fn sorted(text: &str) -> Vec<Value> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    let lines = lines.into_iter();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A registry with a bit of everything: models in each stage, metrics, a frozen one, removed ones.
fn lived_in() -> Cache {
    let cache = started();
    let more = json!({"tags": ["a", "é"], "training_loss": 0.1, "training_step": -3,
        "config_json": {"d_model": 8}, "checkpoint_sha256": "ab".repeat(32), "description": "x"});
    let first = register(&cache, "m", "1", &more);
    let second = register(&cache, "m", "2", &json!({"frozen": true}));
    let score = json!({"suite": "s", "metrics": {"score": 0.5, "deep": {"x": [1, null]}}});
    ok(&cache, "POST", &path(&first, "/metrics"), &score);
    accepted(&promote(&cache, &first, "production"));
    accepted(&promote(&cache, &second, "production"));
    for name in ["gone", "last"] {
        let gone = register(&cache, name, "1", &Value::Null);
        ok(&cache, "DELETE", &path(&gone, ""), &Value::Null);
    }
    cache
}

#[test]
fn what_is_exported_is_imported_as_it_was_with_the_events_of_what_is_gone() {
    let mut old = lived_in();
    let before = exported(&old);
    assert_eq!(before.lines().count(), 2 + 10, "{before}");
    let mut new = started();
    assert!(new.terminate().success());
    let lines = file(new.directory(), &before);
    let dry = imported(new.data(), &lines, &["--dry-run"]);
    assert_eq!((&dry["models"], &dry["events"]), (&json!(2), &json!(10)));
    let report = imported(new.data(), &lines, &[]);
    assert_eq!(
        (&report["models"], &report["dry_run"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(report["renumbered"], json!([]));
    // A second time there is nothing to do.
    let again = imported(new.data(), &lines, &[]);
    assert_eq!(again["already_there"], 2);
    assert_eq!((&again["models"], &again["events"]), (&json!(0), &json!(0)));
    new.restart();
    assert_eq!(sorted(&exported(&new)), sorted(&before));
    // Numbers of models that are gone are not given again.
    assert_eq!(register(&new, "new", "1", &Value::Null)["id"], 5);
    assert!(old.terminate().success());
}

#[test]
fn numbers_that_are_taken_are_reported_and_everything_keeps_its_order() {
    let lines = exported(&lived_in());
    let mut cache = started();
    let own = register(&cache, "own", "1", &Value::Null);
    ok(&cache, "DELETE", "/models/1", &Value::Null);
    register(&cache, "m", "0", &json!({"status": "production"}));
    assert_eq!(own["id"], 1);
    cache.terminate();
    let lines = file(cache.directory(), &lines);
    let report = imported(cache.data(), &lines, &[]);
    assert_eq!(report["renumbered"], json!([[1, 5], [2, 6]]));
    assert_eq!(report["events_shifted_by"], 3);
    assert_eq!(report["demoted"], json!(["m:2"]));
    assert_eq!(imported(cache.data(), &lines, &[])["already_there"], 2);
    cache.restart();
    assert_eq!(accepted(&get(&cache, "/production/m"))["version"], "0");
    let second = accepted(&get(&cache, "/models/by-name/m/2"));
    assert_eq!(
        (&second["id"], &second["status"]),
        (&json!(6), &json!("staging"))
    );
    assert_eq!(
        event_types(&cache, &second),
        ["auto_demote", "promote", "create"]
    );
    let events = accepted(&get(&cache, "/models/6/events"));
    assert_eq!(events[0]["actor"], "import");
    assert_eq!(events[0]["payload"]["from"], "production");
    let own = accepted(&get(&cache, "/models/1/events"));
    assert_eq!(
        own.as_array().unwrap().len(),
        2,
        "what was here is as it was"
    );
}

#[test]
fn another_model_of_one_name_and_version_stops_the_import_before_anything_is_written() {
    let lines = exported(&lived_in());
    // The one that is here was registered at another time.
    let lines = lines.replacen("\"created_at\":\"20", "\"created_at\":\"21", 1);
    let mut cache = started();
    register(&cache, "m", "1", &Value::Null);
    cache.terminate();
    let lines = file(cache.directory(), &lines);
    assert_unusable(cache.data(), &lines, "1 conflicts, nothing was taken in");
    let output = import(cache.data(), &lines, &["--dry-run"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("m:1 is another model here"), "{said}");
    cache.restart();
    let stats = accepted(&get(&cache, "/stats"));
    assert_eq!(stats["total_models"], 1);
    let running = import(cache.data(), &lines, &["--skip-conflicts"]);
    assert_eq!(
        running.status.code(),
        Some(1),
        "a running cache has the catalog"
    );
    cache.terminate();
    let report = imported(cache.data(), &lines, &["--skip-conflicts"]);
    assert_eq!(
        (&report["models"], &report["conflicts"]),
        (&json!(1), &json!(["m:1"]))
    );
    cache.restart();
    assert_eq!(accepted(&get(&cache, "/stats"))["total_models"], 2);
}

/// Texts that are none, and what is said of them.
fn no_registries(good: &str) -> Vec<(String, &'static str)> {
    let first = good.lines().next().unwrap().to_owned();
    let mut texts: Vec<_> = WRONG_FIELDS
        .iter()
        .map(|(from, to, words)| (format!("{}\n", first.replacen(from, to, 1)), *words))
        .collect();
    let neither = "line 2: it is neither";
    texts.extend([
        (
            "no JSON at all\n".into(),
            "line 1: it is neither a SQLite file nor",
        ),
        ("\u{0}\u{1}binary".into(), "line 1: it is neither"),
        (format!("{first}\n{{\"model\": 5}}\n"), neither),
        (format!("{first}\n{{\"other\": {{}}}}\n"), neither),
        (
            format!("{first}\n{first}\n"),
            "line 2: the number 1 is there twice",
        ),
        (first[..first.len() / 2].into(), "line 1: it is neither"),
        ("x".repeat(17 << 20), "line 1: it is too long"),
    ]);
    texts
}

/// What stands in a line, what instead of it, and what is said then.
const WRONG_FIELDS: &[(&str, &str, &str)] = &[
    (
        "\"id\":1",
        "\"id\":-1",
        "line 1: id must be a number from 1 to 2^53",
    ),
    (
        "\"id\":1",
        "\"id\":18446744073709551615",
        "line 1: id must be",
    ),
    (
        "\"name\":\"m\"",
        "\"name\":5",
        "line 1: name must be a text",
    ),
    ("\"name\":\"m\"", "\"name\":\"\"", "line 1: name is empty"),
    (
        "\"status\":\"staging\"",
        "\"status\":\"on\"",
        "line 1: status must be",
    ),
    (
        "\"created_at\":\"2",
        "\"created_at\":\"x2",
        "line 1: created_at must be a time",
    ),
    (
        "\"tags\":[",
        "\"tags\":[5,",
        "line 1: tags must be a JSON array of texts",
    ),
];

#[test]
fn lines_that_are_no_registry_are_refused_by_their_number_and_change_nothing() {
    let mut cache = started();
    cache.terminate();
    let good = exported(&lived_in());
    for (text, words) in no_registries(&good) {
        let lines = file(cache.directory(), &text);
        assert_unusable(cache.data(), &lines, words);
    }
    assert_unusable(
        cache.data(),
        &cache.directory().join("nothing"),
        "cannot read",
    );
    assert_unusable(cache.data(), cache.directory(), "cannot read");
    cache.restart();
    assert_eq!(accepted(&get(&cache, "/stats"))["total_models"], 0);
    assert_eq!(accepted(&get(&cache, "/models/1/events")), json!([]));
}
