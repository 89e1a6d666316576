//! `/mirror/<name>/…`: prefixes of our own that stand for upstream base URLs, by the proxy's rules.

use crate::support::{
    cache::{Cache, Setup},
    client::Request,
    origin::{Content, Origin, Reply},
};

const FRESH: &str = "max-age=60";

fn settings(origin: &Origin, more: &str) -> String {
    format!(
        "mirror:\n  upstreams: [\"up={}\", \"sub={}\"]\n{more}",
        origin.url("/base"),
        origin.url("/base/sub/")
    )
}

fn mirroring(origin: &Origin) -> Setup {
    // Nothing is allowed but by being configured.
    Cache::setup()
        .config(&settings(origin, ""))
        .allow_cidrs(&[])
}

fn fresh(body: &str) -> Reply {
    Reply::ok(Content::literal(body)).field("Cache-Control", FRESH)
}

#[test]
fn a_path_of_a_mirror_is_answered_with_what_its_base_has_there_byte_for_byte() {
    let origin = Origin::start();
    let content = Content::seeded(7, 300_000);
    let reply = Reply::file(content.clone(), "\"v1\"").field("Cache-Control", FRESH);
    origin.route("/base/pool/a%2Bb_1.0~x.deb", reply);
    let cache = mirroring(&origin).start();
    for status in ["fwd=uri-miss", "hit"] {
        let response = cache.get("/mirror/up/pool/a%2Bb_1.0~x.deb?q=%20");
        response.assert_is(&content);
        assert!(response.value("cache-status").unwrap().contains(status));
        assert_eq!(response.value("etag"), Some("\"v1\""));
    }
    assert_eq!(origin.requests().len(), 1);
    let received = &origin.requests()[0];
    assert_eq!(received.target, "/base/pool/a%2Bb_1.0~x.deb?q=%20");
    assert_eq!(received.values("host"), [origin.address().to_string()]);
    let range = [("Range", "bytes=10-19")];
    let path = "/mirror/up/pool/a%2Bb_1.0~x.deb?q=%20";
    let part = cache.exchange(&Request::get(path).fields(&range));
    assert_eq!(
        (part.status(), part.text().into_bytes()),
        (
            206,
            String::from_utf8_lossy(&content.slice(10, 20))
                .into_owned()
                .into_bytes()
        )
    );
}

#[test]
fn mirror_and_proxy_share_what_is_stored() {
    let origin = Origin::start();
    origin.route("/base/a", fresh("artifact"));
    let cache = Cache::setup().config(&settings(&origin, "")).start();
    cache
        .get("/mirror/up/a")
        .assert_is(&Content::literal("artifact"));
    let proxied = cache.proxy_get(&origin.url("/base/a"), &[]);
    assert!(proxied.value("cache-status").unwrap().contains("hit"));
    assert_eq!(origin.hits("/base/a"), 1);
}

#[test]
fn references_within_a_mirror_lead_back_to_it_and_others_become_absolute() {
    let origin = Origin::start();
    let inside = origin.url("/base/sub/x?y#z");
    for (at, location) in [
        ("/1", inside.as_str()),
        ("/2", "/base/q"),
        ("/3", "c/d"),
        ("/4", "/other"),
    ] {
        origin.route(&format!("/base{at}"), Reply::redirect(302, location));
    }
    let cache = mirroring(&origin).start();
    let location = |path: &str| cache.get(path).value("location").unwrap().to_owned();
    assert_eq!(location("/mirror/up/1"), "/mirror/sub/x?y#z");
    assert_eq!(location("/mirror/up/2"), "/mirror/up/q");
    assert_eq!(location("/mirror/up/3"), "c/d");
    assert_eq!(location("/mirror/up/4"), origin.url("/other"));
}

#[test]
fn references_are_absolute_below_the_public_url() {
    let origin = Origin::start();
    origin.route(
        "/base/1",
        Reply::redirect(302, "/base/q").field("Cache-Control", FRESH),
    );
    let public = settings(&origin, "  public_url: https://cache.example.com/\n");
    let cache = Cache::setup().config(&public).start();
    for _ in 0..2 {
        let response = cache.get("/mirror/up/1");
        let location = response.value("location");
        assert_eq!(location, Some("https://cache.example.com/mirror/up/q"));
    }
    assert_eq!(origin.hits("/base/1"), 1);
}

#[test]
fn what_is_no_path_of_a_mirror_is_refused_and_asks_nobody() {
    let origin = Origin::start();
    let cache = mirroring(&origin).start();
    let unknown = cache.get("/mirror/none/a");
    assert_eq!(
        (unknown.status(), &unknown.json()["error"]),
        (404, &"not_found".into())
    );
    for path in [
        "/mirror/up/../secret",
        "/mirror/up/%2e%2e/secret",
        "/mirror/up/a/../../../x",
    ] {
        let refused = cache.get(path);
        assert_eq!(refused.status(), 400, "{path}");
        assert_eq!(refused.json()["error"], "bad_request", "{path}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn a_mirrors_host_is_allowed_by_being_configured_and_no_other() {
    let (origin, other) = (Origin::start(), Origin::start());
    origin.route("/base/a", fresh("artifact"));
    origin.route("/base/r", Reply::redirect(302, &other.url("/x")));
    let cache = mirroring(&origin).start();
    assert_eq!(cache.get("/mirror/up/a").status(), 200);
    assert_eq!(cache.proxy_get(&other.url("/x"), &[]).status(), 403);
    // A client may follow it; the cache does not.
    assert_eq!(cache.get("/mirror/up/r").status(), 302);
    assert!(other.requests().is_empty());
}

#[test]
fn a_dead_upstream_is_named_and_what_is_stored_is_served_stale() {
    let mut origin = Origin::start();
    let stale = Reply::ok(Content::literal("old"))
        .field("Cache-Control", "max-age=0")
        .field("ETag", "\"1\"");
    origin.route("/base/a", stale);
    let cache = mirroring(&origin).start();
    cache
        .get("/mirror/up/a")
        .assert_is(&Content::literal("old"));
    origin.stop();
    cache
        .get("/mirror/up/a")
        .assert_is(&Content::literal("old"));
    let dead = cache.get("/mirror/up/b");
    assert!([502, 503].contains(&dead.status()));
    assert_eq!(dead.json()["error"], "upstream_unavailable");
}

#[test]
fn bad_mirrors_are_refused_at_start() {
    let problems = crate::support::cache::program()
        .args(["config", "check"])
        .env(
            "ARTIFACT_CACHE__MIRROR__UPSTREAMS",
            "[up=ftp://x/,a/b=http://x/,up=http://y/]",
        )
        .env("ARTIFACT_CACHE__MIRROR__PUBLIC_URL", "cache.example.com")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&problems.stderr).into_owned();
    assert!(!problems.status.success());
    for part in [
        "`up=ftp://x/` is no mirror",
        "`a/b=http://x/` is no mirror",
        "`up` is there twice",
        "mirror.public_url",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
