//! Killed at any moment, the cache serves no wrong byte afterwards and has lost nothing that it had said
//! to have. `CRASH_ROUNDS` kills (6 unless set) with moments and traffic by `CRASH_SEED`; the rounds end
//! early when `CRASH_SECONDS` are over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test the panic is the report"
)]

mod damage;
mod objects;
mod resume;
pub(crate) mod store;
mod traffic;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use objects::Objects;
use traffic::{Promises, Traffic};

use crate::support::{cache::Cache, origin::Origin};

/// How many kills one data directory lives through, so that the disk does not fill up.
const KILLS_PER_STORE: u64 = 8;
/// The longest that the traffic goes on before a kill.
const LONGEST_LIFE: Duration = Duration::from_millis(900);
/// A restart is quick however it ended before; the bound is for busy machines.
const QUICK: Duration = Duration::from_secs(5);

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn a_cache_that_is_killed_again_and_again_serves_right_bytes_and_loses_nothing() {
    let (rounds, seed) = (setting("CRASH_ROUNDS", 6), setting("CRASH_SEED", 20));
    println!("CRASH_SEED={seed}");
    let end = Instant::now() + Duration::from_secs(setting("CRASH_SECONDS", 3600));
    let mut sum = Sum::default();
    while sum.kills < rounds && Instant::now() < end {
        let kills = KILLS_PER_STORE.min(rounds - sum.kills);
        live_and_die(seed + sum.kills, kills, &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.kills > 0 && sum.promises > 0, "{sum:?}");
}

/// What all rounds together did.
#[derive(Debug, Default)]
struct Sum {
    kills: u64,
    responses: usize,
    cut_responses: usize,
    promises: usize,
    left_to_continue: usize,
    continued: usize,
}

/// One data directory: killed some times, then looked through and read to the last byte.
fn live_and_die(seed: u64, kills: u64, sum: &mut Sum) {
    let (objects, mut origin, mut cache) = (Objects::new(seed), Origin::start(), Cache::start());
    objects.serve(&origin);
    let promises = Promises::default();
    for round in 0..kills {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_add(round));
        let traffic = Traffic {
            objects: &objects,
            promises: &promises,
            round,
        };
        traffic.run(&origin, cache.address(), &mut random, |moment| {
            // The moment is the test; nothing is waited for.
            std::thread::sleep(LONGEST_LIFE.mul_f64(moment * moment));
            cache.kill9();
        });
        store::agrees_but_for_what_was_cut_off(&cache);
        restart_quickly(&mut cache);
        sum.left_to_continue += store::only_resumable_files_are_left(&cache);
        origin.stop();
        promises.since_last_look().keep(&objects, &cache);
        origin.restart();
        sum.kills += 1;
    }
    (sum.responses, sum.cut_responses) = (
        sum.responses + promises.responses(),
        sum.cut_responses + promises.cut_responses(),
    );
    sum.promises += promises.all().len();
    sum.continued += continued(&origin);
    origin.stop();
    keep(&promises.all(), &objects, &cache);
    cache.terminate();
    store::is_sound_once_repaired(&cache);
}

fn keep(promised: &BTreeSet<String>, objects: &Objects, cache: &Cache) {
    for path in promised {
        objects.is_served_without_the_origin(cache, path);
    }
}

/// How many requests continued what a kill had cut off.
fn continued(origin: &Origin) -> usize {
    let requests = origin.requests();
    let continuing = requests
        .iter()
        .filter(|request| request.value("If-Range").is_some());
    continuing.count()
}

fn restart_quickly(cache: &mut Cache) {
    let start = Instant::now();
    cache.restart();
    let took = start.elapsed();
    assert!(took < QUICK, "a restart took {took:?}");
}
