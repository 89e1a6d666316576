//! Who is let in, under which name, and from which pages.

use serde_json::{Value, json};

use super::*;

#[test]
fn root_and_health_need_no_key() {
    let cache = started();
    let health = cache.get("/health").json();
    assert_eq!(health["status"], "healthy");
    let root = cache.get("/registry").json();
    assert_eq!(root, json!({"service": "model-registry", "status": "ok"}));
    assert_eq!(
        cache.get("/registry/health").json(),
        json!({"status": "healthy"})
    );
}

#[test]
fn without_a_configured_key_nobody_is_let_in() {
    let cache = Cache::start();
    for path in [
        "/models",
        "/models/1",
        "/stats",
        "/compare?ids=1",
        "/production/m",
    ] {
        let response = get(&cache, path);
        let detail = "API key auth not configured (set CAIA_REGISTRY_API_KEY(S))";
        assert_detail(&response, 503, detail);
    }
}

#[test]
fn a_missing_and_a_wrong_key_are_told_apart() {
    let cache = started();
    for path in [
        "/models",
        "/models/1",
        "/models/x",
        "/stats",
        "/registry/models",
    ] {
        let missing = cache.get(path);
        assert_detail(&missing, 401, "Missing API key");
        let challenge = missing.value("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer"));
        for wrong in ["dev-kez", "dev-ke", "dev-key2", "DEV-KEY"] {
            let wrong = Request::get(path).field("X-API-Key", wrong);
            assert_detail(&cache.exchange(&wrong), 401, "Invalid API key");
        }
        let basic = Request::get(path).field("Authorization", "Basic ZGV2LWtleQ==");
        assert_detail(&cache.exchange(&basic), 401, "Missing API key");
    }
    // The key comes before the form of the request.
    let bad = Request::new("POST", "/models").body("{");
    assert_detail(&cache.exchange(&bad), 401, "Missing API key");
}

#[test]
fn a_key_comes_in_either_field_and_any_of_several_is_good() {
    let cache = Cache::setup()
        .environment("CAIA_REGISTRY_API_KEYS", "one, two")
        .environment("CAIA_REGISTRY_API_KEY", "three")
        .start();
    for key in ["one", "two", "three"] {
        let bearer = format!("Bearer {key}");
        for (field, value) in [("X-API-Key", key), ("Authorization", bearer.as_str())] {
            let response = cache.exchange(&Request::get("/models").field(field, value));
            assert_eq!(accepted(&response), json!([]), "{field} {key}");
        }
    }
}

#[test]
fn the_actor_is_the_beginning_of_the_key() {
    let cache = started();
    let model = cache.exchange(
        &request(
            "POST",
            "/models",
            &json!({"name": "m", "version": "1", "artifact_uri": "u"}),
        )
        .field("X-Actor", "somebody"),
    );
    let model = accepted(&model);
    assert_eq!(model["created_by"], "key:dev-…");
    let events = accepted(&get(&cache, &path(&model, "/events")));
    assert_eq!(events[0]["actor"], "key:dev-…");
}

#[test]
fn a_trusted_actor_is_named_up_to_200_characters() {
    let cache = keyed()
        .environment("CAIA_REGISTRY_TRUST_ACTOR_HEADER", "1")
        .start();
    for (sent, named) in [("ada", "ada".to_owned()), ("", "key:dev-…".to_owned())] {
        let body = json!({"name": "m", "version": format!("v{sent}"), "artifact_uri": "u"});
        let request = request("POST", "/models", &body).field("X-Actor", sent);
        assert_eq!(accepted(&cache.exchange(&request))["created_by"], named);
    }
    let long = "é".repeat(300);
    let body = json!({"name": "m", "version": "long", "artifact_uri": "u"});
    let request = request("POST", "/models", &body).field("X-Actor", &long);
    let created_by = accepted(&cache.exchange(&request))["created_by"].clone();
    assert_eq!(created_by, "é".repeat(200));
}

#[test]
fn the_pages_of_localhost_may_read_answers_and_errors() {
    let cache = started();
    for origin in [
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://127.0.0.1:3000",
    ] {
        for (path, status) in [("/models", 200), ("/models/9", 404)] {
            let asked = request("GET", path, &Value::Null).field("Origin", origin);
            let response = cache.exchange(&asked);
            assert_eq!(response.status(), status);
            assert_eq!(response.value("access-control-allow-origin"), Some(origin));
            assert_eq!(response.value("vary"), Some("Origin"));
            assert_eq!(response.value("access-control-allow-credentials"), None);
        }
    }
    let stranger = request("GET", "/models", &Value::Null).field("Origin", "http://evil.example");
    let response = cache.exchange(&stranger);
    assert_eq!(response.value("access-control-allow-origin"), None);
}

fn preflight(cache: &Cache, origin: &str) -> Response {
    cache.exchange(
        &Request::new("OPTIONS", "/models")
            .field("Origin", origin)
            .field("Access-Control-Request-Method", "POST")
            .field("Access-Control-Request-Headers", "x-api-key"),
    )
}

#[test]
fn a_preflight_needs_no_key() {
    let cache = started();
    let response = preflight(&cache, "http://localhost:3000");
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.value("access-control-allow-headers"),
        Some("x-api-key")
    );
    let methods = response.value("access-control-allow-methods").unwrap();
    assert!(methods.contains("POST") && methods.contains("PATCH"));
    let refused = preflight(&cache, "http://evil.example");
    assert_detail(&refused, 400, "Disallowed CORS origin");
}

#[test]
fn configured_origins_replace_the_default_and_an_empty_list_allows_none() {
    let cache = keyed()
        .environment(
            "CAIA_REGISTRY_CORS_ORIGINS",
            "https://a.example,https://b.example",
        )
        .start();
    assert_eq!(preflight(&cache, "https://b.example").status(), 200);
    assert_eq!(preflight(&cache, "http://localhost").status(), 400);
    let cache = keyed()
        .environment("CAIA_REGISTRY_CORS_ORIGINS", "")
        .start();
    assert_eq!(preflight(&cache, "http://localhost").status(), 400);
}

#[test]
fn keys_can_be_changed_while_it_runs() {
    let mut cache = Cache::setup().config("registry: {api_key: old}").start();
    let with = |cache: &Cache, key| {
        cache
            .exchange(&Request::get("/models").field("X-API-Key", key))
            .status()
    };
    assert_eq!(with(&cache, "old"), 200);
    cache.rewrite_config("registry: {api_keys: [new, newer]}");
    cache.signal(rustix::process::Signal::HUP);
    cache.trace().wait_for("configuration reloaded", |_| true);
    assert_eq!((with(&cache, "old"), with(&cache, "newer")), (401, 200));
}
