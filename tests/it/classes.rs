//! Classes of resources and names of presigned URLs, through the forward proxy.

use crate::support::{
    cache::Cache,
    client::Response,
    origin::{Content, Origin, Reply},
};

const NO_CACHE: [(&str, &str); 2] = [("Cache-Control", "no-cache"), ("Pragma", "no-cache")];

fn said(response: &Response) -> String {
    response
        .value("cache-status")
        .unwrap_or_default()
        .to_owned()
}

fn reply(body: &str) -> Reply {
    Reply::ok(Content::literal(body))
}

/// A signed query with this signature.
fn signed(signature: &str) -> String {
    format!(
        "X-Amz-Algorithm=A&X-Amz-Credential=c&X-Amz-Date={signature}&X-Amz-Signature={signature}"
    )
}

#[test]
fn an_immutable_artifact_is_asked_for_once_whatever_clients_and_lifetimes_say() {
    let (mut cache, origin) = (Cache::start(), Origin::start());
    for (path, fields) in [
        ("/a/a-1.0.jar", vec![("Cache-Control", "max-age=0")]),
        ("/pool/main/a_1.deb", vec![]),
        ("/a/-/a-1.0.0.tgz", vec![("Expires", "0")]),
    ] {
        let fields = fields.iter();
        let artifact = fields.fold(reply("artifact"), |reply, (name, value)| {
            reply.field(name, *value)
        });
        origin.route(path, artifact);
        cache
            .proxy_get(&origin.url(path), &NO_CACHE)
            .assert_is(&Content::literal("artifact"));
        let again = cache.proxy_get(&origin.url(path), &NO_CACHE);
        again.assert_is(&Content::literal("artifact"));
        assert!(
            said(&again).contains("; hit; ttl="),
            "{path}: {}",
            said(&again)
        );
        assert_eq!(origin.hits(path), 1, "{path}");
    }
    cache.terminate();
    cache.restart();
    let kept = cache.proxy_get(&origin.url("/a/a-1.0.jar"), &NO_CACHE);
    kept.assert_is(&Content::literal("artifact"));
    assert_eq!(origin.hits("/a/a-1.0.jar"), 1);
}

#[test]
fn what_a_response_forbids_stays_forbidden_for_an_immutable_artifact() {
    let (cache, origin) = (Cache::start(), Origin::start());
    for (path, field, value) in [
        ("/1.deb", "Cache-Control", "no-store"),
        ("/2.deb", "Cache-Control", "private"),
        ("/3.deb", "Set-Cookie", "a=b"),
        ("/4.deb", "Cache-Control", "no-cache"),
    ] {
        origin.route(path, reply("artifact").field(field, value));
        cache.proxy_get(&origin.url(path), &[]);
        cache.proxy_get(&origin.url(path), &[]);
        assert_eq!(origin.hits(path), 2, "{path}");
    }
    origin.route("/5.deb", reply("artifact"));
    let authorised = [("Authorization", "Bearer secret")];
    cache.proxy_get(&origin.url("/5.deb"), &authorised);
    cache.proxy_get(&origin.url("/5.deb"), &[]);
    assert_eq!(origin.hits("/5.deb"), 2);
}

#[test]
fn an_error_for_an_immutable_path_is_not_for_ever() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.sequence("/a.deb", [Reply::status(404), reply("artifact")]);
    assert_eq!(cache.proxy_get(&origin.url("/a.deb"), &[]).status(), 404);
    cache
        .proxy_get(&origin.url("/a.deb"), &[])
        .assert_is(&Content::literal("artifact"));
}

#[test]
fn an_index_is_validated_unless_it_just_was() {
    let origin = Origin::start();
    let long_ago = "Sat, 01 Jan 2000 00:00:00 GMT";
    let index = Reply::file(Content::literal("index"), "\"1\"").field("Last-Modified", long_ago);
    origin.route("/dists/stable/InRelease", index.clone());
    origin.route("/simple/a/", index);
    // By a heuristic both would be fresh for a day.
    let strict = Cache::setup()
        .config("classes:\n  index_window: 0\n")
        .start();
    for _ in 0..2 {
        strict
            .proxy_get(&origin.url("/dists/stable/InRelease"), &[])
            .assert_is(&Content::literal("index"));
    }
    let received = origin.requests_for("/dists/stable/InRelease");
    assert_eq!(received.len(), 2);
    assert_eq!(received[1].value("if-none-match"), Some("\"1\""));

    let lenient = Cache::setup()
        .config("classes:\n  index_window: 1h\n")
        .start();
    for fields in [&[][..], &[], &NO_CACHE] {
        lenient.proxy_get(&origin.url("/simple/a/"), fields);
    }
    let received = origin.requests_for("/simple/a/");
    assert_eq!(received.len(), 2, "once for the miss, once for no-cache");
}

#[test]
fn rules_of_the_configuration_come_before_the_shipped_ones() {
    let origin = Origin::start();
    let rules = "classes:\n  rules: [\"bypass /x/**\", \"default /y/*.deb\", \"immutable /z/*\"]\n";
    let cache = Cache::setup().config(rules).start();
    for (path, hits) in [
        ("/x/a.deb", 2),
        ("/y/a.deb", 2),
        ("/z/a", 1),
        ("/w/a.deb", 1),
    ] {
        let fresh = if path == "/x/a.deb" {
            "max-age=60"
        } else {
            "max-age=0"
        };
        origin.route(path, reply("artifact").field("Cache-Control", fresh));
        let first = cache.proxy_get(&origin.url(path), &[]);
        assert_eq!(
            said(&first).contains("fwd=bypass"),
            path == "/x/a.deb",
            "{}",
            said(&first)
        );
        cache.proxy_get(&origin.url(path), &[]);
        assert_eq!(origin.hits(path), hits, "{path}");
    }
}

#[test]
fn presigned_urls_that_differ_in_their_signature_share_what_is_stored() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let fresh = |body: &str| reply(body).field("Cache-Control", "max-age=60");
    origin.script("/o", move |request, _| fresh(&request.target));
    let get = |query: &str| {
        cache
            .proxy_get(&origin.url(&format!("/o?{query}")), &[])
            .text()
    };
    let first = get(&signed("1"));
    assert_eq!(
        first,
        format!("/o?{}", signed("1")),
        "the origin sees the signature"
    );
    assert_eq!(get(&signed("2")), first);
    // Another version, another presentation, and no signature at all are other resources.
    assert_ne!(get(&format!("versionId=2&{}", signed("1"))), first);
    assert_ne!(
        get(&format!("{}&response-content-type=a", signed("1"))),
        first
    );
    assert_eq!(get(""), "/o?");
    assert_eq!(origin.hits("/o"), 4);
    let trace = cache.trace().lines().join("\n");
    assert!(
        !trace.contains("X-Amz-Signature=1"),
        "a signature is in the log"
    );
}

#[test]
fn signatures_are_part_of_the_key_when_that_is_configured() {
    let origin = Origin::start();
    let cache = Cache::setup()
        .config("classes:\n  presigned: false\n")
        .start();
    origin.route("/o", reply("artifact").field("Cache-Control", "max-age=60"));
    for signature in ["1", "2"] {
        cache.proxy_get(&origin.url(&format!("/o?{}", signed(signature))), &[]);
    }
    assert_eq!(origin.hits("/o"), 2);
}

#[test]
fn a_redirect_to_a_presigned_url_is_followed_and_stored_under_the_first_url() {
    let (cache, origin, store) = (Cache::start(), Origin::start(), Origin::start());
    let blob = Content::seeded(3, 200_000);
    store.route(
        "/blob",
        Reply::file(blob.clone(), "\"e\"").field("Cache-Control", "max-age=60"),
    );
    let redirects = ["1", "2"].map(|signature| {
        let location = store.url(&format!("/blob?{}", signed(signature)));
        Reply::redirect(302, &location).field("X-Linked-ETag", "\"linked\"")
    });
    origin.sequence("/resolve/a", redirects);
    let token = [("X-Api-Key", "k"), ("Cookie", "c=secret")];
    for _ in 0..2 {
        let response = cache.proxy_get(&origin.url("/resolve/a"), &token);
        response.assert_is(&blob);
        assert_eq!(response.value("x-linked-etag"), Some("\"linked\""));
    }
    assert_eq!((origin.hits("/resolve/a"), store.hits("/blob")), (1, 1));
    assert_eq!(store.requests()[0].value("cookie"), None);
    let part = cache.proxy_get(&origin.url("/resolve/a"), &[("Range", "bytes=5-9")]);
    assert_eq!(part.status(), 206);
}

#[test]
fn other_redirects_and_those_for_one_client_are_the_clients_to_follow() {
    let (cache, origin, store) = (Cache::start(), Origin::start(), Origin::start());
    let location = store.url(&format!("/blob?{}", signed("1")));
    origin.route("/plain", Reply::redirect(302, &store.url("/blob")));
    origin.route(
        "/private",
        Reply::redirect(302, &location).field("Cache-Control", "private"),
    );
    origin.route(
        "/secret",
        Reply::redirect(307, &location).field("Cache-Control", "no-store"),
    );
    for path in ["/plain", "/private", "/secret"] {
        let response = cache.proxy_get(&origin.url(path), &[]);
        assert!([302, 307].contains(&response.status()), "{path}");
    }
    assert!(store.requests().is_empty());
}

#[test]
fn a_redirect_is_not_followed_to_where_the_egress_rule_forbids() {
    let origin = Origin::start();
    let cache = Cache::setup().allow_cidrs(&["127.0.0.1/32"]).start();
    let location = format!("http://127.0.0.2:8080/blob?{}", signed("1"));
    origin.route("/a", Reply::redirect(302, &location));
    let refused = cache.proxy_get(&origin.url("/a"), &[]);
    assert_eq!(refused.status(), 403);
}
