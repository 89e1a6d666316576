//! Files where tokens are asked for: a token with the scope, a key of the files' own, or a signed URL.

use serde_json::json;

use super::{assert_code, post_raw};
use crate::{
    access::token,
    support::{
        cache::{Cache, Setup},
        client::Request,
    },
};

fn shut() -> Setup {
    Cache::setup().config("auth: {tokens: true}")
}

fn with(request: Request, key: &str) -> Request {
    request.field("X-API-Key", key)
}

#[test]
fn a_token_opens_what_its_scopes_name() {
    let cache = shut().start();
    let (up, read) = (
        token(&cache, "files:upload", &[]),
        token(&cache, "files:read", &[]),
    );
    let post = || post_raw("/files", &[], b"by token");
    assert_code(&cache.exchange(&post()), 401, "UNAUTHORIZED");
    assert_code(&cache.exchange(&with(post(), "no token")), 403, "FORBIDDEN");
    assert_code(&cache.exchange(&with(post(), &read)), 403, "FORBIDDEN");
    let created = cache.exchange(&with(post(), &up));
    assert_eq!(created.status(), 201, "{}", created.text());
    let path = format!("/files/{}", created.json()["file_id"].as_str().unwrap());
    assert_code(&cache.get(&path), 401, "UNAUTHORIZED");
    assert_code(
        &cache.exchange(&with(Request::get(&path), &up)),
        403,
        "FORBIDDEN",
    );
    assert_eq!(
        cache.exchange(&with(Request::get(&path), &read)).text(),
        "by token"
    );
    let delete = with(Request::new("DELETE", &path), &read);
    assert_code(&cache.exchange(&delete), 403, "FORBIDDEN");
}

#[test]
fn keys_of_the_files_own_open_files_and_nothing_else() {
    let cache = shut().environment("API_UPLOAD_KEYS", "own").start();
    let created = cache.exchange(&with(post_raw("/files", &[], b"by key"), "own"));
    assert_eq!(created.status(), 201, "{}", created.text());
    let path = format!("/files/{}", created.json()["file_id"].as_str().unwrap());
    assert_eq!(
        cache.exchange(&with(Request::get(&path), "own")).status(),
        200
    );
    assert_code(
        &cache.exchange(&with(Request::get(&path), "other")),
        403,
        "FORBIDDEN",
    );
    let read = token(&cache, "files:read", &[]);
    assert_eq!(
        cache.exchange(&with(Request::get(&path), &read)).status(),
        200
    );
    for path in [
        "/api/stats",
        "/fetch?url=http%3A%2F%2Fexample.com%2F",
        "/runs/x/other",
    ] {
        let status = cache.exchange(&with(Request::get(path), "own")).status();
        assert!(matches!(status, 401 | 404), "{path}: {status}");
    }
}

#[test]
fn a_signed_url_needs_no_token_and_a_forged_one_opens_nothing() {
    let cache = shut().start();
    let up = token(&cache, "files:upload", &[]);
    let sign = Request::new("POST", "/files:sign").body(json!({"scope": "upload"}).to_string());
    assert_code(&cache.exchange(&sign), 401, "UNAUTHORIZED");
    let signed = cache.exchange(&with(sign, &up));
    assert_eq!(signed.status(), 200, "{}", signed.text());
    let path = signed.json()["path"].as_str().unwrap().to_owned();
    assert_eq!(
        cache.exchange(&post_raw(&path, &[], b"signed")).status(),
        201
    );
    let zeros = "0".repeat(64);
    for path in [
        format!("/files/{zeros}?expires=9999999999&signature={zeros}"),
        format!("/runs/r/artifact?signature={zeros}"),
        "/files/0000/info?signature=".to_owned(),
    ] {
        let response = cache.get(&path);
        assert!(
            matches!(response.status(), 401 | 403),
            "{path}: {}",
            response.status()
        );
    }
    let stats = cache.get("/api/stats?signature=x").status();
    assert_eq!(stats, 401);
}
