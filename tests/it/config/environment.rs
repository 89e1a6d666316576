//! Variables of the environment.

use std::path::Path;

use artifact_cache::config::{
    Config,
    fetch::OnPinMismatch,
    units::{Size, Span},
};

use super::{from_environment, problems, variables};

#[test]
fn the_environment_sets_every_kind_of_setting() {
    let config = from_environment(&[
        ("ARTIFACT_CACHE__SERVER__HOST", "::"),
        ("ARTIFACT_CACHE__SERVER__PORT", "18080"),
        ("ARTIFACT_CACHE__SERVER__WRITE_TIMEOUT", "90"),
        ("ARTIFACT_CACHE__STORAGE__MIN_FREE_BYTES", "1GiB"),
        ("ARTIFACT_CACHE__UPSTREAM__EXTRA_CA", "/etc/ca.pem"),
        ("ARTIFACT_CACHE__FETCH__ON_PIN_MISMATCH", "conflict"),
        ("ARTIFACT_CACHE__CACHE__STALE_IF_ERROR", "OFF"),
        (
            "ARTIFACT_CACHE__EGRESS__ALLOW_CIDRS",
            "[127.0.0.0/8, \"::1/128\"]",
        ),
        ("ARTIFACT_CACHE__EGRESS__ALLOW_PORTS", "443"),
    ]);
    assert_eq!(config.server.address().to_string(), "[::]:18080");
    assert_eq!(config.server.write_timeout, Span::seconds(90));
    assert_eq!(config.storage.min_free_bytes, Size(1 << 30));
    assert_eq!(
        config.upstream.extra_ca.as_deref(),
        Some(Path::new("/etc/ca.pem"))
    );
    assert_eq!(config.fetch.on_pin_mismatch, OnPinMismatch::Conflict);
    assert!(!config.cache.stale_if_error);
    assert_eq!(config.egress.allow_cidrs.len(), 2);
    assert_eq!(config.egress.allow_ports, ["443"]);
}

#[test]
fn a_text_of_digits_stays_a_text() {
    let config = from_environment(&[
        ("ARTIFACT_CACHE__UPSTREAM__USER_AGENT", "0012345"),
        ("ARTIFACT_CACHE__STORAGE__BASE_PATH", "2026"),
    ]);
    assert_eq!(config.upstream.user_agent, "0012345");
    assert_eq!(config.storage.base_path, Path::new("2026"));
}

#[test]
fn every_word_of_a_boolean_is_known_and_others_are_refused() {
    for (word, expected) in [
        ("1", true),
        ("true", true),
        ("yes", true),
        ("on", true),
        ("True", true),
        ("0", false),
        ("false", false),
        ("no", false),
        ("off", false),
    ] {
        let config = from_environment(&[("ARTIFACT_CACHE__PROXY__ENABLED", word)]);
        assert_eq!(config.proxy.enabled, expected, "{word}");
    }
    for word in ["2", "enabled", "y", "-1"] {
        assert_eq!(
            problems(&variables(&[("ARTIFACT_CACHE__PROXY__ENABLED", word)])),
            [
                "proxy.enabled (from ARTIFACT_CACHE__PROXY__ENABLED): must be true or false (or 1/0, yes/no, on/off)"
            ],
        );
    }
}

#[test]
fn the_first_generations_variables_are_read_below_the_new_ones() {
    let old = [
        ("PORT", "18081"),
        ("METRICS_PORT", "18082"),
        ("STORAGE_PATH", "/srv/cache"),
        ("DATABASE_PATH", "/srv/metadata.db"),
        ("UPSTREAM_TIMEOUT", "2m"),
        ("LOG_LEVEL", "WARNING"),
        ("USER_AGENT", "old/1"),
    ];
    let config = from_environment(&old);
    assert_eq!((config.server.port, config.metrics.port), (18081, 18082));
    assert_eq!(config.storage.base_path, Path::new("/srv/cache"));
    assert_eq!(config.storage.database, Path::new("/srv/catalog"));
    assert_eq!(config.storage.temporary_path, Path::new("/srv/tmp"));
    assert_eq!(config.upstream.timeout_seconds, 120);
    assert_eq!(config.upstream.user_agent, "old/1");

    let both = [&[("ARTIFACT_CACHE__SERVER__PORT", "1")], &old[..]].concat();
    assert_eq!(from_environment(&both).server.port, 1);
}

#[test]
fn one_restricted_setting_does_not_contradict_the_defaults_of_others() {
    let config = from_environment(&[
        ("UPSTREAM_TIMEOUT", "5"),
        ("ARTIFACT_CACHE__EGRESS__ALLOW_PORTS", "[80]"),
        ("ARTIFACT_CACHE__SERVER__MAX_HEAD", "8KiB"),
    ]);
    assert_eq!(config.upstream.timeout_seconds, 5);
}

#[test]
fn variables_of_others_are_left_alone() {
    let config = from_environment(&[
        ("ARTIFACT_CACHE_URL", "https://cache.example.com"),
        ("ARTIFACT_CACHE_TOKEN", "ac_1_secret"),
        ("ARTIFACT_CACHE_PORT", "tcp://10.0.0.1:8080"),
        ("METRICS_PORT", "tcp://10.0.0.2:9090"),
        ("LOG_LEVEL", ""),
        ("ARTIFACT_CACHE__SERVER__PORT", ""),
        ("PATH", "/bin"),
    ]);
    assert_eq!(config, Config::default());
}

#[test]
fn a_mistyped_variable_is_refused_with_the_one_that_was_meant() {
    assert_eq!(
        problems(&variables(&[
            ("ARTIFACT_CACHE__SERVER__PROT", "1"),
            ("ARTIFACT_CACHE__SOMETHING__QUITE_OTHER", "1")
        ])),
        [
            "ARTIFACT_CACHE__SERVER__PROT: unknown variable, did you mean ARTIFACT_CACHE__SERVER__PORT?",
            "ARTIFACT_CACHE__SOMETHING__QUITE_OTHER: unknown variable",
        ],
    );
}
