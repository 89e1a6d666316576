//! The configuration file.

use std::{error::Error as _, fs, path::Path};

use artifact_cache::config::{
    Config, ConfigError, Sources, load,
    units::{Size, Span},
};

use super::{fixture, loaded, problems};

#[test]
fn the_first_generations_file_works_as_it_stands() {
    let config = loaded("valid/first-generation.yaml").config;
    assert_eq!(config.server.address().to_string(), "0.0.0.0:8080");
    assert_eq!(config.storage.base_path, Path::new("/data/cache"));
    // `/data/metadata.db` was a file; the catalog is a directory beside it.
    assert_eq!(config.storage.database, Path::new("/data/catalog"));
    // On the file system of the artifacts, or a download could not be renamed into place.
    assert_eq!(config.storage.temporary_path, Path::new("/data/tmp"));
    assert_eq!(config.upstream.timeout_seconds, 600);
}

#[test]
fn a_file_may_be_empty_or_have_empty_sections() {
    for name in ["valid/only-comments.yaml", "valid/empty-sections.yaml"] {
        assert_eq!(loaded(name).config, Config::default(), "{name}");
    }
}

#[test]
fn units_numbers_lists_and_words_are_read_as_people_write_them() {
    let config = loaded("valid/units-and-words.yaml").config;
    assert_eq!(config.server.header_timeout, Span::seconds(5));
    assert_eq!(config.server.write_timeout, Span::seconds(120));
    assert_eq!(config.server.max_head, Size(131_072));
    assert_eq!(config.storage.max_object_bytes, Size(1_000_000_000));
    assert_eq!(config.storage.min_free_bytes, Size(10 << 30));
    assert_eq!(config.upstream.timeout_seconds, 120);
    assert_eq!(config.upstream.user_agent, "12345");
    assert!(!config.cache.stale_if_error && config.cache.heuristic_errors);
    assert!(!config.proxy.enabled && config.metrics.enabled);
    assert_eq!(config.egress.allow_ports, ["443", "8000-8999"]);
    assert_eq!(config.egress.allow_cidrs.len(), 2);
    assert_eq!(config.proxy.connect_ports, ["443"]);
}

#[test]
fn a_named_file_must_exist() {
    let path = fixture("no-such-file.yaml");
    let error = load(&Sources {
        file: Some(path.clone()),
        ..Sources::default()
    })
    .unwrap_err();
    assert!(matches!(&error, ConfigError::Unreadable { path: named, .. } if *named == path));
    assert!(error.source().is_some());
}

#[test]
fn every_problem_of_a_file_is_reported_at_once_and_with_its_place() {
    for name in ["unknown-keys", "wrong-types", "contradictions"] {
        let path = fixture(&format!("invalid/{name}.yaml"));
        let text = fs::read_to_string(&path).unwrap();
        let mut expected: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# error: "))
            .map(|line| line.replace("FILE", &path.display().to_string()))
            .collect();
        let mut found = problems(&Sources {
            file: Some(path),
            ..Sources::default()
        });
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn what_is_no_mapping_of_sections_is_refused_with_its_line() {
    for name in ["duplicate-key", "not-a-mapping", "not-yaml"] {
        let path = fixture(&format!("invalid/{name}.yaml"));
        let text = fs::read_to_string(&path).unwrap();
        let expected = text
            .lines()
            .find_map(|line| line.strip_prefix("# syntax: "))
            .unwrap();
        let error = load(&Sources {
            file: Some(path),
            ..Sources::default()
        })
        .unwrap_err();
        assert!(
            matches!(error, ConfigError::Malformed { .. }),
            "{name}: {error:?}"
        );
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains(expected), "{name}: {cause}");
    }
}

#[test]
fn every_fixture_is_used() {
    let names = |folder: &str| {
        let mut names: Vec<_> = fs::read_dir(fixture(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    for name in names("valid") {
        loaded(&format!("valid/{name}"));
    }
    for name in names("invalid") {
        let path = fixture(&format!("invalid/{name}"));
        assert!(
            load(&Sources {
                file: Some(path),
                ..Sources::default()
            })
            .is_err(),
            "{name}"
        );
    }
}
