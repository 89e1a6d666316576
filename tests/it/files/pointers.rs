//! Pointers of runs and tokenizers: set to files that are there, and keeping them there.

use serde_json::{Value, json};

use super::{assert_code, upload};
use crate::support::{
    cache::Cache,
    client::{Request, Response},
    origin::Content,
};

fn put(cache: &Cache, path: &str, document: &Value) -> Response {
    cache.exchange(&Request::new("PUT", path).body(document.to_string()))
}

fn pointer(id: &str) -> Value {
    json!({"storage": "data-bank", "file_id": id})
}

fn delete(cache: &Cache, path: &str) -> Response {
    cache.exchange(&Request::new("DELETE", path))
}

#[test]
fn a_pointer_is_set_read_and_removed() {
    let cache = Cache::start();
    let id = upload(&cache, &Content::literal("weights"));
    for path in [
        "/runs/run-1/artifact",
        "/tokenizers/run-1/artifact",
        "/runs/a%20b%C3%BC/artifact",
    ] {
        let absent = cache.get(path);
        let answer = assert_code(&absent, 404, "DATA_NOT_FOUND");
        assert_eq!(answer["message"], "artifact pointer not found");
        let set = put(&cache, path, &pointer(&id));
        assert_eq!((set.status(), set.json()), (200, pointer(&id)));
        assert_eq!(cache.get(path).json(), pointer(&id));
        let head = cache.exchange(&Request::new("HEAD", path));
        assert_eq!((head.status(), head.length), (200, 0));
    }
    assert_eq!(delete(&cache, "/runs/run-1/artifact").status(), 204);
    assert_code(&cache.get("/runs/run-1/artifact"), 404, "DATA_NOT_FOUND");
    assert_eq!(cache.get("/tokenizers/run-1/artifact").status(), 200);
    assert_eq!(
        delete(&cache, "/runs/run-1/artifact").status(),
        204,
        "again"
    );
}

#[test]
fn a_pointer_survives_a_kill() {
    let mut cache = Cache::start();
    let content = Content::literal("kept");
    let id = upload(&cache, &content);
    put(&cache, "/runs/r/artifact", &pointer(&id));
    cache.kill9();
    cache.restart();
    assert_eq!(cache.get("/runs/r/artifact").json(), pointer(&id));
    cache.get(&format!("/files/{id}")).assert_is(&content);
}

#[test]
fn a_pointer_leads_to_a_file_that_is_there_unless_somebody_insists() {
    let cache = Cache::start();
    let id = "a".repeat(64);
    let refused = put(&cache, "/runs/r/artifact", &pointer(&id));
    assert_code(&refused, 409, "CONFLICT");
    assert_code(&cache.get("/runs/r/artifact"), 404, "DATA_NOT_FOUND");
    assert_eq!(
        put(&cache, "/runs/r/artifact?force=1", &pointer(&id)).status(),
        200
    );
    assert_eq!(cache.get("/runs/r/artifact").json(), pointer(&id));
}

#[test]
fn a_pointer_has_exactly_its_two_fields() {
    let cache = Cache::start();
    let id = upload(&cache, &Content::literal("x"));
    for (document, kind) in [
        (
            json!({"storage": "data-bank", "file_id": id, "extra": 1}),
            "extra_forbidden",
        ),
        (json!({"storage": "s3", "file_id": id}), "literal_error"),
        (json!({"file_id": id}), "missing"),
        (json!({"storage": "data-bank"}), "missing"),
        (json!({"storage": "data-bank", "file_id": 7}), "string_type"),
        (json!("data-bank"), "dict_type"),
    ] {
        let refused = put(&cache, "/runs/r/artifact", &document);
        assert_eq!(refused.status(), 422, "{document}");
        assert_eq!(refused.json()["detail"][0]["type"], kind);
    }
    assert_code(
        &put(&cache, "/runs/r/artifact", &pointer("zz")),
        400,
        "INVALID_INPUT",
    );
    let large = json!({"storage": "x".repeat(100_000)});
    assert_code(
        &put(&cache, "/runs/r/artifact", &large),
        413,
        "PAYLOAD_TOO_LARGE",
    );
    assert_code(&cache.get("/runs/r/artifact"), 404, "DATA_NOT_FOUND");
}

#[test]
fn names_that_are_paths_are_refused() {
    let cache = Cache::start();
    for name in [
        "..",
        "%2e%2e",
        "a%2fb",
        "a%5cb",
        "a%00b",
        &"x".repeat(201),
        "%ff",
    ] {
        let path = format!("/runs/{name}/artifact");
        assert_code(&cache.get(&path), 400, "INVALID_INPUT");
    }
    assert_eq!(cache.get("/runs/a/b/artifact").status(), 404);
    assert_eq!(cache.get("/runs//artifact").status(), 400);
}

#[test]
fn a_file_that_a_pointer_leads_to_is_removed_as_its_client_says() {
    let cache = Cache::start();
    let id = upload(&cache, &Content::literal("bytes"));
    put(&cache, "/runs/r/artifact", &pointer(&id));
    assert_eq!(delete(&cache, &format!("/files/{id}")).status(), 204);
    assert_eq!(cache.get(&format!("/files/{id}")).status(), 404);
    assert_eq!(cache.get("/runs/r/artifact").json()["file_id"], *id);
    upload(&cache, &Content::literal("bytes"));
    assert_eq!(cache.get(&format!("/files/{id}")).text(), "bytes");
}

#[test]
fn a_pointed_file_that_is_protected_is_removed_only_on_purpose() {
    let cache = Cache::setup()
        .environment("ARTIFACT_CACHE__FILES__PROTECT_POINTED", "true")
        .start();
    let (old, new) = (Content::literal("old"), Content::literal("new"));
    let (old, new) = (upload(&cache, &old), upload(&cache, &new));
    put(&cache, "/runs/r/artifact", &pointer(&old));
    let refused = delete(&cache, &format!("/files/{old}"));
    let answer = assert_code(&refused, 409, "CONFLICT");
    assert!(answer["message"].as_str().unwrap().contains("runs/r"));
    assert_eq!(cache.get(&format!("/files/{old}")).status(), 200);
    put(&cache, "/runs/r/artifact", &pointer(&new));
    assert_eq!(delete(&cache, &format!("/files/{old}")).status(), 204);
    assert_eq!(
        delete(&cache, &format!("/files/{new}?force=1")).status(),
        204
    );
    assert_eq!(cache.get(&format!("/files/{new}")).status(), 404);
}

#[test]
fn where_a_pointer_led_is_kept() {
    let cache = Cache::start();
    let ids = ["one", "two"].map(|text| upload(&cache, &Content::literal(text)));
    for id in [&ids[0], &ids[1], &ids[1]] {
        put(&cache, "/runs/r/artifact", &pointer(id));
    }
    let history = cache.get("/runs/r/artifact/history").json();
    let found: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["file_id"].clone())
        .collect();
    assert_eq!(found, [&*ids[1], &*ids[0]]);
    assert_code(
        &cache.get("/runs/other/artifact/history"),
        404,
        "DATA_NOT_FOUND",
    );
}

#[test]
fn deleting_what_is_not_there_is_404_where_that_is_wanted() {
    let cache = Cache::setup()
        .environment("DELETE_STRICT_404", "true")
        .start();
    let id = upload(&cache, &Content::literal("x"));
    let path = format!("/files/{id}");
    assert_eq!(delete(&cache, &path).status(), 204);
    assert_code(&delete(&cache, &path), 404, "NOT_FOUND");
    assert_code(&delete(&cache, "/runs/r/artifact"), 404, "DATA_NOT_FOUND");
    let idempotent = Cache::start();
    assert_eq!(delete(&idempotent, &path).status(), 204);
}
