//! Conditional requests and ranges, of what is stored and of what is still on its way.

use std::sync::Arc;

use super::{assert_served, fetch_pinned, large};
use crate::support::{
    cache::{Cache, fetch_path},
    client::{End, Request, Response},
    origin::{Chunks, Content, Gate, Origin, Reply},
};

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn ask(cache: &Cache, url: &str, fields: &[(&str, &str)]) -> Response {
    cache.exchange(&Request::get(&fetch_path(url)).fields(fields))
}

fn etag(content: &Content) -> String {
    format!("\"sha256:{}\"", content.sha256())
}

/// A warm cache, and the URL.
fn warm() -> (Origin, Cache, String) {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(large()).field("Last-Modified", MODIFIED));
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&large());
    (origin, cache, url)
}

#[track_caller]
fn assert_part(response: &Response, from: u64, to: u64, of: &Content) {
    assert_eq!(response.status(), 206, "{:?}", response.head);
    assert!(response.is_complete(), "{:?}", response.end);
    let range = format!("bytes {from}-{}/{}", to - 1, of.length());
    assert_eq!(response.value("content-range"), Some(&*range));
    let length = (to - from).to_string();
    assert_eq!(response.value("content-length"), Some(&*length));
    assert_eq!(response.sha256, of.sha256_of(from, to));
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let (origin, cache, url) = warm();
    let (mine, weak) = (etag(&large()), format!("W/{}", etag(&large())));
    let list = format!("\"other\", {mine}");
    for fields in [
        [("If-None-Match", &*mine)],
        [("If-None-Match", &*weak)],
        [("If-None-Match", &*list)],
        [("If-None-Match", "*")],
        [("If-Modified-Since", MODIFIED)],
        [("If-Modified-Since", "Mon, 07 Nov 1994 08:49:37 GMT")],
    ] {
        let response = ask(&cache, &url, &fields);
        assert_eq!(
            (response.status(), &response.end),
            (304, &End::NoBody),
            "{fields:?}"
        );
        assert_eq!(response.value("etag"), Some(&*mine));
        assert_eq!(response.value("x-cache-status"), Some("HIT"));
        assert_eq!(
            response.value("x-content-sha256"),
            Some(&*large().sha256().to_string())
        );
    }
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn what_the_client_does_not_have_is_sent() {
    let (origin, cache, url) = warm();
    for fields in [
        [("If-None-Match", "\"other\"")],
        [("If-Modified-Since", "Sat, 05 Nov 1994 08:49:37 GMT")],
        [("If-Modified-Since", "not a date")],
    ] {
        assert_served(&ask(&cache, &url, &fields), "HIT", &large());
    }
    let both = [
        ("If-None-Match", "\"other\""),
        ("If-Modified-Since", MODIFIED),
    ];
    assert_served(&ask(&cache, &url, &both), "HIT", &large());
    assert_eq!(
        ask(&cache, &url, &[("If-Match", "\"other\"")]).status(),
        412
    );
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn a_cold_condition_is_answered_by_our_validator_after_the_download() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::file(large(), "\"up\""));
    let url = origin.url("/a");
    let response = ask(&cache, &url, &[("If-None-Match", &etag(&large()))]);
    assert_eq!(response.status(), 304);
    assert_eq!(response.value("x-cache-status"), Some("MISS"));
    assert_eq!(origin.requests()[0].value("if-none-match"), None);
    assert_served(&cache.fetch(&url), "HIT", &large());
}

#[test]
fn parts_of_what_is_stored() {
    let (_origin, cache, url) = warm();
    let content = large();
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=899999-", 899_999, 900_000),
        ("bytes=500000-5000000", 500_000, 900_000),
        ("bytes=-1000", 899_000, 900_000),
        ("bytes=-5000000", 0, 900_000),
    ] {
        let part = ask(&cache, &url, &[("Range", range)]);
        assert_part(&part, from, to, &content);
        assert_eq!(part.value("x-cache-status"), Some("HIT"));
        assert_eq!(part.value("etag"), Some(&*etag(&content)));
    }
    // What is malformed or of an unknown unit is ignored (RFC 9110 §14.2).
    for range in ["bytes=5-1", "lines=1-2", "bytes=a-b", "bytes", "bytes=--1"] {
        assert_served(&ask(&cache, &url, &[("Range", range)]), "HIT", &content);
    }
}

#[test]
fn several_parts_come_as_multipart() {
    let (_origin, cache, url) = warm();
    let response = ask(&cache, &url, &[("Range", "bytes=0-9,500000-500009,-10")]);
    assert_eq!(response.status(), 206);
    let media_type = response.value("content-type").unwrap().to_owned();
    let boundary = media_type
        .split_once("boundary=")
        .unwrap()
        .1
        .trim_matches('"')
        .to_owned();
    assert!(media_type.starts_with("multipart/byteranges"));
    assert_eq!(response.value("content-range"), None);
    assert_eq!(response.end, End::Length);
    let content = large();
    let mut rest = &response.kept[..];
    for (from, to) in [(0, 10), (500_000, 500_010), (899_990, 900_000)] {
        let start = rest
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        let head = String::from_utf8_lossy(&rest[..start]).to_lowercase();
        assert!(
            head.contains(&format!("--{}", boundary.to_lowercase())),
            "{head}"
        );
        assert!(
            head.contains(&format!("content-range: bytes {from}-{}/900000", to - 1)),
            "{head}"
        );
        assert_eq!(rest[start..start + 10], content.slice(from, to));
        rest = &rest[start + 10..];
    }
    assert_eq!(rest, format!("\r\n--{boundary}--\r\n").as_bytes());
}

#[test]
fn a_part_beyond_the_end_cannot_be_had() {
    let (_origin, cache, url) = warm();
    for range in ["bytes=900000-", "bytes=5000000-6000000", "bytes=-0"] {
        let response = ask(&cache, &url, &[("Range", range)]);
        assert_eq!((response.status(), response.length), (416, 0), "{range}");
        assert!(response.is_complete());
        assert_eq!(response.value("content-range"), Some("bytes */900000"));
        assert_eq!(response.value("content-length"), Some("0"));
    }
}

#[test]
fn a_part_is_conditional_on_our_validator() {
    let (_origin, cache, url) = warm();
    let range = ("Range", "bytes=0-9");
    let part = ask(&cache, &url, &[range, ("If-Range", &etag(&large()))]);
    assert_part(&part, 0, 10, &large());
    let part = ask(&cache, &url, &[range, ("If-Range", MODIFIED)]);
    assert!(matches!(part.status(), 200 | 206));
    for other in [
        "\"other\"",
        &format!("W/{}", etag(&large())),
        "Mon, 07 Nov 1994 08:49:37 GMT",
    ] {
        assert_served(
            &ask(&cache, &url, &[range, ("If-Range", other)]),
            "HIT",
            &large(),
        );
    }
}

#[test]
fn a_part_of_a_cold_artifact_is_exact_and_the_whole_is_stored() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for (path, reply) in [
        ("/a", Reply::file(large(), "\"v1\"")),
        ("/b", Reply::ok(large())),
        ("/c", Reply::ok(large()).chunked(Chunks::Good)),
    ] {
        for (name, range, from, to) in [
            ("first", "bytes=0-99", 0, 100),
            ("inner", "bytes=300000-300099", 300_000, 300_100),
            ("suffix", "bytes=-100", 899_900, 900_000),
        ] {
            let path = format!("{path}-{name}");
            origin.route(&path, reply.clone());
            let url = origin.url(&path);
            let part = ask(&cache, &url, &[("Range", range)]);
            assert_part(&part, from, to, &large());
            assert_eq!(part.value("x-cache-status"), Some("MISS"));
            crate::support::eventually("the whole is stored", || {
                cache.fetch(&url).value("x-cache-status") == Some("HIT")
            });
            assert_eq!(origin.hits(&path), 1, "{path}");
        }
    }
}

#[test]
fn a_part_far_ahead_does_not_wait_for_what_is_before_it() {
    let (origin, cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    let huge = Content::seeded(3, 32 << 20);
    let first = gate.clone();
    let content = huge.clone();
    origin.script("/a", move |_, nth| {
        let reply = Reply::file(content.clone(), "\"v1\"");
        if nth == 0 { reply.gated(&first) } else { reply }
    });
    let url = origin.url("/a");
    let part = ask(&cache, &url, &[("Range", "bytes=30000000-30000999")]);
    assert_part(&part, 30_000_000, 30_001_000, &huge);
    let asked = origin.requests_for("/a");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].value("range"), Some("bytes=30000000-30000999"));
    gate.open();
    cache.fetch(&url).assert_is(&huge);
    assert_eq!(origin.hits("/a"), 2);
}

#[test]
fn a_part_of_pinned_bytes_is_a_part() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(large()));
    let url = origin.url("/a");
    let query = super::pinned(&url, &large().sha256().to_string());
    for status in ["MISS", "HIT"] {
        let part = cache.fetch_with(&query, &[("Range", "bytes=10-19")]);
        assert_part(&part, 10, 20, &large());
        assert_eq!(part.value("x-cache-status"), Some(status));
    }
    fetch_pinned(&cache, &url, large().sha256()).assert_is(&large());
}

#[test]
fn a_part_of_nothing_cannot_be_had() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(Content::literal("")));
    for _ in 0..2 {
        let response = ask(&cache, &origin.url("/a"), &[("Range", "bytes=0-")]);
        assert_eq!(response.status(), 416);
        assert_eq!(response.value("content-range"), Some("bytes */0"));
    }
}

#[test]
fn many_parts_at_once_are_all_exact() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::file(large(), "\"v1\""));
    let (cache, url) = (Arc::new(cache), origin.url("/a"));
    let threads: Vec<_> = (0..8_u64)
        .map(|n| {
            let (cache, url) = (cache.clone(), url.clone());
            std::thread::spawn(move || {
                let (from, to) = (n * 100_000, n * 100_000 + 50_000);
                let range = format!("bytes={from}-{}", to - 1);
                assert_part(&ask(&cache, &url, &[("Range", &range)]), from, to, &large());
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(origin.hits("/a") <= 2);
}
