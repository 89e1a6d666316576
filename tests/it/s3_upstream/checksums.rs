//! Objects are checked against what their store says of them, whoever asks and whether or not a pin does.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use md5::{Digest as _, Md5};

use super::setup;
use crate::{
    fetch::{assert_error, assert_nothing_stored, assert_served, fetch_pinned},
    support::{
        cache::{Cache, program},
        origin::{Content, Origin, Reply},
        s3::{ACCESS_KEY, BUCKET, SECRET_KEY, Store},
    },
};

/// Stays in memory until it is whole, and goes to a file at once.
const LENGTHS: [u64; 2] = [5_000, 900_000];

/// A cache in front of a scripted store.
fn cache_of(origin: &Origin) -> Cache {
    let url = origin.url("/");
    setup(&format!(
        "s3: {{endpoints: {{default: {{url: '{url}', credentials: anonymous}}}}}}\n"
    ))
    .start()
}

fn md5_of(content: &Content) -> String {
    let digest: [u8; 16] = Md5::digest(content.bytes()).into();
    format!("\"{:032x}\"", u128::from_be_bytes(digest))
}

fn base64_of(content: &Content) -> String {
    let hex = content.sha256().to_string();
    let bytes: Vec<_> = (0..32)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    BASE64_STANDARD.encode(bytes)
}

#[test]
fn bytes_that_are_not_what_the_store_says_are_neither_served_whole_nor_stored() {
    for length in LENGTHS {
        let (content, other) = (Content::seeded(1, length), Content::seeded(2, length));
        for (name, value) in [
            ("x-amz-checksum-sha256", base64_of(&other)),
            ("x-amz-meta-sha256", other.sha256().to_string()),
            ("ETag", md5_of(&other)),
        ] {
            let origin = Origin::start();
            let reply = Reply::ok(content.clone()).field(name, value);
            origin.route("/models/a", reply);
            let cache = cache_of(&origin);
            let url = "s3://models/a";
            let error = assert_error(&cache.fetch(url), 502, "upstream_invalid");
            let reason = error["reason"].as_str().unwrap();
            assert!(reason.contains("damaged"), "{name}: {error}");
            assert_nothing_stored(&cache);
            // Not even for those who want exactly these bytes: one of the two is wrong.
            let pinned = fetch_pinned(&cache, url, content.sha256());
            assert_error(&pinned, 502, "upstream_invalid");
            assert_nothing_stored(&cache);
            assert_eq!(origin.hits("/models/a"), 2, "{name}");
        }
    }
}

/// What a store may rightly say of these bytes.
fn truths(content: &Content) -> [[(&'static str, String); 2]; 5] {
    let wrong = || "\"00000000000000000000000000000000\"".to_owned();
    let parts = || "\"00000000000000000000000000000000-2\"".to_owned();
    let (sha256, base64) = (content.sha256().to_string(), base64_of(content));
    let of_parts = format!("{base64}-2");
    [
        [("x-amz-checksum-sha256", base64), ("ETag", wrong())],
        [("x-amz-meta-sha256", sha256), ("ETag", parts())],
        [("x-amz-meta-a", "b".into()), ("ETag", md5_of(content))],
        // Digests of parts, and tags of encrypted objects, say nothing of the whole.
        [("x-amz-checksum-sha256", of_parts), ("ETag", parts())],
        [
            ("x-amz-server-side-encryption", "aws:kms".into()),
            ("ETag", wrong()),
        ],
    ]
}

#[test]
fn bytes_that_are_what_the_store_says_are_stored() {
    for length in LENGTHS {
        let content = Content::seeded(3, length);
        for fields in truths(&content) {
            let origin = Origin::start();
            let reply = Reply::ok(content.clone());
            let reply = fields
                .iter()
                .fold(reply, |reply, (name, value)| reply.field(name, value));
            origin.route("/models/a", reply);
            let cache = cache_of(&origin);
            assert_served(&cache.fetch("s3://models/a"), "MISS", &content);
            assert_served(&cache.fetch("s3://models/a"), "HIT", &content);
            let asked = &origin.requests()[0];
            assert_eq!(asked.value("x-amz-checksum-mode"), Some("ENABLED"));
        }
    }
}

#[test]
fn an_object_that_rotted_in_its_store_is_refused() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    let (file, content) = (directory.path().join("in"), Content::seeded(4, 700_000));
    fs::write(&file, content.bytes()).unwrap();
    let put = program()
        .args(["s3", "put", file.to_str().unwrap(), "s3://models/a"])
        .env("ARTIFACTS_ENDPOINT", store.url())
        .env("ARTIFACTS_ACCESS_KEY", ACCESS_KEY)
        .env("ARTIFACTS_SECRET_KEY", SECRET_KEY)
        .output()
        .unwrap();
    assert!(put.status.success());
    let cache = setup(&store.settings()).start();
    let url = format!("s3://{BUCKET}/a");
    let mut rotten = content.bytes();
    rotten[1234] ^= 1;
    fs::write(store.file("a"), rotten).unwrap();
    assert_error(&cache.fetch(&url), 502, "upstream_invalid");
    assert_nothing_stored(&cache);
    cache.trace().wait_for("fetch failed", |event| {
        event.to_string().contains("damaged")
    });
    fs::write(store.file("a"), content.bytes()).unwrap();
    assert_served(&cache.fetch(&url), "MISS", &content);
}

#[test]
fn a_download_that_streams_already_breaks_off_before_its_last_byte() {
    let (origin, content) = (Origin::start(), Content::seeded(5, 3 << 20));
    let other = Content::seeded(6, 3 << 20).sha256().to_string();
    let reply = Reply::ok(content).field("x-amz-meta-sha256", other);
    origin.route("/models/a", reply);
    let cache = cache_of(&origin);
    let query = "url=s3://models/a&mode=stream";
    let response = cache.fetch_with(query, &[]);
    let is_whole = response.status() == 200 && response.end.is_complete();
    assert!(!is_whole, "{:?}", response.end);
    assert_nothing_stored(&cache);
}

#[test]
fn what_passes_uncached_is_checked_as_well() {
    let (content, other) = (Content::seeded(7, 9 << 20), Content::seeded(8, 9 << 20));
    for (told, is_right) in [(&other, false), (&content, true)] {
        let origin = Origin::start();
        let sha256 = told.sha256().to_string();
        let reply = Reply::ok(content.clone()).field("x-amz-meta-sha256", &sha256);
        origin.route("/models/a", reply);
        let url = origin.url("/");
        // It does not fit whatever is evicted.
        let cache = setup(&format!(
            "s3: {{endpoints: {{default: {{url: '{url}', credentials: anonymous}}}}}}\n\
             storage: {{max_bytes: 4MiB}}\n"
        ))
        .start();
        let response = cache.get("/fetch?url=s3%3A%2F%2Fmodels%2Fa&mode=stream");
        assert_eq!(response.status(), 200);
        assert_eq!(response.is_complete(), is_right);
        assert_eq!(response.length == content.length(), is_right);
        if !is_right {
            let said = "an object that was passed on is not what its store says";
            cache.trace().wait_for(said, |_| true);
        }
        assert_nothing_stored(&cache);
    }
}
