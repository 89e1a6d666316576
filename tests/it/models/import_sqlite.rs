//! `model import` of a `SQLite` file with the tables of the program that this one replaces. Whatever else the
//! file may be, nothing of it is taken in.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    import::{assert_unusable, import, imported},
    *,
};

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
CREATE TABLE models (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL, version TEXT NOT NULL,
    artifact_uri TEXT NOT NULL,
    checkpoint_sha256 TEXT, checkpoint_size_bytes INTEGER,
    config_sha256 TEXT, config_size_bytes INTEGER,
    run_id TEXT, git_commit TEXT, created_by TEXT, source_host TEXT,
    frozen INTEGER NOT NULL DEFAULT 0,
    local_checkpoint_path TEXT, local_config_path TEXT,
    d_model INTEGER, n_layers INTEGER, n_heads INTEGER, vocab_size INTEGER, params INTEGER,
    training_step INTEGER, training_loss REAL, dataset TEXT, description TEXT,
    tags TEXT, metrics TEXT,
    status TEXT NOT NULL DEFAULT 'experimental',
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE(name, version));
CREATE TABLE model_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id INTEGER NOT NULL, event_type TEXT NOT NULL,
    payload_json TEXT, actor TEXT,
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);";

const ROWS: &str = r#"
INSERT INTO models (id, name, version, artifact_uri, checkpoint_sha256, checkpoint_size_bytes, frozen,
    d_model, training_loss, tags, metrics, status, created_at, updated_at) VALUES
  (3, 'lm', 'v1', 's3://b/1', 'ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB', 7, 1,
    512, 0.25, '["a","b"]', '{"suites":{"core-v1":{"score":0.5}}}', 'production',
    '2024-11-17 10:30:45', '2024-11-18 00:00:00.017'),
  (5, 'lm', 'v2', 's3://b/2', NULL, NULL, 0, NULL, NULL, NULL, NULL, 'production',
    '2024-11-17 10:30:46', '2024-11-17 10:30:46'),
  (6, 'other', 'v1', '/srv/c.pt', NULL, NULL, 0, NULL, NULL, '', '', 'archived',
    '2024-11-17 10:30:47', '2024-11-17 10:30:47');
INSERT INTO model_events (id, model_id, event_type, payload_json, actor, created_at) VALUES
  (1, 1, 'create', '{"name":"old"}', 'key:dev1…', '2024-11-01 00:00:00'),
  (2, 3, 'create', '{"name":"lm"}', 'ci', '2024-11-17 10:30:45'),
  (4, 3, 'promote', '{"from":"staging","to":"production"}', NULL, '2024-11-18 00:00:00'),
  (7, 1, 'delete', NULL, 'ci', '2024-11-19 00:00:00');"#;

/// A file of the original, closed as it closes it.
fn original(directory: &Path, more: &str) -> PathBuf {
    let path = directory.join("registry.db");
    let _ = std::fs::remove_file(&path);
    let database = Connection::open(&path).unwrap();
    database.execute_batch(SCHEMA).unwrap();
    database.execute_batch(ROWS).unwrap();
    database.execute_batch(more).unwrap();
    path
}

fn stopped() -> Cache {
    let mut cache = started();
    cache.terminate();
    cache
}

/// Nothing was taken in.
#[track_caller]
fn assert_empty(cache: &mut Cache) {
    cache.restart();
    assert_eq!(accepted(&get(cache, "/stats"))["total_models"], 0);
    assert_eq!(accepted(&get(cache, "/models/1/events")), json!([]));
    cache.terminate();
}

/// Each value of the rows is where it belongs.
#[track_caller]
fn assert_taken_in(cache: &Cache) {
    let model = accepted(&get(cache, "/models/3"));
    for (key, value) in [
        ("version", json!("v1")),
        ("status", json!("production")),
        ("checkpoint_sha256", json!("ab".repeat(32))),
        ("frozen", json!(true)),
        ("d_model", json!(512)),
        ("training_loss", json!(0.25)),
        ("tags", json!(["a", "b"])),
        ("metrics", json!({"suites": {"core-v1": {"score": 0.5}}})),
        ("created_at", json!("2024-11-17 10:30:45")),
        ("updated_at", json!("2024-11-18 00:00:00.017")),
        ("run_id", Value::Null),
    ] {
        assert_eq!(model[key], value, "{key}");
    }
    assert_history(cache);
}

#[track_caller]
fn assert_history(cache: &Cache) {
    assert_eq!(accepted(&get(cache, "/models/5"))["status"], "staging");
    let last = accepted(&get(cache, "/models/6"));
    assert_eq!(
        (&last["tags"], &last["metrics"]),
        (&Value::Null, &Value::Null)
    );
    let events = accepted(&get(cache, "/models/3/events"));
    let promoted = json!({"id": 4, "model_id": 3, "event_type": "promote", "actor": null,
        "payload": {"from": "staging", "to": "production"}, "created_at": "2024-11-18 00:00:00"});
    assert_eq!(events[0], promoted);
    let gone = accepted(&get(cache, "/models/1/events"));
    assert_eq!(
        (&gone[0]["id"], &gone[0]["payload"]),
        (&json!(7), &Value::Null)
    );
    assert_eq!(gone[1]["actor"], "key:dev1…");
}

#[test]
fn a_registry_of_the_original_is_taken_in_with_its_numbers_times_and_actors() {
    let mut cache = stopped();
    let file = original(cache.directory(), "");
    let bytes = std::fs::read(&file).unwrap();
    let dry = imported(cache.data(), &file, &["--dry-run"]);
    assert_eq!((&dry["models"], &dry["events"]), (&json!(3), &json!(5)));
    assert_empty(&mut cache);
    let report = imported(cache.data(), &file, &[]);
    assert_eq!(
        report["demoted"],
        json!(["lm:v2"]),
        "two were in production"
    );
    assert_eq!(
        (&report["renumbered"], &report["conflicts"]),
        (&json!([]), &json!([]))
    );
    let again = imported(cache.data(), &file, &[]);
    assert_eq!(
        (&again["already_there"], &again["events"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(
        std::fs::read(&file).unwrap(),
        bytes,
        "the file is only read"
    );
    let beside = file.with_file_name("registry.db-shm");
    assert!(!beside.exists(), "nothing is made beside it");

    cache.restart();
    assert_taken_in(&cache);
    let new = register(&cache, "new", "1", &Value::Null);
    assert_eq!(new["id"], 7, "numbers go on behind the greatest");
}

#[test]
fn writes_that_still_stand_in_the_log_beside_the_file_are_read() {
    let cache = stopped();
    let path = cache.directory().join("registry.db");
    let database = Connection::open(&path).unwrap();
    database.execute_batch(SCHEMA).unwrap();
    database.execute_batch(ROWS).unwrap();
    // The original still runs: nothing was brought from the log into the file.
    assert!(
        path.with_file_name("registry.db-wal")
            .metadata()
            .unwrap()
            .len()
            > 0
    );
    let report = imported(cache.data(), &path, &[]);
    assert_eq!(
        (&report["models"], &report["events"]),
        (&json!(3), &json!(5))
    );
    drop(database);
}

/// A change of the file, and what is said of it.
const WRONG_ROWS: &[(&str, &str)] = &[
    (
        "UPDATE models SET name = x'00ff' WHERE id = 5",
        "models, row 2: name is a BLOB",
    ),
    (
        "UPDATE models SET version = ''  WHERE id = 5",
        "models, id 5: version is empty",
    ),
    (
        "UPDATE models SET status = 'live' WHERE id = 5",
        "models, id 5: status must be",
    ),
    (
        "UPDATE models SET created_at = 5 WHERE id = 5",
        "models, id 5: created_at must be a time",
    ),
    (
        "UPDATE models SET updated_at = 'now' WHERE id = 5",
        "models, id 5: updated_at must be",
    ),
    (
        "UPDATE models SET frozen = 2 WHERE id = 5",
        "models, id 5: frozen must be",
    ),
    (
        "UPDATE models SET tags = '[1]' WHERE id = 5",
        "models, id 5: tags must be",
    ),
    (
        "UPDATE models SET metrics = '[1' WHERE id = 5",
        "models, id 5: metrics must be",
    ),
    (
        "UPDATE models SET metrics = '[]' WHERE id = 5",
        "models, id 5: metrics must be",
    ),
    (
        "UPDATE models SET d_model = 'big' WHERE id = 5",
        "models, id 5: d_model must be",
    ),
    (
        "UPDATE models SET checkpoint_sha256 = 'x' WHERE id = 5",
        "models, id 5: checkpoint_sha256",
    ),
    (
        "UPDATE models SET config_size_bytes = -1 WHERE id = 5",
        "models, id 5: config_size_bytes",
    ),
    (
        "UPDATE models SET artifact_uri = '' WHERE id = 5",
        "models, id 5: artifact_uri is missing",
    ),
    (
        "UPDATE models SET id = -5 WHERE id = 5",
        "models, id -5: id must be",
    ),
    (
        "UPDATE models SET description = CAST(x'ff' AS TEXT) WHERE id = 5",
        "models, row 2: description is not UTF-8",
    ),
    (
        "UPDATE models SET description = zeroblob(50000000) WHERE id = 5",
        "models, row 2: description has 50000000 bytes, more than 1048576",
    ),
    (
        "UPDATE model_events SET event_type = 'x' WHERE id = 4",
        "model_events, id 4: event_type",
    ),
    (
        "UPDATE model_events SET payload_json = '{' WHERE id = 4",
        "model_events, id 4: payload_json",
    ),
    (
        "UPDATE model_events SET model_id = 0 WHERE id = 4",
        "model_events, id 4: model_id must be",
    ),
];

#[test]
fn rows_of_wrong_types_are_refused_by_table_and_number() {
    let mut cache = stopped();
    for (change, words) in WRONG_ROWS {
        let file = original(cache.directory(), change);
        assert_unusable(cache.data(), &file, words);
    }
    assert_empty(&mut cache);
}

const TWICE: &str = "DROP TABLE models; CREATE TABLE models (id, name, version, artifact_uri, created_at, updated_at);
        INSERT INTO models VALUES (1, 'a', '1', 'u', '2024-01-01 00:00:00', '2024-01-01 00:00:00'),
            (1, 'a', '2', 'u', '2024-01-01 00:00:00', '2024-01-01 00:00:00')";

const OTHER_SCHEMAS: &[(&str, &str)] = &[
    (
        "DROP TABLE models",
        "there is no table models: another schema",
    ),
    (
        "DROP TABLE model_events",
        "there is no table model_events: another schema",
    ),
    (
        "ALTER TABLE models RENAME COLUMN version TO v",
        "the table models has no column version",
    ),
    (
        "ALTER TABLE models RENAME TO m; CREATE VIEW models AS WITH RECURSIVE n(x) AS
             (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS id FROM n",
        "there is no table models: another schema",
    ),
    (
        "DROP TABLE models; CREATE VIRTUAL TABLE models USING fts5(id, name, version)",
        "there is no table models: another schema",
    ),
    (TWICE, "models, id 1: the number is there twice"),
];

#[test]
fn files_that_are_something_else_are_refused_and_change_nothing() {
    let mut cache = stopped();
    for (change, words) in OTHER_SCHEMAS {
        let file = original(cache.directory(), change);
        assert_unusable(cache.data(), &file, words);
    }
    let file = original(cache.directory(), "");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_unusable(cache.data(), &file, "malformed");
    std::fs::write(&file, &whole[..16]).unwrap();
    assert_unusable(cache.data(), &file, "registry.db: ");
    let mut damaged = whole;
    for byte in &mut damaged[4096..4096 * 2] {
        *byte = 0x5a;
    }
    std::fs::write(&file, damaged).unwrap();
    assert_unusable(cache.data(), &file, "registry.db: ");
    assert_empty(&mut cache);
}

#[test]
fn a_column_that_nobody_knows_is_noted() {
    let cache = stopped();
    let file = original(
        cache.directory(),
        "ALTER TABLE models ADD COLUMN stars INTEGER",
    );
    let output = import(cache.data(), &file, &["--dry-run"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("the column models.stars is left out"),
        "{said}"
    );
}
