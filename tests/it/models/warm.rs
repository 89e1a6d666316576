//! The artifact of a version that goes into production is brought into the cache in the background.

use serde_json::{Value, json};

use super::*;
use crate::support::{
    eventually,
    origin::{Content, Gate, Origin, Reply},
};

fn warming() -> Setup {
    keyed().environment("ARTIFACT_CACHE__REGISTRY__WARM_ON_PROMOTE", "1")
}

fn of(origin: &Origin, file: &str, content: &Content) -> Value {
    json!({
        "artifact_uri": origin.url(file),
        "checkpoint_sha256": content.sha256().to_string(),
    })
}

fn warmed(cache: &Cache, outcome: &str) -> f64 {
    cache.metric(&format!(
        "artifact_cache_models_warmed_total{{outcome=\"{outcome}\"}}"
    ))
}

#[test]
fn a_promotion_brings_the_artifact_without_being_waited_for() {
    let (origin, cache, content) = (
        Origin::start(),
        warming().start(),
        Content::seeded(9, 200_000),
    );
    let gate = Gate::closed();
    origin.route("/c.pt", Reply::ok(content.clone()).gated(&gate));
    let model = register(&cache, "m", "1", &of(&origin, "/c.pt", &content));
    accepted(&promote(&cache, &model, "staging"));
    accepted(&promote(&cache, &model, "production"));
    assert!(warmed(&cache, "done") < 0.5, "the promotion did not wait");
    gate.open();
    eventually("it is warm", || warmed(&cache, "done") > 0.5);
    let event = cache
        .trace()
        .wait_for("model warmed", |event| event["name"] == "m");
    assert_eq!(event["version"], "1");
    let response = get(&cache, "/production/m/artifact");
    response.assert_is(&content);
    assert_eq!(response.value("x-cache-status"), Some("HIT"));
    assert_eq!(origin.hits("/c.pt"), 1);
}

#[test]
fn what_cannot_be_brought_is_said_and_disturbs_nothing() {
    let (origin, cache, content) = (Origin::start(), warming().start(), Content::seeded(9, 1000));
    origin.route("/other.pt", Reply::ok(Content::seeded(8, 1000)));
    for (version, fields) in [
        ("gone", of(&origin, "/gone.pt", &content)),
        ("other", of(&origin, "/other.pt", &content)),
        ("unverified", json!({"artifact_uri": origin.url("/c.pt")})),
    ] {
        let model = register(&cache, "m", version, &fields);
        assert_eq!(
            accepted(&promote(&cache, &model, "production"))["status"],
            "production"
        );
        let told = |event: &Value| event["version"] == version;
        let event = cache.trace().wait_for("model not warmed", told);
        assert!(!event["error"].is_null(), "{event}");
    }
    eventually("all are counted", || warmed(&cache, "failed") > 2.5);
}

#[test]
fn nothing_is_brought_unless_it_is_wanted() {
    let (origin, cache, content) = (Origin::start(), started(), Content::seeded(9, 1000));
    origin.route("/c.pt", Reply::ok(content.clone()));
    let model = register(&cache, "m", "1", &of(&origin, "/c.pt", &content));
    accepted(&promote(&cache, &model, "production"));
    get(&cache, "/production/m/artifact").assert_is(&content);
    assert!(warmed(&cache, "done") < 0.5);
    assert_eq!(origin.hits("/c.pt"), 1);
}
