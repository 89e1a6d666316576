//! Refreshing: what an origin confirms, changes, loses; by URL, by prefix, by command.

use serde_json::json;

use super::*;
use crate::fetch::assert_error;

const REFRESH: &str = "/api/v1/refresh";

/// An origin of four artifacts: one that changes, one that does not, one that goes, and one that by the rules of
/// proxies nobody may keep, but which is asked for by name. And a fifth one that nobody has asked for.
fn origin_of([old, new, steady]: [&Content; 3]) -> Origin {
    let origin = Origin::start();
    let never = |content: &Content| Reply::ok(content.clone()).field("Cache-Control", "no-store");
    let changed = [(old, "\"v1\""), (new, "\"v2\"")];
    let changed = changed.map(|(content, tag)| Reply::file(content.clone(), tag));
    origin.sequence("/changed", changed);
    origin.route("/steady", Reply::file(steady.clone(), "\"s\""));
    origin.sequence("/gone", [Reply::ok(old.clone()), Reply::status(404)]);
    origin.sequence("/never", [never(old), never(new)]);
    origin.route("/new", Reply::ok(new.clone()));
    origin
}

#[test]
fn what_changed_is_fetched_and_what_did_not_is_confirmed() {
    let [old, new, steady] =
        [(1, 1000), (2, 1100), (3, 1200)].map(|(n, len)| Content::seeded(n, len));
    let (origin, cache) = (origin_of([&old, &new, &steady]), Cache::start());
    let urls = ["/changed", "/steady", "/gone", "/never"].map(|path| origin.url(path));
    for url in &urls {
        assert_eq!(cache.fetch(url).status(), 200);
    }
    let mut asked = urls.to_vec();
    asked.push(origin.url("/new"));
    let job = finished(&cache, REFRESH, &json!({"urls": asked}));
    let report = json!({"confirmed": 1, "changed": 2, "same": 0, "new": 1});
    assert_eq!(
        (&job["report"], &job["failed"]),
        (&report, &json!(1)),
        "{job}"
    );
    assert_eq!(job["failures"][0]["subject"], origin.url("/gone"));
    for (path, content) in [
        ("/changed", &new),
        ("/steady", &steady),
        ("/gone", &old),
        ("/never", &new),
        ("/new", &new),
    ] {
        let response = cache.fetch(&origin.url(path));
        response.assert_is(content);
        assert_eq!(response.value("x-cache-status"), Some("HIT"), "{path}");
    }
    let conditional = origin.requests_for("/steady");
    assert_eq!(conditional[1].value("if-none-match"), Some("\"s\""));
    assert_eq!(origin.hits("/steady"), 2);
    let url = crate::support::percent_encoded(&urls[0]);
    let pinned = format!("url={url}&sha256={}", old.sha256());
    cache.fetch_with(&pinned, &[]).assert_is(&old);
}

#[test]
fn an_origin_that_is_gone_takes_nothing_away() {
    let (mut origin, cache) = (Origin::start(), Cache::start());
    let contents = fill(&origin, &cache, 3, 1000);
    origin.stop();
    let job = finished(
        &cache,
        REFRESH,
        &json!({"host": origin.address().to_string()}),
    );
    assert_eq!(
        (&job["state"], &job["failed"]),
        (&json!("done"), &json!(3)),
        "{job}"
    );
    for (n, content) in contents.iter().enumerate() {
        cache
            .fetch(&origin.url(&format!("/{n}")))
            .assert_is(content);
    }
}

#[test]
fn a_prefix_is_refreshed_in_pages_and_nothing_else_is() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let content = Content::seeded(1, 10);
    origin.route("*", Reply::file(content.clone(), "\"v\""));
    let paths: Vec<String> = (0..250).map(|n| format!("/a/{n}")).collect();
    let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    finished(
        &cache,
        "/api/v1/warm",
        &json!({"urls": urls, "parallel": 16}),
    );
    cache.fetch(&origin.url("/b")).assert_is(&content);
    cache.stats();
    let document = json!({"prefix": origin.url("/a/"), "parallel": 16});
    let job = finished(&cache, REFRESH, &document);
    assert_eq!(
        (&job["report"]["confirmed"], &job["failed"]),
        (&json!(250), &json!(0)),
        "{job}"
    );
    assert!(paths.iter().all(|path| origin.hits(path) == 2));
    assert_eq!(origin.hits("/b"), 1);
}

#[test]
fn the_command_line_refreshes_and_bad_questions_are_refused() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let (old, new) = (Content::seeded(1, 10), Content::seeded(2, 10));
    origin.sequence("/a", [Reply::ok(old.clone()), Reply::ok(new.clone())]);
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&old);
    let (code, text, _) = run(&cache, &["refresh", &url]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("changed         1"), "{text}");
    cache.fetch(&url).assert_is(&new);
    assert_eq!(run(&cache, &["refresh"]).0, 64);
    for document in [
        json!({}),
        json!({"urls": ["x"]}),
        json!({"urls": [], "host": "h"}),
        json!({"prefix": ""}),
    ] {
        assert_error(&post(&cache, REFRESH, &document), 422, "invalid_parameter");
    }
}
