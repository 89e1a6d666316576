//! What a log line is.

use std::io;

use artifact_cache::{
    config::logging::Format,
    error::Error,
    telemetry::{
        access::{Failed, Listening},
        metrics::Metrics,
    },
};
use artifact_cache_layers::extensions::Served;
use http::StatusCode;
use serde_json::Value;

use super::{URL, answered, asked, logged, objects, settings};

#[derive(Debug, thiserror::Error)]
#[error("cannot store")]
struct CannotStore(#[source] io::Error);

fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn hits_and_misses_are_logged_with_the_documented_keys() {
    let metrics = Metrics::new();
    let found = objects(|| {
        answered(Served::Hit).emit(&metrics);
        answered(Served::Miss).emit(&metrics);
    });
    for (object, message) in found
        .iter()
        .zip(["cache HIT", "cache MISS - downloaded from upstream"])
    {
        assert_eq!(
            keys(object),
            [
                "client_ip",
                "duration_ms",
                "level",
                "msg",
                "size_bytes",
                "source_url",
                "time"
            ],
        );
        assert_eq!(object["msg"], message);
        assert_eq!(object["level"], "INFO");
        assert_eq!(object["source_url"], URL);
        assert_eq!(object["size_bytes"], 95_847_362);
        assert_eq!(object["duration_ms"], 45);
        assert_eq!(object["client_ip"], "192.0.2.100:54321");
    }
    assert_eq!(found.len(), 2);
}

#[test]
fn a_failure_is_logged_with_its_causes() {
    let error = Error::UpstreamStatus {
        status_code: StatusCode::NOT_FOUND,
        explained: None,
        source_url: URL.into(),
    };
    let found = objects(|| {
        Failed {
            asked: asked(),
            error: &error,
        }
        .emit(&Metrics::new());
    });
    assert_eq!(found[0]["msg"], "fetch failed");
    assert_eq!(found[0]["level"], "ERROR");
    assert_eq!(found[0]["error"], "upstream returned status 404");
    assert_eq!(found[0]["source_url"], URL);
    assert_eq!(found[0]["client_ip"], "192.0.2.100:54321");

    let error = CannotStore(io::Error::other("disk full"));
    let found = objects(|| {
        Failed {
            asked: asked(),
            error: &error,
        }
        .emit(&Metrics::new());
    });
    assert_eq!(found[0]["error"], "cannot store: disk full");
}

#[test]
fn listening_is_logged_with_its_address() {
    let found = objects(|| {
        Listening {
            listener: "main",
            address: "[::1]:8080".parse().unwrap(),
        }
        .emit();
    });
    assert_eq!(found[0]["msg"], "listening");
    assert_eq!(found[0]["address"], "[::1]:8080");
    assert_eq!(found[0]["listener"], "main");
}

#[test]
fn a_line_begins_with_time_level_and_message_and_its_values_keep_their_types() {
    let lines = logged(&settings("info", Format::Json), |_| {
        tracing::warn!(count = 3_u64, below = -3_i64, ok = true, ratio = 0.5, nan = f64::NAN, debug = ?Some(1), level = "mine", "plain");
    });
    let object: Value = serde_json::from_str(&lines[0]).unwrap();
    let time = object["time"].as_str().unwrap();
    assert!(lines[0].starts_with(&format!(
        r#"{{"time":"{time}","level":"WARN","msg":"plain","count":3,"#
    )));
    assert_eq!((time.len(), &time[10..11], &time[23..]), (24, "T", "Z"));
    assert_eq!(object["below"], -3);
    assert_eq!(object["ok"], true);
    assert_eq!(object["ratio"], 0.5);
    assert_eq!(object["nan"], Value::Null);
    assert_eq!(object["debug"], "Some(1)");
    // A field cannot pass itself off as the line's own level.
    assert_eq!(object["field_level"], "mine");
}

#[test]
fn neither_form_lets_a_value_write_a_line_or_move_the_cursor() {
    let hostile = "x\n{\"level\":\"ERROR\"}\r\x1b[2J\u{9b}31m\u{202e}";
    for format in [Format::Json, Format::Text] {
        let lines = logged(&settings("info", format), |_| {
            tracing::info!(source_url = hostile, "{hostile}");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            !lines[0].chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{lines:?}"
        );
    }
    let found = objects(|| tracing::info!(source_url = hostile, "{hostile}"));
    assert_eq!(found[0]["source_url"], hostile);
    assert_eq!(found[0]["msg"], hostile);
}

#[test]
fn text_is_for_people() {
    let lines = logged(&settings("info", Format::Text), |_| {
        answered(Served::Hit).emit(&Metrics::new());
        tracing::error!(error = "disk full", empty = "", "cannot store");
    });
    let (_, hit) = lines[0].split_once(' ').unwrap();
    assert_eq!(
        hit,
        format!(
            " INFO cache HIT source_url={URL} size_bytes=95847362 duration_ms=45 client_ip=192.0.2.100:54321"
        ),
    );
    assert!(
        lines[1].ends_with(r#"ERROR cannot store error="disk full" empty="""#),
        "{}",
        lines[1]
    );
}

#[test]
fn the_level_is_a_filter_that_can_be_changed_while_it_runs() {
    let lines = logged(&settings("WARNING", Format::Text), |log| {
        tracing::info!("one");
        tracing::warn!("two");
        log.set_level("debug").unwrap();
        tracing::debug!("three");
        assert!(log.set_level("loud").is_err());
        tracing::debug!("four");
        log.set_level("info,it=off").unwrap();
        tracing::error!("five");
        tracing::error!(target: "other", "six");
    });
    let words: Vec<&str> = lines
        .iter()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(words, ["two", "three", "four", "six"]);
}
