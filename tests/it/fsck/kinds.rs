//! One test for each thing that can be wrong with the files; what can be wrong in the catalog itself is
//! tested beside its audit.

use std::{fs, os::unix::fs::PermissionsExt as _};

use artifact_cache::{catalog::Change, store::fsck::Finding};
use artifact_cache_layers::digest::Sha256;

use super::{URL, check, open, put, repair};

/// Found, mended, and not found again.
#[track_caller]
fn is_found_and_mended(body: &[u8], break_it: impl FnOnce(&super::Committer), expected: &Finding) {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    put(&store, URL, body);
    assert_eq!(check(&store).findings, []);
    break_it(&store);
    assert_eq!(check(&store).findings, std::slice::from_ref(expected));
    assert_eq!(repair(&store).findings, std::slice::from_ref(expected));
    assert_eq!(check(&store).findings, []);
    let path = store.blobs().path(&Sha256::of(body));
    assert_eq!(fs::read(path).expect("the blob"), body);
}

#[test]
fn a_blob_that_anybody_may_write_or_nobody_may_read() {
    for mode in [0o666, 0o644, 0o555, 0o044] {
        is_found_and_mended(
            b"bytes",
            |store| {
                let path = store.blobs().path(&Sha256::of(b"bytes"));
                let mode = fs::Permissions::from_mode(mode);
                fs::set_permissions(path, mode).expect("changed");
            },
            &Finding::Mode(Sha256::of(b"bytes")),
        );
    }
}

#[test]
fn a_path_that_was_given_out_and_leads_elsewhere() {
    is_found_and_mended(
        b"bytes",
        |store| {
            let view = store.blobs().view_path(&Sha256::of(b"bytes"));
            fs::create_dir_all(view.parent().expect("parent")).expect("made");
            fs::write(view, b"other").expect("written");
        },
        &Finding::View(Sha256::of(b"bytes")),
    );
}

#[test]
fn a_path_of_a_blob_that_is_gone_is_right_for_its_lease() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    let view = store.blobs().view_path(&Sha256::of(b"leased"));
    fs::create_dir_all(view.parent().expect("parent")).expect("made");
    fs::write(&view, b"leased").expect("written");
    assert_eq!(repair(&store).findings, []);
    assert!(view.exists());
}

#[test]
fn a_blob_that_takes_more_room_than_is_counted() {
    let body = vec![7; 300_000];
    let digest = Sha256::of(&body);
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    put(&store, URL, &body);
    let before = store.catalog().allocated_bytes();
    let allocated = 4096;
    let forget = Change::Measure { digest, allocated };
    store.catalog().write_blocking(forget).expect("written");
    for report in [check(&store), repair(&store)] {
        let [
            Finding::Room {
                recorded, found, ..
            },
        ] = report.findings[..]
        else {
            panic!("{report:?}");
        };
        assert!(recorded == 4096 && found >= 300_000);
    }
    assert_eq!(check(&store).findings, []);
    assert_eq!(store.catalog().allocated_bytes(), before);
}

#[test]
fn a_link_in_the_place_of_a_blob_is_no_blob_and_is_not_followed() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    let digest = Sha256::of(b"linked");
    let path = store.blobs().path(&digest);
    fs::create_dir_all(path.parent().expect("parent")).expect("made");
    std::os::unix::fs::symlink("/etc/hostname", &path).expect("linked");
    assert_eq!(repair(&store).findings, [Finding::Stray(path.clone())]);
    assert!(path.symlink_metadata().is_ok(), "it is somebody else's");
}
