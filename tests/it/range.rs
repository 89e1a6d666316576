//! Ranges of what is not stored yet: answered as soon as the origin can, while the whole is built.

use crate::support::{
    cache::{Cache, fetch_path},
    client::{Request, Response},
    eventually,
    origin::{Chunks, Content, Gate, Origin, Reply},
};

const MIB: u64 = 1 << 20;

fn file(content: &Content) -> Reply {
    Reply::file(content.clone(), "\"v1\"").field("Cache-Control", "max-age=600")
}

/// A request for a range by one of the doors.
fn ranged(door: usize, url: &str, range: &str) -> Request {
    let request = if door == 0 {
        Request::get(url)
    } else {
        Request::get(&fetch_path(url))
    };
    request.field("Range", range)
}

/// Panics unless this is a complete 206 with exactly these bytes.
#[track_caller]
fn assert_part(response: &Response, content: &Content, from: u64, to: u64) {
    assert_eq!(response.status(), 206, "{:?}", response.head);
    assert!(response.is_complete(), "{:?}", response.end);
    let range = format!("bytes {from}-{}/{}", to - 1, content.length());
    assert_eq!(response.value("content-range"), Some(&*range));
    assert_eq!(response.length, to - from);
    assert_eq!(response.sha256, content.sha256_of(from, to));
}

/// The whole waits for its gate, ranges for theirs.
fn gated(origin: &Origin, content: &Content, whole: &Gate, part: &Gate) {
    let (reply, whole, part) = (file(content), whole.clone(), part.clone());
    origin.script("/a", move |request, _| {
        let gate = if request.value("range").is_some() {
            &part
        } else {
            &whole
        };
        reply.clone().gated(gate)
    });
}

fn ranges_asked(origin: &Origin) -> Vec<String> {
    let requests = origin.requests();
    requests
        .iter()
        .filter_map(|request| request.value("range").map(str::to_owned))
        .collect()
}

#[test]
fn a_far_range_overtakes_the_fill_at_the_cost_of_one_part() {
    for door in 0..2 {
        let (cache, origin) = (Cache::start(), Origin::start());
        let content = Content::seeded(1, 64 * MIB);
        let (whole, part) = (Gate::closed(), Gate::closed());
        part.open();
        gated(&origin, &content, &whole, &part);
        let url = origin.url("/a");
        let (from, to) = (50 * MIB, 50 * MIB + 100_000);
        let range = format!("bytes={from}-{}", to - 1);
        // Nothing of the whole has arrived, and nothing will.
        let response = cache.exchange(&ranged(door, &url, &range));
        assert_part(&response, &content, from, to);
        assert_eq!(whole.passed(), 0);
        assert_eq!(ranges_asked(&origin), std::slice::from_ref(&range));
        let asked = origin.requests();
        let asked = asked
            .iter()
            .find(|request| request.value("range").is_some());
        assert_eq!(asked.unwrap().value("if-range"), Some("\"v1\""));

        whole.open();
        eventually("the fill is complete", || {
            cache.metric("artifact_cache_fills_in_flight") == 0.0
        });
        let stored = cache.exchange(&ranged(door, &url, "bytes=1000-1999"));
        assert_part(&stored, &content, 1000, 2000);
        assert_eq!(origin.requests().len(), 2);
    }
}

#[test]
fn at_most_one_part_is_transferred_beside_a_fill() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 64 * MIB);
    let (whole, part) = (Gate::closed(), Gate::closed());
    gated(&origin, &content, &whole, &part);
    let url = origin.url("/a");
    let ranges: Vec<_> = (1..6)
        .map(|n| (n * 10 * MIB, n * 10 * MIB + 5000))
        .collect();
    std::thread::scope(|scope| {
        for &(from, to) in &ranges {
            let (cache, content, url) = (&cache, &content, &url);
            scope.spawn(move || {
                let range = format!("bytes={from}-{}", to - 1);
                let response = cache.exchange(&ranged(0, url, &range));
                assert_part(&response, content, from, to);
            });
        }
        part.wait_until_reached_by(1);
        eventually("the others follow the fill", || {
            cache.metric("artifact_cache_followers_in_flight") >= 4.0
        });
        assert_eq!(ranges_asked(&origin).len(), 1);
        part.open();
        whole.open();
    });
    assert_eq!(ranges_asked(&origin).len(), 1);
    assert_eq!(origin.requests().len(), 2);
}

#[test]
fn a_range_that_will_be_there_soon_is_taken_from_the_fill() {
    for door in 0..2 {
        let (cache, origin) = (Cache::start(), Origin::start());
        let content = Content::seeded(1, 64 * MIB);
        let (whole, part) = (Gate::closed(), Gate::closed());
        gated(&origin, &content, &whole, &part);
        let url = origin.url("/a");
        let mut client = cache.client();
        client.send(&ranged(door, &url, "bytes=1000000-1999999").bytes());
        whole.wait_until_reached_by(1);
        whole.release(3 * MIB);
        let response = client.response("GET");
        assert_part(&response, &content, 1_000_000, 2_000_000);
        assert_eq!(ranges_asked(&origin).len(), 0);
        whole.open();
    }
}

#[test]
fn a_range_across_the_end_of_what_is_there_waits_for_the_fill() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 2 * MIB);
    let (whole, part) = (Gate::closed(), Gate::closed());
    gated(&origin, &content, &whole, &part);
    whole.release(MIB);
    let mut client = cache.client();
    let request = ranged(0, &origin.url("/a"), "bytes=500000-");
    let mut incoming = client.start(&request).unwrap();
    assert!(incoming.read_to(MIB - 500_000));
    whole.open();
    assert_part(&incoming.finish(), &content, 500_000, 2 * MIB);
}

#[test]
fn every_form_of_range_is_exact_on_a_cold_object() {
    let content = Content::seeded(1, 300_000);
    for door in 0..2 {
        let (cache, origin) = (Cache::start(), Origin::start());
        origin.route("*", file(&content));
        for (nth, (range, from, to)) in [
            ("bytes=0-0", 0, 1),
            ("bytes=0-", 0, 300_000),
            ("bytes=-1", 299_999, 300_000),
            ("bytes=-400000", 0, 300_000),
            ("bytes=299999-400000", 299_999, 300_000),
            ("bytes=1000-1999", 1000, 2000),
        ]
        .into_iter()
        .enumerate()
        {
            let url = origin.url(&format!("/{nth}"));
            for _ in 0..2 {
                let response = cache.exchange(&ranged(door, &url, range));
                assert_part(&response, &content, from, to);
            }
        }
        let beyond = cache.exchange(&ranged(door, &origin.url("/b"), "bytes=300000-"));
        assert_eq!(beyond.status(), 416);
        assert_eq!(beyond.value("content-range"), Some("bytes */300000"));
        let several = cache.exchange(&ranged(door, &origin.url("/s"), "bytes=0-9,200-209"));
        assert_eq!(several.status(), 206);
        let media_type = several.value("content-type").unwrap();
        assert!(media_type.starts_with("multipart/byteranges; boundary="));
        let parts = [content.slice(0, 10), content.slice(200, 210)];
        for part in parts {
            assert!(several.kept.windows(10).any(|window| window == part));
        }
        let malformed = cache.exchange(&ranged(door, &origin.url("/m"), "bytes=9-1"));
        malformed.assert_is(&content);
    }
}

#[test]
fn an_origin_without_ranges_is_no_reason_to_send_everything() {
    let content = Content::seeded(1, 3 * MIB);
    let plain = || Reply::ok(content.clone()).field("Cache-Control", "max-age=600");
    for door in 0..2 {
        let (cache, origin) = (Cache::start(), Origin::start());
        origin.route("/length", plain());
        origin.route("/chunked", plain().chunked(Chunks::Good));
        origin.route(
            "/tagged",
            plain().chunked(Chunks::Good).field("ETag", "\"v1\""),
        );
        for path in ["/length", "/chunked", "/tagged"] {
            let request = ranged(door, &origin.url(path), "bytes=2500000-2500999");
            for _ in 0..2 {
                let response = cache.exchange(&request);
                assert_part(&response, &content, 2_500_000, 2_501_000);
            }
            // The second transfer of `/tagged` was to be the part, and is given up.
            let most = if path == "/tagged" { 2 } else { 1 };
            assert!(origin.hits(path) <= most, "{path}: {}", origin.hits(path));
        }
    }
}

#[test]
fn a_range_of_what_is_not_stored_is_the_origins_own() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 32 * MIB);
    let reply = Reply::file(content.clone(), "\"v1\"").field("Cache-Control", "no-store");
    origin.route("/a", reply);
    let url = origin.url("/a");
    for _ in 0..2 {
        let response = cache.exchange(&ranged(0, &url, "bytes=1000-1999"));
        assert_part(&response, &content, 1000, 2000);
    }
    let requests = origin.requests();
    let parts = requests.iter().filter(|r| r.value("range").is_some());
    assert_eq!(parts.count(), 2);
    // Whether it may be stored shows in the head of the whole, whose body is not waited for.
    assert!(
        origin.bytes_sent("/a") < 16 * MIB,
        "{}",
        origin.bytes_sent("/a")
    );
}

#[test]
fn a_condition_on_the_version_decides_between_part_and_whole() {
    for door in 0..2 {
        let (cache, origin) = (Cache::start(), Origin::start());
        let content = Content::seeded(1, 300_000);
        origin.route("*", file(&content));
        let other = ranged(door, &origin.url("/1"), "bytes=0-9").field("If-Range", "\"v0\"");
        cache.exchange(&other).assert_is(&content);
    }
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 300_000);
    origin.route("*", file(&content));
    let same = ranged(0, &origin.url("/2"), "bytes=0-9").field("If-Range", "\"v1\"");
    assert_part(&cache.exchange(&same), &content, 0, 10);
    let weak = ranged(0, &origin.url("/3"), "bytes=0-9").field("If-Range", "W/\"v1\"");
    cache.exchange(&weak).assert_is(&content);
}

#[test]
fn a_part_that_does_not_fit_is_not_believed() {
    let content = Content::seeded(1, 32 * MIB);
    for lie in ["bytes 0-9/33554432", "bytes 20000000-20000999/9", "x"] {
        let (cache, origin) = (Cache::start(), Origin::start());
        let (whole, lying) = (file(&content), file(&content).lying_content_range(lie));
        origin.script("/a", move |request, _| match request.value("range") {
            Some(_) => lying.clone(),
            None => whole.clone(),
        });
        let request = ranged(0, &origin.url("/a"), "bytes=20000000-20000999");
        let response = cache.exchange(&request);
        assert_part(&response, &content, 20_000_000, 20_001_000);
    }
}

#[test]
fn a_head_with_a_range_describes_the_whole() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 300_000);
    origin.route("/a", file(&content));
    let head = Request::new("HEAD", &origin.url("/a")).field("Range", "bytes=0-9");
    for _ in 0..2 {
        let response = cache.exchange(&head);
        assert_eq!(
            (response.status(), response.value("content-length")),
            (200, Some("300000"))
        );
        cache.proxy_get(&origin.url("/a"), &[]).assert_is(&content);
    }
}
