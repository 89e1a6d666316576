//! `/cas/sha256/<hex>`: stored bytes by their digest alone.

use crate::{
    fetch::{assert_error, assert_served},
    support::{
        cache::Cache,
        client::{End, Request},
        origin::{Content, Origin, Reply},
    },
};

fn stored() -> (Origin, Cache, Content, String) {
    let (origin, cache) = (Origin::start(), Cache::start());
    let content = Content::seeded(11, 300_000);
    origin.route("/a", Reply::ok(content.clone()));
    cache.fetch(&origin.url("/a")).assert_is(&content);
    let path = format!("/cas/sha256/{}", content.sha256());
    (origin, cache, content, path)
}

#[test]
fn stored_bytes_are_served_by_their_digest() {
    let (mut origin, cache, content, path) = stored();
    // At once, while the artifact may still be on its way to the disk.
    assert_served(&cache.get(&path), "HIT", &content);
    origin.stop();
    assert_served(&cache.get(&path), "HIT", &content);
    assert_served(
        &cache.get(&path.to_uppercase().replace("/CAS/SHA256", "/cas/sha256")),
        "HIT",
        &content,
    );
    let head = cache.exchange(&Request::new("HEAD", &path));
    assert_eq!((head.status(), head.end), (200, End::NoBody));
    assert_eq!(head.head.value("content-length"), Some("300000"));
}

#[test]
fn parts_and_conditions_work_as_everywhere() {
    let (_origin, cache, content, path) = stored();
    let part = cache.exchange(&Request::get(&path).field("Range", "bytes=1000-1999"));
    assert_eq!(part.status(), 206);
    assert_eq!(part.sha256, content.sha256_of(1000, 2000));
    let etag = format!("\"sha256:{}\"", content.sha256());
    let same = cache.exchange(&Request::get(&path).field("If-None-Match", &etag));
    assert_eq!(same.status(), 304);
}

#[test]
fn an_earlier_version_is_served_as_well() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let (old, new) = (Content::seeded(1, 1000), Content::seeded(2, 1000));
    origin.sequence(
        "/a",
        [
            Reply::file(old.clone(), "\"1\""),
            Reply::file(new.clone(), "\"2\""),
        ],
    );
    cache.fetch(&origin.url("/a")).assert_is(&old);
    let pinned = format!("{}#sha256={}", origin.url("/a"), new.sha256());
    cache.fetch(&pinned).assert_is(&new);
    for content in [old, new] {
        let path = format!("/cas/sha256/{}", content.sha256());
        assert_served(&cache.get(&path), "HIT", &content);
    }
}

#[test]
fn what_is_not_stored_is_not_found_and_what_is_no_digest_is_refused() {
    let cache = Cache::start();
    let unknown = format!("/cas/sha256/{}", "0".repeat(64));
    assert_error(&cache.get(&unknown), 404, "not_found");
    for text in [
        "",
        "abc",
        &"g".repeat(64),
        &"0".repeat(65),
        "../../etc/passwd",
    ] {
        let response = cache.get(&format!("/cas/sha256/{text}"));
        assert!(matches!(response.status(), 400 | 404), "{text}");
        assert_eq!(response.value("content-type"), Some("application/json"));
    }
    let response = cache.exchange(&Request::new("DELETE", &unknown));
    assert_error(&response, 405, "method_not_allowed");
    assert_eq!(response.value("allow"), Some("GET, HEAD"));
}
