//! Backups of a cache that works meanwhile.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tempfile::TempDir;

use super::{backup, filled, is_sound, restore, run, serves_all};
use crate::support::{
    cache::{Cache, Setup},
    client::{Client, Request},
    eventually,
    origin::{Content, Origin, Reply},
};

const WRITERS: u64 = 4;

/// Fetches `/<writer>/<number>` one after another and notes what was acknowledged.
fn write(cache: &Cache, origin: &Origin, writer: u64, until: &AtomicBool, noted: &Noted) {
    for number in 0.. {
        if until.load(Ordering::Acquire) {
            return;
        }
        let content = Content::seeded(writer << 32 | number, 20_000 + number % 7 * 9000);
        let path = format!("/{writer}/{number}");
        origin.route(&path, Reply::ok(content.clone()));
        cache.fetch(&origin.url(&path)).assert_is(&content);
        noted.lock().unwrap().push((path, content));
    }
}

type Noted = Mutex<Vec<(String, Content)>>;

/// Several writers fetch while `work` runs with what was acknowledged so far.
fn under_load<T>(cache: &Cache, origin: &Origin, work: impl FnOnce(&Noted) -> T) -> T {
    let (until, noted) = (AtomicBool::new(false), Noted::default());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (until, noted) = (&until, &noted);
            scope.spawn(move || write(cache, origin, writer, until, noted));
        }
        let done = work(&noted);
        until.store(true, Ordering::Release);
        done
    })
}

fn came_to(noted: &Noted, count: usize) {
    eventually("the writers write", || noted.lock().unwrap().len() >= count);
}

#[test]
fn a_backup_under_load_has_everything_that_was_acknowledged_before() {
    for copy in [false, true] {
        let (mut origin, mut cache) = (Origin::start(), Cache::start());
        let directory = TempDir::new().unwrap();
        let (to, new) = (directory.path().join("b"), directory.path().join("new"));
        let before = under_load(&cache, &origin, |noted| {
            came_to(noted, 60);
            let before = noted.lock().unwrap().clone();
            let flags: &[&str] = if copy {
                &["backup", "--copy"]
            } else {
                &["backup"]
            };
            let made = run(flags, &to, cache.data()).done();
            assert_eq!(made["lost"], 0, "{made}");
            assert_eq!(made[if copy { "linked" } else { "copied" }], 0, "{made}");
            came_to(noted, before.len() + 20);
            before
        });
        cache.terminate();
        origin.stop();
        restore(&to, &new).done();
        is_sound(&new);
        let restored = Cache::setup().data(&new).start();
        for (path, content) in before {
            let hit = restored.fetch(&origin.url(&path));
            hit.assert_is(&content);
            assert_eq!(hit.value("X-Cache-Status"), Some("HIT"), "{path}");
        }
    }
}

#[test]
fn what_is_removed_while_a_backup_runs_is_in_it_all_the_same() {
    let mut origin = Origin::start();
    let (mut cache, contents) = filled(&origin, 120, 40_000);
    let directory = TempDir::new().unwrap();
    let (to, new) = (directory.path().join("b"), directory.path().join("new"));
    let until = AtomicBool::new(false);
    thread::scope(|scope| {
        let (address, until) = (cache.address(), &until);
        let host = origin.url("/");
        scope.spawn(move || {
            while !until.load(Ordering::Acquire) {
                for (path, body) in [
                    ("/api/v1/purge", format!("{{\"prefix\": \"{host}\"}}")),
                    ("/api/v1/gc", "{}".into()),
                ] {
                    let request = Request::new("POST", path).body(body);
                    let done = Client::connect(address).exchange(&request);
                    assert_eq!(done.status(), 200, "{}", done.text());
                }
            }
        });
        let made = run(&["backup", "--copy"], &to, cache.data()).done();
        until.store(true, Ordering::Release);
        assert_eq!(made["lost"], 0, "{made}");
    });
    cache.terminate();
    origin.stop();
    restore(&to, &new).done();
    is_sound(&new);
    // The purge may have come before the copy of the catalog; what that names is there.
    let restored = Cache::setup().data(&new).start();
    for (seed, content) in contents.iter().enumerate() {
        let response = restored.fetch(&origin.url(&format!("/{seed}")));
        if response.value("X-Cache-Status") == Some("HIT") {
            response.assert_is(content);
        }
    }
}

#[test]
fn a_cap_is_kept_and_no_request_fails_while_and_after_a_backup_shares_the_files() {
    let capped: Setup = Cache::setup().environment("ARTIFACT_CACHE__STORAGE__MAX_BYTES", "6291456");
    let (origin, cache) = (Origin::start(), capped.start());
    let directory = TempDir::new().unwrap();
    let to = directory.path().join("b");
    let contents = super::routes(&origin, 60, 256 << 10);
    super::fetch_all(&cache, &origin, &contents[..20]);
    backup(&cache, &to).done();
    // Everything that is stored has a second name now, and gives way all the same.
    super::fetch_all(&cache, &origin, &contents);
    assert!(cache.metric("artifact_cache_evicted_total") > 20.0);
    let stored = cache.fetch(&origin.url("/59"));
    assert_eq!(stored.value("X-Cache-Status"), Some("HIT"));
    assert!(cache.metric("artifact_cache_allocated_bytes") <= 6_291_456.0);
}

#[test]
fn a_backup_of_a_cache_that_is_stopped_is_the_same() {
    let mut origin = Origin::start();
    let (mut cache, contents) = filled(&origin, 20, 30_000);
    cache.terminate();
    origin.stop();
    let directory = TempDir::new().unwrap();
    let (to, new) = (directory.path().join("b"), directory.path().join("new"));
    let made = backup(&cache, &to);
    assert_eq!(made.number("blobs"), 20, "{}", made.error);
    let restored = restore(&to, &new);
    assert_eq!(restored.number("blobs"), 20, "{}", restored.error);
    is_sound(&new);
    serves_all(&new, &origin, &contents);
}
