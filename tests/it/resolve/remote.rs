//! Remote artifacts: downloaded once, verified, and given out as the path of the stored file.

use std::{fs, thread, time::SystemTime};

use super::{asking, assert_refused, assert_resolved, inode, over_http, post};
use crate::{
    fetch::blobs,
    support::{
        cache::Cache,
        client::Request,
        origin::{Content, Origin, Reply},
    },
};

#[test]
fn a_miss_is_downloaded_and_a_hit_is_the_same_file() {
    let (origin, cache) = (Origin::start(), over_http().start());
    let content = Content::seeded(1, 700_000);
    origin.route("/model.pt", Reply::ok(content.clone()));
    let uri = origin.url("/model.pt");
    let document = asking(&uri, &content);
    let path = assert_resolved(&post(&cache, &document), &uri, &content, false);
    let name = format!("sha256/{}", content.sha256());
    assert_eq!(path, cache.data().join("cache").join(name));
    assert_eq!(fs::read(&path).unwrap(), content.bytes());
    let stored = &blobs(&cache)[0];
    assert_eq!(inode(&path), inode(stored));
    assert!(fs::metadata(&path).unwrap().permissions().readonly());
    assert_eq!(
        assert_resolved(&post(&cache, &document), &uri, &content, true),
        path
    );
    assert_eq!(origin.hits("/model.pt"), 1);
}

#[test]
fn the_same_bytes_at_another_uri_are_not_downloaded_again() {
    let (origin, cache) = (Origin::start(), over_http().start());
    let content = Content::seeded(2, 300_000);
    for path in ["/one", "/two"] {
        origin.route(path, Reply::ok(content.clone()));
    }
    let (one, two) = (origin.url("/one"), origin.url("/two"));
    let first = assert_resolved(
        &post(&cache, &asking(&one, &content)),
        &one,
        &content,
        false,
    );
    let second = assert_resolved(&post(&cache, &asking(&two, &content)), &two, &content, true);
    assert_eq!((first, origin.hits("/two")), (second, 0));
}

#[test]
fn what_fetch_has_stored_is_resolved_without_a_download() {
    let (origin, cache) = (Origin::start(), over_http().start());
    let content = Content::literal("fetched before");
    origin.route("/a", Reply::ok(content.clone()));
    let uri = origin.url("/a");
    cache.fetch(&uri).assert_is(&content);
    assert_resolved(&post(&cache, &asking(&uri, &content)), &uri, &content, true);
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn bytes_of_another_length_or_digest_are_refused() {
    let (origin, cache) = (Origin::start(), over_http().start());
    let content = Content::seeded(3, 20_000);
    origin.route("/a", Reply::ok(content.clone()));
    origin.route("/b", Reply::ok(Content::seeded(4, 20_000)));
    let mut document = asking(&origin.url("/a"), &content);
    document["size_bytes"] = 19_999.into();
    assert_refused(&post(&cache, &document), 400, "Downloaded size mismatch");
    // The bytes are verified all the same, so they stay, and a hit says the same.
    assert_refused(&post(&cache, &document), 400, "Downloaded size mismatch");
    let document = asking(&origin.url("/a"), &content);
    assert_resolved(&post(&cache, &document), &origin.url("/a"), &content, true);
    assert_eq!(origin.hits("/a"), 1);

    let document = asking(&origin.url("/b"), &content);
    let alias = post(&cache, &document);
    assert_resolved(&alias, &origin.url("/b"), &content, true);
    let document = asking(&origin.url("/b"), &Content::literal("nobody has this"));
    assert_refused(&post(&cache, &document), 400, "Downloaded sha256 mismatch");
    assert_eq!(blobs(&cache).len(), 1, "nothing of it is stored");
}

#[test]
fn an_origin_that_fails_is_reported_by_what_failed() {
    let (mut origin, cache) = (Origin::start(), over_http().start());
    origin.route("/gone", Reply::status(404));
    origin.route("/denied", Reply::status(403));
    let content = Content::literal("x");
    let gone = post(&cache, &asking(&origin.url("/gone"), &content));
    assert_refused(&gone, 404, "Artifact not found");
    let denied = post(&cache, &asking(&origin.url("/denied"), &content));
    assert_eq!(
        (denied.status(), denied.json()["status_code"].clone()),
        (502, 403.into())
    );
    assert_eq!(denied.json()["error"], "upstream_error");
    origin.stop();
    let down = post(&cache, &asking(&origin.url("/down"), &content));
    assert_eq!(
        (down.status(), down.json()["error"].clone()),
        (503, "upstream_unavailable".into())
    );
}

/// Bytes of the object that many ask for at once; CI asks for more.
pub(super) fn large(usual: u64) -> u64 {
    let named = std::env::var("RESOLVE_BYTES").ok();
    named.map_or(usual, |bytes| bytes.parse().unwrap())
}

#[test]
fn twenty_at_once_cost_one_download_and_get_one_path() {
    let (origin, cache) = (Origin::start(), over_http().start());
    let content = Content::seeded(5, large(96 << 20));
    origin.route("/large", Reply::file(content.clone(), "\"v\""));
    let uri = origin.url("/large");
    let document = asking(&uri, &content);
    let answers: Vec<_> = thread::scope(|scope| {
        let ask = || {
            let patient = cache
                .client()
                .with_patience(std::time::Duration::from_mins(5));
            let request = Request::new("POST", "/resolve").body(document.to_string());
            { patient }.exchange(&request)
        };
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        asking
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let downloaded =
        |response: &&crate::support::client::Response| response.json()["cached"] == false;
    assert_eq!(answers.iter().filter(downloaded).count(), 1);
    let paths: std::collections::BTreeSet<_> = answers
        .iter()
        .map(|response| response.json()["local_path"].to_string())
        .collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    assert_eq!(origin.hits("/large"), 1);
    assert_eq!(blobs(&cache).len(), 1);
}

#[test]
fn a_file_damaged_by_hand_is_noticed_fetched_again_and_said_in_the_log() {
    let (origin, cache) = (Origin::start(), over_http().start());
    let content = Content::seeded(6, large(400_000));
    origin.route("/a", Reply::ok(content.clone()));
    let uri = origin.url("/a");
    let document = asking(&uri, &content);
    let path = assert_resolved(&post(&cache, &document), &uri, &content, false);
    let damaged = fs::File::open(&path).unwrap();
    damage(&path);
    let again = assert_resolved(&post(&cache, &document), &uri, &content, false);
    assert_eq!(again, path);
    assert_eq!(fs::read(&path).unwrap(), content.bytes());
    assert_eq!(origin.hits("/a"), 2);
    let digest = content.sha256().to_string();
    let said = "a stored file is gone or damaged, it will be fetched again";
    cache
        .trace()
        .wait_for(said, |event| event["sha256"] == *digest);
    drop(damaged);
}

/// Changes one byte in the middle, and nothing that a look at the directory would show.
fn damage(path: &std::path::Path) {
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    let before = fs::metadata(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(b"\xff\x00\xff", 1000).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    fs::set_permissions(path, before.permissions()).unwrap();
}

#[test]
fn damage_while_the_cache_was_stopped_is_noticed_as_well() {
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    let origin = Origin::start();
    let mut cache: Cache = over_http().start();
    let content = Content::seeded(7, 400_000);
    origin.route("/a", Reply::ok(content.clone()));
    let uri = origin.url("/a");
    let document = asking(&uri, &content);
    let path = assert_resolved(&post(&cache, &document), &uri, &content, false);
    cache.terminate();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"\xff\x00\xff", 1000).unwrap();
    // The kernel stamps writes by a clock that lags behind by a tick, on a busy machine by many.
    file.set_modified(SystemTime::now()).unwrap();
    cache.restart();
    assert_resolved(&post(&cache, &document), &uri, &content, false);
    assert_eq!(fs::read(&path).unwrap(), content.bytes());
}

/// Bytes that the cache has read from anywhere.
fn bytes_read(cache: &Cache) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", cache.id())).unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

#[test]
fn a_verification_that_is_too_old_is_made_again() {
    let content = Content::seeded(8, 8 << 20);
    let origin = Origin::start();
    origin.route("/a", Reply::ok(content.clone()));
    let document = asking(&origin.url("/a"), &content);
    for (interval, is_read) in [("1h", false), ("0s", true)] {
        let cache = over_http()
            .environment("ARTIFACT_CACHE__RESOLVE__VERIFY_INTERVAL", interval)
            .start();
        assert_resolved(&post(&cache, &document), &origin.url("/a"), &content, false);
        let before = bytes_read(&cache);
        assert_resolved(&post(&cache, &document), &origin.url("/a"), &content, true);
        let read = bytes_read(&cache) - before;
        assert_eq!(read >= content.length(), is_read, "{interval}: {read}");
    }
}
