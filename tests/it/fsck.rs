//! A store that was damaged says so, can be repaired, and can be rebuilt from its blobs alone.

#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

mod kinds;
mod rebuild;

use std::{os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use artifact_cache::{
    blob::{BlobOptions, BlobStore, Partial},
    catalog::{Addition, Catalog, CatalogOptions, Change, Inconsistency},
    clock::Clock,
    store::{
        commit::{Committer, Verified},
        fsck::{Finding, Options, Report, fsck},
        verify::{Pace, Verdict, verify_all},
    },
};
use artifact_cache_layers::digest::Sha256;

use crate::catalog::{addition, key};

const URL: &str = "https://example.com/a";
const OTHER: &str = "https://example.com/b";

fn open(directory: &Path) -> Committer {
    let options = CatalogOptions::default();
    let catalog = Catalog::open(&directory.join("catalog"), &options, Clock::system());
    let (root, temporary) = (directory.join("cache"), directory.join("tmp"));
    let blobs = BlobStore::open(&root, &temporary, BlobOptions::default());
    Committer::new(catalog.expect("catalog"), blobs.expect("blobs"))
}

fn commit(store: &Committer, addition: Addition, body: &[u8]) {
    let partial = Partial::create(store.blobs(), Some(body.len() as u64)).expect("partial");
    partial.write_all_at(body, 0).expect("write");
    let came = (Sha256::of(body), body.len() as u64);
    let verified = Verified::check(came, None, None).expect("verified");
    let committed = store.commit_blocking(partial, verified, addition);
    assert_eq!(committed.expect("committed").blob.len, body.len() as u64);
}

fn put(store: &Committer, url: &str, body: &[u8]) {
    commit(store, addition(url, body), body);
}

fn check(store: &Committer) -> Report {
    let options = Options {
        rehash: true,
        keep_partial: Duration::from_hours(1),
        ..Options::default()
    };
    fsck(store, options).expect("fsck")
}

fn repair(store: &Committer) -> Report {
    let options = Options {
        repair: true,
        rehash: true,
        keep_partial: Duration::from_hours(1),
        ..Options::default()
    };
    fsck(store, options).expect("fsck")
}

/// Overwrites a blob as a broken disk would.
fn damage(store: &Committer, body: &[u8], with: &[u8]) {
    let path = store.blobs().path(&Sha256::of(body));
    let writable = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, writable).expect("permissions");
    std::fs::write(path, with).expect("damaged");
}

#[test]
fn a_sound_store_has_no_findings() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    put(&store, URL, b"one");
    put(&store, OTHER, b"two");
    let report = check(&store);
    assert_eq!((report.findings, report.blobs), (vec![], 2));
}

#[test]
fn damaged_blobs_are_found_and_repairing_makes_their_urls_misses() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    for (number, body) in [b"gone", b"cut!", b"flip", b"good"].into_iter().enumerate() {
        put(&store, &format!("https://example.com/{number}"), body);
    }
    std::fs::remove_file(store.blobs().path(&Sha256::of(b"gone"))).expect("removed");
    damage(&store, b"cut!", b"cut");
    damage(&store, b"flip", b"flop");
    let finding = |body: &[u8], verdict| Finding::Blob {
        digest: Sha256::of(body),
        verdict,
    };
    let actual = Sha256::of(b"flop");
    let expected = [
        finding(b"gone", Verdict::Missing),
        finding(b"cut!", Verdict::WrongLength { found: 3 }),
        finding(b"flip", Verdict::WrongDigest { actual }),
    ];
    for report in [check(&store), repair(&store)] {
        assert_eq!(report.findings.len(), 3, "{report:?}");
        assert!(
            expected.iter().all(|one| report.findings.contains(one)),
            "{report:?}"
        );
    }
    let stored = |url: &str| {
        store
            .catalog()
            .responses(&key(url))
            .expect("read")
            .is_some()
    };
    let left: Vec<_> = (0..4)
        .map(|number| stored(&format!("https://example.com/{number}")))
        .collect();
    assert_eq!(left, [false, false, false, true]);
    assert_eq!(check(&store).findings, []);
    put(&store, "https://example.com/2", b"flip");
    assert_eq!(check(&store).findings, []);
}

#[test]
fn a_file_the_catalog_does_not_know_is_taken_in_by_its_record_or_removed() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    // A crash between the name and the catalog: the file is whole and says what it is.
    let known = addition(URL, b"known");
    let mut partial = Partial::create(store.blobs(), None).expect("partial");
    partial.write_all_at(b"known", 0).expect("write");
    partial.describe(artifact_cache::blob::Recovery::new(
        &known.uri,
        None,
        &known.response,
    ));
    partial.persist(&known.response.digest).expect("persist");
    let unknown = Partial::create(store.blobs(), None).expect("partial");
    unknown.write_all_at(b"unknown", 0).expect("write");
    unknown.persist(&Sha256::of(b"unknown")).expect("persist");
    let report = check(&store);
    assert_eq!(report.findings.len(), 2, "{report:?}");
    assert!(
        store
            .catalog()
            .responses(&known.key)
            .expect("read")
            .is_none()
    );
    repair(&store);
    let set = store
        .catalog()
        .responses(&known.key)
        .expect("read")
        .expect("set");
    assert_eq!(set.responses[0].response, known.response);
    assert_eq!(check(&store).findings, []);
    assert_eq!(
        store.reap_blocking(Duration::ZERO).expect("reaped").blobs,
        1
    );
    assert!(!store.blobs().path(&Sha256::of(b"unknown")).exists());
}

#[test]
fn temporary_files_without_a_future_are_found_and_removed_but_strangers_are_not() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    let stray = store.blobs().temporary().join("1-1.unfinished");
    std::fs::write(&stray, b"x").expect("stray");
    let stranger = store.blobs().root().join("README");
    std::fs::write(&stranger, b"x").expect("stranger");
    let findings = repair(&store).findings;
    let expected = [
        Finding::Stray(stranger.clone()),
        Finding::Temporary(stray.clone()),
    ];
    assert_eq!(findings, expected);
    assert!(stranger.exists() && !stray.exists());
}

#[test]
fn a_catalog_that_names_bytes_nobody_stored_is_found() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    let never = Change::from(addition(URL, b"never written"));
    store.catalog().write_blocking(never).expect("stored");
    let findings = repair(&store).findings;
    let is_inconsistent =
        |one: &Finding| matches!(one, Finding::Catalog(Inconsistency::UnheldBlob { .. }));
    assert!(!findings.iter().any(is_inconsistent));
    let missing = Finding::Blob {
        digest: Sha256::of(b"never written"),
        verdict: Verdict::Missing,
    };
    assert_eq!(findings, [missing]);
    assert!(
        store
            .catalog()
            .responses(&key(URL))
            .expect("read")
            .is_none()
    );
}

#[test]
fn verifying_goes_through_every_blob_and_can_be_stopped() {
    use std::ops::ControlFlow;
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    for number in 0..5_u8 {
        put(&store, &format!("https://example.com/{number}"), &[number]);
    }
    damage(&store, &[3], &[9]);
    let both = (store.catalog(), store.blobs());
    let mut bad = Vec::new();
    let sum = verify_all(both, Pace::default(), |digest, verdict| {
        bad.extend((verdict != Verdict::Sound).then_some(*digest));
        ControlFlow::Continue(())
    });
    let sum = sum.expect("verified");
    assert_eq!((sum.blobs, sum.bytes, sum.bad), (5, 5, 1));
    assert_eq!(bad, [Sha256::of(&[3])]);
    let sum = verify_all(both, Pace::default(), |_, _| ControlFlow::Break(()));
    assert_eq!(sum.expect("verified").blobs, 1);
}

#[tokio::test]
async fn a_commit_nobody_waits_for_is_still_finished() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    let partial = Partial::create(store.blobs(), None).expect("partial");
    partial.write_all_at(b"body", 0).expect("write");
    let verified = Verified::check((Sha256::of(b"body"), 4), None, None).expect("verified");
    {
        let commit = store.commit(partial, verified, addition(URL, b"body"));
        let mut commit = std::pin::pin!(commit);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = std::future::Future::poll(commit.as_mut(), &mut cx);
    }
    let finished = tokio::time::timeout(Duration::from_secs(20), async {
        while store
            .catalog()
            .responses(&key(URL))
            .expect("read")
            .is_none()
        {
            tokio::task::yield_now().await;
        }
    });
    finished.await.expect("finished");
    assert!(store.blobs().path(&Sha256::of(b"body")).exists());
}
