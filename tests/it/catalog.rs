//! The catalog gives back what was stored, follows every change, and keeps its sums right.

#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

mod limits;
mod lists;
mod orders;
mod sets;

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use artifact_cache::{
    catalog::{Addition, Catalog, CatalogError, CatalogOptions, Change, Written},
    clock::Clock,
};
use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse, target_uri::TargetUri},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

fn open(directory: &Path) -> Catalog {
    let options = CatalogOptions::default();
    Catalog::open(directory, &options, Clock::system()).expect("catalog")
}

/// A response with status 200 and some fields.
pub(crate) fn response(body: &[u8]) -> StoredResponse {
    let mut fields = HeaderMap::new();
    fields.append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    fields.append("x-twice", HeaderValue::from_static("one"));
    fields.append(
        "x-twice",
        HeaderValue::from_bytes(b"\xe9\xff").expect("value"),
    );
    StoredResponse {
        status: StatusCode::OK,
        fields,
        request_time: SystemTime::now() - Duration::from_millis(5),
        response_time: SystemTime::now(),
        nominated: Vec::new(),
        digest: Sha256::of(body),
        length: body.len() as u64,
    }
}

/// That response as the answer of a URL.
pub(crate) fn addition(url: &str, body: &[u8]) -> Addition {
    let uri: TargetUri = url.parse().expect("url");
    Addition {
        key: CacheKey::of(&uri),
        uri,
        final_url: None,
        response: response(body),
    }
}

/// The key of a URL.
pub(crate) fn key(url: &str) -> CacheKey {
    CacheKey::of(&url.parse().expect("url"))
}

async fn store(catalog: &Catalog, url: &str, body: &[u8]) -> Written {
    let change = Change::from(addition(url, body));
    catalog.write(change).await.expect("stored")
}

#[tokio::test]
async fn what_is_stored_is_read_back_to_the_byte_also_after_a_restart() {
    let directory = tempfile::tempdir().expect("directory");
    let mut addition = addition("https://example.com/a?b=c", b"body");
    addition.final_url = Some("https://example.org/elsewhere".into());
    addition.response.nominated = vec![
        (header::ACCEPT, Some(b"text/*".to_vec())),
        (HeaderName::from_static("x-absent"), None),
    ];
    let catalog = open(directory.path());
    let write = catalog.write(addition.clone().into()).await;
    let id = write.expect("stored").artifact.expect("artifact");
    check_set(&catalog, &addition, id);
    drop(catalog);
    check_set(&open(directory.path()), &addition, id);
}

fn check_set(catalog: &Catalog, addition: &Addition, id: u64) {
    let set = catalog
        .responses(&addition.key)
        .expect("read")
        .expect("set");
    assert_eq!((set.id, &set.uri), (id, &addition.uri));
    assert_eq!(set.final_url, addition.final_url);
    assert_eq!(set.responses[0].response, addition.response);
    assert!(!set.responses[0].invalidated);
    assert_eq!(set.versions[0].digest, addition.response.digest);
    let artifact = catalog.artifact(id).expect("read").expect("artifact");
    assert_eq!(artifact.source_url, addition.uri.as_str());
    assert_eq!(artifact.content_type.as_deref(), Some("text/plain"));
    assert_eq!(artifact.last_accessed_at, artifact.first_cached_at);
    assert_eq!(artifact.versions, set.versions);
}

#[tokio::test]
async fn a_reader_sees_a_write_as_soon_as_it_is_acknowledged() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let url = "https://example.com/a";
    let before = store(&catalog, url, b"old").await;
    let old = catalog.responses(&key(url)).expect("read").expect("set");
    let again = catalog.responses(&key(url)).expect("read").expect("set");
    assert!(std::sync::Arc::ptr_eq(&old, &again), "decoded once");
    store(&catalog, url, b"new").await;
    let new = catalog.responses(&key(url)).expect("read").expect("set");
    assert_eq!(new.responses[0].response.digest, Sha256::of(b"new"));
    assert_eq!(Some(new.id), before.artifact);
}

#[tokio::test]
async fn hits_are_counted_without_a_write_and_survive_a_restart() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let id = store(&catalog, "https://example.com/a", b"a")
        .await
        .artifact
        .expect("artifact");
    let commits = catalog.commits();
    (0..3).for_each(|_| catalog.count_hit(id));
    catalog.count_hit(id + 1000);
    assert_eq!(catalog.commits(), commits);
    catalog.flush_hits().await.expect("flushed");
    let artifact = catalog.artifact(id).expect("read").expect("artifact");
    assert_eq!(artifact.access_count, 3);
    assert!(artifact.last_accessed_at > artifact.first_cached_at);
    catalog.count_hit(id);
    catalog.close().await.expect("closed");
    drop(catalog);
    let catalog = open(directory.path());
    let artifact = catalog.artifact(id).expect("read").expect("artifact");
    assert_eq!(artifact.access_count, 4);
    assert_eq!(catalog.totals().expect("totals").total_accesses, 4);
    catalog.write(Change::Remove { id }).await.expect("removed");
    assert_eq!(catalog.totals().expect("totals").total_accesses, 0);
}

#[tokio::test]
async fn ids_are_never_used_twice() {
    let directory = tempfile::tempdir().expect("directory");
    let mut last = 0;
    for _ in 0..3 {
        let catalog = open(directory.path());
        let id = store(&catalog, "https://example.com/a", b"a")
            .await
            .artifact
            .expect("artifact");
        assert!(id > last);
        last = id;
        catalog.write(Change::Remove { id }).await.expect("removed");
    }
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_has_gone() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    let options = CatalogOptions::default();
    let second = Catalog::open(directory.path(), &options, Clock::system());
    assert!(matches!(second.err(), Some(CatalogError::InUse(_))));
    drop(catalog);
    open(directory.path());
}

#[tokio::test]
async fn a_closed_catalog_can_be_read_but_not_written() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    store(&catalog, "https://example.com/a", b"a").await;
    catalog.close().await.expect("closed");
    catalog.close().await.expect("closed again");
    let refused = catalog
        .write(addition("https://example.com/b", b"b").into())
        .await;
    assert!(matches!(refused, Err(CatalogError::Closed)));
    assert!(
        catalog
            .responses(&key("https://example.com/a"))
            .expect("read")
            .is_some()
    );
}

#[tokio::test]
async fn a_write_is_done_even_when_nobody_waits_for_it() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path());
    {
        let write = catalog.write(addition("https://example.com/a", b"a").into());
        let mut write = std::pin::pin!(write);
        let waker = std::task::Waker::noop();
        let mut cx = std::task::Context::from_waker(waker);
        let _ = std::future::Future::poll(write.as_mut(), &mut cx);
    }
    catalog.flush_hits().await.expect("behind it in the queue");
    assert!(
        catalog
            .responses(&key("https://example.com/a"))
            .expect("read")
            .is_some()
    );
}

#[tokio::test]
async fn a_snapshot_is_a_catalog_of_its_own_and_overwrites_nothing() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(&directory.path().join("live"));
    store(&catalog, "https://example.com/a", b"a").await;
    let copy = directory.path().join("copy");
    std::fs::create_dir(&copy).expect("directory");
    catalog
        .snapshot_to(&copy.join("data.mdb"))
        .expect("snapshot");
    assert!(catalog.snapshot_to(&copy.join("data.mdb")).is_err());
    store(&catalog, "https://example.com/b", b"b").await;
    let copy = open(&copy);
    assert_eq!(copy.totals().expect("totals").total_items, 1);
    assert!(
        copy.responses(&key("https://example.com/a"))
            .expect("read")
            .is_some()
    );
    assert_eq!(copy.audit().expect("audit").inconsistencies, []);
}

#[test]
fn something_that_is_no_catalog_is_an_error_not_a_crash() {
    let directory = tempfile::tempdir().expect("directory");
    std::fs::write(directory.path().join("data.mdb"), [7; 9000]).expect("garbage");
    let options = CatalogOptions::default();
    let opened = Catalog::open(directory.path(), &options, Clock::system());
    assert!(matches!(opened.err(), Some(CatalogError::Storage(_))));
}
