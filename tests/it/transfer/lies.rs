//! Origins that lie about what they send: never stored, never presented as complete.

use super::{DOORS, Door, MIB, plain};
use crate::support::{
    Ending,
    cache::Cache,
    client::Request,
    origin::{Chunks, Content, Origin, Reply},
};

/// Bodies that end before they are over, or cannot be read to their end.
fn broken(content: &Content) -> Vec<(&'static str, Reply)> {
    let reply = || plain(content);
    vec![
        (
            "a length that is too long",
            reply().claiming(content.length() + 1),
        ),
        ("a length that is far too long", reply().claiming(1 << 40)),
        ("an early FIN", reply().cut_after(100_000, Ending::Fin)),
        ("an early RST", reply().cut_after(100_000, Ending::Reset)),
        ("no last chunk", reply().chunked(Chunks::NoLastChunk)),
        (
            "chunks that are cut",
            reply()
                .chunked(Chunks::Good)
                .cut_after(100_000, Ending::Fin),
        ),
        (
            "a chunk size that is none",
            reply().chunked(Chunks::BadSize("zz".into())),
        ),
        (
            "a chunk size that overflows",
            reply().chunked(Chunks::BadSize("fffffffffffffffff".into())),
        ),
        (
            "a negative chunk size",
            reply().chunked(Chunks::BadSize("-1".into())),
        ),
        (
            "no end of a chunk's data",
            reply().chunked(Chunks::NoDataEnd),
        ),
        (
            "a reset instead of an end",
            reply().close_delimited().cut_after(100_000, Ending::Reset),
        ),
    ]
}

fn cache() -> Cache {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__UPSTREAM__MAX_RETRIES", "0");
    setup.start()
}

#[test]
fn a_broken_body_is_never_complete_and_never_stored() {
    let content = Content::seeded(1, 300_000);
    for door in DOORS {
        let (cache, origin) = (cache(), Origin::start());
        for (nth, (what, reply)) in broken(&content).into_iter().enumerate() {
            let path = format!("/{nth}");
            origin.route(&path, reply);
            let url = origin.url(&path);
            let response = door.get(&cache, &url);
            let is_refused = response.status() >= 500;
            assert!(is_refused || !response.is_complete(), "{door:?}: {what}");
            assert!(!door.has(&cache, &url), "{door:?}: {what}");
            origin.route(&path, plain(&content));
            door.get(&cache, &url).assert_is(&content);
        }
    }
}

#[test]
fn what_is_not_stored_is_not_completed_either() {
    let content = Content::seeded(1, 300_000);
    let (cache, origin) = (cache(), Origin::start());
    for (nth, (what, reply)) in broken(&content).into_iter().enumerate() {
        let path = format!("/{nth}");
        origin.route(&path, reply);
        let request = Request::get(&origin.url(&path)).field("Cache-Control", "no-store");
        let response = cache.exchange(&request);
        let is_refused = response.status() >= 500;
        assert!(is_refused || !response.is_complete(), "{what}");
    }
}

#[test]
fn bytes_behind_a_response_are_no_response() {
    let content = Content::seeded(1, 10_000);
    let junk = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil".to_vec();
    let tail = |framing: &str| [framing.as_bytes(), &content.bytes(), b"\r\n"].concat();
    let with_length = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 10000\r\n\r\n";
    let raw = [&tail(with_length)[..tail(with_length).len() - 2], &junk].concat();
    for door in DOORS {
        let (cache, origin) = (cache(), Origin::start());
        origin.route("/next", plain(&Content::literal("right")));
        for (nth, reply) in [
            plain(&content).chunked(Chunks::JunkAfterLast(junk.clone())),
            Reply::raw(raw.clone()).then_keep_open(),
            Reply::raw([b"HTTP/1.1 204 No Content\r\n\r\n", &junk[..]].concat()).then_keep_open(),
            Reply::raw([b"HTTP/1.1 304 Not Modified\r\n\r\n", &junk[..]].concat()).then_keep_open(),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{nth}");
            origin.route(&path, reply);
            door.get(&cache, &origin.url(&path));
            for _ in 0..3 {
                let next = cache.exchange(
                    &door
                        .request(&origin.url(&format!("/next?{nth}")))
                        .field("Cache-Control", "no-cache"),
                );
                next.assert_is(&Content::literal("right"));
            }
        }
    }
}

#[test]
fn an_endless_body_is_bounded_by_the_limit() {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__STORAGE__MAX_OBJECT_BYTES", "4MiB");
    let (cache, origin) = (setup.start(), Origin::start());
    origin.route("/a", plain(&Content::endless(1)).chunked(Chunks::Good));
    let url = origin.url("/a");
    // The explicit door fetches what it keeps, and nothing else.
    let refused = Door::Fetch.get(&cache, &url);
    assert!(!refused.is_complete() || refused.status() == 502);
    assert!(refused.length < 8 * MIB);
    // The proxy streams what it cannot keep, as long as somebody reads.
    let mut client = cache.client();
    let mut incoming = client.start(&Door::Proxy.request(&url)).unwrap();
    assert!(incoming.read_to(64 * MIB));
    drop(client);
    crate::support::eventually("the origin is left alone", || {
        origin.open_connections() == 0
    });
    for door in DOORS {
        assert!(!door.has(&cache, &url));
    }
    let announced = Content::seeded(1, 5 * MIB);
    origin.route("/b", plain(&announced));
    let refused = Door::Fetch.get(&cache, &origin.url("/b"));
    assert_eq!(refused.status(), 502);
    assert_eq!(refused.json()["error"], "artifact_too_large");
    Door::Proxy
        .get(&cache, &origin.url("/b"))
        .assert_is(&announced);
    assert!(!Door::Proxy.has(&cache, &origin.url("/b")));
}

#[test]
fn a_body_of_unknown_length_has_one_afterwards() {
    let content = Content::seeded(1, 700_000);
    for door in DOORS {
        let (cache, origin) = (Cache::start(), Origin::start());
        for (path, reply) in [
            ("/chunked", plain(&content).chunked(Chunks::Good)),
            ("/close", plain(&content).close_delimited()),
        ] {
            origin.route(path, reply);
            let url = origin.url(path);
            let first = door.get(&cache, &url);
            first.assert_is(&content);
            // A download that is over before the head leaves has a length already.
            let is_chunked = first.value("transfer-encoding") == Some("chunked");
            assert!(is_chunked || first.value("content-length") == Some("700000"));
            let second = door.get(&cache, &url);
            second.assert_is(&content);
            assert_eq!(second.value("content-length"), Some("700000"));
            assert_eq!(origin.hits(path), 1);
        }
    }
}
