//! Jobs as such: numbers, states, history, cancelling, keys, and the end of the process.

use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::{access::operate, fetch::assert_error, support::eventually};

const VERIFY: &str = "/api/v1/verify";

/// A cache with something that takes a job for ever at one byte in a second.
fn filled() -> (Origin, Cache, Vec<Content>) {
    let (origin, cache) = (Origin::start(), Cache::start());
    let contents = fill(&origin, &cache, 3, 100_000);
    (origin, cache, contents)
}

fn slow() -> Value {
    json!({"bytes_per_second": 1})
}

#[test]
fn a_job_tells_what_it_found_and_is_remembered() {
    let (_origin, cache, contents) = filled();
    fs::remove_file(blob(&cache, &contents[0])).unwrap();
    fs::write(blob(&cache, &contents[1]), "other").unwrap();
    let response = post(&cache, VERIFY, &json!({}));
    assert_eq!(response.status(), 202);
    assert_eq!(response.value("location"), Some("/api/v1/jobs/1"));
    let job = ended(&cache, 1);
    assert_eq!(
        (&job["kind"], &job["state"]),
        (&json!("verify"), &json!("done"))
    );
    let report = json!({
        "blobs": 3,
        "bytes": 300_000,
        "intact": 1,
        "damaged": 1,
        "missing": 1,
        "healed": 0,
        "lost": 0,
    });
    assert_eq!(job["report"], report);
    assert_eq!(job["failed"], 2);
    let failed = |content: &Content| {
        let digest = content.sha256().to_string();
        let failures = job["failures"].as_array().unwrap();
        failures.iter().any(|failure| failure["subject"] == digest)
    };
    assert_eq!([0, 1, 2].map(|n| failed(&contents[n])), [true, true, false]);
    assert!(job["ended_at"].is_string());
    let metric = |name: &str| cache.metric(&format!("artifact_cache_{name}"));
    assert!(metric("jobs_total{kind=\"verify\",state=\"done\"}") > 0.5);
    assert!(metric("job_failures_total{kind=\"verify\"}") > 1.5);
    eventually("it is not at work any more", || {
        metric("jobs_running{kind=\"verify\"}") < 0.5
    });
}

#[test]
fn the_list_has_the_latest_first_in_pages_and_by_state_and_kind() {
    let (_origin, cache, _) = filled();
    for _ in 0..3 {
        finished(&cache, VERIFY, &json!({}));
    }
    let at_work = start(&cache, VERIFY, &slow());
    let list = |query: &str| cache.get(&format!("/api/v1/jobs?{query}")).json();
    let ids = |list: &Value| {
        let items = list["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|job| job["id"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&list("")), [4, 3, 2, 1]);
    let page = list("limit=3");
    assert_eq!(ids(&page), [4, 3, 2]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let end = list(&format!("limit=3&cursor={cursor}"));
    assert_eq!((ids(&end), &end["next_cursor"]), (vec![1], &Value::Null));
    assert_eq!(ids(&list("state=running")), [at_work]);
    assert_eq!(ids(&list("state=done&limit=2")), [3, 2]);
    assert_eq!(ids(&list("kind=none")), [0_u64; 0]);
    for query in ["limit=0", "limit=201", "cursor=x"] {
        assert_error(
            &cache.get(&format!("/api/v1/jobs?{query}")),
            422,
            "invalid_parameter",
        );
    }
    assert_error(&cache.get("/api/v1/jobs?nope=1"), 400, "unknown_parameter");
}

#[test]
fn a_job_is_cancelled_once_and_only_one_of_its_kind_runs() {
    let (_origin, cache, _) = filled();
    let id = start(&cache, VERIFY, &slow());
    eventually("it has begun", || {
        !show(&cache, id)["progress"]["position"].is_null()
    });
    assert!(cache.metric("artifact_cache_jobs_running{kind=\"verify\"}") > 0.5);
    assert_error(&post(&cache, VERIFY, &json!({})), 409, "conflict");
    let cancel = format!("/api/v1/jobs/{id}/cancel");
    assert_eq!(post(&cache, &cancel, &Value::Null).status(), 202);
    assert_eq!(ended(&cache, id)["state"], "cancelled");
    assert_error(&post(&cache, &cancel, &Value::Null), 409, "conflict");
    assert_eq!(finished(&cache, VERIFY, &json!({}))["state"], "done");
}

#[test]
fn a_job_that_was_at_work_when_the_process_died_is_interrupted() {
    let (_origin, mut cache, _) = filled();
    let done = finished(&cache, VERIFY, &json!({}));
    let id = start(&cache, VERIFY, &slow());
    cache.kill9();
    cache.restart();
    assert_eq!(show(&cache, 1), done);
    let job = show(&cache, id);
    assert_eq!(job["state"], "interrupted");
    assert!(job["ended_at"].is_string());
    assert_eq!(start(&cache, VERIFY, &json!({})), id + 1);
}

#[test]
fn a_cache_that_stops_does_not_wait_for_a_job() {
    let (_origin, mut cache, _) = filled();
    let id = start(&cache, VERIFY, &slow());
    assert!(cache.terminate().success());
    cache.restart();
    assert_eq!(show(&cache, id)["state"], "interrupted");
}

#[test]
fn asking_twice_under_one_key_is_asking_once() {
    let (_origin, mut cache, _) = filled();
    let ask = |cache: &Cache, key: &str, document: &Value| {
        let request = Request::new("POST", VERIFY).field("Idempotency-Key", key);
        cache.exchange(&request.body(document.to_string()))
    };
    assert_eq!(ask(&cache, "a", &slow()).json()["id"], 1);
    assert_eq!(ask(&cache, "a", &slow()).json()["id"], 1);
    assert_error(&ask(&cache, "a", &json!({})), 409, "conflict");
    cache.restart();
    assert_eq!(ask(&cache, "a", &slow()).json()["id"], 1);
    assert_ne!(ask(&cache, "b", &slow()).json()["id"], 1);
    assert_error(&ask(&cache, "", &json!({})), 422, "invalid_parameter");
}

#[test]
fn what_is_no_job_is_refused() {
    let cache = Cache::start();
    for id in ["1", "x", "-1", "99999999999999999999", "%00"] {
        assert_error(&cache.get(&format!("/api/v1/jobs/{id}")), 404, "not_found");
    }
    for document in ["[]", "{", "{\"bytes_per_second\":0}", "{\"x\":1}"] {
        let request = Request::new("POST", VERIFY).body(document);
        assert_error(&cache.exchange(&request), 422, "invalid_parameter");
    }
    assert_error(&cache.get(VERIFY), 405, "method_not_allowed");
    assert_eq!(cache.get("/api/v1/jobs").json()["items"], json!([]));
}

#[test]
fn the_command_line_lists_shows_cancels_and_waits() {
    let (_origin, cache, contents) = filled();
    let (code, text, _) = run(&cache, &["verify", "--all", "--job"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("intact          3"), "{text}");
    let slowly = [
        "verify",
        "--all",
        "--job",
        "--bytes-per-second",
        "1",
        "--detach",
    ];
    let (code, text, _) = run(&cache, &slowly);
    assert_eq!(code, 0, "{text}");
    let (_, text, _) = run(&cache, &["job", "ls"]);
    assert!(text.lines().nth(1).unwrap().contains("running"), "{text}");
    let (_, text, _) = run(&cache, &["job", "ls", "--state", "done", "--json"]);
    let jobs: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(jobs[0]["id"], 1);
    assert_eq!(run(&cache, &["job", "cancel", "2"]).0, 0);
    let (code, text, error) = run(&cache, &["job", "wait", "2"]);
    assert_eq!(code, 1, "{text}");
    assert!(error.contains("job 2 is cancelled"), "{error}");
    assert_eq!(run(&cache, &["job", "cancel", "2"]).0, 1);
    assert_eq!(run(&cache, &["job", "show", "7"]).0, 2);
    fs::write(blob(&cache, &contents[1]), "other").unwrap();
    assert_eq!(run(&cache, &["verify", "--all", "--job"]).0, 4);
    fs::remove_file(blob(&cache, &contents[1])).unwrap();
    assert_eq!(run(&cache, &["verify", "--all", "--job"]).0, 2);
    let (_, text, _) = run(&cache, &["job", "show", "4"]);
    assert!(text.contains(&contents[1].sha256().to_string()), "{text}");
}

#[test]
fn whoever_may_only_read_starts_and_cancels_nothing() {
    let cache = Cache::setup().config("auth: {tokens: true}").start();
    let token = operate(&cache, &["create", "--scope", "admin:read"]);
    let token = token["token"].as_str().unwrap().to_owned();
    let ask = |method: &str, path: &str| {
        cache
            .exchange(&Request::new(method, path).field("X-API-Key", &token))
            .status()
    };
    assert_eq!(ask("GET", "/api/v1/jobs"), 200);
    assert_eq!(ask("POST", VERIFY), 403);
    assert_eq!(ask("POST", "/api/v1/jobs/1/cancel"), 403);
    assert_eq!(cache.get("/api/v1/jobs").status(), 401);
}
