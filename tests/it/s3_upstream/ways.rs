//! The way to a store: https under an authority of its own, and connections that break.

use std::fs;

use super::setup;
use crate::{
    fetch::{assert_error, assert_served},
    support::{
        Ending,
        cache::{Cache, fetch_path, program},
        chaos::{Link, Passage},
        client::Request,
        origin::Content,
        s3::{ACCESS_KEY, BUCKET, SECRET_KEY, Store},
    },
};

#[test]
fn a_store_with_an_authority_of_its_own_is_trusted_when_the_configuration_names_it() {
    let (store, directory) = (Store::start_tls(), tempfile::tempdir().unwrap());
    let file = directory.path().join("store.pem");
    fs::write(&file, store.authority().pem()).unwrap();
    let content = Content::seeded(1, 400_000);
    store.place("a", &content.bytes());
    let url = format!("s3://{BUCKET}/a");

    let stranger = setup(&store.settings()).start();
    let error = assert_error(&stranger.fetch(&url), 503, "upstream_unavailable");
    assert_eq!(error["reason"], "tls");
    assert!(store.requests().is_empty());

    let more = format!("extra_ca: '{}'", file.display());
    let settings = store.settings_with(ACCESS_KEY, SECRET_KEY, &more);
    let cache = setup(&settings).start();
    assert_served(&cache.fetch(&url), "MISS", &content);
}

#[test]
fn the_command_line_trusts_the_authority_that_its_environment_names() {
    let (store, directory) = (Store::start_tls(), tempfile::tempdir().unwrap());
    let (ca, file) = (directory.path().join("ca"), directory.path().join("file"));
    fs::write(&ca, store.authority().pem()).unwrap();
    fs::write(&file, "bytes").unwrap();
    let put = |ca_file: Option<&std::path::Path>| {
        let mut command = program();
        command
            .args(["s3", "put", file.to_str().unwrap(), "s3://models/a"])
            .env("ARTIFACTS_ENDPOINT", store.url())
            .env("ARTIFACTS_ACCESS_KEY", ACCESS_KEY)
            .env("ARTIFACTS_SECRET_KEY", SECRET_KEY);
        if let Some(path) = ca_file {
            command.env("ARTIFACTS_CA_FILE", path);
        }
        command.output().unwrap().status.code()
    };
    assert_eq!(put(None), Some(1));
    assert_eq!(put(Some(&ca)), Some(0));
    assert_eq!(fs::read(store.file("a")).unwrap(), b"bytes");
}

const LENGTH: f64 = 8_388_608.0;

/// A store with one large object, the link to it, and a cache behind the link.
fn linked(passage: Passage) -> (Store, Link, Cache, Content) {
    let store = Store::start();
    let content = Content::seeded(2, 8 << 20);
    store.place("a", &content.bytes());
    let link = Link::to(store.address());
    link.downstream(passage);
    let settings = Store::settings_at(&link.url("/"), ACCESS_KEY, SECRET_KEY, "");
    let cache = setup(&settings).start();
    (store, link, cache, content)
}

/// Bytes that came from the store, and how often it was asked to go on.
fn downloaded(cache: &Cache) -> (f64, f64) {
    (
        cache.metric("artifact_cache_bytes_downloaded_total"),
        cache.metric("artifact_cache_resumed_total"),
    )
}

#[test]
fn a_download_that_breaks_goes_on_where_it_broke() {
    let cut = Passage::CutAfter(3 << 20, Ending::Reset);
    let (store, _link, cache, content) = linked(cut);
    let url = format!("s3://{BUCKET}/a");
    assert_served(&cache.fetch(&url), "MISS", &content);
    let (bytes, resumed) = downloaded(&cache);
    assert!(
        (bytes - LENGTH).abs() < 0.5 && resumed > 1.5,
        "{bytes} bytes in {resumed} parts more"
    );
    // A reset may swallow what had arrived, so that it takes one more.
    let requests = store.requests();
    assert!(requests.len() >= 3, "{requests:?}");
    assert!(requests.iter().all(|request| request == "GET /models/a"));
}

/// Kills the cache while it downloads the object, whose URL it returns, and mends the link.
fn kill_in_the_middle(cache: &mut Cache, link: &Link) -> String {
    let url = format!("s3://{BUCKET}/a");
    let mut client = cache.client();
    let path = format!("{}&mode=stream", fetch_path(&url));
    let mut incoming = client.start(&Request::get(&path)).expect("a head");
    assert!(incoming.read_to(2 << 20));
    cache.kill9();
    link.heal();
    url
}

#[test]
fn a_download_goes_on_after_the_cache_was_killed() {
    let (_store, link, mut cache, content) = linked(Passage::StallAfter(4 << 20));
    let url = kill_in_the_middle(&mut cache, &link);
    cache.restart();
    assert_served(&cache.fetch(&url), "MISS", &content);
    let (bytes, resumed) = downloaded(&cache);
    let rest = LENGTH - 2_097_152.0;
    assert!(resumed > 0.5 && bytes <= rest, "{bytes} bytes");
}

#[test]
fn an_object_that_was_replaced_meanwhile_is_never_mixed() {
    let (store, link, mut cache, _) = linked(Passage::StallAfter(4 << 20));
    let url = kill_in_the_middle(&mut cache, &link);
    let newer = Content::seeded(3, 8 << 20);
    store.place("a", &newer.bytes());
    cache.restart();
    assert_served(&cache.fetch(&url), "MISS", &newer);
}
