//! Limits of bodies and payloads.

use serde_json::{Value, json};

use super::*;

fn padded(length: usize) -> Value {
    json!({"name": "m", "version": "1", "artifact_uri": "u", "description": "x".repeat(length)})
}

#[test]
fn longer_bodies_than_a_route_takes_are_refused() {
    let cache = started();
    let model = register(&cache, "m", "0", &Value::Null);
    let write = "Request body too large (max 262144 bytes)";
    assert_detail(
        &call(&cache, "POST", "/models", &padded(262_144)),
        413,
        write,
    );
    let long = json!({"description": "x".repeat(262_144)});
    assert_detail(&call(&cache, "PATCH", &path(&model, ""), &long), 413, write);
    let metrics = json!({"suite": "s", "metrics": {"x": "x".repeat(65_536)}});
    let response = call(&cache, "POST", &path(&model, "/metrics"), &metrics);
    assert_detail(&response, 413, "Request body too large (max 65536 bytes)");
    // Just below the limits all is well.
    ok(&cache, "POST", "/models", &padded(262_000));
    let metrics = json!({"suite": "s", "metrics": {"x": "x".repeat(60_000)}});
    ok(&cache, "POST", &path(&model, "/metrics"), &metrics);
}

#[test]
fn a_body_of_unknown_length_is_cut_off_at_the_limit() {
    let cache = keyed()
        .environment("CAIA_REGISTRY_MAX_WRITE_BODY_BYTES", "1000")
        .start();
    let chunk = format!("200\r\n{}\r\n", "x".repeat(0x200));
    let head = format!(
        "POST /models HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let response = raw(&cache, &format!("{head}{chunk}{chunk}{chunk}0\r\n\r\n"));
    assert_detail(&response, 413, "Request body too large (max 1000 bytes)");
}

#[test]
fn limits_can_be_set_and_zero_stands_for_the_default() {
    let cache = keyed()
        .environment("CAIA_REGISTRY_MAX_WRITE_BODY_BYTES", "0")
        .environment("CAIA_REGISTRY_MAX_METRICS_BODY_BYTES", "100")
        .environment("CAIA_REGISTRY_MAX_EVENT_PAYLOAD_BYTES", "200")
        .environment("CAIA_REGISTRY_SQLITE_BUSY_TIMEOUT_MS", "2500")
        .start();
    let model = ok(&cache, "POST", "/models", &padded(100_000));
    let metrics = json!({"suite": "s", "metrics": {"x": "x".repeat(100)}});
    let response = call(&cache, "POST", &path(&model, "/metrics"), &metrics);
    assert_detail(&response, 413, "Request body too large (max 100 bytes)");
    let long_name = json!({"name": "n".repeat(200), "version": "1", "artifact_uri": "u"});
    let response = call(&cache, "POST", "/models", &long_name);
    assert_detail(&response, 413, "Event payload too large (max 200 bytes)");
    assert_eq!(
        accepted(&get(&cache, "/models")).as_array().unwrap().len(),
        1
    );
}

#[test]
fn a_long_name_is_found_again() {
    let cache = started();
    let name = "n".repeat(6000);
    let model = register(&cache, &name, "1", &json!({"tags": ["t".repeat(5000)]}));
    assert_eq!(
        ids(&accepted(&get(&cache, &format!("/models?name={name}")))),
        ids(&json!([model]))
    );
    assert_eq!(
        accepted(&get(&cache, &format!("/models/by-name/{name}/1"))),
        model
    );
}
