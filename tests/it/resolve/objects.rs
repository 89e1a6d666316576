//! Objects of a store: downloaded once, verified, and every way in which a store fails told apart.

use std::{fs, thread};

use serde_json::{Value, json};

use super::{asking, assert_refused, assert_resolved, post};
use crate::{
    fetch::blobs,
    support::{
        cache::{Cache, Setup},
        origin::Content,
        s3::{ACCESS_KEY, BUCKET, SECRET_KEY, Store},
    },
};

fn over(settings: &str) -> Setup {
    let settings = format!("{settings}upstream: {{max_retries: 0}}\n");
    Cache::setup().allow_cidrs(&[]).config(&settings)
}

#[test]
fn the_documents_variables_and_request_are_enough() {
    let store = Store::start();
    let content = Content::seeded(1, 400_000);
    store.place("path/to/checkpoint.pt", &content.bytes());
    let cache = Cache::setup()
        .allow_cidrs(&[])
        .environment("ARTIFACT_S3_ENDPOINT_URL", &store.url())
        .environment("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .environment("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .start();
    let uri = format!("s3://{BUCKET}/path/to/checkpoint.pt");
    let document = asking(&uri, &content);
    let path = assert_resolved(&post(&cache, &document), &uri, &content, false);
    let name = format!("sha256/{}", content.sha256());
    let cache_dir = cache.data().join("cache");
    assert_eq!(path, cache_dir.join(name));
    assert_eq!(fs::read(&path).unwrap(), content.bytes());
    assert_resolved(&post(&cache, &document), &uri, &content, true);
    assert_eq!(store.requests(), ["GET /models/path/to/checkpoint.pt"]);
    let health = cache.get("/health").json();
    assert_eq!(health["s3_endpoint_url"], store.url());
    assert_eq!(health["cache_dir"], cache_dir.to_str().unwrap());
}

#[test]
fn keys_are_taken_as_they_are_written() {
    let store = Store::start();
    let cache = over(&store.settings()).start();
    for (at, key) in [
        "a+b=c&d", "a b", "ü/ß", "100%", "a%20b", "q?v=1#f", "x//y", "x/../y",
    ]
    .into_iter()
    .enumerate()
    {
        let content = Content::seeded(at as u64, 2000);
        put(&store, key, &content);
        for scheme in ["s3", "minio"] {
            let uri = format!("{scheme}://{BUCKET}/{key}");
            let cached = scheme == "minio";
            let answer = post(&cache, &asking(&uri, &content));
            assert_resolved(&answer, &uri, &content, cached);
        }
    }
}

/// Through the store's own door: some keys are no plain paths.
fn put(store: &Store, key: &str, content: &Content) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("in");
    fs::write(&file, content.bytes()).unwrap();
    let name = format!("s3://{BUCKET}/{key}");
    let put = crate::support::cache::program()
        .args(["s3", "put", file.to_str().unwrap(), &name])
        .env("ARTIFACTS_ENDPOINT", store.url())
        .env("ARTIFACTS_ACCESS_KEY", ACCESS_KEY)
        .env("ARTIFACTS_SECRET_KEY", SECRET_KEY)
        .output()
        .unwrap();
    assert!(put.status.success(), "{key}");
}

#[test]
fn what_a_store_refuses_has_the_status_that_fits() {
    let mut store = Store::start();
    let content = Content::literal("bytes");
    store.place("a", b"bytes");
    let cache = over(&store.settings()).start();
    for name in ["models/none", "nowhere/a"] {
        let answer = post(&cache, &asking(&format!("s3://{name}"), &content));
        assert_refused(&answer, 404, "Artifact not found");
    }
    let stranger = over(&store.settings_with(ACCESS_KEY, "wrong", "")).start();
    let denied = post(&stranger, &asking("s3://models/a", &content));
    assert_error(&denied, 502, "upstream_error");
    assert_eq!(denied.json()["status_code"], 403);
    let settings = store.settings_with(ACCESS_KEY, SECRET_KEY, "buckets: [other]");
    let narrow = over(&settings).start();
    let elsewhere = post(&narrow, &asking("s3://models/a", &content));
    assert_error(&elsewhere, 403, "policy_denied");
    store.stop();
    let away = post(&cache, &asking("s3://models/a", &content));
    assert_error(&away, 503, "upstream_unavailable");
    for cache in [cache, stranger, narrow] {
        assert_eq!(blobs(&cache), Vec::<std::path::PathBuf>::new());
    }
}

#[track_caller]
fn assert_error(response: &crate::support::client::Response, status: u16, error: &str) {
    let answer: Value = response.json();
    assert_eq!(
        (response.status(), &answer["error"]),
        (status, &json!(error)),
        "{answer}"
    );
    assert!(answer["detail"].is_string(), "{answer}");
}

#[test]
fn what_was_promised_of_an_object_is_checked() {
    let store = Store::start();
    let (content, other) = (Content::seeded(2, 30_000), Content::seeded(3, 30_000));
    store.place("a", &content.bytes());
    let cache = over(&store.settings()).start();
    let uri = format!("s3://{BUCKET}/a");
    let wrong = post(&cache, &asking(&uri, &other));
    assert_refused(&wrong, 400, "Downloaded sha256 mismatch");
    let mut document = asking(&uri, &content);
    document["size_bytes"] = 29_999.into();
    let wrong = post(&cache, &document);
    assert_refused(&wrong, 400, "Downloaded size mismatch");
}

#[test]
fn many_at_once_get_one_path_which_stays_readable_while_everything_is_deleted() {
    let store = Store::start();
    let content = Content::seeded(4, super::remote::large(24 << 20));
    for key in ["a", "b"] {
        store.place(key, &content.bytes());
    }
    let cache = over(&store.settings()).start();
    let answers: Vec<_> = thread::scope(|scope| {
        let ask = |at: usize| {
            // Two names for the same bytes are one download.
            let key = ["a", "b"][at % 2];
            post(&cache, &asking(&format!("s3://{BUCKET}/{key}"), &content))
        };
        let asking: Vec<_> = (0..20).map(|at| scope.spawn(move || ask(at))).collect();
        asking.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let downloads = answers.iter().filter(|it| it.json()["cached"] == false);
    assert_eq!((downloads.count(), store.count("GET")), (1, 1));
    let path = answers[0].json()["local_path"].clone();
    assert!(answers.iter().all(|it| it.json()["local_path"] == path));
    let path = path.as_str().unwrap();
    thread::scope(|scope| {
        let deleting = scope.spawn(|| super::leases::remove_everything(&cache));
        while !deleting.is_finished() {
            assert_eq!(fs::read(path).unwrap().len() as u64, content.length());
        }
        deleting.join().unwrap();
    });
    super::leases::unlink_blobs(&cache);
    assert_eq!(fs::read(path).unwrap(), content.bytes());
}

#[test]
fn a_path_stays_readable_while_eviction_runs_at_full_pressure() {
    let store = Store::start();
    let content = Content::seeded(5, 8 << 20);
    store.place("kept", &content.bytes());
    for at in 0..12 {
        store.place(
            &format!("press/{at}"),
            &Content::seeded(100 + at, 4 << 20).bytes(),
        );
    }
    let settings = format!("{}storage: {{max_bytes: 24MiB}}\n", store.settings());
    let cache = over(&settings).start();
    let uri = format!("s3://{BUCKET}/kept");
    let path = assert_resolved(
        &post(&cache, &asking(&uri, &content)),
        &uri,
        &content,
        false,
    );
    thread::scope(|scope| {
        let pressing = scope.spawn(|| {
            for at in 0..12 {
                let url = format!("s3://{BUCKET}/press/{at}");
                assert_eq!(cache.fetch(&url).status(), 200, "{url}");
            }
        });
        while !pressing.is_finished() {
            let read = Content::literal(fs::read(&path).unwrap());
            assert_eq!(read.sha256(), content.sha256());
        }
        pressing.join().unwrap();
    });
    assert!(cache.metric("artifact_cache_evicted_total") > 0.5);
    assert_eq!(fs::read(&path).unwrap(), content.bytes());
}
