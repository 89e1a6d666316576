//! Constant memory: what a transfer costs does not grow with its size.

use super::MIB;
use crate::support::{
    cache::Cache,
    origin::{Content, Origin, Reply},
};

/// Size of a transfer in MiB; the full test takes 1024.
fn size() -> u64 {
    let size = std::env::var("TRANSFER_MIB").map_or(96, |text| text.parse().unwrap());
    size * MIB
}

#[test]
fn a_large_body_takes_no_more_memory_than_a_small_one() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = |length, directives: &str| {
        Reply::file(Content::seeded(1, length), "\"v1\"").field("Cache-Control", directives)
    };
    let get = |path: &str| {
        let response = cache.proxy_get(&origin.url(path), &[]);
        assert!(response.is_complete() && response.status() == 200);
        response.length
    };
    for (stored, directives) in [(true, "max-age=60"), (false, "no-store")] {
        origin.route("/small", reply(4 * MIB, directives));
        origin.route("/large", reply(size(), directives));
        get("/small");
        let before = cache.peak_resident_bytes();
        assert_eq!(get("/large"), size());
        if stored {
            assert_eq!(get("/large"), size());
            assert_eq!(origin.hits("/large"), 1);
        }
        let grown = cache.peak_resident_bytes() - before;
        assert!(grown < 32 * MIB, "{directives}: {grown}");
        origin.forget_requests();
    }
}
