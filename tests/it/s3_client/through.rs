//! Downloads of the library and of `s3 get` through a cache (`ARTIFACTS_VIA_CACHE`).

use std::{fs, path::Path, process::Command};

use artifact_cache::artifacts_store::{ArtifactsStore, Settings};

use super::{done, failed};
use crate::support::{
    cache::{Cache, program},
    origin::{Chunks, Content, Origin, Reply},
    s3::{ACCESS_KEY, BUCKET, SECRET_KEY, Store},
};

fn cache_of(store: &Store, more: &str) -> Cache {
    let settings = format!("{}{more}", store.settings());
    Cache::setup().allow_cidrs(&[]).config(&settings).start()
}

/// `s3 get NAME FILE` through the cache at `url`, without keys.
fn get(url: &str, name: &str, file: &Path) -> Command {
    let mut command = program();
    command
        .args(["s3", "get", name, file.to_str().unwrap()])
        .env("ARTIFACTS_VIA_CACHE", url)
        .env("ARTIFACTS_BUCKET", BUCKET);
    command
}

fn url(cache: &Cache) -> String {
    format!("http://{}", cache.address())
}

#[test]
fn what_many_download_leaves_the_store_once_and_needs_no_keys() {
    let (mut store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    let file = directory.path().join("out");
    let cache = cache_of(&store, "fetch: {hold: 0s}\nupstream: {max_retries: 0}\n");
    for (at, key) in ["dir/a", "a+b=c&d", "ü %#?", "x//y"]
        .into_iter()
        .enumerate()
    {
        let content = Content::seeded(at as u64, 700_000);
        store.place(key, &content.bytes());
        let name = format!("s3://{BUCKET}/{key}");
        for _ in 0..3 {
            let said = done(&get(&url(&cache), &name, &file).output().unwrap());
            assert!(said.contains(&content.sha256().to_string()), "{said}");
            assert_eq!(fs::read(&file).unwrap(), content.bytes(), "{key}");
        }
    }
    assert_eq!(store.count("GET"), 4);
    failed(&get(&url(&cache), "nothing", &file).output().unwrap(), 2);
    store.stop();
    done(&get(&url(&cache), "dir/a", &file).output().unwrap());
    let away = get(&url(&cache), "new", &file).output().unwrap();
    assert!(failed(&away, 1).contains("upstream_unavailable"));
}

#[test]
fn the_library_downloads_through_the_cache() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    store.place("engines/a.trt", b"engine");
    let cache = cache_of(&store, "");
    let artifacts = ArtifactsStore::new(Settings {
        bucket: BUCKET.into(),
        via_cache: Some(url(&cache)),
        ..Settings::default()
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let file = directory.path().join("a.trt");
        assert!(artifacts.download_if_exists("engines/a.trt", &file).await);
        assert_eq!(fs::read(file).unwrap(), b"engine");
        assert!(
            !artifacts
                .download_if_exists("engines/b.trt", "/dev/null/x")
                .await
        );
        assert_eq!(artifacts.last_error(), None);
        // Writing is the store's business, and that takes keys.
        assert!(!artifacts.is_available());
    });
}

#[test]
fn what_a_cache_refuses_is_told_and_not_asked_of_the_store() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    store.place("a", b"bytes");
    let file = directory.path().join("out");
    let guarded = cache_of(&store, "auth: {tokens: true}\n");
    let output = get(&url(&guarded), "a", &file)
        .env("ARTIFACTS_ENDPOINT", store.url())
        .env("ARTIFACTS_ACCESS_KEY", ACCESS_KEY)
        .env("ARTIFACTS_SECRET_KEY", SECRET_KEY)
        .output();
    failed(&output.unwrap(), 3);
    let settings = store.settings_with(ACCESS_KEY, SECRET_KEY, "buckets: [other]");
    let narrow = Cache::setup().config(&settings).start();
    let output = get(&url(&narrow), "a", &file).output().unwrap();
    assert!(failed(&output, 1).contains("policy_denied"));
    let output = get("ftp://cache", "a", &file).output().unwrap();
    assert!(failed(&output, 64).contains("ARTIFACTS_VIA_CACHE"));
    assert!(store.requests().is_empty() && !file.exists());
}

#[test]
fn a_token_opens_a_guarded_cache() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    store.place("a", b"bytes");
    let file = directory.path().join("out");
    let cache = cache_of(&store, "auth: {tokens: true}\n");
    let made = program()
        .args(["token", "create", "--scope", "fetch", "--data"])
        .arg(cache.data())
        .output()
        .unwrap();
    let said = done(&made);
    let token = said.split_whitespace().find(|word| word.starts_with("ac_"));
    let mut command = get(&url(&cache), "a", &file);
    command.env("ARTIFACT_CACHE_TOKEN", token.unwrap());
    done(&command.output().unwrap());
    assert_eq!(fs::read(file).unwrap(), b"bytes");
}

#[test]
fn a_cache_that_is_away_is_passed_by_where_there_are_keys() {
    let (store, directory) = (Store::start(), tempfile::tempdir().unwrap());
    store.place("a", b"bytes");
    let file = directory.path().join("out");
    let away = format!("http://{}", Origin::start().address());
    failed(&get(&away, "a", &file).output().unwrap(), 1);
    let mut command = get(&away, "a", &file);
    command
        .env("ARTIFACTS_ENDPOINT", store.url())
        .env("ARTIFACTS_ACCESS_KEY", ACCESS_KEY)
        .env("ARTIFACTS_SECRET_KEY", SECRET_KEY);
    done(&command.output().unwrap());
    assert_eq!(fs::read(file).unwrap(), b"bytes");
}

#[test]
fn bytes_that_are_not_what_the_cache_says_leave_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let (content, other) = (Content::seeded(1, 50_000), Content::seeded(2, 50_000));
    let told = ("X-Content-SHA256".to_owned(), other.sha256().to_string());
    let before = Reply::ok(content.clone()).field(&told.0, &told.1);
    let behind = Reply::ok(content).chunked(Chunks::Trailers(vec![told]));
    for reply in [before, behind] {
        let liar = Origin::start();
        liar.route("/fetch", reply);
        let file = directory.path().join("out");
        let output = get(&liar.url("/"), "a", &file).output().unwrap();
        failed(&output, 4);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert_eq!(liar.requests()[0].value("te"), Some("trailers"));
    }
}
