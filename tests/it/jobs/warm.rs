//! Warming: lists and lock files, whole and with faults, by command, over HTTP and by schedule.

use std::{fmt::Write as _, fs};

use serde_json::json;

use super::*;
use crate::{
    fetch::assert_error,
    support::{eventually, origin::Gate},
};

const WARM: &str = "/api/v1/warm";

/// A client gets this without the origin being asked again.
#[track_caller]
fn assert_warm(origin: &Origin, cache: &Cache, path: &str, content: &Content) {
    let before = origin.hits(path);
    let response = cache.fetch(&origin.url(path));
    response.assert_is(content);
    assert_eq!(response.value("x-cache-status"), Some("HIT"), "{path}");
    assert_eq!(origin.hits(path), before, "{path}");
}

/// A list of what the origin has, every second line with a digest.
fn listed(origin: &Origin, contents: &[Content]) -> String {
    let mut list = String::from("# what we need\n\n");
    for (n, content) in contents.iter().enumerate() {
        let path = format!("/{n}");
        origin.route(&path, Reply::ok(content.clone()));
        let digest = if n % 2 == 0 {
            content.sha256().to_string()
        } else {
            String::new()
        };
        writeln!(list, "{} {digest}", origin.url(&path)).unwrap();
    }
    list
}

#[test]
fn a_list_is_brought_once_and_what_fails_is_told() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let contents: Vec<_> = (0..20).map(|n| Content::seeded(n, 10_000 + n)).collect();
    let mut list = listed(&origin, &contents);
    let other = Content::seeded(99, 5).sha256();
    origin.route("/wrong", Reply::ok(contents[0].clone()));
    writeln!(
        list,
        "{} {other}\n{}",
        origin.url("/wrong"),
        origin.url("/none")
    )
    .unwrap();
    let job = finished(&cache, WARM, &json!({"text": list, "parallel": 4}));
    assert_eq!(
        (&job["state"], &job["failed"]),
        (&json!("done"), &json!(2)),
        "{job}"
    );
    assert_eq!(job["progress"]["done"], 22);
    assert_eq!(job["report"]["brought"], 20);
    let bytes: u64 = contents.iter().map(Content::length).sum();
    assert_eq!(job["report"]["bytes"], bytes);
    let mut failed: Vec<_> = job["failures"].as_array().unwrap().iter().collect();
    failed.sort_by_key(|failure| failure["subject"].as_str().unwrap().to_owned());
    assert_eq!(failed[0]["subject"], origin.url("/none"));
    let reasons = [0, 1].map(|n| failed[n]["reason"].as_str().unwrap());
    assert!(reasons[0].contains("404"), "{}", reasons[0]);
    assert!(reasons[1].contains(&other.to_string()), "{}", reasons[1]);
    for (n, content) in contents.iter().enumerate() {
        assert_warm(&origin, &cache, &format!("/{n}"), content);
    }
    let again = finished(&cache, WARM, &json!({"text": list}));
    assert_eq!(again["report"]["already_there"], 20);
    assert!((0..20).all(|n| origin.hits(&format!("/{n}")) == 1));
}

#[test]
fn no_more_than_the_wanted_number_are_fetched_at_once_and_cancelling_ends_it() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let gate = Gate::closed();
    origin.route("*", Reply::ok(Content::seeded(1, 1000)).gated(&gate));
    let urls: Vec<String> = (0..50).map(|n| origin.url(&format!("/{n}"))).collect();
    let id = start(&cache, WARM, &json!({"urls": urls, "parallel": 3}));
    eventually("three are under way", || origin.requests().len() == 3);
    assert_eq!(show(&cache, id)["progress"]["total"], 50);
    assert_eq!(
        post(&cache, &format!("/api/v1/jobs/{id}/cancel"), &Value::Null).status(),
        202
    );
    assert_eq!(ended(&cache, id)["state"], "cancelled");
    gate.open();
    assert_eq!(origin.requests().len(), 3);
}

#[test]
fn a_large_artifact_is_not_kept_in_memory() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let content = Content::seeded(7, 300 << 20);
    origin.route("/large", Reply::ok(content.clone()));
    let document = json!({"urls": [origin.url("/large")]});
    let job = finished(&cache, WARM, &document);
    assert_eq!(job["report"]["bytes"], content.length(), "{job}");
    let peak = cache.peak_resident_bytes();
    assert!(peak < 200 << 20, "{peak}");
}

#[test]
fn requirements_are_found_in_the_index_of_a_mirror() {
    let origin = Origin::start();
    let config = format!("mirror: {{upstreams: ['pypi={}']}}", origin.url("/simple"));
    let cache = Cache::setup().config(&config).start();
    let (wheel, source) = (Content::seeded(1, 2000), Content::seeded(2, 3000));
    let (one, two) = (wheel.sha256(), source.sha256());
    let page = format!(
        "<!DOCTYPE html><a href=\"../../files/a-1-py3.whl#sha256={one}\">a</a>\
         <a href=\"{}#sha256={two}\">a</a>",
        origin.url("/files/a-1.tar.gz")
    );
    let page = Content::literal(page);
    origin.route(
        "/simple/some-name/",
        Reply::ok(page).field("Content-Type", "text/html"),
    );
    origin.route("/files/a-1-py3.whl", Reply::ok(wheel.clone()));
    origin.route("/files/a-1.tar.gz", Reply::ok(source.clone()));
    let none = Content::seeded(3, 1).sha256();
    let text = format!(
        "Some.Name==1 \\\n  --hash=sha256:{one} \\\n  --hash=sha256:{two} --hash=sha256:{none}\nloose==2\n"
    );
    let job = finished(
        &cache,
        WARM,
        &json!({"text": text, "name": "requirements.txt"}),
    );
    assert_eq!(
        (&job["report"]["brought"], &job["failed"]),
        (&json!(2), &json!(2)),
        "{job}"
    );
    assert_eq!(job["about"], "requirements.txt");
    assert_warm(&origin, &cache, "/files/a-1-py3.whl", &wheel);
    assert_warm(&origin, &cache, "/files/a-1.tar.gz", &source);
}

#[test]
fn the_command_line_reads_sums_from_a_file_and_from_standard_input() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let content = Content::seeded(5, 5000);
    origin.route("/dist/a.tar", Reply::ok(content.clone()));
    let file = cache.directory().join("SHA256SUMS");
    fs::write(&file, format!("{} *a.tar\n", content.sha256())).unwrap();
    let (file, base) = (file.to_str().unwrap(), origin.url("/dist"));
    let (code, _, error) = run(&cache, &["warm", file]);
    assert_eq!(code, 1);
    assert!(error.contains("base_url"), "{error}");
    let (code, text, error) = run(&cache, &["warm", file, "--base-url", &base, "--json"]);
    assert_eq!((code, error.as_str()), (0, ""), "{text}");
    let job: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&job["about"], &job["report"]["brought"]),
        (&json!("SHA256SUMS"), &json!(1))
    );
    assert_warm(&origin, &cache, "/dist/a.tar", &content);
    fs::write(file, format!("{}\n", origin.url("/gone"))).unwrap();
    let (code, text, error) = run(&cache, &["warm", file]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(&origin.url("/gone")), "{text}");
    assert!(error.contains("1 failed"), "{error}");
    let (code, text, _) = run(&cache, &["warm", "-"]);
    assert_eq!(code, 0, "nothing is a list without anything in it: {text}");
    assert_eq!(run(&cache, &["warm", "none.txt"]).0, 1);
}

#[test]
fn what_is_no_list_is_refused_before_anything_is_fetched() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for document in [
        json!({"text": format!("{}\nnot a url\n", origin.url("/a"))}),
        json!({"text": "[1]"}),
        json!({"text": "a b c", "format": "go-sum", "index": "https://example.com"}),
        json!({"text": "", "format": "nope"}),
        json!({"urls": ["file:///etc/passwd"]}),
        json!({"urls": [], "parallel": 0}),
        json!({"urls": [], "parallel": 65}),
        json!({"text": "x", "format": "sha256sums"}),
        json!({"text": "x", "format": "sha256sums", "base_url": "file:///"}),
        json!({"other": 1}),
    ] {
        assert_error(&post(&cache, WARM, &document), 422, "invalid_parameter");
    }
    assert_eq!(origin.requests().len(), 0);
    assert_eq!(cache.get("/api/v1/jobs").json()["items"], json!([]));
}

#[test]
fn an_origin_that_may_not_be_reached_is_not() {
    let origin = Origin::start();
    let cache = Cache::setup().allow_cidrs(&[]).start();
    let job = finished(&cache, WARM, &json!({"urls": [origin.url("/a")]}));
    assert_eq!(job["failed"], 1, "{job}");
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_schedule_begins_by_itself_and_not_again_after_a_restart() {
    let origin = Origin::start();
    let (one, two) = (Content::seeded(1, 100), Content::seeded(2, 200));
    origin.route("/one", Reply::ok(one.clone()));
    origin.route("/two", Reply::ok(two.clone()));
    let setup = Cache::setup().config(
        "warm: {schedules: {often: {file: often.txt, every: 1s}, daily: {file: daily.txt, every: 1d}}}",
    );
    let mut cache = setup.start();
    let file = |name: &str| cache.directory().join(name);
    let (often, daily) = (file("often.txt"), file("daily.txt"));
    cache.trace().wait_for("cannot warm by schedule", |event| {
        event["schedule"] == "often"
    });
    fs::write(often, format!("{}\n", origin.url("/one"))).unwrap();
    eventually("the schedule begins", || origin.hits("/one") == 1);
    cache.stats();
    assert_warm(&origin, &cache, "/one", &one);
    fs::write(daily, format!("{}\n", origin.url("/two"))).unwrap();
    cache.restart();
    let begun = |cache: &Cache| {
        let jobs = cache.get("/api/v1/jobs?limit=200").json();
        jobs["items"].as_array().unwrap().len()
    };
    let before = begun(&cache);
    eventually("the other one begins again", || begun(&cache) > before);
    assert_eq!(origin.hits("/two"), 0, "it was begun today, though in vain");
}
