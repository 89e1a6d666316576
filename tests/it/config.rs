//! Configuration: which source wins, what each of them may hold, and that the documentation is true.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod documents;
mod environment;
mod file;

use std::{
    fs,
    path::{Path, PathBuf},
};

use artifact_cache::config::{
    Config, ConfigError, Flags, Loaded, Sources, load, logging::Format, origin::Origin,
    storage::Storage,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join("fixtures/configs").join(name)
}

fn variables(given: &[(&str, &str)]) -> Sources {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    Sources {
        environment: given.iter().map(owned).collect(),
        ..Sources::default()
    }
}

fn yaml(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache.yaml");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn from_environment(given: &[(&str, &str)]) -> Config {
    load(&variables(given)).unwrap().config
}

fn problems(sources: &Sources) -> Vec<String> {
    match load(sources) {
        Err(ConfigError::Problems(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

fn loaded(name: &str) -> Loaded {
    load(&Sources {
        file: Some(fixture(name)),
        ..Sources::default()
    })
    .unwrap()
}

#[test]
fn without_any_source_every_setting_is_its_default() {
    let loaded = load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.config.server.address().to_string(), "127.0.0.1:8080");
    assert_eq!(
        loaded.config.metrics.address().to_string(),
        "127.0.0.1:9090"
    );
    assert!(loaded.rows().iter().all(|row| row.origin == "default"));
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let (_directory, path) =
        yaml("server: {port: 1, max_requests: 7}\nlogging: {level: error, format: text}\n");
    let sources = Sources {
        file: Some(path.clone()),
        flags: Flags {
            log_level: Some("debug".into()),
            ..Flags::default()
        },
        ..variables(&[
            ("ARTIFACT_CACHE__SERVER__PORT", "2"),
            ("LOG_LEVEL", "warn"),
            ("ARTIFACT_CACHE__LOGGING__LEVEL", "trace"),
        ])
    };
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.config.server.port, 2);
    assert_eq!(loaded.config.logging.level, "debug");
    assert_eq!(loaded.config.logging.format, Format::Text);
    assert_eq!(loaded.origin("server.max_requests"), Origin::File(path));
    assert_eq!(
        loaded.origin("server.port").to_string(),
        "ARTIFACT_CACHE__SERVER__PORT"
    );
    assert_eq!(loaded.origin("logging.level"), Origin::Flag("--log-level"));
    assert_eq!(loaded.origin("fetch.hold"), Origin::Default);
}

#[test]
fn every_flag_sets_what_it_says() {
    let (_directory, path) =
        yaml("egress: {allow_cidrs: [10.0.0.0/8]}\nmetrics: {enabled: false}\n");
    let flags = Flags {
        tls_self_signed: false,
        listen: Some("0.0.0.0:0".parse().unwrap()),
        metrics_listen: Some("[::1]:9".parse().unwrap()),
        data: Some("/srv".into()),
        allow_cidr: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        log_format: Some(Format::Text),
        log_level: Some("debug".into()),
    };
    let loaded = load(&Sources {
        file: Some(path.clone()),
        flags,
        ..Sources::default()
    })
    .unwrap();
    let config = &loaded.config;
    assert_eq!(config.server.address().to_string(), "0.0.0.0:0");
    assert_eq!(config.metrics.address().to_string(), "[::1]:9");
    assert!(config.metrics.enabled);
    assert_eq!(config.storage, Storage::under("/srv".into()));
    assert_eq!(config.logging.format, Format::Text);
    // The flag adds: what the file allows stays allowed.
    let ranges: Vec<String> = config
        .egress
        .allow_cidrs
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ranges, ["10.0.0.0/8", "127.0.0.0/8", "::1/128"]);
    let row = loaded
        .rows()
        .into_iter()
        .find(|row| row.key == "egress.allow_cidrs")
        .unwrap();
    assert_eq!(row.origin, format!("{} + --allow-cidr", path.display()));
}

#[test]
fn paths_that_are_named_are_not_derived() {
    let config = from_environment(&[
        ("STORAGE_PATH", "/srv/cache"),
        ("ARTIFACT_CACHE__STORAGE__TEMPORARY_PATH", "/srv/unfinished"),
    ]);
    assert_eq!(config.storage.temporary_path, Path::new("/srv/unfinished"));
    assert_eq!(config.storage.database, Path::new("/srv/catalog"));
}
