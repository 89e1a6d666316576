//! At the cap and past it, on a file system that has nothing else: what it says that it has given out, files
//! without a name included, never exceeds the cap, and no request fails.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use tempfile::TempDir;

use super::{
    MIB, greedy,
    mount::{Disk, Mount},
};
use crate::support::{
    cache::Cache,
    origin::{Chunks, Content, Origin, Reply},
};

const CAP: u64 = 12 * MIB;
const CLIENTS: u64 = 4;
const OBJECTS: u64 = 40;

/// Bytes of the file system that are given out.
fn used(path: &Path) -> u64 {
    let status = rustix::fs::statvfs(path).unwrap();
    (status.f_blocks - status.f_bfree) * status.f_frsize
}

/// Asks for objects of every size, more than fit, small ones again and again; some have no length.
fn ask(cache: &Cache, origin: &Origin, client: u64) {
    for number in 0..OBJECTS {
        let seed = client << 16 | number;
        let length =
            [3000, 70_000, 400_000, 2 * MIB, 14 * MIB][usize::try_from(number % 5).unwrap()];
        let content = Content::seeded(seed, length);
        let reply = Reply::ok(content.clone());
        let reply = if seed.is_multiple_of(2) {
            reply
        } else {
            reply.chunked(Chunks::Good)
        };
        let path = format!("/{seed}");
        origin.route(&path, reply);
        cache.fetch(&origin.url(&path)).assert_is(&content);
        cache.proxy_get(&origin.url(&path), &[]).assert_is(&content);
    }
}

/// Fills a cache whose files are on `disk` alone; the most that the disk had given out beyond `before`.
fn most_used(disk: &Path) -> u64 {
    let elsewhere = TempDir::new().unwrap();
    // The catalog comes on top of the cap.
    std::os::unix::fs::symlink(elsewhere.path(), disk.join("catalog")).unwrap();
    let cap = CAP.to_string();
    let setup = greedy().environment("ARTIFACT_CACHE__STORAGE__MAX_BYTES", &cap);
    let before = used(disk);
    let (origin, mut cache) = (Origin::start(), setup.data(disk).start());
    let (is_over, mut most) = (AtomicBool::new(false), 0);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !is_over.load(Ordering::Acquire) {
                most = used(disk).saturating_sub(before).max(most);
            }
            most
        });
        let (cache, origin) = (&cache, &origin);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| scope.spawn(move || ask(cache, origin, client)))
            .collect();
        let ended: Vec<_> = clients
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        is_over.store(true, Ordering::Release);
        most = watching.join().unwrap();
        assert!(ended.iter().all(Result::is_ok), "a request failed");
    });
    assert!(cache.metric("artifact_cache_evicted_total") > 0.0);
    println!("{most} of {CAP} bytes");
    cache.terminate();
    most
}

#[test]
fn at_the_cap_and_past_it_no_block_is_taken_beyond_it_and_no_request_fails() {
    // Less than a client asks for at once, so that the cap matters and not the disk.
    let Some(disk) = Disk::of("size=40m") else {
        return;
    };
    let most = most_used(disk.path());
    assert!(most <= CAP && most > CAP / 2, "{most} of {CAP}");
}

#[test]
fn a_file_system_with_blocks_and_a_journal_keeps_the_cap_as_well() {
    let directory = TempDir::new().unwrap();
    let (image, disk) = (
        directory.path().join("image"),
        directory.path().join("disk"),
    );
    std::fs::create_dir(&disk).unwrap();
    std::fs::File::create(&image)
        .unwrap()
        .set_len(96 * MIB)
        .unwrap();
    let mut command = std::process::Command::new("mkfs.ext4");
    let made = command.args(["-q", "-F"]).arg(&image).output();
    if !made.is_ok_and(|output| output.status.success()) {
        println!("left out: mkfs.ext4 is not there");
        return;
    }
    let Some(_mount) = Mount::over(&disk, "ext4", "loop", &image) else {
        return;
    };
    let most = most_used(&disk);
    // Directories come on top, two for each blob at most, and what the file system reserves of its own for
    // writes that it puts off.
    let directories = 2 * CLIENTS * OBJECTS * 4096;
    let reserved = 256 << 10;
    assert!(most <= CAP + directories + reserved, "{most} of {CAP}");
}
