//! A part of a body outlives the program and is continued by the next request, never served as the whole.

use super::{DOORS, Door, MIB, file, plain};
use crate::support::{
    cache::Cache,
    eventually,
    origin::{Content, Gate, Origin, Reply},
};

/// How the program ends while a transfer is under way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    Terminate,
    Kill,
}

pub(super) fn cache() -> Cache {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__SERVER__DRAIN_TIMEOUT", "200ms");
    setup.start()
}

/// Starts a transfer, lets about 3 MiB of it arrive, and ends the program.
pub(super) fn interrupt(cache: &mut Cache, origin: &Origin, door: Door, stop: Stop, reply: Reply) {
    let gate = Gate::closed();
    origin.route("/a", reply.gated(&gate));
    gate.release(3 * MIB);
    let mut client = cache.client();
    let mut incoming = client.start(&door.request(&origin.url("/a"))).unwrap();
    assert!(incoming.read_to(3 * MIB - 1));
    match stop {
        Stop::Terminate => cache.terminate(),
        Stop::Kill => cache.kill9(),
    };
    let broken = incoming.finish();
    assert!(!broken.is_complete(), "{stop:?}: {:?}", broken.end);
    gate.open();
    eventually("the origin's connection is over", || {
        origin.open_connections() == 0
    });
    cache.restart();
    assert!(!door.has(cache, &origin.url("/a")), "a part is no artifact");
}

#[test]
fn the_next_request_continues_where_the_last_program_stopped() {
    let content = Content::seeded(1, 8 * MIB);
    for door in DOORS {
        for stop in [Stop::Terminate, Stop::Kill] {
            let (mut cache, origin) = (cache(), Origin::start());
            let reply = file(&content, "\"v1\"");
            interrupt(&mut cache, &origin, door, stop, reply.clone());
            origin.forget_requests();
            origin.route("/a", reply);
            let url = origin.url("/a");
            door.get(&cache, &url).assert_is(&content);
            let request = &origin.requests()[0];
            assert_eq!(
                request.value("if-range"),
                Some("\"v1\""),
                "{door:?} {stop:?}"
            );
            assert!(request.value("range").is_some());
            assert_eq!(origin.hits("/a"), 1);
            let sent = origin.bytes_sent("/a");
            assert!(sent < 6 * MIB, "{door:?} {stop:?}: {sent}");
            assert!(door.has(&cache, &url));
            door.get(&cache, &url).assert_is(&content);
        }
    }
}

#[test]
fn a_part_of_another_version_is_dropped() {
    let (old, new) = (Content::seeded(1, 8 * MIB), Content::seeded(2, 7 * MIB));
    for stop in [Stop::Terminate, Stop::Kill] {
        let (mut cache, origin) = (cache(), Origin::start());
        let url = origin.url("/a");
        interrupt(&mut cache, &origin, Door::Proxy, stop, file(&old, "\"v1\""));
        origin.route("/a", file(&new, "\"v2\""));
        Door::Proxy.get(&cache, &url).assert_is(&new);
        assert!(Door::Proxy.has(&cache, &url));
        eventually("no unfinished file is left", || part_files(&cache) == 0);
    }
}

#[test]
fn a_part_without_a_strong_validator_is_not_continued() {
    let content = Content::seeded(1, 8 * MIB);
    let weak = || plain(&content).field("ETag", "W/\"v1\"");
    let (mut cache, origin) = (cache(), Origin::start());
    interrupt(&mut cache, &origin, Door::Proxy, Stop::Kill, weak());
    origin.forget_requests();
    origin.route("/a", weak());
    Door::Proxy
        .get(&cache, &origin.url("/a"))
        .assert_is(&content);
    assert_eq!(origin.requests()[0].value("range"), None);
    eventually("no unfinished file is left", || part_files(&cache) == 0);
}

#[test]
fn a_part_may_be_too_old() {
    let content = Content::seeded(1, 8 * MIB);
    let setup = Cache::setup().environment("ARTIFACT_CACHE__STORAGE__KEEP_PARTIAL", "0s");
    let (mut cache, origin) = (setup.start(), Origin::start());
    let reply = file(&content, "\"v1\"");
    interrupt(&mut cache, &origin, Door::Proxy, Stop::Kill, reply.clone());
    origin.forget_requests();
    origin.route("/a", reply);
    Door::Proxy
        .get(&cache, &origin.url("/a"))
        .assert_is(&content);
    assert_eq!(origin.requests()[0].value("range"), None);
}

fn part_files(cache: &Cache) -> usize {
    let directory = cache.data().join("tmp");
    std::fs::read_dir(directory).unwrap().count()
}
