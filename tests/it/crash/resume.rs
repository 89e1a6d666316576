//! A download that a kill cut off is continued, unless the origin's version has changed or time has passed.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::support::{
    cache::{Cache, fetch_path},
    client::Request,
    eventually,
    origin::{Content, Gate, Origin, Reply},
};

const LENGTH: u64 = 6 << 20;
const SENT: u64 = 3 << 20;

/// A cache killed in the middle of `/big`, with some of it on disk, and started again.
fn killed_midway(origin: &Origin, change: impl FnOnce(&Cache)) -> Cache {
    let gate = Gate::closed();
    let content = Content::seeded(1, LENGTH);
    origin.route("/big", Reply::file(content, "\"one\"").gated(&gate));
    let mut cache = Cache::start();
    let mut client = cache.client();
    let mode = format!("{}&mode=stream", fetch_path(&origin.url("/big")));
    gate.release(SENT);
    let mut incoming = client.start(&Request::get(&mode)).expect("a head");
    // What a client was given is on disk.
    assert!(incoming.read_to(SENT / 2));
    cache.kill9();
    gate.open();
    change(&cache);
    cache.restart();
    origin.forget_requests();
    cache
}

fn identity(cache: &Cache) -> PathBuf {
    let directory = cache.data().join("tmp");
    let names = super::store::names(&directory);
    let is_identity = |name: &&String| name.strip_suffix(".json").is_some();
    directory.join(names.iter().find(is_identity).expect("an identity"))
}

/// Moves the time at which the download began.
fn shift_begin(cache: &Cache, seconds: i64) {
    let path = identity(cache);
    let mut identity: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let begin = &mut identity["created"]["secs_since_epoch"];
    *begin = (begin.as_i64().unwrap() + seconds).into();
    fs::write(path, identity.to_string()).unwrap();
}

#[test]
fn a_download_that_was_cut_off_is_continued_after_the_restart() {
    let origin = Origin::start();
    let cache = killed_midway(&origin, |_| {});
    assert!((cache.metric("artifact_cache_partial_files") - 1.0).abs() < 0.5);
    cache
        .fetch(&origin.url("/big"))
        .assert_is(&Content::seeded(1, LENGTH));
    let requests = origin.requests_for("/big");
    let range = requests[0].value("Range").expect("the rest is asked for");
    let from: u64 = range
        .trim_start_matches("bytes=")
        .trim_end_matches('-')
        .parse()
        .unwrap();
    assert!((SENT / 2..=SENT).contains(&from), "{range}");
    assert_eq!(requests[0].value("If-Range"), Some("\"one\""));
    assert!((cache.metric("artifact_cache_resumed_total") - 1.0).abs() < 0.5);
    eventually("the rest is committed and its file has gone", || {
        super::store::names(&cache.data().join("tmp")).is_empty()
    });
}

#[test]
fn a_part_that_is_whole_or_longer_is_no_obstacle() {
    for length in [LENGTH, LENGTH + 1, 1, 0] {
        let origin = Origin::start();
        let cache = killed_midway(&origin, |cache| {
            let part = identity(cache).with_extension("part");
            let bytes = Content::seeded(1, LENGTH + 1).slice(0, length);
            fs::write(part, bytes).unwrap();
        });
        cache
            .fetch(&origin.url("/big"))
            .assert_is(&Content::seeded(1, LENGTH));
        assert!(origin.bytes_sent("/big") <= LENGTH + 100);
    }
}

#[test]
fn the_rest_of_another_version_is_never_appended() {
    let origin = Origin::start();
    let cache = killed_midway(&origin, |_| {});
    let changed = Content::seeded(2, LENGTH);
    origin.route("/big", Reply::file(changed.clone(), "\"two\""));
    cache.fetch(&origin.url("/big")).assert_is(&changed);
    cache.fetch(&origin.url("/big")).assert_is(&changed);
}

#[test]
fn a_download_from_the_future_is_continued_and_an_old_one_is_not() {
    let day = 24 * 3600;
    for (shift, is_continued) in [(365 * day, true), (-2 * day, false)] {
        let origin = Origin::start();
        let cache = killed_midway(&origin, |cache| shift_begin(cache, shift));
        let left = super::store::only_resumable_files_are_left(&cache);
        assert_eq!(left == 1, is_continued, "shifted by {shift} s");
        cache
            .fetch(&origin.url("/big"))
            .assert_is(&Content::seeded(1, LENGTH));
        let requests = origin.requests_for("/big");
        assert_eq!(requests[0].value("Range").is_some(), is_continued);
    }
}
