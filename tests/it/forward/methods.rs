//! Methods that are not read from the store pass through, with their bodies.

use crate::support::{
    cache::Cache,
    client::Request,
    origin::{Content, Origin, Reply},
};

#[test]
fn every_method_reaches_the_origin_with_its_body() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.script("/a", |request, _| {
        Reply::ok(Content::literal(&request.body)).field("Cache-Control", "max-age=60")
    });
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "PROPFIND"] {
        for _ in 0..2 {
            let request = Request::new(method, &origin.url("/a")).body("payload");
            let response = cache.exchange(&request);
            response.assert_is(&Content::literal("payload"));
            assert_eq!(
                response.value("cache-status"),
                Some("artifact-cache; fwd=method; fwd-status=200")
            );
        }
    }
    assert_eq!(origin.hits("/a"), 12);
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.body == b"payload")
    );
}

#[test]
fn a_chunked_upload_arrives_whole() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.route("/a", Reply::status(201));
    let mut client = cache.client();
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        origin.url("/a")
    );
    client.send(head.as_bytes());
    client.send(b"5\r\nhello\r\n");
    client.send(b"6\r\n world\r\n0\r\n\r\n");
    assert_eq!(client.response("PUT").status(), 201);
    assert_eq!(origin.requests()[0].body, b"hello world");
}

#[test]
fn a_get_with_a_body_is_forwarded_and_not_stored() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = Reply::ok(Content::literal("found")).field("Cache-Control", "max-age=60");
    origin.route("/a", reply);
    for _ in 0..2 {
        let request = Request::get(&origin.url("/a")).body("query");
        let response = cache.exchange(&request);
        response.assert_is(&Content::literal("found"));
        assert_eq!(
            response.value("cache-status"),
            Some("artifact-cache; fwd=request; fwd-status=200")
        );
    }
    assert_eq!(origin.hits("/a"), 2);
    assert_eq!(origin.requests()[1].body, b"query");
}

#[test]
fn a_connection_serves_requests_of_all_kinds_one_after_another() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::literal("body");
    let reply = Reply::ok(content.clone()).field("Cache-Control", "max-age=60");
    origin.route("/a", reply);
    let url = origin.url("/a");
    let mut client = cache.client();
    for _ in 0..3 {
        client.exchange(&Request::get(&url)).assert_is(&content);
        client
            .exchange(&Request::new("POST", &url).body("x"))
            .assert_is(&content);
        let head = client.exchange(&Request::new("HEAD", &url));
        assert_eq!(head.status(), 200);
    }
}
