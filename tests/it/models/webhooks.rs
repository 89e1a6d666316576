//! Whoever wants to know of models in production is told, signed and in order, and never at the expense of
//! a request.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::*;
use crate::support::{
    eventually, eventually_some,
    origin::{Gate, Origin, Received, Reply},
};

const SECRET: &str = "correct horse";

/// A cache that tells `receivers`, each at `/hook`; it may reach no special address but as its receivers.
fn telling(receivers: &[(&str, &Origin)], more: &str) -> Setup {
    let endpoints: Vec<_> = receivers
        .iter()
        .map(|(name, at)| format!("{name}: {{url: '{}', secret: '{SECRET}'}}", at.url("/hook")))
        .collect();
    let endpoints = endpoints.join(", ");
    let more = if more.is_empty() {
        ""
    } else {
        &format!(", {more}")
    };
    let config = format!("webhooks: {{endpoints: {{{endpoints}}}, first_wait: 1ms{more}}}");
    keyed().allow_cidrs(&[]).config(&config)
}

/// The messages that came, once there are so many.
#[track_caller]
fn messages(receiver: &Origin, count: usize) -> Vec<Arc<Received>> {
    eventually_some("the messages arrive", || {
        let taken = receiver.requests_for("/hook");
        (taken.len() >= count).then_some(taken)
    })
}

fn body(message: &Received) -> Value {
    serde_json::from_slice(&message.body).unwrap()
}

/// Event, version, from and to of a message.
fn moved(message: &Received) -> (String, Value, Value, Value) {
    let body = body(message);
    let event = message.value("x-artifact-cache-event").unwrap().to_owned();
    assert_eq!(body["event"], event.as_str());
    let version = body["model"]["version"].clone();
    (event, version, body["from"].clone(), body["to"].clone())
}

#[track_caller]
fn assert_signed(message: &Received) {
    let timestamp = message.value("x-artifact-cache-timestamp").unwrap();
    assert!(timestamp.parse::<u64>().unwrap() > 1_700_000_000);
    let signature = message.value("x-artifact-cache-signature").unwrap();
    let hex = signature.strip_prefix("sha256=").unwrap();
    let bytes: Vec<_> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let signed = [timestamp.as_bytes(), b".", &message.body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, &signed, &bytes).unwrap();
}

/// Each message is signed, has the whole model and an id of its own.
#[track_caller]
fn assert_whole(taken: &[Arc<Received>]) {
    for message in taken {
        assert_signed(message);
        assert_eq!(message.method, "POST");
        assert_eq!(message.value("content-type"), Some("application/json"));
        let body = body(message);
        assert_eq!(keys_of(&body["model"]), KEYS);
        assert_eq!(body["actor"], "key:dev-…");
        assert_eq!(
            message.value("x-artifact-cache-delivery"),
            body["id"].as_str()
        );
    }
    let mut ids: Vec<_> = taken
        .iter()
        .map(|message| body(message)["id"].clone())
        .collect();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), taken.len(), "each has an id of its own");
}

#[test]
fn every_way_into_production_and_out_of_it_is_told_and_nothing_else() {
    let receiver = Origin::start();
    receiver.route("/hook", Reply::status(204));
    let cache = telling(&[("ci", &receiver)], "").start();
    let first = register(&cache, "m", "1", &Value::Null);
    accepted(&promote(&cache, &first, "staging"));
    accepted(&promote(&cache, &first, "production"));
    accepted(&promote(&cache, &first, "production"));
    register(&cache, "m", "2", &json!({"status": "production"}));
    let patch = |model: &Value, to| ok(&cache, "PATCH", &path(model, ""), &json!({"status": to}));
    patch(&first, "production");
    patch(&first, "archived");
    let third = register(&cache, "m", "3", &json!({"status": "production"}));
    ok(&cache, "DELETE", &path(&third, ""), &Value::Null);
    let expected = [
        ("model.promoted", "1", json!("staging"), json!("production")),
        ("model.demoted", "1", json!("production"), json!("staging")),
        ("model.promoted", "2", json!(null), json!("production")),
        ("model.demoted", "2", json!("production"), json!("staging")),
        ("model.promoted", "1", json!("staging"), json!("production")),
        ("model.demoted", "1", json!("production"), json!("archived")),
        ("model.promoted", "3", json!(null), json!("production")),
        ("model.demoted", "3", json!("production"), json!(null)),
    ];
    let taken = messages(&receiver, expected.len());
    let told: Vec<_> = taken.iter().map(|message| moved(message)).collect();
    let expected =
        expected.map(|(event, version, from, to)| (event.to_owned(), json!(version), from, to));
    assert_eq!(told, expected);
    assert_whole(&taken);
    let delivered = "artifact_cache_webhook_attempts_total{outcome=\"delivered\"}";
    eventually("all are counted", || cache.metric(delivered) > 7.5);
    assert!(cache.metric("artifact_cache_webhooks_waiting") < 0.5);
}

#[test]
fn a_message_is_tried_again_until_it_is_taken_and_keeps_its_id() {
    let receiver = Origin::start();
    let failing = [
        Reply::status(500),
        Reply::status(404),
        Reply::redirect(302, "/elsewhere"),
        Reply::raw("nonsense"),
        Reply::status(200),
    ];
    receiver.sequence("/hook", failing);
    let cache = telling(&[("ci", &receiver)], "attempts: 10").start();
    let model = register(&cache, "m", "1", &Value::Null);
    accepted(&promote(&cache, &model, "production"));
    let delivered = "artifact_cache_webhook_attempts_total{outcome=\"delivered\"}";
    eventually("it is taken", || cache.metric(delivered) > 0.5);
    let taken = receiver.requests_for("/hook");
    assert_eq!(taken.len(), 5);
    for message in &taken {
        assert_signed(message);
        assert_eq!(message.body, taken[0].body);
    }
    assert_eq!(receiver.hits("/elsewhere"), 0, "redirects are not followed");
}

#[test]
fn a_receiver_that_is_down_delays_neither_requests_nor_the_other_receiver() {
    let (mut down, up, stuck) = (Origin::start(), Origin::start(), Origin::start());
    up.route("/hook", Reply::status(200));
    let gate = Gate::closed();
    stuck.route("/hook", Reply::status(200).head_gated(&gate));
    down.stop();
    let receivers = [("down", &down), ("stuck", &stuck), ("up", &up)];
    let cache = telling(&receivers, "attempts: 3, queue: 2").start();
    let model = register(&cache, "m", "1", &Value::Null);
    for round in 1..=5 {
        accepted(&promote(&cache, &model, "production"));
        accepted(&promote(&cache, &model, "archived"));
        messages(&up, 2 * round);
    }
    let count = |outcome: &str| {
        cache.metric(&format!(
            "artifact_cache_webhook_attempts_total{{outcome=\"{outcome}\"}}"
        ))
    };
    // Of ten messages the stuck receiver has one under way and two that wait.
    eventually("what has no room is dropped", || count("dropped") >= 7.0);
    eventually("what fails is given up", || count("failed") >= 1.0);
    gate.open();
    let events = event_types(&cache, &model);
    assert_eq!(events.len(), 11, "the audit trail has everything");
}

#[test]
fn what_waits_is_delivered_after_a_kill_in_order_and_nothing_twice_that_was_taken() {
    let receiver = Origin::start();
    let refused = Reply::status(503);
    receiver.sequence("/hook", [Reply::status(200), refused, Reply::status(200)]);
    let mut cache = telling(&[("ci", &receiver)], "")
        .environment("ARTIFACT_CACHE__WEBHOOKS__FIRST_WAIT", "1h")
        .start();
    let model = register(&cache, "m", "1", &Value::Null);
    accepted(&promote(&cache, &model, "production"));
    eventually("the first is taken", || {
        cache.metric("artifact_cache_webhooks_waiting") < 0.5
    });
    accepted(&promote(&cache, &model, "archived"));
    messages(&receiver, 2);
    accepted(&promote(&cache, &model, "production"));
    eventually("two wait", || {
        cache.metric("artifact_cache_webhooks_waiting") > 1.5
    });
    cache.kill9();
    cache.restart();
    let taken = messages(&receiver, 4);
    let told: Vec<_> = taken.iter().map(|message| moved(message).0).collect();
    let (up, down) = ("model.promoted", "model.demoted");
    assert_eq!(told, [up, down, down, up]);
    assert_eq!(taken[1].body, taken[2].body, "the one that was refused");
    eventually("nothing waits", || {
        cache.metric("artifact_cache_webhooks_waiting") < 0.5
    });
    cache.terminate();
    cache.restart();
    accepted(&promote(&cache, &model, "archived"));
    assert_eq!(messages(&receiver, 5).len(), 5, "and nothing else came");
}

#[test]
fn nothing_waits_for_a_receiver_that_is_no_more() {
    let (mut gone, stays) = (Origin::start(), Origin::start());
    stays.route("/hook", Reply::status(200));
    gone.stop();
    let more = ("ARTIFACT_CACHE__WEBHOOKS__FIRST_WAIT", "1h");
    let mut cache = telling(&[("gone", &gone)], "")
        .environment(more.0, more.1)
        .start();
    let model = register(&cache, "m", "1", &Value::Null);
    accepted(&promote(&cache, &model, "production"));
    assert!(cache.metric("artifact_cache_webhooks_waiting") > 0.5);
    cache.kill9();
    let url = stays.url("/hook");
    let endpoint = format!("{{url: '{url}', secret: '{SECRET}'}}");
    cache.rewrite_config(&format!("webhooks: {{endpoints: {{other: {endpoint}}}}}"));
    cache.restart();
    accepted(&promote(&cache, &model, "archived"));
    let taken = messages(&stays, 1);
    assert_eq!(
        moved(&taken[0]).0,
        "model.demoted",
        "and not what was before it"
    );
    eventually("nothing waits", || {
        cache.metric("artifact_cache_webhooks_waiting") < 0.5
    });
}

#[test]
fn a_receiver_opens_nothing_to_clients() {
    let receiver = Origin::start();
    receiver.route("/hook", Reply::status(200));
    let cache = telling(&[("ci", &receiver)], "").start();
    let response = cache.fetch(&receiver.url("/hook"));
    assert_eq!(response.status(), 403, "{}", response.text());
    assert_eq!(response.json()["error"], "policy_denied");
    assert_eq!(receiver.hits("/hook"), 0);
}

/// Whether `config check` takes these endpoints, and what it says.
fn checked(endpoint: &str) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("c.yaml");
    let yaml = format!("webhooks: {{endpoints: {{a: {endpoint}}}}}");
    std::fs::write(&file, yaml).unwrap();
    let check = crate::support::cache::program()
        .args(["config", "check", "--config"])
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8(check.stderr).unwrap();
    (check.status.success(), said)
}

#[test]
fn an_endpoint_needs_a_url_and_a_secret() {
    for (endpoint, fault) in [
        (
            "{url: 'http://example.com/'}",
            "webhooks.endpoints.a.secret",
        ),
        (
            "{url: 'ftp://example.com/', secret: s}",
            "webhooks.endpoints.a.url",
        ),
        (
            "{url: 'http://u:p@example.com/', secret: s}",
            "webhooks.endpoints.a.url",
        ),
        ("{secret: s}", "webhooks.endpoints.a.url"),
    ] {
        let (good, said) = checked(endpoint);
        assert!(!good && said.contains(fault), "{endpoint}: {said}");
    }
    let good = checked("{url: 'https://example.com/', secret: s}");
    assert!(good.0, "{}", good.1);
}
