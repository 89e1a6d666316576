//! Backups that the disk changed, and stores that it had changed before.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use tempfile::TempDir;

use super::{backup, fetch_all, filled, is_sound, restore, run};
use crate::support::{
    cache::Cache,
    origin::{Content, Origin},
};

fn path_in(root: &Path, content: &Content) -> std::path::PathBuf {
    let digest = content.sha256().to_string();
    let parents = root.join("cache").join(&digest[..2]).join(&digest[2..4]);
    parents.join(digest)
}

fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_backup_is_found_and_what_is_left_of_it_restored() {
    let origin = Origin::start();
    let (mut cache, contents) = filled(&origin, 6, 30_000);
    cache.terminate();
    let directory = TempDir::new().unwrap();
    let (to, new) = (directory.path().join("b"), directory.path().join("new"));
    run(&["backup", "--copy"], &to, cache.data()).done();
    let sound = run(&["restore", "--dry-run"], &to, &new);
    assert_eq!(
        (sound.code, sound.number("known")),
        (0, 6),
        "{}",
        sound.error
    );
    overwrite(&path_in(&to, &contents[0]), |bytes| bytes[77] ^= 1);
    overwrite(&path_in(&to, &contents[1]), |bytes| bytes.truncate(100));
    fs::remove_file(path_in(&to, &contents[2])).unwrap();
    let checked = run(&["restore", "--dry-run"], &to, &new);
    assert_eq!(
        (checked.code, checked.number("lost")),
        (4, 3),
        "{}",
        checked.error
    );
    assert!(!new.exists());
    for content in &contents[..3] {
        let digest = content.sha256().to_string();
        assert!(checked.error.contains(&digest), "{}", checked.error);
    }
    let restored = run(&["restore", "--verify"], &to, &new);
    assert_eq!(
        (restored.code, restored.number("lost")),
        (4, 3),
        "{}",
        restored.error
    );
    // What was lost is asked for again, what was not is served.
    let again = Cache::setup().data(&new).start();
    origin.forget_requests();
    fetch_all(&again, &origin, &contents);
    let asked: usize = (0..6).map(|seed| origin.hits(&format!("/{seed}"))).sum();
    assert_eq!(asked, 3);
}

#[test]
fn a_damaged_catalog_is_never_restored() {
    let origin = Origin::start();
    let (cache, _) = filled(&origin, 3, 3000);
    let directory = TempDir::new().unwrap();
    let (to, new) = (directory.path().join("b"), directory.path().join("new"));
    backup(&cache, &to).done();
    overwrite(&to.join("catalog-1.mdb"), |bytes| bytes[9000] ^= 1);
    for flags in [&["restore"][..], &["restore", "--dry-run"]] {
        let refused = run(flags, &to, &new);
        assert_eq!(refused.code, 1);
        assert!(refused.error.contains("catalog in the backup is damaged"));
    }
    assert!(!new.join("catalog/data.mdb").exists());
    backup(&cache, &to).done();
    restore(&to, &new).done();
    is_sound(&new);
}

#[test]
fn what_the_store_had_lost_before_is_named_and_the_rest_is_taken() {
    let origin = Origin::start();
    let (mut cache, contents) = filled(&origin, 4, 30_000);
    cache.terminate();
    let directory = TempDir::new().unwrap();
    let to = directory.path().join("b");
    fs::remove_file(path_in(cache.data(), &contents[0])).unwrap();
    overwrite(&path_in(cache.data(), &contents[1]), |bytes| bytes[1] ^= 1);
    let made = run(&["backup", "--copy"], &to, cache.data());
    assert_eq!((made.code, made.number("copied")), (4, 2), "{}", made.error);
    assert_eq!(made.json["missing"][0], contents[0].sha256().to_string());
    assert_eq!(made.json["damaged"][0], contents[1].sha256().to_string());
}
