//! What is stored: the record, the file, and what becomes of a damaged one.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{access_count, assert_served, blob, blobs, large, record, small};
use crate::support::{
    cache::Cache,
    origin::{Chunks, Content, Origin, Reply},
};

#[test]
fn hits_are_counted_and_misses_are_not() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(small()));
    let url = origin.url("/a");
    for _ in 0..3 {
        cache.fetch(&url).assert_is(&small());
    }
    assert_eq!(access_count(&cache, &url), 2);
    assert_eq!(cache.stats()["total_accesses"], 2);
}

#[test]
fn the_record_has_the_documented_fields_and_the_file_the_documented_path() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(large()).field("Content-Type", "text/x-a"));
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&large());
    let record = record(&cache, &url).unwrap();
    let digest = large().sha256();
    assert_eq!(record["source_url"], url);
    assert_eq!(record["content_hash"], digest.to_string());
    assert_eq!(record["file_size"], large().length());
    assert_eq!(record["content_type"], "text/x-a");
    assert_eq!(record["access_count"], 0);
    assert!(record["id"].is_u64());
    assert!(record["first_cached_at"].is_string() && record["last_accessed_at"].is_string());
    let path = blob(&cache, &digest);
    assert_eq!(record["storage_path"], path.display().to_string());
    assert_eq!(fs::read(path).unwrap(), large().bytes());
}

#[test]
fn two_urls_with_equal_bytes_are_one_file_and_two_items() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for path in ["/a", "/b"] {
        origin.route(path, Reply::ok(large()));
        assert_served(&cache.fetch(&origin.url(path)), "MISS", &large());
    }
    assert_eq!(blobs(&cache), [blob(&cache, &large().sha256())]);
    let stats = cache.stats();
    assert_eq!(stats["total_items"], 2);
    assert_eq!(stats["total_size_bytes"], 900_000);
    assert_eq!(stats["logical_size_bytes"], 1_800_000);
    assert_eq!(stats["saved_bytes"], 900_000);
}

#[test]
fn unknown_lengths_are_stored_with_the_length_that_came() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route("/chunked", Reply::ok(large()).chunked(Chunks::Good));
    origin.route("/closed", Reply::ok(large()).close_delimited());
    for path in ["/chunked", "/closed"] {
        for status in ["MISS", "HIT"] {
            assert_served(&cache.fetch(&origin.url(path)), status, &large());
        }
    }
}

#[test]
fn an_empty_artifact_is_an_artifact() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let empty = Content::literal("");
    origin.route("/empty", Reply::ok(empty.clone()));
    for status in ["MISS", "HIT"] {
        assert_served(&cache.fetch(&origin.url("/empty")), status, &empty);
    }
}

#[test]
fn even_what_http_would_not_store_is_archived_when_it_is_asked_for_by_name() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for (path, directive) in [
        ("/a", "no-store"),
        ("/b", "private, max-age=0"),
        ("/c", "no-cache"),
    ] {
        origin.route(
            path,
            Reply::ok(small())
                .field("Cache-Control", directive)
                .field("Vary", "*"),
        );
        assert_served(&cache.fetch(&origin.url(path)), "MISS", &small());
        assert_served(&cache.fetch(&origin.url(path)), "HIT", &small());
    }
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn cut(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(1000).unwrap();
}

#[test]
fn a_file_that_is_gone_or_cut_is_fetched_again() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for (path, damage) in [("/gone", remove as fn(&Path)), ("/cut", cut)] {
        // One size for each way in which bytes are kept at hand.
        for (seed, length) in [(1, 2_000), (2, 200_000), (3, 2_000_000)] {
            let content = Content::seeded(seed, length);
            let path = format!("{path}/{length}");
            origin.route(&path, Reply::ok(content.clone()));
            let url = origin.url(&path);
            assert_served(&cache.fetch(&url), "MISS", &content);
            for _ in 0..3 {
                assert_served(&cache.fetch(&url), "HIT", &content);
            }
            cache.stats();
            damage(&blob(&cache, &content.sha256()));
            assert_served(&cache.fetch(&url), "MISS", &content);
            assert_served(&cache.fetch(&url), "HIT", &content);
            assert_eq!(origin.hits(&path), 2);
            cache.stats();
            let stored = fs::read(blob(&cache, &content.sha256())).unwrap();
            assert_eq!(stored, content.bytes());
        }
    }
    assert!((cache.metric("artifact_cache_corrupt_total") - 6.0).abs() < 0.1);
}

#[test]
fn what_was_compressed_for_a_client_of_the_proxy_is_not_the_artifact() {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.script("/a", |request, _| {
        let fields = |reply: Reply| {
            reply
                .field("Vary", "Accept-Encoding")
                .field("Cache-Control", "max-age=600")
        };
        if request.value("accept-encoding") == Some("gzip") {
            let coded = Content::literal("coded");
            fields(Reply::ok(coded)).field("Content-Encoding", "gzip")
        } else {
            fields(Reply::ok(small()))
        }
    });
    let url = origin.url("/a");
    let coded = cache.proxy_get(&url, &[("Accept-Encoding", "gzip")]);
    coded.assert_is(&Content::literal("coded"));
    let plain = cache.fetch(&url);
    assert_served(&plain, "MISS", &small());
    assert_eq!(plain.value("content-encoding"), None);
    assert_served(&cache.fetch(&url), "HIT", &small());
}
