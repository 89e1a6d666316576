//! What was stored is there after a restart, however the program ended.

use super::{access_count, assert_served, fetch_pinned, large, record, small};
use crate::support::{
    cache::Cache,
    client::Request,
    origin::{Content, Gate, Origin, Reply},
};

#[test]
fn what_was_stored_is_there_after_an_orderly_end_and_after_a_kill() {
    let (mut origin, mut cache) = (Origin::start(), Cache::start());
    origin.route("/a", Reply::ok(large()).field("Content-Type", "text/x-a"));
    origin.route("/b", Reply::ok(small()));
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    for url in [&a, &b] {
        cache.fetch(url);
    }
    let before = cache.fetch(&a);
    assert!(cache.terminate().success());
    origin.stop();
    cache.restart();
    let after = cache.fetch(&a);
    assert_served(&after, "HIT", &large());
    for name in ["etag", "content-type", "content-disposition", "repr-digest"] {
        assert_eq!(after.value(name), before.value(name), "{name}");
    }
    assert_eq!(access_count(&cache, &a), 2);
    cache.kill9();
    cache.restart();
    assert_served(&cache.fetch(&a), "HIT", &large());
    assert_served(&cache.fetch(&b), "HIT", &small());
    let mirror = fetch_pinned(&cache, &origin.url("/mirror"), large().sha256());
    assert_served(&mirror, "HIT", &large());
}

#[test]
fn earlier_versions_survive_a_restart() {
    let (origin, mut cache) = (Origin::start(), Cache::start());
    let (old, new) = (Content::seeded(1, 400_000), Content::seeded(2, 500_000));
    origin.sequence(
        "/a",
        [
            Reply::file(old.clone(), "\"v1\""),
            Reply::file(new.clone(), "\"v2\""),
        ],
    );
    let url = origin.url("/a");
    cache.fetch(&url).assert_is(&old);
    fetch_pinned(&cache, &url, new.sha256()).assert_is(&new);
    cache.terminate();
    cache.restart();
    assert_served(&fetch_pinned(&cache, &url, old.sha256()), "HIT", &old);
    assert_served(&cache.fetch(&url), "HIT", &new);
    assert_eq!(
        record(&cache, &url).unwrap()["versions"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn an_interrupted_download_is_continued_after_a_restart() {
    let (origin, mut cache, gate) = (Origin::start(), Cache::start(), Gate::closed());
    let content = Content::seeded(5, 8 << 20);
    let reply = Reply::file(content.clone(), "\"v1\"");
    origin.sequence("/a", [reply.clone().gated(&gate), reply]);
    let url = origin.url("/a");
    let mut client = cache.client();
    let query = crate::support::cache::fetch_path(&url);
    client.send(&Request::get(&format!("{query}&mode=stream")).bytes());
    gate.release(4 << 20);
    let mut incoming = client.head("GET").unwrap();
    assert!(incoming.read_to(4 << 20));
    cache.kill9();
    drop(incoming);
    cache.restart();
    assert_served(&cache.fetch(&url), "MISS", &content);
    let asked = origin.requests_for("/a");
    let range = asked[1].value("range").expect("it is continued").to_owned();
    assert_eq!(asked[1].value("if-range"), Some("\"v1\""));
    let from: u64 = range
        .trim_start_matches("bytes=")
        .trim_end_matches('-')
        .parse()
        .unwrap();
    assert!(from > 0 && from <= 4 << 20, "{range}");
    assert_served(&cache.fetch(&url), "HIT", &content);
}
