//! Nothing of a private response is ever given to another client: a test per rule (RFC 9111 §3, §3.5,
//! §5.2.2.5, §5.2.2.7, §7.3). Each asks twice as two clients and looks at what the second one is given.

use crate::support::{
    cache::Cache,
    origin::{Content, Origin, Reply},
};

type Fields<'a> = &'a [(&'a str, &'a str)];

/// Alice asks, and then Bob. Whether Bob was given Alice's answer.
fn is_shared(response: Fields<'_>, alice: Fields<'_>, bob: Fields<'_>) -> bool {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = |name: &str| {
        let plain = Reply::ok(Content::literal(format!("for {name}")));
        response
            .iter()
            .fold(plain, |reply, (field, value)| reply.field(field, *value))
    };
    origin.sequence("/a", [reply("alice"), reply("bob")]);
    let url = origin.url("/a");
    let first = cache.proxy_get(&url, alice);
    assert_eq!(first.text(), "for alice");
    let second = cache.proxy_get(&url, bob);
    assert_eq!(second.status(), 200);
    // The store is asked by its other doors as well.
    let part = cache.proxy_get(&url, &[bob, &[("Range", "bytes=0-3")]].concat());
    assert!(part.text().starts_with("for "));
    let stale = [bob, &[("Cache-Control", "max-stale=9999, only-if-cached")]].concat();
    let stale = cache.proxy_get(&url, &stale);
    let is_shared = second.text() == "for alice";
    assert!(is_shared || stale.text() != "for alice", "given when stale");
    is_shared
}

const ALICE: Fields<'static> = &[("Authorization", "Bearer alice")];
const BOB: Fields<'static> = &[("Authorization", "Bearer bob")];

#[test]
fn what_is_public_is_shared() {
    assert!(is_shared(&[("Cache-Control", "max-age=60")], &[], &[]));
}

#[test]
fn private_is_not_shared() {
    for private in [
        "private",
        "private, max-age=60",
        "PRIVATE, max-age=60",
        "max-age=60, private=\"\"",
    ] {
        assert!(
            !is_shared(&[("Cache-Control", private)], &[], &[]),
            "{private}"
        );
    }
    let lines = [
        ("Cache-Control", "max-age=60"),
        ("Cache-Control", "private"),
    ];
    assert!(!is_shared(&lines, &[], &[]));
}

#[test]
fn no_store_is_not_shared() {
    for directives in [
        "no-store",
        "no-store, max-age=60",
        "No-Store, public",
        "max-age=60, no-store",
    ] {
        assert!(
            !is_shared(&[("Cache-Control", directives)], &[], &[]),
            "{directives}"
        );
    }
}

#[test]
fn no_store_of_the_request_is_not_shared() {
    let secretive: Fields<'_> = &[("Cache-Control", "no-store")];
    assert!(!is_shared(
        &[("Cache-Control", "max-age=60")],
        secretive,
        &[]
    ));
}

#[test]
fn the_answer_to_credentials_is_not_shared() {
    for response in [
        &[("Cache-Control", "max-age=60")][..],
        &[
            ("ETag", "\"1\""),
            ("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ],
    ] {
        assert!(!is_shared(response, ALICE, BOB));
        assert!(!is_shared(response, ALICE, &[]));
    }
}

#[test]
fn the_answer_to_credentials_is_shared_when_the_origin_says_so() {
    for directives in ["public, max-age=60", "s-maxage=60"] {
        assert!(
            is_shared(&[("Cache-Control", directives)], ALICE, BOB),
            "{directives}"
        );
    }
}

#[test]
fn a_cookie_is_not_shared_without_permission() {
    let by_heuristic = [
        ("Set-Cookie", "session=alice"),
        ("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ];
    assert!(!is_shared(&by_heuristic, &[], &[]));
    let permitted = [("Set-Cookie", "a=b"), ("Cache-Control", "max-age=60")];
    assert!(is_shared(&permitted, &[], &[]));
}

#[test]
fn a_field_that_is_private_or_not_cacheable_is_not_shared() {
    for directives in [
        "max-age=60, private=\"x-secret\"",
        "max-age=60, no-cache=\"x-secret\"",
    ] {
        let (cache, origin) = (Cache::start(), Origin::start());
        let reply = Reply::ok(Content::literal("artifact"))
            .field("Cache-Control", directives)
            .field("X-Secret", "alice");
        let other = Reply::ok(Content::literal("artifact")).field("Cache-Control", directives);
        origin.sequence("/a", [reply, other]);
        cache.proxy_get(&origin.url("/a"), &[]);
        let second = cache.proxy_get(&origin.url("/a"), &[]);
        assert_eq!(second.value("x-secret"), None, "{directives}");
    }
}

#[test]
fn an_answer_that_varies_with_the_client_is_not_shared_with_another() {
    for name in ["Cookie", "X-Client"] {
        let varies = [("Vary", name), ("Cache-Control", "max-age=60")];
        assert!(
            !is_shared(&varies, &[(name, "alice")], &[(name, "bob")]),
            "{name}"
        );
        assert!(
            is_shared(&varies, &[(name, "same")], &[(name, "same")]),
            "{name}"
        );
    }
    assert!(!is_shared(
        &[("Vary", "*"), ("Cache-Control", "max-age=60")],
        &[],
        &[]
    ));
}

#[test]
fn the_doors_do_not_open_what_another_one_keeps_shut() {
    let origin = Origin::start();
    let mirror = format!("mirror:\n  upstreams: [\"m={}\"]\n", origin.url("/"));
    let cache = Cache::setup().config(&mirror).start();
    let private =
        Reply::ok(Content::literal("secret")).field("Cache-Control", "private, max-age=60");
    origin.sequence("/a", [private, Reply::status(403)]);
    assert_eq!(cache.proxy_get(&origin.url("/a"), &[]).text(), "secret");
    assert_eq!(cache.get("/mirror/m/a").status(), 403);
    assert_ne!(cache.fetch(&origin.url("/a")).status(), 200);
}
