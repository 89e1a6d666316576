//! The registry tied to the cache: verified bytes of a model, kept while it is in production.

use serde_json::{Value, json};

use super::*;
use crate::support::origin::{Content, Origin, Reply};

/// A registered model whose checkpoint an origin has.
struct Trained {
    origin: Origin,
    cache: Cache,
    content: Content,
    model: Value,
}

fn trained() -> Trained {
    let (origin, cache, content) = (Origin::start(), started(), Content::seeded(7, 100_000));
    origin.route("/c.pt", Reply::ok(content.clone()));
    let model = register(
        &cache,
        "m",
        "1",
        &json!({
            "artifact_uri": origin.url("/c.pt"),
            "checkpoint_sha256": content.sha256().to_string(),
            "checkpoint_size_bytes": content.length(),
        }),
    );
    Trained {
        origin,
        cache,
        content,
        model,
    }
}

#[test]
fn the_bytes_of_a_model_come_verified_through_the_cache() {
    let trained = trained();
    let cache = &trained.cache;
    accepted(&promote(cache, &trained.model, "production"));
    for (path, status) in [
        (path(&trained.model, "/artifact"), "MISS"),
        ("/production/m/artifact".into(), "HIT"),
        ("/registry/production/m/artifact".into(), "HIT"),
    ] {
        let response = get(cache, &path);
        response.assert_is(&trained.content);
        assert_eq!(response.value("x-cache-status"), Some(status), "{path}");
        let digest = trained.content.sha256().to_string();
        assert_eq!(response.value("x-content-sha256"), Some(digest.as_str()));
        assert!(response.value("etag").is_some());
        let range = request("GET", &path, &Value::Null).field("Range", "bytes=10-19");
        let part = cache.exchange(&range);
        assert_eq!(part.status(), 206);
        assert_eq!(part.value("content-range"), Some("bytes 10-19/100000"));
        let known = request("GET", &path, &Value::Null)
            .field("If-None-Match", response.value("etag").unwrap());
        assert_eq!(cache.exchange(&known).status(), 304);
    }
    assert_eq!(trained.origin.hits("/c.pt"), 1);
}

#[test]
fn the_bytes_of_a_model_need_a_key_and_a_digest() {
    let trained = trained();
    let cache = &trained.cache;
    let without = cache.get(&path(&trained.model, "/artifact"));
    assert_detail(&without, 401, "Missing API key");
    let unverified = json!({"artifact_uri": trained.origin.url("/c.pt")});
    let unverified = register(cache, "m", "2", &unverified);
    let response = get(cache, &path(&unverified, "/artifact"));
    let detail = "Model has no checkpoint_sha256, so its artifact cannot be verified";
    assert_detail(&response, 409, detail);
    assert_detail(&get(cache, "/models/99/artifact"), 404, "Model not found");
    let unknown = json!({"artifact_uri": "", "checkpoint_sha256": "a".repeat(64)});
    let unknown = register(cache, "m", "3", &unknown);
    let response = get(cache, &path(&unknown, "/artifact"));
    assert_detail(&response, 404, "Artifact not found");
    assert_eq!(trained.origin.hits("/c.pt"), 0);
}

#[test]
fn other_bytes_than_registered_are_not_given_out() {
    let trained = trained();
    let wrong = Content::seeded(8, 100_000);
    trained.origin.route("/c.pt", Reply::ok(wrong));
    let response = get(&trained.cache, &path(&trained.model, "/artifact"));
    assert_eq!(response.status(), 409);
    assert_eq!(response.json()["error"], "checksum_mismatch");
}

#[test]
fn what_is_known_by_its_digest_alone_is_found_under_any_url() {
    let trained = trained();
    let digest = trained.content.sha256().to_string();
    let by_digest = json!({"artifact_uri": "", "checkpoint_sha256": digest});
    let by_digest = register(&trained.cache, "m", "2", &by_digest);
    get(&trained.cache, &path(&trained.model, "/artifact")).assert_is(&trained.content);
    get(&trained.cache, &path(&by_digest, "/artifact")).assert_is(&trained.content);
}

#[test]
fn what_is_in_production_is_not_removed_from_the_cache() {
    let trained = trained();
    let cache = &trained.cache;
    accepted(&promote(cache, &trained.model, "production"));
    get(cache, &path(&trained.model, "/artifact")).assert_is(&trained.content);
    let artifacts = cache.get("/api/artifacts").json();
    let id = artifacts["items"][0]["id"].clone();
    let remove = || cache.exchange(&Request::new("DELETE", &format!("/api/artifacts/{id}")));
    let digest = trained.content.sha256();
    let detail = format!("Artifact {digest} is in production; demote its model first");
    assert_detail(&remove(), 409, &detail);
    accepted(&promote(cache, &trained.model, "archived"));
    assert_eq!(remove().status(), 204);
    assert_eq!(remove().status(), 404);
}
