//! No room: what cannot be stored is streamed, and nobody is refused.

use super::{DOORS, Door, MIB, file};
use crate::support::{
    cache::Cache,
    origin::{Chunks, Content, Gate, Origin},
};

#[test]
fn a_disk_that_must_not_be_filled_is_left_alone() {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__STORAGE__MIN_FREE_BYTES", "1000TiB");
    for door in DOORS {
        let (cache, origin) = (setup.clone().start(), Origin::start());
        let content = Content::seeded(1, 2 * MIB);
        origin.route("/a", file(&content, "\"v1\""));
        for times in 1..=2 {
            let response = door.get(&cache, &origin.url("/a"));
            response.assert_is(&content);
            let status = response.value("cache-status").unwrap();
            assert!(status.ends_with("detail=disk_full"), "{status}");
            assert_eq!(origin.hits("/a"), times);
        }
    }
}

#[test]
fn a_write_that_fails_in_the_middle_is_seen_by_nobody() {
    for chunked in [false, true] {
        for door in DOORS {
            let (cache, origin) = (Cache::start(), Origin::start());
            let content = Content::seeded(1, 24 * MIB);
            let reply = file(&content, "\"v1\"");
            let gate = Gate::closed();
            let reply = if chunked {
                reply.chunked(Chunks::Good)
            } else {
                reply
            };
            origin.route("/a", reply.gated(&gate));
            let url = origin.url("/a");
            cache.limit_file_size(4 * MIB);
            gate.release(MIB);
            std::thread::scope(|scope| {
                let clients: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| door.get(&cache, &url)))
                    .collect();
                crate::support::eventually("all of them follow", || {
                    cache.metric("artifact_cache_followers_in_flight") >= 8.0
                });
                gate.open();
                for client in clients {
                    client.join().unwrap().assert_is(&content);
                }
            });
            assert_eq!(origin.hits("/a"), 1, "{door:?}");
            assert!(!door.has(&cache, &url), "{door:?}");
            assert!(cache.peak_resident_bytes() < 200 * MIB);
        }
    }
}

#[test]
fn a_small_artifact_that_cannot_be_written_is_answered_all_the_same() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 100_000);
    origin.route("/a", file(&content, "\"v1\""));
    cache.limit_file_size(50_000);
    for _ in 0..2 {
        Door::Proxy
            .get(&cache, &origin.url("/a"))
            .assert_is(&content);
    }
    Door::Fetch
        .get(&cache, &origin.url("/a"))
        .assert_is(&content);
}
