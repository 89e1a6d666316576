//! How long uploaded files are kept, and finding one by the beginning of its id: for operators.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{assert_code, post_raw, upload};
use crate::support::{
    cache::{Cache, Setup},
    client::{Client, Request},
    origin::Content,
};

fn rules(rules: &str, apply: bool) -> Setup {
    Cache::setup().config(&format!(
        "files: {{expire_interval: 1s, expire: {apply}, retention: [{rules}]}}"
    ))
}

/// Uploads a text with a tag and a key; its id.
#[track_caller]
fn tagged(cache: &Cache, text: &str, tag: &str, key: &str) -> String {
    let request = post_raw(
        &format!("/files?tag={tag}"),
        &[("X-API-Key", key)],
        text.as_bytes(),
    );
    let response = cache.exchange(&request);
    assert_eq!(response.status(), 201, "{}", response.text());
    response.json()["file_id"].as_str().unwrap().to_owned()
}

fn expire(cache: &Cache, body: &str) -> Value {
    let request = Request::new("POST", "/api/v1/files:expire").body(body);
    let response = cache.exchange(&request);
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

fn ids(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().unwrap().iter();
    let mut ids: Vec<_> = items
        .map(|item| item["file_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

fn is_there(cache: &Cache, id: &str) -> bool {
    cache.get(&format!("/files/{id}/info")).status() == 200
}

#[test]
fn a_file_goes_when_its_time_is_over_but_not_what_a_pointer_holds() {
    let cache = rules("{tag: nightly, ttl: 1s}", true).start();
    let kept = upload(&cache, &Content::literal("without a tag"));
    // Before the file is there, so that no look comes in between.
    let pointed = Content::literal("pointed to").sha256().to_string();
    let document = json!({"storage": "data-bank", "file_id": pointed});
    let point = Request::new("PUT", "/runs/r/artifact?force=1").body(document.to_string());
    assert_eq!(cache.exchange(&point).status(), 200);
    assert_eq!(tagged(&cache, "pointed to", "nightly", ""), pointed);
    let other = tagged(&cache, "another tag", "release", "");
    let gone = tagged(&cache, "for a night", "nightly", "");
    cache
        .trace()
        .wait_for("uploaded file expired", |event| event["file_id"] == *gone);
    assert_code(&cache.get(&format!("/files/{gone}")), 404, "NOT_FOUND");
    for id in [&kept, &pointed, &other] {
        assert!(is_there(&cache, id), "{id}");
    }
    // Without its pointer it goes, too.
    assert_eq!(
        cache
            .exchange(&Request::new("DELETE", "/runs/r/artifact"))
            .status(),
        204
    );
    cache.trace().wait_for("uploaded file expired", |event| {
        event["file_id"] == *pointed
    });
    assert_eq!(cache.stats()["total_blobs"], 2);
}

#[test]
fn nothing_goes_by_itself_unless_it_is_told_to() {
    let cache = rules("{ttl: 1s}", false).start();
    let id = tagged(&cache, "only looked at", "a", "");
    cache.trace().wait_for(
        "uploaded files would expire; files.expire removes them",
        |event| event["files"] == 1,
    );
    let seen = expire(&cache, "");
    assert_eq!(
        (&seen["dry_run"], &seen["count"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(ids(&seen), [&*id]);
    assert!(is_there(&cache, &id));
    let done = expire(&cache, r#"{"dry_run": false}"#);
    assert_eq!(
        (&done["dry_run"], &done["count"]),
        (&json!(false), &json!(1))
    );
    assert!(!is_there(&cache, &id));
    for (body, field) in [
        (r#"{"dry_run": 0}"#, "dry_run"),
        (r#"{"dry": true}"#, "dry"),
    ] {
        let request = Request::new("POST", "/api/v1/files:expire").body(body);
        let refused = cache.exchange(&request);
        assert_eq!(refused.status(), 422);
        assert_eq!(refused.json()["detail"][0]["loc"], json!(["body", field]));
    }
}

#[test]
fn keys_and_tags_have_rules_and_the_upload_that_keeps_longest_counts() {
    let key = &Content::literal("ci-key").sha256().to_string()[..8];
    let text = format!("{{tag: t, key: {key}, ttl: 1s}}, {{tag: long, ttl: 30d}}");
    let cache = rules(&text, false)
        .environment("API_UPLOAD_KEYS", "ci-key, other")
        .start();
    let of_key = tagged(&cache, "of the key", "t", "ci-key");
    tagged(&cache, "of another key", "t", "other");
    tagged(&cache, "of both", "t", "ci-key");
    tagged(&cache, "of both", "t", "other");
    tagged(&cache, "for long", "t", "ci-key");
    let for_long = tagged(&cache, "for long", "long", "other");
    cache.trace().wait_for(
        "uploaded files would expire; files.expire removes them",
        |event| event["files"] == 1,
    );
    let ask = Request::new("POST", "/api/v1/files:expire")
        .field("X-API-Key", "other")
        .body("{}");
    assert_eq!(ids(&cache.exchange(&ask).json()), [&*of_key]);
    let look = Request::get(&format!("/api/v1/files/{for_long}")).field("X-API-Key", "other");
    let known = cache.exchange(&look).json();
    assert!(known["expires_at"].is_string(), "{known}");
    let uploads = known["uploads"].as_array().unwrap();
    assert_eq!(uploads.len(), 2);
    assert_eq!(
        (&uploads[0]["tag"], &uploads[0]["key"]),
        (&json!("t"), &json!(key))
    );
    let without = Request::get(&format!("/api/v1/files/{for_long}"));
    assert_code(&cache.exchange(&without), 401, "UNAUTHORIZED");
}

#[test]
fn a_pinned_file_stays() {
    let cache = rules("{ttl: 1s}", true).start();
    let pin = |id: &str| {
        let body = json!({"sha256": id}).to_string();
        let response = cache.exchange(&Request::new("POST", "/api/v1/pins").body(body));
        assert!(response.status() < 300, "{}", response.text());
    };
    let wanted = Content::literal("pinned").sha256().to_string();
    pin(&wanted);
    tagged(&cache, "pinned", "", "");
    let gone = tagged(&cache, "not pinned", "", "");
    cache
        .trace()
        .wait_for("uploaded file expired", |event| event["file_id"] == *gone);
    assert!(is_there(&cache, &wanted));
}

#[test]
fn a_tag_is_a_short_word() {
    let cache = Cache::start();
    for tag in ["a%20b", "%C3%BC", &"x".repeat(65)] {
        let request = post_raw(&format!("/files?tag={tag}"), &[], b"x");
        assert_code(&cache.exchange(&request), 400, "INVALID_INPUT");
    }
    assert_eq!(super::stored(&cache), 0);
}

/// Two texts whose digests begin with the same four digits.
fn alike() -> (String, String) {
    let mut known: HashMap<String, String> = HashMap::new();
    for number in 0.. {
        let text = format!("text {number}");
        let start = Content::literal(&text).sha256().to_string()[..4].to_owned();
        if let Some(other) = known.insert(start, text.clone()) {
            return (other, text);
        }
    }
    unreachable!()
}

#[test]
fn an_operator_finds_a_file_by_the_beginning_of_its_id() {
    let cache = Cache::setup()
        .config("server: {listeners: ['http://127.0.0.1:0?profile=data-bank']}")
        .start();
    let (one, other) = alike();
    let id = upload(&cache, &Content::literal(&one));
    let find = |prefix: &str| cache.get(&format!("/api/v1/files/{prefix}"));
    for length in [4, 5, 12, 63, 64] {
        let found = find(&id[..length].to_uppercase());
        assert_eq!(found.status(), 200, "{length}: {}", found.text());
        let found = found.json();
        assert_eq!(found["file_id"], *id);
        assert_eq!(found["expires_at"], Value::Null);
        assert_eq!(found["pointer"], Value::Null);
    }
    assert_eq!(
        cache.get(&format!("/files/{}", &id[..12])).status(),
        404,
        "for operators only"
    );
    let second = upload(&cache, &Content::literal(&other));
    assert_eq!(find(&id[..4]).status(), 409);
    assert_eq!(find(&second).json()["file_id"], *second);
    let mut of_clients = Client::connect(cache.listener("data-bank"));
    let hidden = of_clients.exchange(&Request::get(&format!("/api/v1/files/{id}")));
    assert_eq!(hidden.status(), 404, "clients have no such route");
    assert_eq!(find("00").status(), 400);
    assert_eq!(find("nothex").status(), 400);
    assert_eq!(find("ffffffffffff").status(), 404);
}
