//! Scoped keys: none is 401, a wrong one 403, and a permission without keys is everybody's.

use super::{assert_code, post_raw};
use crate::support::{
    cache::{Cache, Setup},
    client::Request,
};

fn keys(names: &[(&str, &str)]) -> Setup {
    let setup = Cache::setup();
    names
        .iter()
        .fold(setup, |setup, (name, keys)| setup.environment(name, keys))
}

fn with_key(request: Request, key: &str) -> Request {
    request.field("X-API-Key", key)
}

#[test]
fn every_permission_has_its_keys() {
    let cache = keys(&[
        ("API_UPLOAD_KEYS", "up-1, up-2"),
        ("API_READ_KEYS", "read-1"),
        ("API_DELETE_KEYS", "del-1"),
    ])
    .start();
    let post = || post_raw("/files", &[], b"guarded");
    let unauthorized = cache.exchange(&post());
    assert_code(&unauthorized, 401, "UNAUTHORIZED");
    assert!(unauthorized.value("www-authenticate").is_some());
    for key in ["read-1", "del-1", "up-", "up-1, up-2", "UP-1"] {
        assert_code(&cache.exchange(&with_key(post(), key)), 403, "FORBIDDEN");
    }
    let created = cache.exchange(&with_key(post(), "up-2"));
    assert_eq!(created.status(), 201);
    let id = created.json()["file_id"].as_str().unwrap().to_owned();
    let path = format!("/files/{id}");
    for target in [
        path.clone(),
        format!("{path}/info"),
        "/runs/r/artifact".into(),
    ] {
        assert_code(&cache.get(&target), 401, "UNAUTHORIZED");
        let wrong = with_key(Request::get(&target), "up-1");
        assert_code(&cache.exchange(&wrong), 403, "FORBIDDEN");
    }
    let read = Request::get(&path).field("Authorization", "Bearer read-1");
    assert_eq!(cache.exchange(&read).text(), "guarded");
    let delete = || Request::new("DELETE", &path);
    assert_code(
        &cache.exchange(&with_key(delete(), "up-1")),
        403,
        "FORBIDDEN",
    );
    assert_eq!(cache.exchange(&with_key(delete(), "del-1")).status(), 204);
    let log = cache.trace().lines().join("\n");
    assert!(
        !log.contains("up-2") && !log.contains("del-1"),
        "keys are never logged"
    );
}

#[test]
fn reading_and_deleting_take_the_keys_of_uploading() {
    let cache = keys(&[("API_UPLOAD_KEYS", "only")]).start();
    let created = cache.exchange(&with_key(post_raw("/files", &[], b"x"), "only"));
    let path = format!("/files/{}", created.json()["file_id"].as_str().unwrap());
    for method in ["GET", "DELETE"] {
        assert_code(
            &cache.exchange(&Request::new(method, &path)),
            401,
            "UNAUTHORIZED",
        );
        let wrong = with_key(Request::new(method, &path), "other");
        assert_code(&cache.exchange(&wrong), 403, "FORBIDDEN");
    }
    assert_eq!(
        cache
            .exchange(&with_key(Request::get(&path), "only"))
            .status(),
        200
    );
}

#[test]
fn a_permission_without_any_key_is_open() {
    let cache = keys(&[("API_READ_KEYS", "reader")]).start();
    let created = cache.exchange(&post_raw("/files", &[], b"open to upload"));
    assert_eq!(created.status(), 201);
    let path = format!("/files/{}", created.json()["file_id"].as_str().unwrap());
    assert_code(&cache.get(&path), 401, "UNAUTHORIZED");
    assert_eq!(cache.exchange(&Request::new("DELETE", &path)).status(), 204);
}

#[test]
fn a_refused_upload_is_refused_before_its_bytes_are_read() {
    let cache = keys(&[("API_UPLOAD_KEYS", "k")]).start();
    let mut client = cache.client();
    client.send(b"POST /files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response("POST").status(), 401);
}
