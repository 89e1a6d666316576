//! What the log says of the end of a request.

use crate::support::{
    Ending,
    cache::{Cache, fetch_path},
    client::Request,
    origin::{Content, Gate, Origin, Reply},
};

const LENGTH: u64 = 4 << 20;

fn streamed(origin: &Origin) -> Request {
    Request::get(&format!("{}&mode=stream", fetch_path(&origin.url("/a"))))
}

#[test]
fn a_client_that_leaves_is_no_failure() {
    let (origin, gate) = (Origin::start(), Gate::closed());
    gate.release(LENGTH / 2);
    let content = Content::seeded(8, LENGTH);
    origin.route("/a", Reply::ok(content).gated(&gate));
    let cache = Cache::start();
    let mut client = cache.client();
    let mut incoming = client.start(&streamed(&origin)).expect("a head");
    assert!(incoming.read_to(1000));
    client.end(Ending::Reset);
    let left = cache.trace().wait_for("client left", |_| true);
    assert_eq!(left["source_url"], origin.url("/a").as_str());
    assert!(left["size_bytes"].as_u64().unwrap() >= 1000, "{left}");
    gate.open();
    assert!(cache.trace().events("fetch failed").is_empty());
    let name = r#"artifact_cache_requests_total{status="error"}"#;
    assert!(cache.metric(name) < 0.5);
}

#[test]
fn an_origin_that_breaks_off_is_named_with_the_cause() {
    let origin = Origin::start();
    let content = Content::seeded(8, LENGTH);
    let cut = Reply::ok(content).cut_after(LENGTH / 2, Ending::Reset);
    origin.route("/a", cut);
    let cache = Cache::start();
    let response = cache.exchange(&streamed(&origin));
    assert!(!response.is_complete());
    let failed = cache.trace().wait_for("fetch failed", |_| true);
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.contains("broke off after ") && error.contains(": "),
        "{error}"
    );
    assert_eq!(failed["level"], "ERROR");
    let name = r#"artifact_cache_requests_total{status="error"}"#;
    assert!((cache.metric(name) - 1.0).abs() < 0.5);
}
