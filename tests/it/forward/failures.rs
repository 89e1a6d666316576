//! Failures of our own: the status, and why, as RFC 9209 names it.

use std::net::TcpListener;

use crate::support::{
    Ending,
    cache::Cache,
    client::{Request, Response},
    origin::{Origin, Reply},
};

fn error_of(response: &Response) -> &str {
    let status = response.value("proxy-status").unwrap_or_default();
    let rest = status.strip_prefix("artifact-cache; error=");
    let error = rest.and_then(|rest| rest.split(';').next());
    error.unwrap_or_else(|| panic!("{:?}", response.head))
}

fn quick() -> Cache {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__UPSTREAM__MAX_RETRIES", "0");
    setup.start()
}

#[track_caller]
fn assert_failed(response: &Response, status: u16, error: &str) {
    assert_eq!((response.status(), error_of(response)), (status, error));
    assert!(response.is_complete());
    assert_eq!(response.value("cache-control"), Some("no-store"));
    let media_type = response.value("content-type").unwrap();
    assert!(media_type.starts_with("text/plain"), "{media_type}");
    assert!(response.length > 0);
}

#[test]
fn an_origin_that_refuses_connections() {
    let cache = quick();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    drop(listener);
    let response = cache.proxy_get(&url, &[]);
    assert_failed(&response, 503, "connection_refused");
}

#[test]
fn a_name_without_address() {
    let response = quick().proxy_get("http://nowhere.invalid/a", &[]);
    assert_failed(&response, 503, "dns_error");
}

#[test]
fn an_origin_that_breaks_off_before_its_head() {
    let (cache, origin) = (quick(), Origin::start());
    origin.route("/a", Reply::raw(""));
    let response = cache.proxy_get(&origin.url("/a"), &[]);
    assert_failed(&response, 503, "connection_terminated");
}

#[test]
fn an_origin_that_talks_nonsense() {
    let (cache, origin) = (quick(), Origin::start());
    for (path, raw) in [
        ("/1", "SSH-2.0-server\r\n\r\n"),
        (
            "/2",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ),
        (
            "/3",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "/4",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ),
    ] {
        origin.route(path, Reply::raw(raw));
        let response = cache.proxy_get(&origin.url(path), &[]);
        assert_failed(&response, 502, "http_protocol_error");
    }
}

#[test]
fn an_origin_that_is_silent() {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__UPSTREAM__TIMEOUT_SECONDS", "1");
    let (cache, origin) = (setup.start(), Origin::start());
    let gate = crate::support::origin::Gate::closed();
    origin.route("/a", Reply::status(200).head_gated(&gate));
    let response = cache.proxy_get(&origin.url("/a"), &[]);
    assert_failed(&response, 503, "http_response_timeout");
}

#[test]
fn a_destination_that_policy_denies() {
    let denied = Cache::setup().allow_cidrs(&[]).start();
    let origin = Origin::start();
    let response = denied.proxy_get(&origin.url("/a"), &[]);
    assert_failed(&response, 403, "destination_ip_prohibited");
    let response = denied.proxy_get("http://93.184.215.14:22/", &[]);
    assert_failed(&response, 403, "http_request_denied");
    let response = denied.proxy_get("http://169.254.169.254/latest/meta-data/", &[]);
    assert_failed(&response, 403, "destination_ip_prohibited");
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_body_that_breaks_off_is_no_complete_response() {
    let (cache, origin) = (quick(), Origin::start());
    let content = crate::support::origin::Content::seeded(1, 300_000);
    for ending in [Ending::Fin, Ending::Reset] {
        let reply = Reply::ok(content.clone()).field("Cache-Control", "no-store");
        origin.route("/a", reply.cut_after(100_000, ending));
        let response = cache.proxy_get(&origin.url("/a"), &[]);
        assert!(!response.is_complete(), "{:?}", response.end);
    }
}

#[test]
fn a_proxy_that_is_switched_off() {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__PROXY__ENABLED", "false");
    let (cache, origin) = (setup.start(), Origin::start());
    origin.route("/a", Reply::status(200));
    for method in ["GET", "HEAD", "POST"] {
        let response = cache.exchange(&Request::new(method, &origin.url("/a")));
        assert_eq!(response.status(), 403, "{method}");
        assert_eq!(error_of(&response), "http_request_denied");
    }
    let tunnel = cache.client().connect_tunnel("127.0.0.1:443");
    assert_eq!(tunnel.status(), 403);
    assert_eq!(tunnel.head.reason, "the forward proxy is switched off");
    assert_eq!(origin.requests().len(), 0);
    assert_eq!(cache.fetch(&origin.url("/a")).status(), 200);
}
