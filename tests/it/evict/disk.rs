//! A small disk of its own: a file system in memory, where this test may mount one.

use std::{path::Path, process::Command};

use tempfile::TempDir;

use super::{MIB, allocated, number, routes};
use crate::support::{
    cache::{Cache, Setup},
    origin::{Origin, Reply},
};

/// A mounted file system; it is taken away again.
struct Disk(TempDir);

impl Disk {
    /// `None` where mounting is not allowed.
    fn of(bytes: u64) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(directory.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(directory))
    }

    /// A cache with everything on this disk.
    fn holds(&self, config: &str) -> Setup {
        Cache::setup().data(self.path()).config(config)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

#[test]
fn a_disk_that_is_full_fails_no_request() {
    let Some(disk) = Disk::of(6 * MIB) else {
        return; // no right to mount
    };
    let cache = disk.holds("storage: {min_free_bytes: 0}").start();
    let origin = Origin::start();
    // Some are written at once, others as they arrive.
    for length in [MIB / 8, MIB / 2, 2 * MIB, 9 * MIB] {
        let contents = routes(&origin, 12, length);
        for (seed, content) in contents.iter().enumerate() {
            let path = format!("/{length}/{seed}");
            origin.route(&path, Reply::ok(content.clone()));
            let url = origin.url(&path);
            cache.fetch(&url).assert_is(content);
            cache.proxy_get(&url, &[]).assert_is(content);
        }
    }
    assert!(allocated(&disk.path().join("cache")) > 4 * MIB);
    assert_eq!(number(&cache, "artifact_cache_evicted_total"), 0);
}

#[test]
fn a_cap_beyond_the_disk_means_what_is_to_be_left_free() {
    let Some(disk) = Disk::of(16 * MIB) else {
        return; // no right to mount
    };
    let cache = disk
        .holds("storage: {max_bytes: 1TiB, min_free_bytes: 4MiB}")
        .start();
    let origin = Origin::start();
    let contents = routes(&origin, 60, MIB / 2);
    for (seed, content) in contents.iter().enumerate() {
        let response = cache.fetch(&origin.url(&format!("/{seed}")));
        response.assert_is(content);
        assert!(response.value("cache-status").unwrap().contains("stored"));
        assert!(allocated(disk.path()) <= 12 * MIB);
    }
    assert!(number(&cache, "artifact_cache_evicted_total") > 15);
    assert!(cache.stats()["total_items"].as_u64().unwrap() > 12);
}
