//! What a change at the origin throws out (RFC 9111 §4.4).

use crate::support::{
    cache::Cache,
    client::Request,
    origin::{Content, Origin, Reply},
};

/// Stores a response under each path; later requests get another body.
fn stored(cache: &Cache, origin: &Origin, paths: &[&str]) {
    for path in paths {
        let reply =
            |text: &str| Reply::ok(Content::literal(text)).field("Cache-Control", "max-age=60");
        let (old, new) = (reply("old"), reply("new"));
        origin.script(path, move |request, nth| match &*request.method {
            "GET" if nth == 0 => old.clone(),
            _ => new.clone(),
        });
        let first = cache.proxy_get(&origin.url(path), &[]);
        first.assert_is(&Content::literal("old"));
    }
}

fn is_old(cache: &Cache, url: &str) -> bool {
    cache.proxy_get(url, &[]).text() == "old"
}

#[test]
fn an_unsafe_request_that_succeeds_invalidates_its_target() {
    let (cache, origin) = (Cache::start(), Origin::start());
    for (path, method) in [
        ("/1", "POST"),
        ("/2", "PUT"),
        ("/3", "DELETE"),
        ("/4", "PATCH"),
        ("/5", "UNHEARD-OF"),
    ] {
        stored(&cache, &origin, &[path]);
        let url = origin.url(path);
        assert!(is_old(&cache, &url));
        cache.exchange(&Request::new(method, &url).body("x"));
        assert!(!is_old(&cache, &url), "{method}");
    }
}

#[test]
fn safe_and_failed_requests_invalidate_nothing() {
    let (cache, origin) = (Cache::start(), Origin::start());
    stored(&cache, &origin, &["/a"]);
    let url = origin.url("/a");
    for (method, status) in [
        ("OPTIONS", 200),
        ("POST", 403),
        ("PUT", 500),
        ("DELETE", 404),
    ] {
        origin.script("/a", move |_, _| Reply::status(status));
        cache.exchange(&Request::new(method, &url));
        assert!(is_old(&cache, &url), "{method} {status}");
    }
}

#[test]
fn what_was_changed_elsewhere_on_the_same_origin_goes_too() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let other = Origin::start();
    stored(&cache, &origin, &["/list", "/item", "/kept"]);
    stored(&cache, &other, &["/item"]);
    let (here, there) = (origin.url("/item"), other.url("/item"));
    origin.script("/submit", move |_, nth| {
        let reply = Reply::status(201).field("Content-Location", "list");
        reply.field("Location", if nth == 0 { &here } else { &there })
    });
    for _ in 0..2 {
        cache.exchange(&Request::new("POST", &origin.url("/submit")));
    }
    assert!(!is_old(&cache, &origin.url("/list")));
    assert!(!is_old(&cache, &origin.url("/item")));
    assert!(is_old(&cache, &origin.url("/kept")));
    assert!(is_old(&cache, &other.url("/item")));
}

#[test]
fn an_invalidated_response_may_still_be_confirmed() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = Reply::file(Content::literal("same"), "\"v1\"");
    origin.route("/a", reply.field("Cache-Control", "max-age=60"));
    let url = origin.url("/a");
    cache.proxy_get(&url, &[]);
    cache.exchange(&Request::new("POST", &url));
    let confirmed = cache.proxy_get(&url, &[]);
    confirmed.assert_is(&Content::literal("same"));
    let status = confirmed.value("cache-status").unwrap();
    assert!(status.contains("fwd-status=304"), "{status}");
    let hit = cache.proxy_get(&url, &[]);
    assert!(hit.value("cache-status").unwrap().contains("; hit; ttl="));
}

#[test]
fn a_change_right_after_a_download_is_not_lost() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let mut client = cache.client();
    for number in 0..50 {
        let path = format!("/{number}");
        let url = origin.url(&path);
        let reply =
            |text: &str| Reply::ok(Content::literal(text)).field("Cache-Control", "max-age=60");
        let (old, new) = (reply("old"), reply("new"));
        origin.script(&path, move |_, nth| {
            if nth == 0 { &old } else { &new }.clone()
        });
        let get = Request::get(&url);
        client.exchange(&get).assert_is(&Content::literal("old"));
        client.exchange(&Request::new("POST", &url));
        client.exchange(&get).assert_is(&Content::literal("new"));
    }
}
