//! `/openapi.json` describes what there is: its paths, methods, bodies and answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

/// Every reference in a document.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_description_is_whole_and_needs_no_key() {
    let cache = started();
    let response = cache.get("/openapi.json");
    assert_eq!(response.status(), 200);
    let document = response.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 3, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let properties = &document["components"]["schemas"]["Model"]["properties"];
    assert_eq!(keys_of(properties), KEYS);
}

/// A path with something in its places that can stand there.
fn filled(template: &str) -> String {
    let path = template
        .replace("{model_id}", "1")
        .replace("{status}", "staging")
        .replace("{file_id}", &"a".repeat(64))
        .replace("{scheme}", "http")
        .replace("{host}", "example.com");
    path.replace(['{', '}'], "")
}

#[test]
fn every_described_method_is_there_and_no_other() {
    let cache = started();
    let document = cache.get("/openapi.json").json();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        // A mirror has to be configured, and has whatever methods its origin has.
        if path.starts_with("/mirror/") {
            continue;
        }
        let described: BTreeSet<_> = operations
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .filter(|name| *name != "head")
            .collect();
        let mut methods = ["put", "patch", "delete"].into_iter();
        let other = methods.find(|method| !described.contains(method)).unwrap();
        let refused = call(&cache, &other.to_uppercase(), &filled(path), &Value::Null);
        assert_eq!(refused.status(), 405, "{path}: {}", refused.text());
        let allowed = refused.value("allow").unwrap().to_ascii_lowercase();
        let allowed: BTreeSet<_> = allowed.split(", ").filter(|name| *name != "head").collect();
        assert_eq!(described, allowed, "{path}");
        asked += 1;
    }
    assert!(asked > 35, "{asked}");
}

#[test]
fn the_page_shows_the_same_and_needs_no_script() {
    let cache = started();
    let response = cache.get("/docs");
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.value("content-type"),
        Some("text/html; charset=utf-8")
    );
    let page = response.text();
    for path in [
        "/fetch",
        "/models/{model_id}/promote",
        "/files:sign",
        "/api/v1/tokens/{id}",
    ] {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    assert!(!page.contains("<script") && !page.contains("https://"));
}

#[test]
fn the_described_fields_are_the_ones_that_are_taken() {
    let cache = started();
    let document = cache.get("/openapi.json").json();
    let schema = &document["components"]["schemas"]["CreateModel"];
    assert_eq!(schema["additionalProperties"], false);
    let required: BTreeSet<_> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(required, BTreeSet::from(["name", "version"]));
    for field in keys_of(&schema["properties"]) {
        // Nothing is an unknown field, and nothing has an object for its value but these.
        let response = call(&cache, "POST", "/models", &serde_json::json!({field: [{}]}));
        assert_eq!(response.status(), 422);
        assert!(!response.text().contains("extra_forbidden"), "{field}");
    }
}

#[test]
fn only_what_asks_an_origin_may_answer_that_it_failed() {
    let cache = started();
    let document = cache.get("/openapi.json").json();
    let mut asking = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            let named = |status: &str| operation["responses"].get(status).is_some();
            assert_eq!(named("502"), named("504"), "{path}");
            asking.extend(named("502").then_some(path.as_str()));
        }
    }
    let expected = [
        "/fetch",
        "/fetch/{scheme}/{host}/{path}",
        "/mirror/{name}/{path}",
        "/models/{model_id}/artifact",
        "/production/{name}/artifact",
        "/resolve",
    ];
    assert_eq!(asking, BTreeSet::from(expected));
}
