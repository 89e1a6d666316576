//! A lost catalog comes back from the blobs and the records beside them.

use std::{path::Path, time::Duration};

use artifact_cache::{
    catalog::Addition,
    store::{
        commit::Committer,
        fsck::{Finding, Options, fsck},
    },
};
use artifact_cache_layers::digest::Sha256;

use super::{OTHER, URL, check, commit, damage, open, put};
use crate::catalog::{addition, key};

/// The same files with an empty catalog.
fn lose_catalog(store: Committer, directory: &Path) -> Committer {
    drop(store);
    std::fs::remove_dir_all(directory.join("catalog")).expect("lost");
    open(directory)
}

const REBUILD: Options = Options {
    rebuild: true,
    repair: false,
    rehash: true,
    keep_partial: Duration::ZERO,
};

/// Two versions of one URL, and another URL with the second one's bytes.
fn two_urls(store: &Committer) -> [Addition; 2] {
    let mut first = addition(URL, b"version 1");
    first.response.response_time -= Duration::from_hours(1);
    first.final_url = Some("https://cdn.example.com/a".into());
    commit(store, first, b"version 1");
    let both = [addition(URL, b"version 2"), addition(OTHER, b"version 2")];
    for addition in both.clone() {
        commit(store, addition, b"version 2");
    }
    both
}

#[test]
fn a_lost_catalog_is_rebuilt_from_the_blobs() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    let stored = two_urls(&store);
    let totals = store.catalog().totals().expect("totals");
    let store = lose_catalog(store, directory.path());
    assert_eq!(check(&store).findings.len(), 2, "files nobody knows");
    let report = fsck(&store, REBUILD).expect("fsck");
    assert_eq!((report.recovered, report.findings), (3, vec![]));
    for addition in stored {
        let set = store.catalog().responses(&addition.key).expect("read");
        assert_eq!(set.expect("set").responses[0].response, addition.response);
    }
    let set = store
        .catalog()
        .responses(&key(URL))
        .expect("read")
        .expect("set");
    let versions: Vec<_> = set.versions.iter().map(|version| version.digest).collect();
    assert_eq!(
        versions,
        [Sha256::of(b"version 2"), Sha256::of(b"version 1")]
    );
    assert_eq!(store.catalog().totals().expect("totals"), totals);
}

#[test]
fn rebuilding_over_a_living_catalog_changes_nothing() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    two_urls(&store);
    let state = || {
        let set = store
            .catalog()
            .responses(&key(URL))
            .expect("read")
            .expect("set");
        let responses = set.responses.iter().map(|stored| stored.response.clone());
        let responses: Vec<_> = responses.collect();
        (
            responses,
            set.versions.clone(),
            store.catalog().totals().expect("totals"),
        )
    };
    let before = state();
    fsck(&store, REBUILD).expect("fsck");
    assert_eq!(state(), before);
    assert_eq!(check(&store).findings, []);
}

#[test]
fn a_rebuild_leaves_out_what_is_damaged() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    put(&store, URL, b"flip");
    put(&store, OTHER, b"good");
    damage(&store, b"flip", b"flop");
    let store = lose_catalog(store, directory.path());
    let report = fsck(&store, REBUILD).expect("fsck");
    let unrecorded = Finding::Unrecorded {
        digest: Sha256::of(b"flip"),
        size_bytes: 4,
        recoverable: false,
    };
    assert_eq!((report.recovered, report.findings), (1, vec![unrecorded]));
    assert!(
        store
            .catalog()
            .responses(&key(URL))
            .expect("read")
            .is_none()
    );
    assert!(
        store
            .catalog()
            .responses(&key(OTHER))
            .expect("read")
            .is_some()
    );
}
