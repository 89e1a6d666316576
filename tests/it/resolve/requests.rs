//! What is wrong with a request is said in the words that clients of this route know.

use serde_json::{Value, json};

use super::{assert_refused, post, post_text};
use crate::support::{cache::Cache, client::Request};

fn kinds(answer: &Value) -> Vec<(String, String)> {
    let problems = answer["detail"].as_array().expect("a list of problems");
    let kind = |problem: &Value| {
        assert!(problem["msg"].is_string() && problem.get("input").is_some());
        let at = problem["loc"].as_array().unwrap().last().unwrap();
        (
            problem["type"].as_str().unwrap().to_owned(),
            at.as_str().unwrap_or_default().to_owned(),
        )
    };
    problems.iter().map(kind).collect()
}

#[test]
fn fields_that_are_missing_unknown_or_of_the_wrong_type_are_listed() {
    let cache = Cache::start();
    for (document, expected) in [
        (json!({}), vec![("missing", "artifact_uri")]),
        (
            json!({"artifact_uri": 1}),
            vec![("string_type", "artifact_uri")],
        ),
        (
            json!({"artifact_uri": "s3://b/k", "size_bytes": -1}),
            vec![("greater_than_equal", "size_bytes")],
        ),
        (
            json!({"artifact_uri": "s3://b/k", "size_bytes": "many", "extra": 1}),
            vec![("int_type", "size_bytes"), ("extra_forbidden", "extra")],
        ),
        (json!([]), vec![("dict_type", "body")]),
    ] {
        let response = post(&cache, &document);
        assert_eq!(response.status(), 422, "{document}");
        let expected: Vec<_> = expected
            .iter()
            .map(|(kind, at)| ((*kind).to_owned(), (*at).to_owned()))
            .collect();
        assert_eq!(kinds(&response.json()), expected, "{document}");
        assert_eq!(response.json()["code"], "INVALID_FIELDS");
    }
    let broken = post_text(&cache, "{\"artifact_uri\": ");
    assert_eq!(broken.status(), 422);
    assert_eq!(broken.json()["detail"][0]["type"], "json_invalid");
}

#[test]
fn what_is_remote_needs_digest_and_length() {
    let cache = Cache::start();
    let digest = "a".repeat(64);
    for document in [
        json!({"artifact_uri": "s3://bucket/key"}),
        json!({"artifact_uri": "s3://bucket/key", "sha256": digest}),
        json!({"artifact_uri": "s3://bucket/key", "size_bytes": 1}),
        json!({"artifact_uri": "s3://bucket/key", "sha256": "", "size_bytes": 1}),
        json!({"artifact_uri": "s3://bucket/key", "sha256": null, "size_bytes": null}),
    ] {
        assert_refused(
            &post(&cache, &document),
            400,
            "Remote artifacts require sha256 and size_bytes",
        );
    }
}

#[test]
fn a_digest_is_64_hex_characters() {
    let cache = Cache::start();
    for digest in [
        "abc",
        &"g".repeat(64),
        &"a".repeat(63),
        &format!("sha256:{}", "a".repeat(64)),
    ] {
        let document = json!({"artifact_uri": "s3://b/k", "sha256": digest, "size_bytes": 1});
        assert_refused(
            &post(&cache, &document),
            400,
            "Invalid sha256 (expected 64 hex characters)",
        );
    }
}

#[test]
fn only_known_schemes_are_resolved() {
    let cache = Cache::start();
    for (uri, scheme) in [
        ("ftp://a/b", "ftp"),
        ("http://a/b", "http"),
        ("https://a/b", "https"),
        ("gs://a/b", "gs"),
    ] {
        let document = json!({"artifact_uri": uri, "sha256": "a".repeat(64), "size_bytes": 1});
        assert_refused(
            &post(&cache, &document),
            400,
            &format!("Unsupported scheme: {scheme}"),
        );
    }
}

#[test]
fn a_bucket_without_a_key_is_no_artifact() {
    let cache = Cache::start();
    for uri in ["s3://bucket", "s3://bucket/", "s3:///key"] {
        let document = json!({"artifact_uri": uri, "sha256": "a".repeat(64), "size_bytes": 1});
        let response = post(&cache, &document);
        assert_eq!(response.status(), 400, "{uri}: {}", response.text());
        assert_eq!(response.json()["code"], "INVALID_INPUT");
    }
}

#[test]
fn documents_are_bounded_and_only_posted() {
    let cache = Cache::start();
    let large = json!({"artifact_uri": "x".repeat(100_000)});
    let response = post(&cache, &large);
    assert_eq!(response.status(), 413);
    assert_eq!(response.json()["code"], "PAYLOAD_TOO_LARGE");
    let response = cache.exchange(&Request::get("/resolve"));
    assert_eq!(
        (response.status(), response.value("allow")),
        (405, Some("POST"))
    );
}
