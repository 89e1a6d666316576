//! Which fields travel, which end here, and which are ours (RFC 9110 §7.6, RFC 9112 §3.2.2).

use crate::support::{
    cache::Cache,
    client::Request,
    origin::{Content, Origin, Reply},
};

#[test]
fn the_origin_is_asked_in_origin_form_by_its_own_name() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", Reply::status(200));
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: other.example\r\nX-End-To-End: 1\r\n\r\n",
        origin.url("/a?b=c%2Fd&e")
    );
    let mut client = cache.client();
    client.send(request.as_bytes());
    assert_eq!(client.response("GET").status(), 200);
    let received = &origin.requests()[0];
    assert_eq!(received.target, "/a?b=c%2Fd&e");
    assert_eq!(received.values("host"), [origin.address().to_string()]);
    assert_eq!(received.values("via"), ["1.1 artifact-cache"]);
    assert_eq!(received.value("x-end-to-end"), Some("1"));
    assert_eq!(received.value("user-agent"), None);
}

#[test]
fn fields_of_one_hop_end_here() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = Reply::ok(Content::literal("body"))
        .field("Connection", "X-Theirs")
        .field("X-Theirs", "1")
        .field("Keep-Alive", "timeout=5")
        .field("Proxy-Authenticate", "Basic")
        .field("X-Kept", "1")
        .field("Cache-Control", "max-age=60");
    origin.route("/a", reply);
    let mine = [
        ("Connection", "X-Mine, Upgrade"),
        ("X-Mine", "1"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
        ("TE", "trailers"),
        ("Proxy-Connection", "Keep-Alive"),
        ("Proxy-Authorization", "Basic c2VjcmV0"),
        ("X-Kept", "1"),
    ];
    for _ in 0..2 {
        let response = cache.proxy_get(&origin.url("/a"), &mine);
        assert_eq!(response.value("x-kept"), Some("1"));
        for name in ["x-theirs", "keep-alive", "proxy-authenticate"] {
            assert_eq!(response.value(name), None, "{name}");
        }
    }
    let received = &origin.requests()[0];
    assert_eq!(received.value("x-kept"), Some("1"));
    for name in [
        "x-mine",
        "upgrade",
        "te",
        "proxy-connection",
        "proxy-authorization",
    ] {
        assert_eq!(received.value(name), None, "{name}");
    }
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn a_request_that_came_through_us_before_loops() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let via = [("Via", "1.0 other, 1.1 Artifact-Cache (x)")];
    let looped = cache.proxy_get(&origin.url("/a"), &via);
    assert_eq!(looped.status(), 508);
    let status = looped.value("proxy-status").unwrap();
    assert!(
        status.starts_with("artifact-cache; error=proxy_loop_detected"),
        "{status}"
    );
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn our_own_address_is_never_asked_as_an_origin() {
    let cache = Cache::start();
    let own = format!("http://{}/healthz", cache.address());
    assert_eq!(cache.proxy_get(&own, &[]).status(), 200);
    // By a name that the program does not know to be its own, the guard at the dial knows it.
    let alias = format!(
        "http://127.0.0.2:{}/healthz",
        cache.metrics_address().port()
    );
    let other = cache.proxy_get(&alias, &[]);
    assert_ne!(other.status(), 200);
}

#[test]
fn options_spend_a_forward_each() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", Reply::status(204));
    let options = |left| {
        let request = Request::new("OPTIONS", &origin.url("/a"));
        cache.exchange(&request.field("Max-Forwards", left))
    };
    let last = options("0");
    assert_eq!(last.status(), 204);
    assert!(last.value("allow").is_some());
    assert_eq!(origin.requests().len(), 0);
    assert_eq!(options("5").status(), 204);
    assert_eq!(origin.requests()[0].value("max-forwards"), Some("4"));
}

#[test]
fn redirects_are_for_the_client_to_follow() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let elsewhere = Origin::start();
    origin.route("/a", Reply::redirect(302, &elsewhere.url("/b")));
    let response = cache.proxy_get(&origin.url("/a"), &[("Authorization", "Bearer a")]);
    assert_eq!(response.status(), 302);
    assert_eq!(response.value("location"), Some(&*elsewhere.url("/b")));
    assert_eq!(elsewhere.requests().len(), 0);
}
