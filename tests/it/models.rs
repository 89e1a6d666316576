//! The registry of models, sentence by sentence of its contract, over HTTP.

mod access;
mod artifact;
mod audit;
mod change;
mod cli;
mod contest;
mod crash;
mod examples;
mod import;
#[cfg(feature = "sqlite")]
mod import_sqlite;
mod journey;
mod limits;
mod lists;
mod lock;
mod maintenance;
mod metrics;
mod openapi;
mod promote;
mod register;
mod warm;
mod webhooks;

use serde_json::{Value, json};

use crate::support::{
    cache::{Cache, Setup},
    client::{Client, Request, Response},
};

/// The key of every test.
pub(crate) const KEY: &str = "dev-key";

/// Every key of a model's JSON, sorted.
const KEYS: [&str; 29] = [
    "artifact_uri",
    "checkpoint_sha256",
    "checkpoint_size_bytes",
    "config_sha256",
    "config_size_bytes",
    "created_at",
    "created_by",
    "d_model",
    "dataset",
    "description",
    "frozen",
    "git_commit",
    "id",
    "local_checkpoint_path",
    "local_config_path",
    "metrics",
    "n_heads",
    "n_layers",
    "name",
    "params",
    "run_id",
    "source_host",
    "status",
    "tags",
    "training_loss",
    "training_step",
    "updated_at",
    "version",
    "vocab_size",
];

/// A cache whose registry takes [`KEY`].
pub(crate) fn keyed() -> Setup {
    Cache::setup().environment("CAIA_REGISTRY_API_KEY", KEY)
}

pub(crate) fn started() -> Cache {
    keyed().start()
}

/// A request with the key, and with this JSON as its body unless it is null.
pub(crate) fn request(method: &str, path: &str, body: &Value) -> Request {
    let request = Request::new(method, path).field("X-API-Key", KEY);
    match body {
        Value::Null => request,
        body => request
            .field("Content-Type", "application/json")
            .body(body.to_string()),
    }
}

pub(crate) fn call(cache: &Cache, method: &str, path: &str, body: &Value) -> Response {
    cache.exchange(&request(method, path, body))
}

pub(crate) fn get(cache: &Cache, path: &str) -> Response {
    call(cache, "GET", path, &Value::Null)
}

/// The JSON of a request that must succeed.
#[track_caller]
pub(crate) fn ok(cache: &Cache, method: &str, path: &str, body: &Value) -> Value {
    accepted(&call(cache, method, path, body))
}

#[track_caller]
pub(crate) fn accepted(response: &Response) -> Value {
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

/// Registers `name:version` with these further fields and returns the model.
#[track_caller]
pub(crate) fn register(cache: &Cache, name: &str, version: &str, more: &Value) -> Value {
    let mut body = json!({"name": name, "version": version, "artifact_uri": "s3://bucket/key"});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    ok(cache, "POST", "/models", &body)
}

#[track_caller]
pub(crate) fn promote(cache: &Cache, model: &Value, to: &str) -> Response {
    let path = format!("/models/{}/promote?to_status={to}", model["id"]);
    call(cache, "POST", &path, &Value::Null)
}

/// The path of a model, and what follows it.
pub(crate) fn path(model: &Value, rest: &str) -> String {
    format!("/models/{}{rest}", model["id"])
}

/// Refused with this status and this `detail`.
#[track_caller]
pub(crate) fn assert_detail(response: &Response, status: u16, detail: &str) {
    assert_eq!(response.status(), status, "{}", response.text());
    assert_eq!(response.value("content-type"), Some("application/json"));
    let error = response.json();
    assert_eq!(error["detail"], detail);
    assert_eq!(error["message"], detail);
    assert_eq!(error["status"], status);
    assert!(error["request_id"].is_string() && error["code"].is_string());
}

/// Refused with 422, with the first fault at this place and of this kind.
#[track_caller]
pub(crate) fn assert_field(response: &Response, loc: &Value, kind: &str) {
    assert_eq!(response.status(), 422, "{}", response.text());
    let error = response.json();
    let faults = error["detail"].as_array().unwrap();
    let named = faults.iter().find(|fault| fault["loc"] == *loc);
    let fault = named.unwrap_or_else(|| panic!("no fault at {loc}: {error}"));
    assert_eq!(fault["type"], kind);
    assert!(fault["msg"].is_string() && fault.get("input").is_some());
}

/// The ids of a list.
#[track_caller]
pub(crate) fn ids(list: &Value) -> Vec<u64> {
    let models = list.as_array().unwrap().iter();
    models.map(|model| model["id"].as_u64().unwrap()).collect()
}

/// The types of a model's events, newest first.
#[track_caller]
pub(crate) fn event_types(cache: &Cache, model: &Value) -> Vec<String> {
    let events = accepted(&get(cache, &path(model, "/events")));
    let events = events.as_array().unwrap().iter();
    events
        .map(|event| event["event_type"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
pub(crate) fn keys_of(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

/// Sends bytes as they are and reads the answer.
fn raw(cache: &Cache, bytes: &str) -> Response {
    let mut client = Client::connect(cache.address());
    client.send(bytes.as_bytes());
    client.response("POST")
}
