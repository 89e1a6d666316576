//! Requests that name no artifact, or are no requests at all.

use super::assert_error;
use crate::support::{cache::Cache, client::Request, percent_encoded};

#[test]
fn a_missing_url_is_named() {
    let cache = Cache::start();
    for query in ["", "url=", "sha256=", "&", "url"] {
        let error = assert_error(&cache.fetch_with(query, &[]), 400, "missing_parameter");
        assert_eq!(error["parameter"], "url");
        assert_eq!(error["message"], "Missing required 'url' parameter");
    }
    assert_error(&cache.get("/fetch"), 400, "missing_parameter");
    assert_error(&cache.get("/fetch/"), 400, "missing_parameter");
}

#[test]
fn an_unencoded_url_with_its_own_parameters_is_not_cut_short() {
    let cache = Cache::start();
    let response = cache.fetch_with("url=http://example.com/a?x=1&token=2", &[]);
    let error = assert_error(&response, 400, "unknown_parameter");
    assert_eq!(error["parameter"], "token");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("percent-encode")
    );
}

#[test]
fn what_is_no_http_url_is_refused() {
    let cache = Cache::start();
    for url in [
        "ftp://example.com/a",
        "file:///etc/passwd",
        "example.com/a",
        "/etc/passwd",
        "http://",
        "http:///a",
        "http://exa mple.com/",
        "http://example.com:99999/",
        " http://example.com/",
        "http://example.com/\r\nX: y",
        "http://[::1/",
        "javascript:alert(1)",
        "gopher://example.com/",
    ] {
        let response = cache.fetch(url);
        let error = assert_error(&response, 400, "invalid_parameter");
        assert_eq!(error["parameter"], "url", "{url}");
    }
}

#[test]
fn a_url_with_credentials_is_refused_without_repeating_them() {
    let cache = Cache::start();
    for url in [
        "http://user:s3cret@example.com/",
        "https://s3cret@example.com/a",
    ] {
        let response = cache.fetch(url);
        let error = assert_error(&response, 400, "invalid_parameter");
        assert_eq!(error["parameter"], "url");
        assert!(!response.text().contains("s3cret"));
        let proxied = cache.proxy_get(&url.replace("https", "http"), &[]);
        assert_eq!(proxied.status(), 400);
        assert!(!proxied.text().contains("s3cret"));
    }
    assert!(
        !cache
            .trace()
            .lines()
            .iter()
            .any(|line| line.contains("s3cret"))
    );
}

#[test]
fn a_parameter_that_is_repeated_or_broken_is_refused() {
    let cache = Cache::start();
    let url = percent_encoded("http://example.com/");
    for (query, parameter) in [
        (format!("url={url}&url={url}"), "url"),
        (format!("url={url}&sha256=&sha256="), "sha256"),
        ("url=http://example.com/%zz".to_owned(), "url"),
        ("url=http://example.com/%ff".to_owned(), "url"),
    ] {
        let error = assert_error(&cache.fetch_with(&query, &[]), 400, "invalid_parameter");
        assert_eq!(error["parameter"], parameter, "{query}");
    }
}

#[test]
fn the_fragment_and_the_parameter_must_not_disagree() {
    let cache = Cache::start();
    let url = format!("http://example.com/#sha256={}", "1".repeat(64));
    let response = cache.fetch_with(&super::super::pinned(&url, &"2".repeat(64)), &[]);
    assert_error(&response, 400, "invalid_parameter");
}

#[test]
fn other_methods_are_refused_with_those_that_are_allowed() {
    let cache = Cache::start();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        for target in ["/fetch?url=http://example.com/", "/fetch/http/example.com/"] {
            let response = cache.exchange(&Request::new(method, target));
            assert_error(&response, 405, "method_not_allowed");
            assert_eq!(response.value("allow"), Some("GET, HEAD"), "{method}");
        }
    }
    let response = cache.exchange(&Request::new("POST", "/fetch").body("url=x"));
    assert_error(&response, 405, "method_not_allowed");
}

#[test]
fn oversized_requests_are_refused_by_what_is_too_large() {
    let cache = Cache::start();
    let long = format!("http://example.com/{}", "a".repeat(9000));
    assert_error(&cache.fetch(&long), 414, "uri_too_long");
    let value = "v".repeat(70_000);
    let response = cache.fetch_with("url=http://example.com/", &[("X-Long", &value)]);
    assert_eq!(response.status(), 431, "{:?}", response.end);
    let many = (0..300).fold(Request::get("/healthz"), |request, n| {
        request.field(&format!("X-{n}"), "1")
    });
    assert_eq!(cache.exchange(&many).status(), 431);
}

#[test]
fn what_is_no_http_request_is_refused_and_the_connection_ends() {
    let cache = Cache::start();
    for bytes in [
        "GARBAGE\r\n\r\n",
        "GET /fetch?url=http://example.com/ HTTP/1.1\r\n\r\n",
        "GET /fetch HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /fetch HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
        "GET /fetch HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /fetch HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "GET /fetch HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "GET /fetch HTTP/7.9\r\nHost: a\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let mut client = cache.client();
        client.send(bytes.as_bytes());
        let response = client.response("GET");
        assert!(
            matches!(response.status(), 400 | 505),
            "{bytes:?}: {response:?}"
        );
        assert!(client.is_ended_by_peer(), "{bytes:?}");
        let text = format!("{:?} {}", response.head, response.text());
        for secret in ["hyper", "src/", ".rs", "panic", "/work", "/tmp"] {
            assert!(!text.contains(secret), "{bytes:?}: {text}");
        }
    }
}

#[test]
fn an_unknown_path_is_not_found_with_the_same_object() {
    let cache = Cache::start();
    for path in [
        "/nope",
        "/fetchx?url=http://example.com/",
        "/api/nope",
        "/../etc/passwd",
    ] {
        assert_error(&cache.get(path), 404, "not_found");
    }
}
