//! That the pages stand at one door only, and that nothing that came through another becomes part of them.

use crate::support::{
    cache::{Cache, fetch_path},
    client::{Client, Request},
    origin::{Content, Origin, Reply},
};

const TITLE: &str = "– artifact-cache</title>";

#[test]
fn listeners_for_one_part_have_no_pages() {
    let cache = Cache::setup()
        .config("server: {listeners: ['http://127.0.0.1:0?profile=registry', 'http://127.0.0.1:0?profile=data-bank', 'http://127.0.0.1:0?profile=resolve']}")
        .start();
    let mut addresses = vec![cache.metrics_address()];
    addresses.extend(["registry", "data-bank", "resolve"].map(|name| cache.listener(name)));
    for address in addresses {
        for path in ["/ui", "/ui/", "/ui/assets/ui.css", "/ui/login"] {
            let response = Client::connect(address).exchange(&Request::get(path));
            assert_eq!(response.status(), 404, "{path} at {address}");
        }
    }
    assert_eq!(cache.get("/ui").value("location"), Some("/ui/"));
}

#[test]
fn a_path_of_another_host_is_that_hosts() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/ui/", Reply::ok(Content::literal("the origin's own")));
    let proxied = cache.proxy_get(&origin.url("/ui/"), &[]);
    assert_eq!(proxied.text(), "the origin's own");
    let fetched = cache.fetch(&origin.url("/ui/"));
    assert_eq!(fetched.text(), "the origin's own");
    // By our own name it is ours, in either form.
    let own = format!("http://{}/ui/", cache.address());
    assert!(cache.proxy_get(&own, &[]).text().contains(TITLE));
}

#[test]
fn nobody_has_the_pages_fetched_for_them() {
    let cache = Cache::start();
    let own = format!("http://{}/ui/", cache.address());
    for path in [
        fetch_path(&own),
        format!("/fetch/http/{}/ui/", cache.address()),
    ] {
        let refused = cache.get(&path);
        assert_eq!(refused.status(), 403, "{path}");
        assert!(!refused.text().contains(TITLE));
    }
    for path in [
        "//ui/",
        "/ui%2f",
        "/UI/",
        "/x/../ui/",
        "/ui/../ui/",
        "/ui//",
    ] {
        let response = cache.get(path);
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[test]
fn what_a_script_or_a_frame_asks_for_is_no_page() {
    let cache = Cache::start();
    for dest in [
        "empty",
        "iframe",
        "frame",
        "embed",
        "object",
        "script",
        "serviceworker",
    ] {
        let request = Request::get("/ui/").field("Sec-Fetch-Dest", dest);
        assert_eq!(cache.exchange(&request).status(), 403, "{dest}");
    }
    let person = Request::get("/ui/").field("Sec-Fetch-Dest", "document");
    assert_eq!(cache.exchange(&person).status(), 200);
}

#[test]
fn a_page_among_the_artifacts_runs_no_script_of_ours() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let page =
        Reply::ok(Content::literal("<script>alert(1)</script>")).field("Content-Type", "text/html");
    origin.route("/evil.html", page);
    let path = fetch_path(&origin.url("/evil.html"));
    for _ in 0..2 {
        let shown = cache.exchange(&Request::get(&path).field("Sec-Fetch-Dest", "document"));
        assert_eq!(shown.status(), 200);
        assert_eq!(shown.value("content-security-policy"), Some("sandbox"));
        let plain = cache.exchange(&Request::get(&path).field("Accept", "text/html,*/*;q=0.8"));
        assert_eq!(plain.value("content-security-policy"), Some("sandbox"));
        let downloaded = cache.get(&path);
        assert_eq!(
            downloaded.value("content-security-policy"),
            None,
            "for programs it is as it came"
        );
    }
    let worker = Request::get(&path).field("Sec-Fetch-Dest", "serviceworker");
    assert_eq!(cache.exchange(&worker).status(), 403);
    let proxied = Request::get(&origin.url("/evil.html")).field("Sec-Fetch-Dest", "serviceworker");
    let proxied = cache.exchange(&proxied);
    assert_eq!(
        (proxied.status(), proxied.value("content-security-policy")),
        (200, None),
        "another host's is not our origin"
    );
}

#[test]
fn a_page_of_another_site_cannot_manage_a_cache_that_asks_for_no_token() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(Content::literal("a")));
    cache.fetch(&origin.url("/a"));
    let purge = |fields: &[(&str, &str)]| {
        let request = Request::new("POST", "/api/v1/purge").fields(fields);
        cache
            .exchange(&request.body("{\"prefix\":\"http\"}"))
            .status()
    };
    assert_eq!(
        purge(&[
            ("Sec-Fetch-Site", "cross-site"),
            ("Origin", "http://evil.example")
        ]),
        403
    );
    assert_eq!(purge(&[("Sec-Fetch-Site", "same-site")]), 403);
    assert_eq!(purge(&[("Origin", "null")]), 403);
    assert_eq!(cache.stats()["total_items"], 1);
    assert_eq!(purge(&[]), 200, "a program is no page");
    assert_eq!(cache.stats()["total_items"], 0);
}
