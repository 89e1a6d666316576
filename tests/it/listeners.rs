//! Listeners that serve one part, as the service did that their clients were written for.

use serde_json::{Value, json};

use crate::support::{
    cache::Cache,
    client::{Client, Request, Response},
    origin::{Content, Origin, Reply},
    s3::{ACCESS_KEY, BUCKET, SECRET_KEY, Store},
};

/// A cache with a listener of this profile beside the main one.
fn cache_with(profile: &str, more: &str) -> Cache {
    let settings =
        format!("server: {{listeners: ['http://127.0.0.1:0?profile={profile}']}}\n{more}");
    Cache::setup().config(&settings).start()
}

fn ask(cache: &Cache, profile: &str, request: &Request) -> Response {
    Client::connect(cache.listener(profile)).exchange(request)
}

fn get(cache: &Cache, profile: &str, path: &str) -> Response {
    ask(cache, profile, &Request::get(path))
}

#[track_caller]
fn assert_absent(cache: &Cache, profile: &str, paths: &[&str]) {
    for path in paths {
        let response = get(cache, profile, path);
        assert_eq!(response.status(), 404, "{path}: {}", response.text());
        assert_eq!(response.json()["error"], "not_found", "{path}");
        assert!(response.value("x-request-id").is_some(), "{path}");
    }
}

#[test]
fn the_resolve_listener_resolves_at_its_base_too_and_has_its_own_health() {
    let store = Store::start();
    let content = Content::seeded(1, 300_000);
    store.place("dir/a b+c", &content.bytes());
    let cache = cache_with("resolve", &store.settings());
    let document = json!({
        "artifact_uri": format!("s3://{BUCKET}/dir/a b+c"),
        "sha256": content.sha256().to_string(), "size_bytes": content.length(),
    });
    let mut paths = Vec::new();
    for (path, cached) in [("/", false), ("/resolve", true)] {
        let request = Request::new("POST", path).body(document.to_string());
        let answer = ask(&cache, "resolve", &request);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json()["cached"], cached, "{path}");
        paths.push(answer.json()["local_path"].clone());
    }
    assert_eq!(paths[0], paths[1]);
    let health = get(&cache, "resolve", "/health").json();
    let directory = cache.data().join("cache");
    assert_eq!(
        health,
        json!({
            "status": "ok", "cache_dir": directory, "allow_local_paths": false,
            "s3_endpoint_url": store.url(),
        })
    );
    let others = [
        "/",
        "/fetch?url=http://a/",
        "/files/00",
        "/metrics",
        "/api/stats",
        "/models",
    ];
    assert_absent(&cache, "resolve", &others);
    assert_eq!(cache.get("/health").json()["status"], "healthy");
}

#[test]
fn the_resolve_listener_takes_a_key_that_nobody_asked_for() {
    let cache = cache_with("resolve", "");
    let request = Request::new("POST", "/resolve").field("X-API-Key", "anything");
    let answer = ask(&cache, "resolve", &request.body("{}"));
    assert_eq!(answer.status(), 422, "{}", answer.text());
}

#[test]
fn a_tokens_scope_is_asked_for_at_the_base_as_at_the_path() {
    let settings = "auth: {tokens: true}\n";
    let cache = cache_with("resolve", settings);
    let status = |path: &str| {
        let request = Request::new("POST", path).body("{}");
        ask(&cache, "resolve", &request).status()
    };
    assert_eq!((status("/"), status("/resolve")), (401, 401));
    assert_eq!(get(&cache, "resolve", "/health").status(), 200);
}

#[test]
fn the_registry_listener_has_models_and_its_own_root() {
    let cache = cache_with("registry", "");
    let root = get(&cache, "registry", "/").json();
    assert_eq!(root, json!({"service": "model-registry", "status": "ok"}));
    let health = get(&cache, "registry", "/health").json();
    assert_eq!(health, json!({"status": "healthy"}));
    assert_eq!(get(&cache, "registry", "/models").status(), 503);
    assert_absent(
        &cache,
        "registry",
        &["/fetch?url=http://a/", "/files/00", "/resolve"],
    );
}

#[test]
fn the_data_bank_listener_has_files_and_pointers() {
    let cache = cache_with("data-bank", "");
    let request = Request::new("POST", "/files").field("Content-Type", "text/plain");
    let file = ask(&cache, "data-bank", &request.body("bytes"));
    assert_eq!(file.status(), 201, "{}", file.text());
    let id = file.json()["file_id"].as_str().unwrap().to_owned();
    let read = get(&cache, "data-bank", &format!("/files/{id}"));
    assert_eq!(read.text(), "bytes");
    let pointer = get(&cache, "data-bank", "/runs/r/artifact");
    assert_eq!(pointer.json()["code"], "DATA_NOT_FOUND");
    let ready = get(&cache, "data-bank", "/readyz").json();
    assert_eq!(ready, json!({"status": "ready", "reason": null}));
    assert_absent(
        &cache,
        "data-bank",
        &["/", "/fetch?url=http://a/", "/models", "/resolve"],
    );
}

#[test]
fn the_data_bank_is_degraded_when_it_takes_no_files() {
    let settings = "files: {min_free_bytes: 1000000TiB}\n";
    let cache = cache_with("data-bank", settings);
    let ready = get(&cache, "data-bank", "/readyz");
    assert_eq!(ready.status(), 503);
    assert_eq!(
        ready.json(),
        json!({"status": "degraded", "reason": "low disk"})
    );
    assert_eq!(cache.get("/readyz").status(), 200, "downloads go on");
    std::fs::remove_dir(cache.data().join("tmp")).unwrap();
    for ready in [get(&cache, "data-bank", "/readyz"), cache.get("/readyz")] {
        assert_eq!(ready.status(), 503);
        assert_eq!(
            ready.json(),
            json!({"status": "degraded", "reason": "storage not writable"})
        );
    }
}

#[test]
fn a_part_is_no_proxy_and_no_tunnel() {
    let (origin, cache) = (Origin::start(), cache_with("metrics", ""));
    origin.route("/a", Reply::ok(Content::literal("bytes")));
    let proxied = get(&cache, "metrics", &origin.url("/a"));
    assert_eq!(proxied.status(), 404);
    let tunnel = Request::new("CONNECT", &origin.address().to_string());
    assert_eq!(ask(&cache, "metrics", &tunnel).status(), 404);
    assert!(origin.requests().is_empty());
    assert_eq!(get(&cache, "metrics", "/metrics").status(), 200);
}

#[test]
fn health_names_the_store_that_is_asked() {
    let named = |settings: &str| -> Value {
        let cache = Cache::setup().config(settings).start();
        cache.get("/health").json()["s3_endpoint_url"].clone()
    };
    let keys = format!("access_key: {ACCESS_KEY}, secret_key: '{SECRET_KEY}'");
    let store =
        |name: &str, more: &str| format!("{name}: {{url: 'http://{name}:9000', {keys}{more}}}");
    let of = |stores: &[String]| named(&format!("s3: {{endpoints: {{{}}}}}\n", stores.join(", ")));
    let listing = |name: &str, bucket: &str| store(name, &format!(", buckets: [{bucket}]"));
    assert_eq!(named(""), Value::Null);
    assert_eq!(of(&[listing("minio", "a")]), "http://minio:9000");
    assert_eq!(
        of(&[listing("a", "a"), listing("default", "b")]),
        "http://default:9000"
    );
    assert_eq!(
        of(&[listing("default", "b"), store("open", "")]),
        "http://open:9000"
    );
}
