//! A backup has what is more than downloads: uploads, pointers, pins, tokens, models.

use serde_json::json;
use tempfile::TempDir;

use super::{backup, is_sound, restore};
use crate::support::{
    cache::{Cache, program},
    client::{Request, Response},
    origin::{Content, Origin, Reply},
};

fn start(data: &std::path::Path) -> Cache {
    crate::models::keyed().data(data).start()
}

fn send(cache: &Cache, method: &str, path: &str, body: &str) -> Response {
    let response = cache.exchange(&Request::new(method, path).body(body));
    assert!(response.status() < 300, "{path}: {}", response.text());
    response
}

/// Everything that a client can see of what is not a download.
fn state(cache: &Cache) -> Vec<serde_json::Value> {
    let get = |path: &str| {
        let response = crate::models::get(cache, path);
        assert_eq!(response.status(), 200, "{path}: {}", response.text());
        response.json()
    };
    let paths = [
        "/runs/run-1/artifact",
        "/api/v1/pins",
        "/models",
        "/models/1",
    ];
    paths.map(get).to_vec()
}

#[test]
fn uploads_pointers_pins_tokens_models_and_hits_come_back() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (mut origin, mut cache) = (Origin::start(), start(&path("old")));
    let content = Content::seeded(1, 5000);
    origin.route("/a", Reply::ok(content.clone()));
    for _ in 0..4 {
        cache.fetch(&origin.url("/a")).assert_is(&content);
    }
    let file = send(&cache, "POST", "/files", "what nobody else has").json();
    let id = file["file_id"].as_str().unwrap().to_owned();
    let pointer = json!({"storage": "data-bank", "file_id": id}).to_string();
    send(&cache, "PUT", "/runs/run-1/artifact", &pointer);
    let pin = json!({"url": origin.url("/a"), "note": "kept"}).to_string();
    send(&cache, "POST", "/api/v1/pins", &pin);
    crate::models::register(&cache, "m", "1", &json!({}));
    let mut command = program();
    command.args(["token", "create", "--scope", "admin:read", "--data"]);
    let token = command.arg(cache.data()).output().unwrap().stdout;
    let (before, hits) = (state(&cache), cache.stats()["total_accesses"].clone());
    assert!(hits.as_u64() > Some(2), "{hits}");
    backup(&cache, &path("b")).done();
    cache.terminate();
    origin.stop();
    restore(&path("b"), &path("new")).done();
    is_sound(&path("new"));
    let cache = start(&path("new"));
    assert_eq!(state(&cache), before);
    assert_eq!(cache.stats()["total_accesses"], hits);
    let file = send(&cache, "GET", &format!("/files/{id}"), "");
    assert_eq!(file.text(), "what nobody else has");
    cache.fetch(&origin.url("/a")).assert_is(&content);
    let mut command = program();
    command.args(["token", "ls", "--json", "--data"]);
    let listed = String::from_utf8(command.arg(cache.data()).output().unwrap().stdout).unwrap();
    let token = String::from_utf8(token).unwrap();
    let known = token.trim().split('_').nth(1).unwrap().to_owned();
    assert!(listed.contains(&known), "{listed}");
}
