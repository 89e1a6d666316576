//! What is known of use survives restarts and crashes, and a cap may come later.

use super::{MIB, capped, number, on_disk, routes};
use crate::support::{cache::Cache, eventually, origin::Origin};

#[test]
fn after_a_crash_it_is_still_known_what_is_used() {
    let (origin, mut cache) = (Origin::start(), capped(12 * MIB).start());
    let contents = routes(&origin, 80, MIB / 2);
    for _ in 0..3 {
        for (seed, content) in contents.iter().enumerate().take(8) {
            cache
                .fetch(&origin.url(&format!("/{seed}")))
                .assert_is(content);
        }
    }
    // Written at the latest now.
    cache.stats();
    cache.kill9();
    cache.restart();
    let kept = number(&cache, "artifact_cache_allocated_bytes");
    assert!(kept >= 4 * MIB, "{kept}");
    for (seed, content) in contents.iter().enumerate().skip(8) {
        cache
            .fetch(&origin.url(&format!("/{seed}")))
            .assert_is(content);
    }
    for seed in 0..8 {
        cache.fetch(&origin.url(&format!("/{seed}")));
        assert_eq!(origin.hits(&format!("/{seed}")), 1, "{seed}");
    }
}

#[test]
fn a_cap_below_what_is_stored_is_reached_by_evicting() {
    let (origin, mut cache) = (Origin::start(), Cache::setup().config("{}").start());
    let contents = routes(&origin, 40, MIB / 2);
    for (seed, content) in contents.iter().enumerate() {
        cache
            .fetch(&origin.url(&format!("/{seed}")))
            .assert_is(content);
    }
    eventually("all of it is stored", || on_disk(&cache) > 20 * MIB);
    cache.terminate();
    cache.rewrite_config("storage: {max_bytes: 8MiB}");
    cache.restart();
    eventually("it is within its cap", || on_disk(&cache) <= 8 * MIB);
    assert!(on_disk(&cache) > 4 * MIB);
    let left = cache.stats()["total_items"].as_u64().unwrap();
    assert!((10..=16).contains(&left), "{left}");
}
