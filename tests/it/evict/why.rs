//! Asking why: what keeps an artifact, where it stands, what went; pins, and making room by hand.

use serde_json::{Value, json};

use super::{MIB, capped, number, routes};
use crate::support::{
    cache::Cache,
    client::{Request, Response},
    eventually,
    origin::{Content, Origin, Reply},
    percent_encoded,
};

fn post(cache: &Cache, path: &str, document: &Value) -> Response {
    let request = Request::new("POST", path).field("Content-Type", "application/json");
    cache.exchange(&request.body(document.to_string()))
}

fn why(cache: &Cache, url: &str) -> Value {
    let response = cache.get(&format!("/api/v1/why?url={}", percent_encoded(url)));
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

/// Fetches so many other things that everything that may go has gone.
fn press(cache: &Cache, origin: &Origin) {
    let contents = routes(origin, 40, MIB / 2);
    for (seed, content) in contents.iter().enumerate() {
        cache
            .fetch(&origin.url(&format!("/{seed}")))
            .assert_is(content);
    }
    assert!(number(cache, "artifact_cache_evicted_total") > 10);
}

#[test]
fn what_was_evicted_says_so_and_is_in_the_log() {
    let (origin, cache) = (Origin::start(), capped(8 * MIB).start());
    let content = Content::seeded(300, MIB / 4);
    origin.route("/gone", Reply::ok(content.clone()));
    let url = origin.url("/gone");
    cache.fetch(&url).assert_is(&content);
    let before = why(&cache, &url);
    assert_eq!(before["stored"], true, "{before}");
    assert_eq!(before["versions"][0]["can_be_evicted"], true);
    assert_eq!(before["versions"][0]["eviction"]["queue"], "short");
    assert_eq!(before["evictions"], json!([]));
    press(&cache, &origin);
    let after = why(&cache, &url);
    assert_eq!(after["stored"], false, "{after}");
    let evicted = &after["evictions"][0];
    assert_eq!(evicted["sha256"], content.sha256().to_string());
    assert_eq!(evicted["urls"], json!([url]));
    assert_eq!(evicted["reason"], "max_bytes");
    assert_eq!(evicted["size_bytes"], MIB / 4);
    let by_digest = cache.get(&format!("/api/v1/why?sha256={}", content.sha256()));
    assert_eq!(by_digest.json()["evictions"][0], *evicted);
    let first = cache.get("/api/v1/evictions?limit=1").json();
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    let next = first["next_cursor"].as_str().unwrap();
    let second = cache.get(&format!("/api/v1/evictions?limit=200&cursor={next}"));
    let numbers = |page: &Value| page["items"][0]["number"].as_u64().unwrap();
    assert_eq!(numbers(&second.json()), numbers(&first) - 1);
}

#[test]
fn what_is_pinned_by_url_or_digest_stays_until_it_is_unpinned() {
    let (origin, cache) = (Origin::start(), capped(8 * MIB).start());
    let contents = [Content::seeded(301, MIB / 4), Content::seeded(302, MIB / 4)];
    for (path, content) in ["/a", "/b"].iter().zip(&contents) {
        origin.route(path, Reply::ok(content.clone()));
        cache.fetch(&origin.url(path)).assert_is(content);
    }
    let by_url = json!({"url": origin.url("/a"), "note": "release"});
    let by_digest = json!({"sha256": contents[1].sha256().to_string()});
    for pin in [&by_url, &by_digest] {
        let pinned = post(&cache, "/api/v1/pins", pin);
        assert_eq!(pinned.status(), 201, "{}", pinned.text());
    }
    let pins = cache.get("/api/v1/pins").json();
    assert_eq!(pins["items"].as_array().unwrap().len(), 2, "{pins}");
    press(&cache, &origin);
    for path in ["/a", "/b"] {
        let kept = why(&cache, &origin.url(path));
        let keepers = &kept["versions"][0]["kept_by"];
        assert_eq!(keepers[0]["reason"], "pin", "{kept}");
        assert_eq!(kept["versions"][0]["can_be_evicted"], false);
    }
    let path = format!("/api/v1/pins?url={}", percent_encoded(&origin.url("/a")));
    let unpinned = cache.exchange(&Request::new("DELETE", &path));
    assert_eq!(unpinned.status(), 204);
    // What somebody is just done with may count as read for a moment.
    eventually("everything that is not pinned is gone", || {
        let freed = post(&cache, "/api/v1/gc", &json!({"bytes": 1 << 30}));
        assert_eq!(freed.status(), 200, "{}", freed.text());
        cache.stats()["total_items"] == 1
    });
    assert_eq!(why(&cache, &origin.url("/a"))["stored"], false);
    assert_eq!(why(&cache, &origin.url("/b"))["stored"], true);
}

#[test]
fn a_dry_run_tells_what_would_go_and_removes_nothing() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let contents = routes(&origin, 6, MIB);
    for (seed, content) in contents.iter().enumerate() {
        cache
            .fetch(&origin.url(&format!("/{seed}")))
            .assert_is(content);
        // Places are given when artifacts are stored, which may be in another order.
        cache.stats();
    }
    assert_eq!(cache.stats()["total_items"], 6);
    let wanted = json!({"bytes": 2 * MIB, "dry_run": true});
    // What somebody is just done with may count as read for a moment.
    let oldest = [0, 1].map(|seed: usize| contents[seed].sha256().to_string());
    eventually("the two oldest would go", || {
        let foreseen = post(&cache, "/api/v1/gc", &wanted).json();
        let items = foreseen["items"].as_array().unwrap();
        let digests = items.iter().map(|item| item["sha256"].as_str().unwrap());
        digests.eq(oldest.iter().map(String::as_str))
    });
    assert_eq!(cache.stats()["total_items"], 6);
    let done = post(&cache, "/api/v1/gc", &json!({"bytes": 2 * MIB})).json();
    assert_eq!(done["evicted"]["blobs"], 2, "{done}");
    assert_eq!(cache.stats()["total_items"], 4);
}

#[test]
fn bad_questions_are_refused() {
    let cache = Cache::start();
    for path in [
        "/api/v1/why",
        "/api/v1/why?url=nonsense",
        "/api/v1/why?sha256=12",
        "/api/v1/evictions?limit=0",
        "/api/v1/evictions?cursor=7",
    ] {
        let refused = cache.get(path);
        assert_eq!(refused.status(), 422, "{path}: {}", refused.text());
        assert_eq!(refused.json()["error"], "invalid_parameter", "{path}");
    }
    assert_eq!(cache.get("/api/v1/why?x=1").status(), 400);
    for (path, document) in [
        ("/api/v1/pins", json!({})),
        (
            "/api/v1/pins",
            json!({"url": "http://example.com/", "sha256": "00"}),
        ),
        ("/api/v1/gc", json!({"byte": 1})),
        ("/api/v1/purge", json!({})),
        ("/api/v1/purge", json!({"prefix": ""})),
        ("/api/v1/purge", json!({"urls": ["x"], "soft": true})),
    ] {
        assert_eq!(
            post(&cache, path, &document).status(),
            422,
            "{path} {document}"
        );
    }
    let wrong = post(&cache, "/api/v1/why", &json!({}));
    assert_eq!(
        (wrong.status(), wrong.value("allow")),
        (405, Some("GET, HEAD"))
    );
}
