//! Many transfers at once, of known and of unknown length, past the cap.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{MIB, capped, number, on_disk, routes};
use crate::support::{
    cache::Cache,
    origin::{Chunks, Content, Origin, Reply},
};

/// Asks for everything, again and again, from many threads at once.
fn ask_for_all(cache: &Cache, origin: &Origin, contents: &[(String, Content)]) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let number @ 0..240 = next.fetch_add(1, Ordering::AcqRel) {
                    let (path, content) = &contents[number * 7 % contents.len()];
                    cache.fetch(&origin.url(path)).assert_is(content);
                }
            });
        }
    });
}

#[test]
fn many_at_once_never_exceed_the_cap_and_all_are_answered() {
    let cap = 24 * MIB;
    let (origin, cache) = (Origin::start(), capped(cap).start());
    let known = routes(&origin, 60, MIB).into_iter().enumerate();
    let mut contents: Vec<_> = known
        .map(|(seed, content)| (format!("/{seed}"), content))
        .collect();
    for seed in 100..130 {
        let (path, content) = (format!("/chunked/{seed}"), Content::seeded(seed, 3 * MIB));
        origin.route(&path, Reply::ok(content.clone()).chunked(Chunks::Good));
        contents.push((path, content));
    }
    let is_over = AtomicBool::new(false);
    let most = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !is_over.load(Ordering::Acquire) {
                most = most.max(on_disk(&cache));
            }
            most
        });
        let asked = scope
            .spawn(|| ask_for_all(&cache, &origin, &contents))
            .join();
        is_over.store(true, Ordering::Release);
        asked.unwrap();
        watcher.join().unwrap()
    });
    assert!(most <= cap, "{most} of {cap}");
    assert!(most > cap / 2, "the store is used: {most} of {cap}");
    assert!(number(&cache, "artifact_cache_evicted_total") > 0);
    assert!(on_disk(&cache) <= cap);
}

#[test]
fn an_unknown_length_that_outgrows_the_cap_is_passed_on_to_the_end() {
    let (origin, cache) = (Origin::start(), capped(6 * MIB).start());
    let content = Content::seeded(1, 20 * MIB);
    let reply = Reply::ok(content.clone()).chunked(Chunks::Good);
    origin.route("/a", reply);
    for door in ["fetch", "proxy"] {
        let url = origin.url("/a");
        let response = match door {
            "fetch" => cache.fetch(&url),
            _ => cache.proxy_get(&url, &[]),
        };
        response.assert_is(&content);
    }
    assert_eq!(cache.stats()["total_items"], 0);
    assert!(on_disk(&cache) <= 6 * MIB);
}
