//! Hits that are given again without a second look: whatever changes what a request gets is seen by the
//! very next one, and every hit counts.

use crate::{
    fetch::assert_served,
    support::{
        cache::{Cache, fetch_path},
        client::Request,
        origin::{Content, Origin, Reply},
    },
};

/// Enough for the artifact to be in memory and its answer to be known.
const HOT: usize = 6;

fn hot(cache: &Cache, url: &str, content: &Content) {
    for _ in 0..HOT {
        cache.fetch(url).assert_is(content);
    }
}

#[test]
fn an_artifact_that_was_deleted_is_a_miss_at_once() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let (old, new) = (Content::literal("old"), Content::literal("new"));
    origin.route("/a", Reply::ok(old.clone()));
    let url = origin.url("/a");
    hot(&cache, &url, &old);
    origin.route("/a", Reply::ok(new.clone()));
    let listed = cache.get("/api/artifacts").json();
    let path = format!("/api/artifacts/{}", listed["items"][0]["id"]);
    assert_eq!(cache.exchange(&Request::new("DELETE", &path)).status(), 204);
    let next = cache.fetch(&url);
    assert_served(&next, "MISS", &new);
}

#[test]
fn every_hit_counts() {
    let (mut cache, origin) = (Cache::start(), Origin::start());
    let content = Content::literal("counted");
    origin.route("/a", Reply::ok(content.clone()));
    hot(&cache, &origin.url("/a"), &content);
    hot(&cache, &origin.url("/a"), &content);
    let hits = u64::try_from(2 * HOT - 1).unwrap();
    cache.terminate();
    cache.restart();
    assert_eq!(cache.stats()["total_accesses"], hits);
}

#[test]
fn a_request_with_other_fields_gets_its_own_answer() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::literal("0123456789");
    origin.route("/a", Reply::ok(content.clone()));
    let url = origin.url("/a");
    hot(&cache, &url, &content);
    let get = |field| cache.exchange(&Request::get(&fetch_path(&url)).fields(&[field]));
    let part = get(("Range", "bytes=2-4"));
    assert_eq!((part.status(), part.text().as_str()), (206, "234"));
    let etag = cache.fetch(&url).value("etag").unwrap().to_owned();
    assert_eq!(get(("If-None-Match", &etag)).status(), 304);
}

#[test]
fn a_proxied_response_is_not_given_again_once_it_is_invalidated() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = |text| Reply::ok(Content::literal(text)).field("Cache-Control", "max-age=600");
    let (old, new) = (reply("old"), reply("new"));
    origin.script("/a", move |request, nth| match &*request.method {
        "GET" if nth == 0 => old.clone(),
        _ => new.clone(),
    });
    let url = origin.url("/a");
    for _ in 0..HOT {
        assert_eq!(cache.proxy_get(&url, &[]).text(), "old");
    }
    cache.exchange(&Request::new("POST", &url).body("x"));
    assert_eq!(cache.proxy_get(&url, &[]).text(), "new");
}
