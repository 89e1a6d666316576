//! Bodies that break off, lie about their length, or come in bad chunks.

use super::{assert_error, assert_nothing_stored, impatient};
use crate::{
    fetch::{assert_served, large},
    support::{
        Ending,
        cache::Cache,
        origin::{Chunks, Origin, Reply},
        percent_encoded,
    },
};

#[test]
fn a_body_that_breaks_off_is_continued_by_range_as_long_as_it_is_the_same() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let whole = Reply::file(large(), "\"v1\"");
    origin.sequence(
        "/a",
        [
            whole.clone().cut_after(400_000, Ending::Fin),
            whole.clone().cut_after(200_000, Ending::Reset),
            whole,
        ],
    );
    assert_served(&cache.fetch(&origin.url("/a")), "MISS", &large());
    let asked = origin.requests_for("/a");
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[1].value("range"), Some("bytes=400000-"));
    assert_eq!(asked[1].value("if-range"), Some("\"v1\""));
    assert!(asked[2].value("range").is_some());
    assert_served(&cache.fetch(&origin.url("/a")), "HIT", &large());
}

#[test]
fn a_body_that_always_breaks_off_is_truncated_and_never_stored() {
    let (origin, cache) = (Origin::start(), impatient().start());
    for (path, reply) in [
        ("/short", Reply::ok(large()).claiming(1_000_000)),
        ("/cut", Reply::ok(large()).cut_after(400_000, Ending::Fin)),
        (
            "/reset",
            Reply::ok(large()).cut_after(400_000, Ending::Reset),
        ),
        ("/tiny", Reply::ok(super::small()).cut_after(3, Ending::Fin)),
        ("/nothing", Reply::ok(large()).cut_after(0, Ending::Fin)),
        ("/chunks", Reply::ok(large()).chunked(Chunks::NoLastChunk)),
    ] {
        origin.route(path, reply);
        let error = assert_error(&cache.fetch(&origin.url(path)), 502, "upstream_truncated");
        assert_eq!(error["source_url"], origin.url(path));
        assert!(error["received_bytes"].is_u64());
        if path == "/short" {
            assert_eq!(error["expected_bytes"], 1_000_000);
        }
    }
    assert_nothing_stored(&cache);
}

#[test]
fn chunks_that_are_none_are_an_invalid_response() {
    let (origin, cache) = (Origin::start(), impatient().start());
    let chunked = |chunks| Reply::ok(large()).chunked(chunks);
    origin.route("/size", chunked(Chunks::BadSize("zz".into())));
    origin.route("/data", chunked(Chunks::NoDataEnd));
    for path in ["/size", "/data"] {
        let response = cache.fetch(&origin.url(path));
        assert_error(&response, 502, "upstream_invalid");
    }
    assert_nothing_stored(&cache);
}

#[test]
fn a_body_that_breaks_off_costs_a_bounded_number_of_requests() {
    let (origin, cache) = (Origin::start(), impatient().start());
    let (plain, tagged) = (Reply::ok(large()), Reply::file(large(), "\"v1\""));
    origin.route("/plain", plain.cut_after(1000, Ending::Fin));
    origin.route("/tagged", tagged.cut_after(0, Ending::Fin));
    for path in ["/plain", "/tagged"] {
        let query = format!("url={}&mode=spool", percent_encoded(&origin.url(path)));
        let response = cache.fetch_with(&query, &[]);
        assert_error(&response, 502, "upstream_truncated");
        assert!(
            (2..=6).contains(&origin.hits(path)),
            "{}",
            origin.hits(path)
        );
    }
}

#[test]
fn an_artifact_that_changes_between_two_parts_is_not_glued_together() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let new = super::super::Content::seeded(99, 800_000);
    origin.sequence(
        "/a",
        [
            Reply::file(large(), "\"v1\"").cut_after(400_000, Ending::Fin),
            Reply::file(new.clone(), "\"v2\""),
        ],
    );
    // The client was told nothing yet, so it gets the new one.
    assert_served(&cache.fetch(&origin.url("/a")), "MISS", &new);
    assert_eq!(cache.stats()["total_items"], 1);
}

#[test]
fn an_origin_that_answers_with_another_part_than_asked_is_not_believed() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let whole = Reply::file(large(), "\"v1\"");
    let lying = whole.clone().lying_content_range("bytes 0-499999/900000");
    origin.sequence(
        "/a",
        [whole.clone().cut_after(400_000, Ending::Fin), lying, whole],
    );
    let response = cache.fetch(&origin.url("/a"));
    if response.status() == 200 {
        response.assert_is(&large());
    } else {
        assert_error(&response, 502, "upstream_truncated");
    }
}

#[test]
fn a_body_that_breaks_off_after_the_hold_breaks_off_for_the_client() {
    let settings = "fetch: {hold: 0s}\nupstream: {max_retries: 0}";
    let (origin, cache) = (Origin::start(), Cache::setup().config(settings).start());
    origin.route("/a", Reply::ok(large()).cut_after(400_000, Ending::Fin));
    origin.route(
        "/b",
        Reply::ok(large())
            .chunked(Chunks::Good)
            .cut_after(400_000, Ending::Fin),
    );
    for path in ["/a", "/b"] {
        let response = cache.fetch(&origin.url(path));
        assert!(
            response.status() == 502 || !response.is_complete(),
            "{path}: {response:?}"
        );
    }
    assert_nothing_stored(&cache);
}
