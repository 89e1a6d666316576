//! What a store refuses, and what is refused before any store is asked.

use super::setup;
use crate::{
    fetch::{assert_error, assert_nothing_stored},
    support::{
        cache::Cache,
        origin::{Content, Origin, Reply},
        s3::{ACCESS_KEY, SECRET_KEY, Store},
    },
};

#[test]
fn what_a_store_refuses_is_told_in_its_words() {
    let store = Store::start();
    store.place("a", b"bytes");
    for (access, secret, url, status, word) in [
        (
            ACCESS_KEY,
            "wrong",
            "s3://models/a",
            403,
            "SignatureDoesNotMatch",
        ),
        ("NOBODY", SECRET_KEY, "s3://models/a", 403, "NotSignedUp"),
        (ACCESS_KEY, SECRET_KEY, "s3://models/none", 404, "NoSuchKey"),
        (ACCESS_KEY, SECRET_KEY, "s3://nowhere/a", 404, "NoSuch"),
    ] {
        let cache = setup(&store.settings_with(access, secret, "")).start();
        let error = assert_error(&cache.fetch(url), 502, "upstream_error");
        assert_eq!(error["status_code"], status, "{error}");
        assert_eq!(error["source_url"], url);
        let reason = error["reason"].as_str().unwrap_or_default();
        assert!(reason.starts_with(word), "{error}");
        assert!(!error.to_string().contains(SECRET_KEY), "{error}");
        assert_nothing_stored(&cache);
    }
}

#[test]
fn a_store_that_is_away_is_unavailable() {
    let mut store = Store::start();
    let cache = setup(&store.settings()).start();
    store.stop();
    let error = assert_error(&cache.fetch("s3://models/a"), 503, "upstream_unavailable");
    assert_eq!(error["reason"], "connect");
}

#[test]
fn a_bucket_that_is_not_listed_is_denied_before_anything_is_asked() {
    let store = Store::start();
    let settings = store.settings_with(ACCESS_KEY, SECRET_KEY, "buckets: [other]");
    let cache = setup(&settings).start();
    for url in [
        "s3://models/a",
        "s3+default://models/a",
        "s3+moon://other/a",
    ] {
        let error = assert_error(&cache.fetch(url), 403, "policy_denied");
        assert_eq!(error["rule"], "buckets");
    }
    assert!(store.requests().is_empty());
}

#[test]
fn a_url_that_names_no_object_is_a_bad_parameter() {
    let cache = Cache::start();
    for url in [
        "s3://",
        "s3://models",
        "s3://models/",
        "s3://k:s@models/a",
        "s3://models/%zz",
    ] {
        let error = assert_error(&cache.fetch(url), 400, "invalid_parameter");
        assert_eq!(error["parameter"], "url", "{url}");
    }
}

#[test]
fn the_forward_proxy_knows_no_objects() {
    let store = Store::start();
    let cache = setup(&store.settings()).start();
    assert_eq!(cache.proxy_get("s3://models/a", &[]).status(), 400);
    assert!(store.requests().is_empty());
}

#[test]
fn a_wrong_region_and_a_wrong_clock_are_told_with_what_to_do() {
    for (status, body, words) in [
        (
            400,
            "<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong region</Message><Region>eu-west-1</Region></Error>",
            [
                "AuthorizationHeaderMalformed",
                "the region of the bucket is eu-west-1",
            ],
        ),
        (
            403,
            "<Error><Code>RequestTimeTooSkewed</Code><Message>too far</Message></Error>",
            ["RequestTimeTooSkewed", "clock"],
        ),
    ] {
        let origin = Origin::start();
        let mut reply = Reply::ok(Content::literal(body));
        reply = reply.saying_status(status);
        origin.route("/models/a", reply);
        let settings = Store::settings_at(&origin.url("/"), ACCESS_KEY, SECRET_KEY, "");
        let cache = setup(&settings).start();
        let error = assert_error(&cache.fetch("s3://models/a"), 502, "upstream_error");
        assert_eq!(error["status_code"], status);
        let reason = error["reason"].as_str().unwrap();
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
        assert_nothing_stored(&cache);
    }
}
