//! With `upstream.parallel_ranges`, a large artifact is fetched in several ranges at a time, and is what it would have
//! been in one piece.

use super::{MIB, file};
use crate::support::{
    cache::Cache,
    eventually,
    origin::{Content, Gate, Origin, Received, Reply},
};

const RANGE: u64 = MIB / 4;

fn cache() -> Cache {
    let settings = "upstream:\n  parallel_ranges: 4\n  range_bytes: 256KiB\n";
    Cache::setup().config(settings).start()
}

/// First and last byte that a request asks for; no last byte where the rest is asked for.
fn asked(request: &Received) -> Option<(u64, Option<u64>)> {
    let range = request.value("range")?.strip_prefix("bytes=")?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()))
}

#[test]
fn ranges_of_a_large_artifact_are_stored_as_one() {
    let (cache, origin) = (cache(), Origin::start());
    let content = Content::seeded(1, 3 * MIB + 5);
    origin.route("/a", file(&content, "\"v1\""));
    cache.fetch(&origin.url("/a")).assert_is(&content);
    let requests = origin.requests_for("/a");
    let ranges: Vec<_> = requests.iter().map(|request| asked(request)).collect();
    let rest = (1..=12).map(|number| {
        let first = number * RANGE;
        Some((first, Some((first + RANGE).min(content.length()) - 1)))
    });
    // They leave at the same time, so that they may arrive in another order.
    let mut sorted = ranges.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [None].into_iter().chain(rest).collect::<Vec<_>>());
    assert!(
        requests[1..]
            .iter()
            .all(|request| request.value("if-range") == Some("\"v1\""))
    );

    cache.fetch(&origin.url("/a")).assert_is(&content);
    assert_eq!(origin.hits("/a"), 13, "the second one is a hit");
    cache.proxy_get(&origin.url("/b"), &[]);
    assert_eq!(origin.hits("/b"), 1);
}

#[test]
fn several_ranges_are_on_their_way_at_the_same_time() {
    let (cache, origin, gate) = (cache(), Origin::start(), Gate::closed());
    let content = Content::seeded(1, 3 * MIB);
    let (whole, held) = (file(&content, "\"v1\""), gate.clone());
    origin.script("/a", move |request, _| match asked(request) {
        Some(_) => whole.clone().head_gated(&held),
        None => whole.clone(),
    });
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| cache.fetch(&origin.url("/a")));
        eventually("four ranges are asked for", || origin.hits("/a") == 5);
        gate.open();
        fetching.join().expect("fetched").assert_is(&content);
    });
}

#[test]
fn an_origin_that_refuses_further_connections_is_asked_for_the_rest_in_one_piece() {
    let (cache, origin) = (cache(), Origin::start());
    let content = Content::seeded(1, 3 * MIB);
    let whole = file(&content, "\"v1\"");
    origin.script("/a", move |request, _| match asked(request) {
        Some((first, Some(_))) if first >= MIB => Reply::status(403),
        _ => whole.clone(),
    });
    cache.fetch(&origin.url("/a")).assert_is(&content);
    let requests = origin.requests_for("/a");
    assert!(
        requests
            .iter()
            .any(|request| asked(request) == Some((MIB, None)))
    );
}

#[test]
fn ranges_of_a_newer_version_are_never_put_together_with_the_older() {
    let (cache, origin) = (cache(), Origin::start());
    let (old, new) = (Content::seeded(1, 3 * MIB), Content::seeded(2, 3 * MIB));
    let (before, after) = (file(&old, "\"v1\""), file(&new, "\"v2\""));
    origin.script("/a", move |_, number| {
        if number < 4 {
            before.clone()
        } else {
            after.clone()
        }
    });
    // Nothing was given out yet: it begins again with the new version.
    cache.fetch(&origin.url("/a")).assert_is(&new);
    cache.fetch(&origin.url("/a")).assert_is(&new);
}
