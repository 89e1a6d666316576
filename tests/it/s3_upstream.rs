//! `s3://` through the cache: the same stores, pins, ranges and errors as any origin, and signatures that
//! a store of somebody else's making accepts.

mod checksums;
mod refusals;
mod ways;

use crate::{
    fetch::{assert_served, fetch_pinned, wrong_pin},
    support::{
        cache::{Cache, Setup},
        client::Request,
        origin::Content,
        percent_encoded,
        s3::{BUCKET, Store},
    },
};

/// A cache that may reach nothing but the stores of its configuration.
fn setup(settings: &str) -> Setup {
    let settings = format!("{settings}upstream: {{max_retries: 0}}\n");
    Cache::setup().allow_cidrs(&[]).config(&settings)
}

fn content() -> Content {
    Content::seeded(3, 900_000)
}

#[test]
fn an_object_is_fetched_once_and_served_from_then_on() {
    let store = Store::start();
    store.place("dir/model.pt", &content().bytes());
    let cache = setup(&store.settings()).start();
    let url = format!("s3://{BUCKET}/dir/model.pt");
    assert_served(&cache.fetch(&url), "MISS", &content());
    assert_served(&cache.fetch(&url), "HIT", &content());
    assert_served(
        &cache.fetch(&url.replace("s3:", "minio:")),
        "HIT",
        &content(),
    );
    let path = format!("/fetch/s3/{BUCKET}/dir/model.pt");
    assert_served(&cache.get(&path), "HIT", &content());
    assert_eq!(store.requests(), ["GET /models/dir/model.pt"]);
    let items = cache.get("/api/artifacts").json()["items"].clone();
    assert_eq!(items[0]["source_url"], url);
}

#[test]
fn a_pin_is_kept_and_a_wrong_one_refused() {
    let store = Store::start();
    store.place("a", &content().bytes());
    let cache = setup(&store.settings()).start();
    let url = format!("s3://{BUCKET}/a");
    assert_eq!(fetch_pinned(&cache, &url, wrong_pin()).status(), 409);
    let right = fetch_pinned(&cache, &url, content().sha256());
    assert_served(&right, "MISS", &content());
}

#[test]
fn a_herd_asks_the_store_once() {
    let store = Store::start();
    store.place("a", &content().bytes());
    let cache = setup(&store.settings()).start();
    let url = format!("s3://{BUCKET}/a");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| cache.fetch(&url).assert_is(&content()));
        }
    });
    assert_eq!(store.requests().len(), 1);
}

#[test]
fn parts_and_heads_are_answered_as_of_any_origin() {
    let store = Store::start();
    store.place("a", &content().bytes());
    let cache = setup(&store.settings()).start();
    let query = format!("url={}", percent_encoded(&format!("s3://{BUCKET}/a")));
    let head = cache.exchange(&Request::new("HEAD", &format!("/fetch?{query}")));
    assert_eq!(
        (head.status(), head.value("content-length")),
        (200, Some("900000"))
    );
    cache.fetch_with(&query, &[]).assert_is(&content());
    let part = cache.fetch_with(&query, &[("Range", "bytes=100-199")]);
    assert_eq!(part.status(), 206);
    assert_eq!(part.sha256, content().sha256_of(100, 200));
}

#[test]
fn every_key_that_a_store_takes_can_be_asked_for() {
    let store = Store::start();
    let cache = setup(&store.settings()).start();
    for (at, key) in [
        "a+b",
        "a=b&c",
        "a b",
        "ü/ß",
        "100%",
        "a%20b",
        "q?x=1",
        "(a)'*!,;:@$",
        "#1",
    ]
    .into_iter()
    .enumerate()
    {
        let content = Content::seeded(at as u64, 1000);
        store.place(key, &content.bytes());
        let escaped = key.replace('%', "%25").replace('#', "%23");
        let url = format!("s3://{BUCKET}/{escaped}");
        assert_served(&cache.fetch(&url), "MISS", &content);
        assert_served(&cache.fetch(&url), "HIT", &content);
    }
}

#[test]
fn a_store_may_be_named_and_its_buckets_listed() {
    let (one, two) = (Store::start(), Store::start());
    one.place("a", b"of one");
    two.place("a", b"of two");
    let settings = format!(
        "s3: {{endpoints: {{one: {}, two: {}}}}}\n",
        entry(&one, &format!("buckets: [{BUCKET}]")),
        entry(&two, "")
    );
    let cache = setup(&settings).start();
    assert_eq!(cache.fetch("s3://models/a").text(), "of one");
    assert_eq!(cache.fetch("s3+two://models/a").text(), "of two");
    assert_eq!(cache.fetch("s3+one://models/a").text(), "of one");
}

fn entry(store: &Store, more: &str) -> String {
    let settings = store.settings_with(
        crate::support::s3::ACCESS_KEY,
        crate::support::s3::SECRET_KEY,
        more,
    );
    let start = settings.find("{url").unwrap();
    let end = settings.find('}').unwrap();
    settings[start..=end].to_owned()
}

#[test]
fn the_documents_variables_name_the_store() {
    let store = Store::start();
    store.place("a", b"bytes");
    let cache = Cache::setup()
        .allow_cidrs(&[])
        .environment("ARTIFACT_S3_ENDPOINT_URL", &store.url())
        .environment("AWS_ACCESS_KEY_ID", crate::support::s3::ACCESS_KEY)
        .environment("AWS_SECRET_ACCESS_KEY", crate::support::s3::SECRET_KEY)
        .environment("AWS_REGION", "us-east-1")
        .start();
    assert_eq!(cache.fetch("s3://models/a").text(), "bytes");
}
