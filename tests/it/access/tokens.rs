//! The life of a token: made by the operator or an administrator, kept as a digest, used, expired, ended.

use std::fs;

use serde_json::{Value, json};

use super::{assert_refused, command, get_with, operate, shut, token};
use crate::support::{
    cache::Cache,
    client::{Request, Response},
    eventually,
};

fn post(cache: &Cache, key: &str, body: &str) -> Response {
    let request = Request::new("POST", "/api/v1/tokens").field("X-API-Key", key);
    cache.exchange(&request.body(body))
}

#[test]
fn a_token_is_made_listed_and_revoked_while_the_cache_runs() {
    let cache = shut().start();
    let token = token(&cache, "admin:read", &[]);
    assert_eq!(get_with(&cache, "/api/stats", &token).status(), 200);

    let listed = operate(&cache, &["ls"]);
    let item = &listed["items"][0];
    assert_eq!(item["name"], "test");
    assert_eq!(item["scopes"], json!(["admin:read"]));
    assert!(item["last_used_at"].is_string() && item["expires_at"].is_null());
    assert_eq!(
        listed["items"].as_array().unwrap().len(),
        1,
        "the operator's own is not listed"
    );
    let id = item["id"].as_str().unwrap();
    assert!(token.starts_with(&format!("ac_{id}_")));
    let secret = token.rsplit('_').next().unwrap();
    assert!(!listed.to_string().contains(secret));

    operate(&cache, &["revoke", id]);
    assert_refused(&get_with(&cache, "/api/stats", &token), 401, "unauthorized");
    let again = command(&["revoke", id])
        .arg("--data")
        .arg(cache.data())
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(2));
}

#[test]
fn tokens_are_made_while_the_cache_is_stopped_and_outlive_it() {
    let mut cache = shut().start();
    cache.terminate();
    let made = token(&cache, "admin:read", &[]);
    cache.restart();
    assert_eq!(get_with(&cache, "/api/stats", &made).status(), 200);
    let used = |cache: &Cache| operate(cache, &["ls"])["items"][0]["last_used_at"].clone();
    let before = used(&cache);
    assert!(before.is_string());
    cache.terminate();
    assert_eq!(
        used(&cache),
        before,
        "an orderly end writes when tokens were used"
    );
    cache.restart();
    assert_eq!(get_with(&cache, "/api/stats", &made).status(), 200);
    operate(&cache, &["revoke", &made[3..15]]);
    cache.kill9();
    cache.restart();
    assert_refused(&get_with(&cache, "/api/stats", &made), 401, "unauthorized");
}

#[test]
fn nothing_on_disk_and_nothing_in_the_log_gives_a_token_back() {
    let mut cache = shut().flags(&["--log-level", "trace"]).start();
    let token = token(&cache, "admin:read", &[]);
    get_with(&cache, "/api/stats", &token);
    let proxied = [("Proxy-Authorization", format!("Bearer {token}"))];
    cache.proxy_get("http://example.invalid/", &[(proxied[0].0, &proxied[0].1)]);
    cache.terminate();
    let secret = token.rsplit('_').next().unwrap();
    let log = cache.trace().lines().concat();
    assert!(!log.contains(secret));
    let mut files = vec![cache.data().to_owned()];
    let mut read = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            let bytes = fs::read(&path).unwrap();
            let has = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!has, "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 1);
}

#[test]
fn the_operators_note_is_the_owners_alone_and_ends_with_the_process() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut cache = shut().start();
    let path = cache.data().join("catalog/operator");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let note: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let old = note["token"].as_str().unwrap().to_owned();
    assert_eq!(get_with(&cache, "/api/stats", &old).status(), 200);
    cache.terminate();
    assert!(!path.exists());
    cache.restart();
    assert_refused(&get_with(&cache, "/api/stats", &old), 401, "unauthorized");
}

#[test]
fn a_token_expires_by_itself() {
    let cache = shut().start();
    let token = token(&cache, "admin:read", &["--expires", "1s"]);
    let mut last = get_with(&cache, "/api/stats", &token);
    eventually("it has expired", || {
        last = get_with(&cache, "/api/stats", &token);
        last.status() == 401
    });
    assert!(last.json()["reason"].as_str().unwrap().contains("expired"));
}

#[test]
fn administrators_make_tokens_through_the_api_and_others_do_not() {
    let cache = shut().start();
    let (admin, reader) = (
        token(&cache, "admin:write", &[]),
        token(&cache, "admin:read", &[]),
    );
    let wish = r#"{"name": "ci", "scopes": ["fetch", "files:*"], "expires_in_seconds": 3600}"#;
    assert_refused(&post(&cache, &reader, wish), 403, "forbidden");
    let created = post(&cache, &admin, wish);
    assert_eq!(created.status(), 201, "{created:?}");
    assert_eq!(created.value("cache-control"), Some("no-store"));
    let created = created.json();
    let scopes = json!(["fetch", "files:read", "files:upload", "files:delete"]);
    assert_eq!(created["scopes"], scopes);
    assert!(created["expires_at"].is_string());
    let id = created["id"].as_str().unwrap();
    let revoke = Request::new("DELETE", &format!("/api/v1/tokens/{id}"));
    assert_refused(
        &cache.exchange(&revoke.clone().field("X-API-Key", &reader)),
        403,
        "forbidden",
    );
    let revoke = revoke.field("X-API-Key", &admin);
    assert_eq!(cache.exchange(&revoke).status(), 204);
    assert_refused(&cache.exchange(&revoke), 404, "not_found");
}

#[test]
fn a_wish_that_means_nothing_is_refused_with_its_reason() {
    let cache = shut().start();
    let admin = token(&cache, "admin:write", &[]);
    let long = format!(r#"{{"name": "{}", "scopes": ["fetch"]}}"#, "x".repeat(201));
    let huge = "x".repeat(100_000);
    for (body, parameter) in [
        ("", "body"),
        ("{", "body"),
        (r#"{"scopes": ["fetch"], "scope": 1}"#, "body"),
        (r#"{"scopes": []}"#, "scopes"),
        (r#"{"scopes": ["fetsch"]}"#, "scopes"),
        (r#"{"scopes": ["fetch"], "targets": ["a b"]}"#, "targets"),
        (
            r#"{"scopes": ["fetch"], "expires_in_seconds": 0}"#,
            "expires_in_seconds",
        ),
        (
            r#"{"scopes": ["fetch"], "expires_in_seconds": 18446744073709551615}"#,
            "expires_in_seconds",
        ),
        (&long, "name"),
        (&huge, "body"),
    ] {
        let answer = post(&cache, &admin, body);
        assert_refused(&answer, 422, "invalid_parameter");
        assert_eq!(answer.json()["parameter"], parameter, "{body:.60}");
    }
    assert_eq!(
        operate(&cache, &["ls"])["items"].as_array().unwrap().len(),
        1
    );
    let wrong = command(&["create", "--scope", "fetsch"])
        .arg("--data")
        .arg(cache.data())
        .output();
    assert_ne!(wrong.unwrap().status.code(), Some(0));
}

#[test]
fn hostile_credentials_are_refused_and_harm_nobody() {
    let cache = shut().start();
    let good = token(&cache, "admin:read", &[]);
    let long = "x".repeat(8000);
    for (name, value) in [
        ("Authorization", "Basic"),
        ("Authorization", "Basic ////"),
        ("Authorization", "Bearer "),
        ("Authorization", "Negotiate x"),
        ("Authorization", &long),
        ("X-API-Key", ""),
        ("X-API-Key", "ac__"),
        ("X-API-Key", &good[..good.len() - 1]),
        ("X-API-Key", &format!("{good}0")),
        (
            "X-API-Key",
            &format!("ac_{}_{}", "0".repeat(12), &good[16..]),
        ),
    ] {
        let answer = cache.exchange(&Request::get("/api/stats").field(name, value));
        assert_refused(&answer, 401, "unauthorized");
    }
    let oversized = "x".repeat(70_000);
    for (value, status) in [("Basic", 407), (&*long, 407), (&*oversized, 431)] {
        let fields = [("Proxy-Authorization", value)];
        let answer = cache.proxy_get("http://127.0.0.1:1/a", &fields);
        assert_eq!(answer.status(), status);
    }
    assert_eq!(get_with(&cache, "/api/stats", &good).status(), 200);
}
