//! Promotion: gates, demotion, and one version in production.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_promotion_goes_to_production_unless_it_says_where() {
    let cache = started();
    let model = register(&cache, "m", "1", &Value::Null);
    let response = call(&cache, "POST", &path(&model, "/promote"), &Value::Null);
    assert_eq!(accepted(&response)["status"], "production");
    for to in [
        "staging",
        "archived",
        "experimental",
        "production",
        "production",
    ] {
        assert_eq!(accepted(&promote(&cache, &model, to))["status"], to);
    }
    let response = promote(&cache, &model, "live");
    assert_field(&response, &json!(["query", "to_status"]), "literal_error");
    let events = accepted(&get(&cache, &path(&model, "/events")));
    assert_eq!(
        events[0]["payload"],
        json!({"from": "production", "to": "production"})
    );
    assert_eq!(
        events[1]["payload"],
        json!({"from": "experimental", "to": "production"})
    );
    assert_eq!(events.as_array().unwrap().len(), 7);
}

#[test]
fn the_former_version_becomes_staging_and_the_trail_says_why() {
    let cache = started();
    let (first, second) = (
        register(&cache, "m", "1", &Value::Null),
        register(&cache, "m", "2", &Value::Null),
    );
    let other = register(&cache, "other", "1", &json!({"status": "production"}));
    promote(&cache, &first, "production");
    let before = accepted(&get(&cache, &path(&first, "")));
    promote(&cache, &second, "production");
    let after = accepted(&get(&cache, &path(&first, "")));
    assert_eq!(after["status"], "staging");
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
    let events = accepted(&get(&cache, &path(&first, "/events")));
    assert_eq!(events[0]["event_type"], "auto_demote");
    let reason = format!("new production: {}", second["id"]);
    assert_eq!(
        events[0]["payload"],
        json!({"from": "production", "to": "staging", "reason": reason})
    );
    assert_eq!(
        accepted(&get(&cache, &path(&other, "")))["status"],
        "production"
    );
    assert_eq!(
        ids(&accepted(&get(&cache, "/models?name=m&status=production"))),
        ids(&json!([second]))
    );
}

fn gated() -> Cache {
    keyed()
        .environment("CAIA_REGISTRY_PROMOTION_REQUIRED_SUITE", "core-v1")
        .start()
}

fn scored(score: &Value) -> Value {
    json!({"metrics": {"suites": {"core-v1": {"score": score}}}})
}

#[test]
fn the_gate_wants_metrics_of_the_suite() {
    let cache = gated();
    for (version, metrics) in [
        ("none", Value::Null),
        ("empty", json!({"metrics": {"suites": {}}})),
        (
            "other",
            json!({"metrics": {"suites": {"smoke-v1": {"score": 1}}}}),
        ),
        ("odd", json!({"metrics": {"suites": []}})),
    ] {
        let model = register(&cache, "m", version, &metrics);
        let response = promote(&cache, &model, "production");
        assert_detail(&response, 409, "Promotion requires suite metrics: core-v1");
        assert_eq!(promote(&cache, &model, "staging").status(), 200);
    }
    let model = register(&cache, "m", "good", &scored(&json!(0.1)));
    assert_eq!(promote(&cache, &model, "production").status(), 200);
}

#[test]
fn a_lower_score_is_blocked_when_both_are_numbers() {
    for (production, candidate, refusal) in [
        (
            json!(0.75),
            json!(0.5),
            Some("core-v1.score (0.5) < current production score (0.75)"),
        ),
        (
            json!(1),
            json!(0),
            Some("core-v1.score (0.0) < current production score (1.0)"),
        ),
        (json!(0.5), json!(0.5), None),
        (json!(0.5), json!(0.75), None),
        (json!(true), json!(0), None),
        (json!(1), json!(false), None),
        (json!("1"), json!(0), None),
        (json!(1), json!(null), None),
    ] {
        let cache = gated();
        let first = register(&cache, "m", "1", &scored(&production));
        let second = register(&cache, "m", "2", &scored(&candidate));
        accepted(&promote(&cache, &first, "production"));
        let response = promote(&cache, &second, "production");
        match refusal {
            Some(refusal) => {
                assert_detail(&response, 409, &format!("Promotion blocked: {refusal}"));
            }
            None => drop(accepted(&response)),
        }
        let current = accepted(&get(&cache, "/production/m"))["version"].clone();
        assert_eq!(current, if refusal.is_some() { "1" } else { "2" });
    }
}

#[test]
fn registering_in_production_passes_the_gate_too() {
    let cache = gated();
    let body = json!({"name": "m", "version": "1", "artifact_uri": "u", "status": "production"});
    let response = call(&cache, "POST", "/models", &body);
    assert_detail(&response, 409, "Promotion requires suite metrics: core-v1");
    let mut body = body;
    body["metrics"] = scored(&json!(1))["metrics"].clone();
    ok(&cache, "POST", "/models", &body);
}
