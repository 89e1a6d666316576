//! A disk that is full or broken, at each place where something is written. Whatever fails, a request that
//! could be streamed is answered with the right bytes, nothing half-written is ever served, and the cache
//! goes on as soon as there is room.
//!
//! | Written | Made to fail by | Test |
//! |---|---|---|
//! | temporary file: create | no inodes; a read-only file system over `tmp` | `no_inodes`, `a_read_only_directory_of_temporary_files` |
//! | temporary file: preallocate | no blocks, length known | `no_blocks` |
//! | temporary file: write | no blocks, length unknown | `no_blocks` |
//! | temporary file: short write, `EFBIG` | `RLIMIT_FSIZE` | `a_limit_of_the_size_of_files` |
//! | temporary file: fsync, `EIO` | ext4 on an image whose own disk is full | `a_disk_that_fails_when_it_is_synced` |
//! | directory: create | a file in its place | `a_file_in_the_place_of_a_directory` |
//! | directory: fsync | ext4 on an image whose own disk is full | `a_disk_that_fails_when_it_is_synced` |
//! | blob: link or rename | a read-only file system over its directory | `a_read_only_directory_of_blobs` |
//! | catalog: commit, `ENOSPC` | a file system of its own, full | `a_catalog_without_room` |
//! | catalog: commit, `MDB_MAP_FULL` | a small map | `catalog::limits` |
//! | registry, tokens, pins | the same full catalog | `a_catalog_without_room` |
//! | uploads | no blocks | `uploads_without_room_are_refused_and_nothing_is_left` |
//! | pointers beside the blobs | a directory in their place | `pointers_that_cannot_be_noted` |
//! | leased paths | a file in the place of their directory | `a_path_that_cannot_be_made` |
//! | backup | a small file system | `a_backup_without_room_leaves_the_one_before` |
//!
//! Where mounting is not allowed, a test says what it leaves out.

mod fill;
mod mount;
mod sites;
mod writes;

use crate::support::{
    cache::{Cache, Setup, program},
    eventually,
    origin::{Chunks, Content, Origin, Reply},
};

const MIB: u64 = 1 << 20;

/// Contents of some lengths, with and without the length in the head, by both doors.
#[track_caller]
fn everything_is_answered(cache: &Cache, origin: &Origin, round: u64) {
    for (number, length) in [1, 5000, 200_000, 3 * MIB].into_iter().enumerate() {
        let seed = round << 16 | number as u64;
        let content = Content::seeded(seed, length);
        let (known, unknown) = (format!("/k/{seed}"), format!("/u/{seed}"));
        origin.route(&known, Reply::ok(content.clone()));
        let chunked = Reply::ok(content.clone()).chunked(Chunks::Good);
        origin.route(&unknown, chunked);
        for path in [known, unknown] {
            for _ in 0..2 {
                cache.fetch(&origin.url(&path)).assert_is(&content);
                cache.proxy_get(&origin.url(&path), &[]).assert_is(&content);
            }
        }
    }
}

/// There is room again: what is asked for next is stored.
#[track_caller]
fn stores_again(cache: &Cache, origin: &Origin, name: &str) {
    let content = Content::seeded(4711, 100_000);
    let path = format!("/again/{name}");
    origin.route(&path, Reply::ok(content.clone()));
    eventually("something is stored again", || {
        let response = cache.fetch(&origin.url(&path));
        response.assert_is(&content);
        response.value("X-Cache-Status") == Some("HIT")
    });
}

/// Nothing that the catalog names is missing, short or of other bytes.
#[track_caller]
fn nothing_is_half_written(cache: &mut Cache) {
    cache.terminate();
    let mut command = program();
    command.args(["fsck", "--rehash", "--json", "--data"]);
    let output = command.arg(cache.data()).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for fault in [
        "missing_blobs",
        "wrong_sizes",
        "wrong_digests",
        "contradictions",
    ] {
        assert_eq!(found[fault], 0, "{found}");
    }
}

/// A cache that leaves nothing free on purpose.
fn greedy() -> Setup {
    Cache::setup().environment("ARTIFACT_CACHE__STORAGE__MIN_FREE_BYTES", "0")
}
