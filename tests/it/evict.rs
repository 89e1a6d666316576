//! A store with a cap, and a disk that must not be filled: there is always room for what is asked for
//! next, nothing that must stay goes, and no request fails for want of room.

mod disk;
mod keepers;
mod load;
mod restart;
mod why;

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use crate::support::{
    cache::{Cache, Setup},
    eventually,
    origin::{Content, Origin, Reply},
};

const MIB: u64 = 1 << 20;

/// A cache that may take so many bytes on disk.
fn capped(bytes: u64) -> Setup {
    Cache::setup().environment("ARTIFACT_CACHE__STORAGE__MAX_BYTES", &bytes.to_string())
}

/// What the files below a directory take on disk, links counted once.
fn allocated(directory: &Path) -> u64 {
    let mut sum = 0;
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        // A file may go while it is looked at.
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => sum += allocated(&path),
            Ok(metadata) => sum += metadata.blocks() * 512,
            Err(_) => {}
        }
    }
    sum
}

/// What artifacts and unfinished files take on disk.
fn on_disk(cache: &Cache) -> u64 {
    allocated(&cache.data().join("cache")) + allocated(&cache.data().join("tmp"))
}

/// A metric that is a whole number.
fn number(cache: &Cache, name: &str) -> u64 {
    cache.metric(name).to_string().parse().unwrap()
}

/// Serves `/seed` with content of this length, for as many seeds.
fn routes(origin: &Origin, count: u64, length: u64) -> Vec<Content> {
    let content = |seed| Content::seeded(seed, length);
    let contents: Vec<_> = (0..count).map(content).collect();
    for (seed, content) in contents.iter().enumerate() {
        origin.route(&format!("/{seed}"), Reply::ok(content.clone()));
    }
    contents
}

#[test]
fn without_a_cap_nothing_is_ever_evicted() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let contents = routes(&origin, 40, MIB);
    for (seed, content) in contents.iter().enumerate() {
        cache
            .fetch(&origin.url(&format!("/{seed}")))
            .assert_is(content);
    }
    assert_eq!(cache.stats()["total_items"], 40);
    assert_eq!(number(&cache, "artifact_cache_evicted_total"), 0);
    assert_eq!(number(&cache, "artifact_cache_max_bytes"), 0);
    let kept = number(&cache, "artifact_cache_allocated_bytes");
    assert!(kept >= 40 * MIB, "{kept}");
}

#[test]
fn past_the_cap_old_artifacts_give_way_to_new_ones() {
    let cap = 10 * MIB;
    let (origin, cache) = (Origin::start(), capped(cap).start());
    let contents = routes(&origin, 60, MIB / 2);
    for (seed, content) in contents.iter().enumerate() {
        let response = cache.fetch(&origin.url(&format!("/{seed}")));
        response.assert_is(content);
        // Stored, not passed on.
        assert!(
            response.value("cache-status").unwrap().contains("stored"),
            "{response:?}"
        );
        assert!(on_disk(&cache) <= cap);
    }
    let items = || cache.stats()["total_items"].as_u64().unwrap();
    let evicted = || number(&cache, "artifact_cache_evicted_total");
    assert!(items() >= 15, "{}", items());
    eventually("each is stored or was evicted", || {
        evicted() + items() == 60
    });
    let evicted = evicted();
    let bytes = number(&cache, "artifact_cache_evicted_bytes_total");
    assert!(bytes >= evicted * (MIB / 2), "{bytes}");
    assert!(number(&cache, "artifact_cache_allocated_bytes") <= cap);
    // What went comes again.
    cache.fetch(&origin.url("/0")).assert_is(&contents[0]);
    assert_eq!(origin.hits("/0"), 2);
}

#[test]
fn what_is_used_survives_a_scan() {
    let (origin, cache) = (Origin::start(), capped(12 * MIB).start());
    let contents = routes(&origin, 80, MIB / 2);
    let fetch = |seed: usize| cache.fetch(&origin.url(&format!("/{seed}")));
    for _ in 0..3 {
        (0..8).for_each(|seed| fetch(seed).assert_is(&contents[seed]));
    }
    // Three times the cap, each once.
    (8..80).for_each(|seed| fetch(seed).assert_is(&contents[seed]));
    for (seed, content) in contents.iter().enumerate().take(8) {
        fetch(seed).assert_is(content);
        let hits = origin.hits(&format!("/{seed}"));
        assert_eq!(hits, 1, "{seed} was evicted by a scan");
    }
}

#[test]
fn what_is_larger_than_the_cap_passes_and_nothing_goes_for_it() {
    let (origin, cache) = (Origin::start(), capped(4 * MIB).start());
    let small = Content::seeded(1, MIB);
    let large = Content::seeded(2, 9 * MIB);
    origin.route("/small", Reply::ok(small.clone()));
    let fresh = Reply::file(large.clone(), "\"v1\"").field("Cache-Control", "max-age=60");
    origin.route("/large", fresh);
    cache.fetch(&origin.url("/small")).assert_is(&small);
    cache.fetch(&origin.url("/large")).assert_is(&large);
    let passed = cache.proxy_get(&origin.url("/large"), &[]);
    passed.assert_is(&large);
    assert!(
        passed
            .value("cache-status")
            .unwrap()
            .ends_with("detail=too_large")
    );
    assert_eq!(cache.stats()["total_items"], 1);
    assert_eq!(number(&cache, "artifact_cache_evicted_total"), 0);
    cache.fetch(&origin.url("/small")).assert_is(&small);
    assert_eq!(origin.hits("/small"), 1);
}

#[test]
fn a_grant_is_given_back_whatever_becomes_of_a_transfer() {
    let (origin, cache) = (Origin::start(), capped(8 * MIB).start());
    let content = Content::seeded(3, MIB);
    let reply = Reply::ok(content.clone());
    origin.route("/whole", reply.clone());
    origin.route(
        "/cut",
        reply.cut_after(MIB / 2, crate::support::Ending::Reset),
    );
    for _ in 0..3 {
        cache.fetch(&origin.url("/whole"));
        cache.fetch(&origin.url("/cut"));
        cache.proxy_get(&origin.url("/cut"), &[]);
    }
    eventually("no room is promised to anybody", || {
        number(&cache, "artifact_cache_reserved_bytes") == 0
    });
}
