//! The scrub: whatever was damaged is found, comes back where an origin still has it, and is never served
//! again where none has.

use std::{collections::BTreeSet, fs};

use serde_json::json;

use super::*;
use crate::support::{eventually, percent_encoded};

const SCRUB: &str = "/api/v1/scrub";

#[derive(Clone, Copy)]
enum Damage {
    Flipped,
    Cut,
    Removed,
}

const DAMAGES: [Damage; 3] = [Damage::Flipped, Damage::Cut, Damage::Removed];

fn damage(cache: &Cache, content: &Content, how: Damage) {
    let path = blob(cache, content);
    let mut bytes = fs::read(&path).unwrap();
    match how {
        Damage::Flipped => {
            bytes[17] ^= 0x40;
            fs::write(path, bytes).unwrap();
        }
        Damage::Cut => fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
        Damage::Removed => fs::remove_file(path).unwrap(),
    }
}

fn pinned(url: &str, content: &Content) -> String {
    format!("url={}&sha256={}", percent_encoded(url), content.sha256())
}

/// Whatever is asked, the answer is an error and nothing of the artifact.
#[track_caller]
fn assert_lost(cache: &Cache, url: &str, content: &Content) {
    for query in [
        format!("url={}", percent_encoded(url)),
        pinned(url, content),
    ] {
        let response = cache.fetch_with(&query, &[]);
        assert!(
            matches!(response.status(), 502 | 503),
            "{}",
            response.status()
        );
        assert!(response.json()["error"].is_string());
    }
}

fn aside(cache: &Cache) -> BTreeSet<String> {
    let entries = fs::read_dir(cache.data().join("tmp/quarantine")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Every second of the damaged ones is gone at its origin; the others come back from there.
#[track_caller]
fn assert_healed(cache: &Cache, origin: &Origin, (n, content): (usize, &Content)) {
    let path = format!("/{n}");
    let url = origin.url(&path);
    if n % 2 == 1 {
        assert_lost(cache, &url, content);
        return;
    }
    assert_eq!(fs::read(blob(cache, content)).unwrap(), content.bytes());
    let response = cache.fetch(&url);
    response.assert_is(content);
    assert_eq!(response.value("x-cache-status"), Some("HIT"));
    assert_eq!(origin.hits(&path), 2);
}

/// What the metrics say of 12 damaged blobs of which 8 are set aside and 6 came back.
fn assert_counted(cache: &Cache) {
    let metric = |name: &str| cache.metric(&format!("artifact_cache_{name}"));
    assert!((metric("healed_total{outcome=\"healed\"}") - 6.0).abs() < 0.5);
    assert!((metric("healed_total{outcome=\"lost\"}") - 6.0).abs() < 0.5);
    assert!((metric("quarantine_files") - 8.0).abs() < 0.5);
    assert!(metric("quarantine_bytes") > 0.5);
    assert!(metric("corrupt_total") > 11.5);
}

#[test]
fn every_damage_is_found_and_what_an_origin_still_has_comes_back() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let contents = fill(&origin, &cache, 18, 50_000);
    let (damaged, intact) = contents.split_at(12);
    for (n, content) in damaged.iter().enumerate() {
        damage(&cache, content, DAMAGES[n % 3]);
        if n % 2 == 1 {
            origin.route(&format!("/{n}"), Reply::status(404));
        }
    }
    let job = finished(&cache, SCRUB, &json!({}));
    assert_eq!(job["state"], "done", "{job}");
    let counts = ["blobs", "intact", "damaged", "missing", "healed", "lost"]
        .map(|name| job["report"][name].as_u64().unwrap());
    assert_eq!(counts, [18, 6, 8, 4, 6, 6], "{job}");
    assert_eq!(job["failed"], 6);
    for found in damaged.iter().enumerate() {
        assert_healed(&cache, &origin, found);
    }
    for (n, content) in intact.iter().enumerate() {
        let path = format!("/{}", n + 12);
        cache.fetch(&origin.url(&path)).assert_is(content);
        assert_eq!(origin.hits(&path), 1);
    }
    let there = damaged.iter().enumerate().filter(|(n, _)| n % 3 != 2);
    let there = there.map(|(_, content)| content.sha256().to_string());
    assert_eq!(aside(&cache), there.collect());
    assert_counted(&cache);
    let digest = damaged[0].sha256();
    let why = cache.get(&format!("/api/v1/why?sha256={digest}")).json();
    assert_eq!(
        (&why["quarantined"], &why["stored"]),
        (&json!(true), &json!(true))
    );
    let again = finished(&cache, SCRUB, &json!({}));
    let counts = ["intact", "blobs"].map(|name| again["report"][name].as_u64());
    assert_eq!(counts, [Some(12), Some(12)]);
}

#[test]
fn other_bytes_of_an_origin_do_not_heal_and_are_what_they_are() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let contents = fill(&origin, &cache, 1, 5000);
    let url = origin.url("/0");
    let other = Content::seeded(77, 5000);
    origin.route("/0", Reply::ok(other.clone()));
    damage(&cache, &contents[0], Damage::Flipped);
    let job = finished(&cache, SCRUB, &json!({}));
    assert_eq!(
        (&job["report"]["lost"], &job["failed"]),
        (&json!(1), &json!(1)),
        "{job}"
    );
    let response = cache.fetch_with(&pinned(&url, &contents[0]), &[]);
    assert_eq!(response.status(), 409, "{}", response.text());
    cache.fetch(&url).assert_is(&other);
}

#[test]
fn any_url_that_had_the_bytes_brings_them_back_for_all_and_the_history_stays() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let (shared, newer) = (Content::seeded(1, 9000), Content::seeded(2, 9000));
    origin.sequence(
        "/past",
        [Reply::ok(shared.clone()), Reply::ok(newer.clone())],
    );
    origin.route("/gone", Reply::ok(shared.clone()));
    origin.route("/alive", Reply::ok(shared.clone()));
    for path in ["/past", "/gone", "/alive"] {
        cache.fetch(&origin.url(path)).assert_is(&shared);
    }
    finished(
        &cache,
        "/api/v1/refresh",
        &json!({"urls": [origin.url("/past")]}),
    );
    origin.route("/gone", Reply::status(410));
    damage(&cache, &shared, Damage::Flipped);
    let job = finished(&cache, SCRUB, &json!({}));
    assert_eq!(
        (&job["report"]["healed"], &job["failed"]),
        (&json!(1), &json!(0)),
        "{job}"
    );
    let before = origin.requests().len();
    cache.fetch(&origin.url("/gone")).assert_is(&shared);
    cache.fetch(&origin.url("/alive")).assert_is(&shared);
    cache.fetch(&origin.url("/past")).assert_is(&newer);
    let old = pinned(&origin.url("/past"), &shared);
    cache.fetch_with(&old, &[]).assert_is(&shared);
    assert_eq!(origin.requests().len(), before);
}

#[test]
fn a_cancelled_round_goes_on_where_it_was_left() {
    let (origin, cache) = (Origin::start(), Cache::start());
    fill(&origin, &cache, 40, 1000);
    let slowly = json!({"bytes_per_second": 2000});
    let id = start(&cache, SCRUB, &slowly);
    let seen = |id: u64| {
        show(&cache, id)["report"]["blobs"]
            .as_u64()
            .unwrap_or_default()
    };
    eventually("some are looked at", || seen(id) > 3);
    assert!(cache.metric("artifact_cache_scrub_position_bytes") > 2999.0);
    assert_eq!(
        post(&cache, &format!("/api/v1/jobs/{id}/cancel"), &Value::Null).status(),
        202
    );
    assert_eq!(ended(&cache, id)["state"], "cancelled");
    assert!(seen(id) < 40, "it was cancelled before its end");
    let job = finished(&cache, SCRUB, &json!({}));
    assert_eq!(job["report"]["blobs"], 40, "{job}");
    // At most the one that was being read when it was cancelled is read twice.
    assert!(cache.metric("artifact_cache_scrubbed_bytes_total") < 41_500.0);
    assert!(cache.metric("artifact_cache_scrub_position_bytes") < 0.5);
}

#[test]
fn a_round_goes_on_after_a_kill_and_begins_by_its_schedule() {
    let origin = Origin::start();
    let setup = Cache::setup().config("scrub: {interval: 1d, bytes_per_second: 10000}");
    let mut cache = setup.start();
    eventually("the first round is over", || {
        let jobs = cache.get("/api/v1/jobs?kind=scrub&state=done").json();
        jobs["items"].as_array().unwrap().len() == 1
    });
    fill(&origin, &cache, 200, 1000);
    let id = start(&cache, SCRUB, &json!({}));
    let seen = |cache: &Cache, id: u64| {
        show(cache, id)["report"]["blobs"]
            .as_u64()
            .unwrap_or_default()
    };
    eventually("what is done was noted", || seen(&cache, id) > 75);
    cache.kill9();
    cache.restart();
    let next = eventually_some("the round goes on by itself", || {
        let jobs = cache.get("/api/v1/jobs?kind=scrub&limit=1").json();
        jobs["items"][0]["id"].as_u64().filter(|next| *next > id)
    });
    assert_eq!(show(&cache, id)["state"], "interrupted");
    eventually("it tells where it is", || seen(&cache, next) > 0);
    assert!(seen(&cache, next) >= 40, "{}", show(&cache, next));
}

#[test]
fn after_an_unclean_stop_nothing_is_served_before_it_was_looked_at() {
    let origin = Origin::start();
    let setup = Cache::setup().config("storage: {verify_after_unclean_stop: true}");
    let mut cache = setup.start();
    let contents = fill(&origin, &cache, 4, 80_000);
    cache.kill9();
    damage(&cache, &contents[0], Damage::Flipped);
    damage(&cache, &contents[1], Damage::Flipped);
    origin.route("/1", Reply::status(404));
    cache.restart();
    let fetch = |n: usize| cache.fetch(&origin.url(&format!("/{n}")));
    fetch(0).assert_is(&contents[0]);
    assert_lost(&cache, &origin.url("/1"), &contents[1]);
    for n in [2, 3, 2, 3] {
        let response = fetch(n);
        response.assert_is(&contents[n]);
        assert_eq!(response.value("x-cache-status"), Some("HIT"));
    }
    assert_eq!([0, 2, 3].map(|n| origin.hits(&format!("/{n}"))), [2, 1, 1]);
    assert_eq!(aside(&cache).len(), 2);
    // The rest stays under suspicion over a clean stop, until a round found everything sound.
    assert!(cache.terminate().success());
    damage(&cache, &contents[2], Damage::Flipped);
    cache.restart();
    cache.fetch(&origin.url("/2")).assert_is(&contents[2]);
    assert_eq!(origin.hits("/2"), 2);
    assert_eq!(finished(&cache, SCRUB, &json!({}))["failed"], 0);
    assert!(cache.terminate().success());
    cache.restart();
    cache.fetch(&origin.url("/3")).assert_is(&contents[3]);
}

#[test]
fn a_file_of_another_length_is_never_served_even_without_a_scrub() {
    let (mut origin, cache) = (Origin::start(), Cache::start());
    let contents = fill(&origin, &cache, 2, 100_000);
    let url = origin.url("/0");
    damage(&cache, &contents[0], Damage::Cut);
    cache.fetch(&url).assert_is(&contents[0]);
    assert_eq!(origin.hits("/0"), 2);
    // Its file has its name after this.
    cache.stats();
    origin.stop();
    damage(&cache, &contents[0], Damage::Cut);
    assert_lost(&cache, &url, &contents[0]);
    cache.fetch(&origin.url("/1")).assert_is(&contents[1]);
}

#[test]
fn the_command_line_heals_and_says_what_is_lost() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let contents = fill(&origin, &cache, 3, 5000);
    damage(&cache, &contents[0], Damage::Flipped);
    let (code, text, _) = run(&cache, &["verify", "--all", "--job", "--heal"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("healed          1"), "{text}");
    damage(&cache, &contents[1], Damage::Removed);
    origin.route("/1", Reply::status(404));
    let (code, text, _) = run(&cache, &["verify", "--all", "--job", "--heal"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(&contents[1].sha256().to_string()), "{text}");
    let (_, text, _) = run(&cache, &["why", &contents[0].sha256().to_string()]);
    assert!(text.contains("quarantined"), "{text}");
}
