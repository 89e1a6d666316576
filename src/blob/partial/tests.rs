//! Tests of the module above.

use rustix::io::{ReadWriteFlags, preadv2};

use super::{
    super::{
        BlobOptions,
        tests::{put, temporary_store},
    },
    *,
};

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("directory");
    let name = |entry: io::Result<std::fs::DirEntry>| entry.expect("entry").file_name();
    entries
        .map(|entry| name(entry).into_string().expect("name"))
        .collect()
}

fn named(store: &BlobStore) -> Partial {
    let (file, name) = unique(store.temporary()).expect("unique");
    Partial::begin(store, file, name, Some(4)).expect("partial")
}

#[test]
fn both_kinds_of_partial_become_blobs_and_leave_nothing_behind() {
    for create in [named, |store: &BlobStore| {
        Partial::create(store, None).expect("partial")
    }] {
        let (_directory, store) = temporary_store();
        let partial = create(&store);
        partial.write_all_at(b"blob", 0).expect("write");
        partial.start_writeback(0, 4);
        let digest = Sha256::of(b"blob");
        let persisted = partial.persist(&digest).expect("persist");
        assert!(persisted.is_new);
        let path = store.path(&digest);
        assert_eq!(std::fs::read(&path).expect("blob"), b"blob");
        assert_eq!(
            path.metadata().expect("metadata").permissions().mode() & 0o777,
            0o444
        );
        assert!(names(store.temporary()).is_empty());
        assert_eq!(persisted.blob.len, 4);
    }
}

#[test]
fn an_aborted_partial_leaves_nothing_behind() {
    let (_directory, store) = temporary_store();
    let partial = named(&store);
    assert_eq!(names(store.temporary()).len(), 1);
    drop(partial);
    Partial::create(&store, None).expect("partial").keep();
    assert!(names(store.temporary()).is_empty());
}

#[test]
fn a_sound_blob_stays_when_the_same_is_stored_again() {
    use std::os::unix::fs::MetadataExt as _;
    let (_directory, store) = temporary_store();
    let digest = put(&store, b"same");
    let before = store.path(&digest).metadata().expect("metadata").ino();
    for create in [named, |store: &BlobStore| {
        Partial::create(store, None).expect("partial")
    }] {
        let partial = create(&store);
        partial.write_all_at(b"same", 0).expect("write");
        assert!(!partial.persist(&digest).expect("persist").is_new);
    }
    assert_eq!(
        store.path(&digest).metadata().expect("metadata").ino(),
        before
    );
    assert!(names(store.temporary()).is_empty());
}

#[test]
fn a_blob_of_the_wrong_length_is_replaced() {
    let (_directory, store) = temporary_store();
    let digest = put(&store, b"whole");
    store.remove(&digest).expect("removed");
    std::fs::write(store.path(&digest), b"who").expect("cut");
    store
        .open_blob(&digest, 3)
        .expect("descriptor of the cut file");
    put(&store, b"whole");
    assert_eq!(std::fs::read(store.path(&digest)).expect("blob"), b"whole");
    assert!(store.open_blob(&digest, 5).expect("sound").is_some());
}

#[test]
fn only_very_large_blobs_leave_the_page_cache_once_they_are_stored() {
    let directory = tempfile::tempdir().expect("directory");
    let (root, temporary) = (directory.path().join("cache"), directory.path().join("tmp"));
    let options = BlobOptions {
        drop_behind: Some(100_000),
        ..BlobOptions::default()
    };
    let store = BlobStore::open(&root, &temporary, options).expect("store");
    let (small, large) = (vec![1; 99_999], vec![2; 100_000]);
    let (small, large) = (put(&store, &small), put(&store, &large));
    let is_cached = |digest| {
        let blob = store
            .open_afresh(&digest)
            .expect("readable")
            .expect("there");
        let mut bytes = [0; 1];
        let mut slices = [io::IoSliceMut::new(&mut bytes)];
        preadv2(&blob.file, &mut slices, 50_000, ReadWriteFlags::NOWAIT)
    };
    assert_eq!(is_cached(small), Ok(1));
    // A file system in memory has nowhere else to keep them.
    let in_memory = rustix::fs::statfs(&root).expect("file system").f_type == 0x0102_1994;
    assert_eq!(is_cached(large).is_ok(), in_memory);
}
