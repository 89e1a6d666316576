//! Where bytes go: temporary files, names of blobs, directories, the catalog.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use super::{
    MIB, everything_is_answered, greedy,
    mount::{Disk, Mount, fill, take_inodes},
    nothing_is_half_written, stores_again,
};
use crate::support::{
    cache::Cache,
    client::Request,
    eventually,
    origin::{Content, Origin, Reply},
};

#[test]
fn no_blocks() {
    let Some(disk) = Disk::of("size=12m") else {
        return;
    };
    let (origin, mut cache) = (Origin::start(), greedy().data(disk.path()).start());
    everything_is_answered(&cache, &origin, 1);
    let filler = fill(disk.path());
    everything_is_answered(&cache, &origin, 2);
    fs::remove_file(filler).unwrap();
    stores_again(&cache, &origin, "blocks");
    nothing_is_half_written(&mut cache);
}

#[test]
fn no_inodes() {
    let Some(disk) = Disk::of("size=64m,nr_inodes=300") else {
        return;
    };
    let (origin, mut cache) = (Origin::start(), greedy().data(disk.path()).start());
    let taken = take_inodes(disk.path());
    everything_is_answered(&cache, &origin, 1);
    fs::remove_dir_all(taken).unwrap();
    stores_again(&cache, &origin, "inodes");
    nothing_is_half_written(&mut cache);
}

#[test]
fn a_read_only_directory_of_temporary_files() {
    let (origin, mut cache) = (Origin::start(), greedy().start());
    stores_again(&cache, &origin, "before");
    let Some(mount) = Mount::memory(&cache.data().join("tmp"), "ro,size=4k") else {
        return;
    };
    everything_is_answered(&cache, &origin, 1);
    drop(mount);
    stores_again(&cache, &origin, "after");
    nothing_is_half_written(&mut cache);
}

#[test]
fn a_read_only_directory_of_blobs() {
    let (origin, mut cache) = (Origin::start(), greedy().start());
    let content = Content::seeded(9, 50_000);
    origin.route("/9", Reply::ok(content.clone()));
    let digest = content.sha256().to_string();
    let directory = cache
        .data()
        .join("cache")
        .join(&digest[..2])
        .join(&digest[2..4]);
    fs::create_dir_all(&directory).unwrap();
    let Some(mount) = Mount::memory(&directory, "ro,size=4k") else {
        return;
    };
    for _ in 0..3 {
        cache.fetch(&origin.url("/9")).assert_is(&content);
        cache.proxy_get(&origin.url("/9"), &[]).assert_is(&content);
    }
    eventually("it is counted", || {
        cache.metric("artifact_cache_uncached_total{reason=\"store_failed\"}") > 0.0
    });
    drop(mount);
    stores_again(&cache, &origin, "9");
    nothing_is_half_written(&mut cache);
}

#[test]
fn a_file_in_the_place_of_a_directory() {
    let (origin, mut cache) = (Origin::start(), greedy().start());
    let content = Content::seeded(10, 50_000);
    origin.route("/10", Reply::ok(content.clone()));
    let digest = content.sha256().to_string();
    let in_the_way = cache.data().join("cache").join(&digest[..2]);
    fs::write(&in_the_way, "not a directory").unwrap();
    for _ in 0..3 {
        cache.fetch(&origin.url("/10")).assert_is(&content);
    }
    fs::remove_file(in_the_way).unwrap();
    cache.fetch(&origin.url("/10")).assert_is(&content);
    stores_again(&cache, &origin, "directory");
    nothing_is_half_written(&mut cache);
}

#[test]
fn a_limit_of_the_size_of_files() {
    let (origin, mut cache) = (Origin::start(), greedy().start());
    cache.limit_file_size(150_000);
    everything_is_answered(&cache, &origin, 1);
    // Who may not raise a limit starts anew without it.
    cache.restart();
    stores_again(&cache, &origin, "limit");
    nothing_is_half_written(&mut cache);
}

#[test]
fn a_catalog_without_room() {
    let directory = TempDir::new().unwrap();
    let catalog = directory.path().join("catalog");
    fs::create_dir(&catalog).unwrap();
    let Some(_mount) = Mount::memory(&catalog, "size=2m") else {
        return;
    };
    let setup = greedy().environment("MODEL_REGISTRY_API_KEY", crate::models::KEY);
    let setup = setup.environment("CAIA_REGISTRY_API_KEY", crate::models::KEY);
    let (origin, mut cache) = (Origin::start(), setup.data(directory.path()).start());
    stores_again(&cache, &origin, "before");
    let filler = fill(&catalog);
    everything_is_answered(&cache, &origin, 1);
    // LMDB may have free pages for a while; then it has not.
    let refused = (0..2000).find_map(|number| {
        let body = serde_json::json!({
            "name": "m", "version": number.to_string(), "artifact_uri": "s3://bucket/key",
            "description": "x".repeat(2000),
        });
        let response = crate::models::call(&cache, "POST", "/models", &body);
        (response.status() != 200).then(|| (number, response.status()))
    });
    let (number, status) = refused.expect("the catalog is full at some point");
    assert!(matches!(status, 500..=507), "{status}");
    // Nothing of it is there, and what was accepted before is.
    let models = crate::models::get(&cache, "/models?limit=1").json();
    assert!(
        !models
            .to_string()
            .contains(&format!("\"version\":\"{number}\""))
    );
    fs::remove_file(filler).unwrap();
    stores_again(&cache, &origin, "after");
    let pin = Request::new("POST", "/api/v1/pins").body("{\"url\": \"http://example.com/\"}");
    assert_eq!(cache.exchange(&pin).status(), 201);
    nothing_is_half_written(&mut cache);
}

/// A file system in an image that is larger than what the image's own disk has room for.
fn brittle(directory: &Path) -> Option<(Mount, Mount)> {
    let below = directory.join("below");
    let above = directory.join("above");
    fs::create_dir_all(&below).unwrap();
    fs::create_dir_all(&above).unwrap();
    let memory = Mount::memory(&below, "size=24m")?;
    let image = below.join("image");
    fs::File::create(&image).unwrap().set_len(96 * MIB).unwrap();
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F"])
        .arg(&image)
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        println!("left out: mkfs.ext4 is not there");
        return None;
    }
    let disk = Mount::over(&above, "ext4", "loop,errors=continue", &image)?;
    Some((disk, memory))
}

#[test]
fn a_disk_that_fails_when_it_is_synced() {
    let directory = TempDir::new().unwrap();
    let Some(mounts) = brittle(directory.path()) else {
        return;
    };
    let data = directory.path().join("above/data");
    let (origin, cache) = (Origin::start(), greedy().data(&data).start());
    stores_again(&cache, &origin, "before");
    fill(&directory.path().join("below"));
    everything_is_answered(&cache, &origin, 1);
    everything_is_answered(&cache, &origin, 2);
    drop::<Cache>(cache);
    drop(mounts);
}
