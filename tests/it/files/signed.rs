//! Signed URLs: a right for one request and a short time, without a key.

use serde_json::{Value, json};

use super::{assert_code, post_raw, stored};
use crate::support::{
    cache::Cache,
    client::{Request, Response},
    origin::Content,
};

fn guarded() -> Cache {
    Cache::setup()
        .environment("API_UPLOAD_KEYS", "up")
        .environment("API_READ_KEYS", "read")
        .environment(
            "ARTIFACT_CACHE__FILES__SIGNING_KEY",
            "a key that signs for tests",
        )
        .start()
}

fn sign(cache: &Cache, key: &str, document: &Value) -> Response {
    let request = Request::new("POST", "/files:sign").field("X-API-Key", key);
    cache.exchange(&request.body(document.to_string()))
}

#[track_caller]
fn path(response: &Response) -> String {
    assert_eq!(response.status(), 200, "{}", response.text());
    let (url, path) = (
        response.json()["url"].clone(),
        response.json()["path"].clone(),
    );
    assert_eq!(url, format!("http://localhost{}", path.as_str().unwrap()));
    path.as_str().unwrap().to_owned()
}

#[test]
fn a_signed_upload_needs_no_key_and_takes_what_it_is_bound_to() {
    let cache = guarded();
    let content = Content::literal("bound");
    let document = json!({"scope": "upload", "size": 5, "sha256": content.sha256().to_string()});
    let signed = path(&sign(&cache, "up", &document));
    assert_code(
        &cache.exchange(&post_raw(&signed, &[], b"bound!")),
        413,
        "PAYLOAD_TOO_LARGE",
    );
    assert_code(
        &cache.exchange(&post_raw(&signed, &[], b"boun")),
        400,
        "INVALID_INPUT",
    );
    assert_code(
        &cache.exchange(&post_raw(&signed, &[], b"BOUND")),
        409,
        "CHECKSUM_MISMATCH",
    );
    assert_eq!(stored(&cache), 0);
    assert_eq!(
        cache.exchange(&post_raw(&signed, &[], b"bound")).status(),
        201
    );
    // It is good for that request alone.
    let id = content.sha256();
    let read = signed.replace("/files?", &format!("/files/{id}?"));
    assert_code(&cache.get(&read), 403, "FORBIDDEN");
    let larger = signed.replace("size=5", "size=6");
    assert_code(
        &cache.exchange(&post_raw(&larger, &[], b"larger")),
        403,
        "FORBIDDEN",
    );
}

#[test]
fn a_signed_download_needs_no_key() {
    let cache = guarded();
    let upload = post_raw("/files", &[("X-API-Key", "up")], b"downloaded");
    let id = cache.exchange(&upload).json()["file_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let document = json!({"scope": "read", "file_id": id, "expires_in": 60});
    let signed = path(&sign(&cache, "read", &document));
    assert_eq!(cache.get(&signed).text(), "downloaded");
    let ranged = Request::get(&signed).field("Range", "bytes=4-");
    assert_eq!(cache.exchange(&ranged).text(), "loaded");
    assert_code(&cache.get(&format!("/files/{id}")), 401, "UNAUTHORIZED");
    let other = signed.replace(&id[..4], "0000");
    assert_code(&cache.get(&other), 403, "FORBIDDEN");
    let log = cache.trace().lines().join("\n");
    assert!(!log.contains("signature="), "signatures are never logged");
}

#[test]
fn an_expired_url_is_refused() {
    let cache = guarded();
    let document = json!({"scope": "upload", "expires_in": 1});
    let signed = path(&sign(&cache, "up", &document));
    crate::support::eventually("it expired", || {
        cache.exchange(&post_raw(&signed, &[], b"late")).status() == 403
    });
}

#[test]
fn a_url_stays_good_over_a_restart_when_its_key_is_configured() {
    let mut cache = guarded();
    let signed = path(&sign(&cache, "up", &json!({"scope": "upload"})));
    cache.terminate();
    cache.restart();
    assert_eq!(cache.exchange(&post_raw(&signed, &[], b"x")).status(), 201);
}

#[test]
fn only_who_has_a_right_can_sign_it_away() {
    let cache = guarded();
    let upload = json!({"scope": "upload"});
    assert_code(&sign(&cache, "read", &upload), 403, "FORBIDDEN");
    assert_code(&sign(&cache, "other", &upload), 403, "FORBIDDEN");
    let anonymous = Request::new("POST", "/files:sign").body(upload.to_string());
    assert_code(&cache.exchange(&anonymous), 401, "UNAUTHORIZED");
    let read = json!({"scope": "read", "file_id": "a".repeat(64)});
    assert_code(&sign(&cache, "up", &read), 403, "FORBIDDEN");
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let cache = guarded();
    for (document, status) in [
        (json!({}), 422),
        (json!({"scope": "delete"}), 422),
        (json!({"scope": "upload", "expires_in": 0}), 422),
        (json!({"scope": "upload", "expires_in": 86_401}), 422),
        (json!({"scope": "upload", "more": 1}), 422),
        (json!({"scope": "upload", "file_id": "abcd"}), 400),
        (json!({"scope": "upload", "sha256": "abcd"}), 400),
    ] {
        assert_eq!(sign(&cache, "up", &document).status(), status, "{document}");
    }
    for document in [
        json!({"scope": "read"}),
        json!({"scope": "read", "file_id": "/../x"}),
    ] {
        assert_eq!(sign(&cache, "read", &document).status(), 400, "{document}");
    }
}
