//! Several variants of one URL, chosen by the request fields that `Vary` names (RFC 9111 §4.1).

use crate::support::{
    cache::Cache,
    client::Response,
    origin::{Content, Origin, Received, Reply},
};

/// Answers with the fields that choose, so that a body says which variant it is.
fn echo(vary: &str) -> impl Fn(&Received, usize) -> Reply + Send + Sync + 'static {
    let vary = vary.to_owned();
    move |request, _| {
        let names = vary.split(", ");
        let values: Vec<_> = names
            .map(|name| request.value(name).unwrap_or("-"))
            .collect();
        Reply::ok(Content::literal(values.join("|")))
            .field("Vary", &vary)
            .field("Cache-Control", "max-age=60")
    }
}

fn forward_reason(response: &Response) -> &str {
    let status = response.value("cache-status").unwrap();
    status.split("; ").nth(1).unwrap()
}

#[test]
fn each_variant_is_fetched_once_and_kept_beside_the_others() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.script("/a", echo("Accept-Language, X-Kind"));
    let url = origin.url("/a");
    let variants = [("en", "1"), ("de", "1"), ("en", "2")];
    for round in 0..2 {
        for (at, (language, kind)) in variants.into_iter().enumerate() {
            let fields = [("Accept-Language", language), ("X-Kind", kind)];
            let response = cache.proxy_get(&url, &fields);
            assert_eq!(response.text(), format!("{language}|{kind}"));
            let expected = match (round, at) {
                (0, 0) => "fwd=uri-miss",
                (0, _) => "fwd=vary-miss",
                _ => "hit",
            };
            assert_eq!(forward_reason(&response), expected);
        }
    }
    let absent = cache.proxy_get(&url, &[("X-Kind", "1")]);
    assert_eq!(absent.text(), "-|1");
    assert_eq!(origin.hits("/a"), 4);
}

#[test]
fn equivalent_values_are_one_variant() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.script("/a", echo("Accept-Encoding"));
    origin.script("/b", echo("Accept-Language"));
    for (path, name, values) in [
        (
            "/a",
            "Accept-Encoding",
            ["gzip, br", "br,gzip", "gzip , BR"],
        ),
        (
            "/b",
            "Accept-Language",
            ["en, de;q=0.5", "EN,de; q=0.5", "de;q=0.5,en"],
        ),
    ] {
        for value in values {
            let response = cache.proxy_get(&origin.url(path), &[(name, value)]);
            assert_eq!(response.text(), values[0], "{value}");
        }
        assert_eq!(origin.hits(path), 1, "{path}");
    }
}

#[test]
fn what_varies_by_everything_is_never_reused() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = Reply::status(200).field("Vary", "Accept, *");
    origin.route("/a", reply.field("Cache-Control", "max-age=60"));
    for _ in 0..2 {
        let response = cache.proxy_get(&origin.url("/a"), &[]);
        assert_eq!(
            response.value("cache-status"),
            Some("artifact-cache; fwd=uri-miss; fwd-status=200; detail=vary")
        );
    }
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn clients_that_ask_for_different_variants_at_once_get_their_own() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.script("/a", echo("X-Kind"));
    let url = origin.url("/a");
    std::thread::scope(|scope| {
        for client in 0..24 {
            let (cache, url) = (&cache, &url);
            scope.spawn(move || {
                let kind = (client % 4).to_string();
                let response = cache.proxy_get(url, &[("X-Kind", &kind)]);
                assert_eq!((response.status(), response.text()), (200, kind));
            });
        }
    });
    for kind in ["0", "1", "2", "3"] {
        let response = cache.proxy_get(&url, &[("X-Kind", kind)]);
        assert_eq!(
            (response.text().as_str(), forward_reason(&response)),
            (kind, "hit")
        );
    }
}

#[test]
fn one_variant_is_confirmed_without_touching_the_others() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.script("/a", |request, _| {
        let kind = request.value("x-kind").unwrap_or("-").to_owned();
        let reply = Reply::file(Content::literal(&kind), &format!("\"{kind}\""));
        reply
            .field("Vary", "X-Kind")
            .field("Cache-Control", "max-age=10")
            .field("Age", "20")
    });
    let url = origin.url("/a");
    for _ in 0..3 {
        for kind in ["1", "2"] {
            let response = cache.proxy_get(&url, &[("X-Kind", kind)]);
            assert_eq!(response.text(), kind);
        }
    }
    let sent: u64 = origin.bytes_sent("/a");
    assert_eq!(sent, 2, "each body was sent once");
}
