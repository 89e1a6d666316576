//! Backups and restores that are killed.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use tempfile::TempDir;

use super::{backup, fetch_all, filled, is_sound, restore, routes, run, serves_all};
use crate::support::{cache::program, eventually, origin::Origin};

/// Starts a verb and kills it once `path` has so many files below it; whether it was still running.
fn killed_at(arguments: &[&str], (path, data): (&Path, &Path), files: usize, below: &Path) -> bool {
    let mut command = program();
    command.args(arguments).arg(path).arg("--data").arg(data);
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut ended = None;
    eventually("it has begun", || {
        ended = child.try_wait().unwrap();
        ended.is_some() || count(below) >= files
    });
    kill(&mut child);
    ended.is_none()
}

fn kill(child: &mut Child) {
    // It may have ended by itself meanwhile.
    let _ = child.kill();
    child.wait().unwrap();
}

fn count(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => count(&entry.path()),
            _ => 1,
        })
        .sum()
}

#[test]
fn a_backup_that_is_killed_leaves_the_one_before_it_as_it_was() {
    let mut origin = Origin::start();
    let (mut cache, contents) = filled(&origin, 30, 200_000);
    let directory = TempDir::new().unwrap();
    let (to, new) = (directory.path().join("b"), directory.path().join("new"));
    backup(&cache, &to).done();
    let more = routes(&origin, 300, 200_000);
    fetch_all(&cache, &origin, &more);
    cache.terminate();
    let blobs = to.join("cache");
    for files in [31, 60, 120] {
        let begun = killed_at(&["backup", "--copy"], (&to, cache.data()), files, &blobs);
        assert!(begun || files > 31, "it was over before it could be killed");
        let checked = run(&["restore", "--dry-run"], &to, &new);
        assert_eq!(checked.code, 0, "{}", checked.error);
    }
    let finished = backup(&cache, &to);
    assert_eq!(finished.number("blobs"), 300, "{}", finished.error);
    assert!(finished.number("known") >= 60);
    origin.stop();
    restore(&to, &new).done();
    is_sound(&new);
    serves_all(&new, &origin, &contents);
    assert_eq!(count(&to.join("tmp")), 0);
}

#[test]
fn a_running_cache_that_is_killed_leaves_the_backup_before_as_it_was() {
    let origin = Origin::start();
    let (mut cache, _) = filled(&origin, 30, 200_000);
    let directory = TempDir::new().unwrap();
    let (to, new) = (directory.path().join("b"), directory.path().join("new"));
    backup(&cache, &to).done();
    let more = routes(&origin, 200, 200_000);
    fetch_all(&cache, &origin, &more);
    let mut command = program();
    command.args(["backup", "--copy"]).arg(&to).arg("--data");
    let command = command.arg(cache.data()).stdin(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let blobs = to.join("cache");
    eventually("it has begun", || count(&blobs) > 35);
    cache.kill9();
    let ended = child.wait().unwrap();
    let checked = run(&["restore", "--dry-run"], &to, &new);
    assert_eq!(checked.code, 0, "{}", checked.error);
    let is_whole = checked.number("blobs") == 200;
    assert_eq!(ended.success(), is_whole, "a cut backup is no success");
    cache.restart();
    assert_eq!(backup(&cache, &to).number("blobs"), 200);
}

#[test]
fn no_cache_starts_on_a_restore_that_was_killed_and_doing_it_again_finishes_it() {
    let mut origin = Origin::start();
    let (mut cache, contents) = filled(&origin, 200, 200_000);
    let directory = TempDir::new().unwrap();
    let (to, new) = (directory.path().join("b"), directory.path().join("new"));
    backup(&cache, &to).done();
    cache.terminate();
    origin.stop();
    let begun = killed_at(&["restore", "--copy"], (&to, &new), 20, &new.join("cache"));
    assert!(begun, "it was over before it could be killed");
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen"]);
    let output = command.args(["127.0.0.1:0", "--data"]).arg(&new).output();
    let output = output.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("was interrupted; run it again"), "{error}");
    let again = restore(&to, &new);
    assert!(
        again.number("known") >= 19,
        "{} {}",
        again.json,
        again.error
    );
    is_sound(&new);
    serves_all(&new, &origin, &contents);
}
