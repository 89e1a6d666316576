//! The routes of this family as the description of the API has them.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::misses::Misses;
use crate::api::openapi::{Answer, Operation, number, query, text};

/// The routes.
pub(in crate::api) fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let mut all = of_pins();
    all.extend(of_removal());
    all.extend(of_misses(generator));
    all.extend(of_tags());
    all
}

/// A subject: bytes, or a URL.
fn subject() -> Vec<Value> {
    let url = json!({"type": "string", "format": "uri"});
    vec![query("url", &url), query("sha256", &digest())]
}

fn digest() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})
}

/// A page of a list, and what asks for the next one.
fn page() -> Value {
    json!({
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": {"type": "object"}},
            "next_cursor": {"type": ["string", "null"]},
        },
    })
}

fn paging() -> Vec<Value> {
    let limit = query("limit", &number(1, Some(200)));
    vec![limit, query("cursor", &text())]
}

fn of_pins() -> Vec<Operation> {
    let pins = "/api/v1/pins";
    let object = json!({"type": "object"});
    let pin = json!({
        "type": "object",
        "properties": {"url": text(), "sha256": digest(), "note": text()},
    });
    let made = Answer::Json(object.clone());
    vec![
        Operation::new(
            "/api/v1/why",
            "get",
            "Why something is stored or not",
            &object,
        )
        .with(subject()),
        Operation::new(pins, "get", "What is never evicted", &page()),
        Operation::answering(pins, "post", "Never evict something", "201", made).with_body(&pin),
        Operation::answering(pins, "delete", "Take a pin back", "204", Answer::Nothing)
            .with(subject()),
    ]
}

fn of_removal() -> Vec<Operation> {
    let object = json!({"type": "object"});
    let flag = json!({"type": "boolean"});
    let purge = json!({
        "type": "object",
        "properties": {
            "urls": {"type": "array", "items": text()},
            "prefix": text(), "host": text(), "sha256": digest(), "tag": text(),
            "soft": flag, "dry_run": flag,
        },
    });
    let gc = json!({
        "type": "object",
        "properties": {"bytes": number(0, None), "dry_run": flag},
    });
    vec![
        Operation::new(
            "/api/v1/evictions",
            "get",
            "What was evicted, latest first",
            &page(),
        )
        .with(paging()),
        Operation::new("/api/v1/purge", "post", "Remove, or mark stale", &object).with_body(&purge),
        Operation::new("/api/v1/gc", "post", "Unlink and evict", &object).with_body(&gc),
    ]
}

fn of_misses(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let path = "/api/v1/misses";
    let misses = generator.subschema_for::<Misses>().to_value();
    let mut parameters = paging();
    parameters.push(query("all", &json!({"type": "boolean"})));
    vec![
        Operation::new(path, "get", "What no origin could be asked for", &misses).with(parameters),
        Operation::answering(path, "delete", "Forget that list", "204", Answer::Nothing),
    ]
}

fn of_tags() -> Vec<Operation> {
    let one = "/api/v1/tags/{name}";
    let given = json!({
        "type": "object",
        "required": ["name", "artifacts"],
        "properties": {"name": text(), "artifacts": number(1, None)},
    });
    let wanted = json!({
        "type": "object",
        "properties": {
            "url": text(), "sha256": digest(),
            "urls": {"type": "array", "items": text()},
        },
    });
    vec![
        Operation::new(
            "/api/v1/tags",
            "get",
            "Tags and how often they are given",
            &page(),
        )
        .with(paging()),
        Operation::new(one, "put", "Give a tag", &given).with_body(&wanted),
        Operation::answering(one, "delete", "Take a tag back", "204", Answer::Nothing)
            .with(subject()),
    ]
}
