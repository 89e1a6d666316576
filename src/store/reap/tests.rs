//! Tests of the module above.

use std::time::SystemTime;

use artifact_cache_layers::semantics::{
    cache_key::CacheKey, stored_response::StoredResponse, target_uri::TargetUri,
};
use http::{HeaderMap, StatusCode};

use super::*;
use crate::{
    blob::{Partial, tests::temporary_store},
    catalog::{Addition, Catalog, CatalogOptions},
    clock::Clock,
    store::commit::Verified,
};

const URL: &str = "https://example.com/a";

fn committer() -> (tempfile::TempDir, Committer) {
    let (directory, blobs) = temporary_store();
    let path = directory.path().join("catalog");
    let catalog = Catalog::open(&path, &CatalogOptions::default(), Clock::system());
    (directory, Committer::new(catalog.expect("catalog"), blobs))
}

fn addition(url: &str, body: &[u8]) -> Addition {
    let uri: TargetUri = url.parse().expect("url");
    Addition {
        key: CacheKey::of(&uri),
        uri,
        final_url: None,
        response: StoredResponse {
            status: StatusCode::OK,
            fields: HeaderMap::new(),
            request_time: SystemTime::now(),
            response_time: SystemTime::now(),
            nominated: Vec::new(),
            digest: Sha256::of(body),
            length: body.len() as u64,
        },
    }
}

fn partial(committer: &Committer, body: &[u8]) -> Partial {
    let partial = Partial::create(committer.blobs(), None).expect("partial");
    partial.write_all_at(body, 0).expect("write");
    partial
}

fn commit(committer: &Committer, url: &str, body: &[u8]) -> Result<u64, CommitError> {
    let verified = Verified::check((Sha256::of(body), body.len() as u64), None, None);
    let (partial, verified) = (partial(committer, body), verified.expect("verified"));
    let stored = committer.commit_blocking(partial, verified, addition(url, body));
    stored.map(|stored| stored.written.artifact.expect("artifact"))
}

fn remove(committer: &Committer, url: &str) {
    let key = CacheKey::of(&url.parse().expect("url"));
    let removed = committer
        .catalog()
        .write_blocking(Change::RemoveUrl { key });
    removed.expect("removed");
}

fn exists(committer: &Committer, body: &[u8]) -> bool {
    committer.blobs().path(&Sha256::of(body)).exists()
}

#[test]
fn a_blob_outlives_its_last_url_by_the_grace_period() {
    let (_directory, committer) = committer();
    commit(&committer, URL, b"body").expect("committed");
    remove(&committer, URL);
    let hour = Duration::from_hours(1);
    let reap = |grace| committer.reap_blocking(grace).expect("reaped").blobs;
    assert_eq!(reap(hour), 0);
    committer.catalog().clock().shift(3601);
    assert!(exists(&committer, b"body"));
    assert_eq!(reap(hour), 1);
    assert!(!exists(&committer, b"body"));
    assert_eq!(committer.catalog().removable(None, 9).expect("read"), []);
}

#[test]
fn a_shared_blob_stays_until_its_last_url_goes() {
    let (_directory, committer) = committer();
    commit(&committer, URL, b"body").expect("committed");
    commit(&committer, "https://example.com/b", b"body").expect("committed");
    remove(&committer, URL);
    committer.reap_blocking(Duration::ZERO).expect("reaped");
    assert!(exists(&committer, b"body"));
    remove(&committer, "https://example.com/b");
    committer.reap_blocking(Duration::ZERO).expect("reaped");
    assert!(!exists(&committer, b"body"));
}

#[test]
fn a_file_that_a_commit_has_just_kept_is_not_removed_under_it() {
    let (_directory, committer) = committer();
    commit(&committer, URL, b"body").expect("committed");
    remove(&committer, URL);
    // The commit, stopped between its two steps: the name is there, the catalog does not know it.
    let hold = committer.holds.for_commit(Sha256::of(b"body"));
    let persisted = partial(&committer, b"body").persist(&Sha256::of(b"body"));
    assert!(!persisted.expect("persisted").is_new);
    let reaped = committer.reap_blocking(Duration::ZERO).expect("reaped");
    assert_eq!((reaped.blobs, reaped.left), (0, 1));
    let change = Change::from(addition(URL, b"body"));
    committer.catalog().write_blocking(change).expect("stored");
    drop(hold);
    let reaped = committer.reap_blocking(Duration::ZERO).expect("reaped");
    assert_eq!(reaped, Reaped::default());
    assert!(exists(&committer, b"body"));
}

#[test]
fn storing_removing_and_reaping_at_once_never_loses_a_known_blob() {
    let (_directory, committer) = committer();
    let done = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        let reaper = scope.spawn(|| {
            while !done.load(order) {
                committer.reap_blocking(Duration::ZERO).expect("reaped");
            }
        });
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let committer = &committer;
                scope.spawn(move || {
                    let url = format!("https://example.com/{writer}");
                    for _ in 0..60 {
                        commit(committer, &url, b"fought over").expect("committed");
                        // This URL holds it now, whatever the others do.
                        assert!(exists(committer, b"fought over"));
                        remove(committer, &url);
                    }
                })
            })
            .collect();
        let ended: Vec<_> = writers
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        done.store(true, order);
        assert!(ended.iter().all(Result::is_ok), "a blob was lost");
        reaper.join().expect("reaper");
    });
    committer.reap_blocking(Duration::ZERO).expect("reaped");
    assert!(!exists(&committer, b"fought over"));
}

#[test]
fn a_refused_commit_leaves_no_file_behind() {
    let (directory, blobs) = temporary_store();
    let options = CatalogOptions {
        map_size_bytes: 256 << 10,
        ..CatalogOptions::default()
    };
    let path = directory.path().join("catalog");
    let catalog = Catalog::open(&path, &options, Clock::system()).expect("catalog");
    let committer = Committer::new(catalog, blobs);
    let refused = (0..10_000).find_map(|number: u32| {
        let (url, body) = (
            format!("https://example.com/{number}"),
            number.to_be_bytes(),
        );
        commit(&committer, &url, &body)
            .err()
            .map(|error| (body, error))
    });
    let (body, error) = refused.expect("the map is full at some time");
    assert!(matches!(
        error,
        CommitError::Catalog(crate::catalog::CatalogError::MapFull)
    ));
    assert!(!exists(&committer, &body));
}

#[test]
fn a_missing_blob_becomes_a_miss_but_a_sound_one_stays() {
    let (_directory, committer) = committer();
    commit(&committer, URL, b"body").expect("committed");
    let digest = Sha256::of(b"body");
    assert!(!committer.recheck_blocking(&digest).expect("checked"));
    committer.blobs().remove(&digest).expect("removed");
    assert!(committer.recheck_blocking(&digest).expect("checked"));
    let key = CacheKey::of(&URL.parse().expect("url"));
    assert!(committer.catalog().responses(&key).expect("read").is_none());
    assert!(!committer.recheck_blocking(&digest).expect("checked"));
}
