//! The registry's own keys and access tokens, both in force at once.

use serde_json::json;

use super::{bearer, shut, token};
use crate::support::{
    cache::Cache,
    client::{Request, Response},
};

fn keyed() -> Cache {
    shut()
        .environment("CAIA_REGISTRY_API_KEY", "dev-key")
        .start()
}

fn ask(cache: &Cache, method: &str, path: &str, field: &str, value: &str) -> Response {
    let request = Request::new(method, path).field(field, value);
    let body = json!({"name": "m", "version": value, "artifact_uri": "s3://b/k"});
    let request = match method {
        "POST" => request
            .field("Content-Type", "application/json")
            .body(body.to_string()),
        _ => request,
    };
    cache.exchange(&request)
}

#[test]
fn a_key_of_the_registry_is_as_good_as_a_token_at_its_routes_and_nowhere_else() {
    let cache = keyed();
    for path in ["/models", "/registry/models", "/stats", "/registry/stats"] {
        for (field, value) in [
            ("X-API-Key", "dev-key"),
            ("Authorization", "Bearer dev-key"),
        ] {
            assert_eq!(
                ask(&cache, "GET", path, field, value).status(),
                200,
                "{path}"
            );
        }
        let wrong = ask(&cache, "GET", path, "X-API-Key", "other");
        assert_eq!(wrong.status(), 401);
        assert_eq!(wrong.json()["detail"], "Invalid API key");
        assert_eq!(cache.get(path).status(), 401);
    }
    assert_eq!(
        ask(&cache, "POST", "/models", "X-API-Key", "dev-key").status(),
        200
    );
    for path in [
        "/api/stats",
        "/api/artifacts",
        "/files/00",
        "/fetch?url=http://example.com/",
    ] {
        let answer = ask(&cache, "GET", path, "X-API-Key", "dev-key");
        assert_eq!(
            answer.status(),
            if path == "/files/00" { 403 } else { 401 },
            "{path}"
        );
    }
}

#[test]
fn a_token_needs_its_scope_where_the_registry_has_keys_too() {
    let cache = keyed();
    let reader = token(&cache, "registry:read", &[]);
    let writer = token(&cache, "registry:write", &[]);
    assert_eq!(
        ask(&cache, "GET", "/models", "X-API-Key", &reader).status(),
        200
    );
    assert_eq!(
        ask(&cache, "GET", "/models", "Authorization", &bearer(&reader)).status(),
        200
    );
    let refused = ask(&cache, "POST", "/models", "X-API-Key", &reader);
    assert_eq!(refused.status(), 403, "{}", refused.text());
    let written = ask(&cache, "POST", "/models", "X-API-Key", &writer);
    assert_eq!(written.status(), 200, "{}", written.text());
    let refused = ask(&cache, "POST", "/models/1/promote", "X-API-Key", &writer);
    assert_eq!(refused.status(), 403);
    // What looks like a token and is none is not tried as a key.
    let forged = format!("{}x", &reader[..reader.len() - 1]);
    assert_eq!(
        ask(&cache, "GET", "/models", "X-API-Key", &forged).status(),
        401
    );
}

#[test]
fn without_a_key_of_its_own_the_registry_takes_tokens_only() {
    let cache = shut().start();
    let reader = token(&cache, "registry:read", &[]);
    assert_eq!(
        ask(&cache, "GET", "/models", "X-API-Key", &reader).status(),
        200
    );
    let refused = ask(&cache, "GET", "/models", "X-API-Key", "dev-key");
    assert_eq!(refused.status(), 401, "{}", refused.text());
    assert_eq!(refused.json()["detail"], "Invalid API key");
}

#[test]
fn a_page_in_a_browser_may_ask_first_and_public_routes_stay_public() {
    let cache = keyed();
    let preflight = Request::new("OPTIONS", "/models")
        .field("Origin", "http://localhost:3000")
        .field("Access-Control-Request-Method", "POST");
    let answer = cache.exchange(&preflight);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(
        answer.value("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    for path in [
        "/registry",
        "/registry/health",
        "/registry/openapi.json",
        "/openapi.json",
    ] {
        assert_eq!(cache.get(path).status(), 200, "{path}");
    }
}
