//! What is shown and written about settings is what is in effect.

use std::fs;

use artifact_cache::config::{Config, Sources, load, reference};

use super::{root, variables, yaml};

#[test]
fn what_is_shown_names_every_setting_with_its_value_and_origin() {
    let loaded = load(&variables(&[
        ("PORT", "81"),
        ("STORAGE_PATH", "/srv/cache"),
    ]))
    .unwrap();
    let table = loaded.table();
    let line = |key: &str| {
        let line = table
            .lines()
            .find(|line| line.starts_with(&format!("{key} ")))
            .unwrap();
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(line("server.port"), ["server.port", "81", "PORT"]);
    assert_eq!(
        line("storage.database")[1..],
        ["/srv/catalog", "follows", "storage.base_path"]
    );
    assert_eq!(line("fetch.hold"), ["fetch.hold", "5s", "default"]);
    assert_eq!(
        line("upstream.extra_ca"),
        ["upstream.extra_ca", "null", "default"]
    );

    let json = loaded.json();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), table.lines().count());
    let port = rows.iter().find(|row| row["key"] == "server.port").unwrap();
    assert_eq!(
        *port,
        serde_json::json!({"key": "server.port", "value": "81", "origin": "PORT"})
    );
}

#[test]
fn the_template_is_the_default_configuration_with_and_without_its_comments() {
    let template = fs::read_to_string(root().join("deploy/config.yaml")).unwrap();
    let (_directory, path) = yaml(&template);
    let loaded = load(&Sources {
        file: Some(path),
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.rows().iter().all(|row| row.origin == "default"));

    let (_directory, path) = yaml(&template.replace("\n  #", "\n  ").replace("\n   ", "\n  # "));
    let loaded = load(&Sources {
        file: Some(path.clone()),
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(loaded.config, Config::default());
    let unset: Vec<_> = loaded
        .rows()
        .into_iter()
        .filter(|row| row.origin == "default")
        .collect();
    // `null` is the only way to write an optional setting that is absent, and sets nothing.
    assert!(unset.iter().all(|row| row.value == "null"), "{unset:?}");
}

#[test]
fn the_documents_are_written_from_the_settings() {
    same("docs/CONFIG.md", &reference::markdown());
    same("deploy/config.yaml", &reference::template());
}

/// Compares a checked-in document with what the program writes; `REWRITE=1` writes it.
fn same(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("REWRITE").is_some() {
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        kept,
        text,
        "{} is out of date: run the tests with REWRITE=1",
        path.display()
    );
}
