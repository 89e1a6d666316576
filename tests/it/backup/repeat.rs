//! Backups into a directory that has one, and directories that are refused.

use std::fs;

use tempfile::TempDir;

use super::{backup, fetch_all, filled, is_sound, restore, routes, run, serves_all};
use crate::support::{
    client::Request,
    origin::{Content, Origin, Reply},
};

#[test]
fn a_second_backup_adds_what_is_missing_and_drops_only_what_it_is_told_to() {
    let mut origin = Origin::start();
    let (cache, _) = filled(&origin, 10, 30_000);
    let directory = TempDir::new().unwrap();
    let (to, new) = (directory.path().join("b"), directory.path().join("new"));
    let first = backup(&cache, &to);
    assert_eq!((first.number("blobs"), first.number("known")), (10, 0));
    let contents = routes(&origin, 15, 30_000);
    fetch_all(&cache, &origin, &contents);
    let purge = format!("{{\"urls\": [\"{}\"]}}", origin.url("/3"));
    let purge = Request::new("POST", "/api/v1/purge").body(purge);
    assert_eq!(cache.exchange(&purge).status(), 200);
    let second = backup(&cache, &to);
    assert_eq!((second.number("blobs"), second.number("known")), (14, 9));
    let dropped = to.join("cache").join(path_of(&contents[3]));
    assert!(dropped.exists());
    let third = run(&["backup", "--prune"], &to, cache.data());
    assert_eq!((third.number("known"), third.number("dropped")), (14, 1));
    assert!(!dropped.exists());
    origin.stop();
    restore(&to, &new).done();
    is_sound(&new);
    serves_all(&new, &origin, &contents[..3]);
}

fn path_of(content: &Content) -> String {
    let digest = content.sha256().to_string();
    format!("{}/{}/{digest}", &digest[..2], &digest[2..4])
}

#[test]
fn nothing_is_restored_over_a_cache_unless_that_is_wanted() {
    let mut origin = Origin::start();
    let (mut cache, contents) = filled(&origin, 5, 30_000);
    let directory = TempDir::new().unwrap();
    let to = directory.path().join("b");
    backup(&cache, &to).done();
    let later = Content::seeded(99, 1000);
    origin.route("/later", Reply::ok(later.clone()));
    cache.fetch(&origin.url("/later")).assert_is(&later);
    let busy = restore(&to, cache.data());
    assert_eq!(busy.code, 1);
    assert!(busy.error.contains("in use"), "{}", busy.error);
    cache.terminate();
    let refused = restore(&to, cache.data());
    assert_eq!(refused.code, 1);
    assert!(refused.error.contains("not empty"), "{}", refused.error);
    run(&["restore", "--force"], &to, cache.data()).done();
    origin.stop();
    serves_all(cache.data(), &origin, &contents);
    cache.restart();
    assert_eq!(cache.fetch(&origin.url("/later")).status(), 503);
}

#[test]
fn a_directory_with_other_things_in_it_is_refused_and_so_is_one_without_a_backup() {
    let origin = Origin::start();
    let (cache, _) = filled(&origin, 1, 1000);
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("thesis.tex"), "x").unwrap();
    let made = backup(&cache, directory.path());
    assert_eq!(made.code, 1);
    assert!(made.error.contains("other things"), "{}", made.error);
    let restored = restore(directory.path(), &directory.path().join("new"));
    assert_eq!(restored.code, 1);
    assert!(
        restored.error.contains("no finished backup"),
        "{}",
        restored.error
    );
    assert!(!directory.path().join("new").exists());
}

#[test]
fn only_the_operator_names_a_directory_and_nobody_without_a_token_has_the_archive() {
    let origin = Origin::start();
    let (cache, _) = filled(&origin, 1, 1000);
    let directory = TempDir::new().unwrap();
    let body = format!("{{\"directory\": {:?}}}", directory.path().join("b"));
    let ask = |token: &str, body: &str| {
        let request = Request::new("POST", "/api/v1/backup").field("X-API-Key", token);
        cache.exchange(&request.body(body))
    };
    let request = Request::new("POST", "/api/v1/backup");
    assert_eq!(cache.exchange(&request).status(), 401);
    let admin = token(&cache, "admin:write");
    let fetcher = token(&cache, "fetch");
    assert_eq!(ask(&fetcher, "").status(), 403);
    assert_eq!(ask(&admin, "").status(), 200);
    assert_eq!(ask(&admin, &body).status(), 403);
    assert_eq!(ask(&admin, "{\"direct0ry\": 1}").status(), 422);
    assert_eq!(cache.get("/api/v1/backup").status(), 405);
    assert!(!directory.path().join("b").exists());
}

fn token(cache: &crate::support::cache::Cache, scope: &str) -> String {
    let mut command = crate::support::cache::program();
    command.args(["token", "create", "--scope", scope, "--data"]);
    let output = command.arg(cache.data()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
