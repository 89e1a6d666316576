//! Errors: the exact object that each kind gives to a client, and the fields that go with it.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod local;

use std::{collections::BTreeMap, fs, time::Duration};

use artifact_cache::{
    error::{Error, Unavailable, table::TABLE},
    respond::{Form, respond},
};
use artifact_cache_layers::digest::Sha256;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

const URL: &str = "https://example.com/file.tar.gz";

fn form() -> Form {
    let request =
        Request::get("http://cache.example.com/fetch?url=x").header("x-request-id", "r-1");
    Form::local(&request.body(()).unwrap())
}

fn body(error: &Error, form: &Form) -> String {
    let body = respond(error, form).into_body();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every kind of error, in the order of `fixtures/errors.json`.
fn every_error() -> Vec<Error> {
    [
        request_errors(),
        local::errors(),
        origin_errors(),
        own_errors(),
    ]
    .concat()
}

fn request_errors() -> Vec<Error> {
    [parameter_errors(), refusals()].concat()
}

fn parameter_errors() -> Vec<Error> {
    let text = str::to_owned;
    let (parameter, reason) = ("sha256", text("not 64 hex characters"));
    vec![
        Error::MissingParameter { parameter: "url" },
        Error::InvalidParameter { parameter, reason },
        Error::UnprocessableParameter {
            parameter: "limit",
            reason: text("must be at most 200"),
        },
        Error::Misdirected {
            reason: text("the request names another host than its tunnel to a.example:443"),
        },
        Error::UnknownParameter { name: text("a") },
        Error::BadRequest {
            reason: text("two lengths"),
        },
    ]
}

fn refusals() -> Vec<Error> {
    let text = str::to_owned;
    let (rule, what) = (
        text("egress.allow_cidrs"),
        text("127.0.0.1 is a loopback address"),
    );
    vec![
        Error::Unauthorized {
            reason: "a token is needed",
        },
        Error::ProxyUnauthorized {
            reason: "the token has expired",
        },
        Error::Forbidden {
            reason: text("the token lacks the scope fetch"),
        },
        Error::PolicyDenied { rule, what },
        Error::ProxyDisabled,
        Error::NotFound,
        Error::MethodNotAllowed { allow: "GET, HEAD" },
        Error::RateLimited {
            reason: "this client asks too often",
            retry_after: Duration::from_secs(1),
        },
        Error::UriTooLong,
        Error::ExpectationFailed,
        Error::HeadersTooLarge,
        Error::OnlyIfCached,
        Error::LoopDetected,
    ]
}

fn origin_errors() -> Vec<Error> {
    let source_url = || URL.to_owned();
    let (expected, actual) = (Sha256::of(b"expected"), Sha256::of(b"actual"));
    let (reason, limit, size) = ("two lengths".to_owned(), 10, 11);
    let (received, announced) = (7, Some(9));
    vec![
        Error::UpstreamUntrusted {
            source_url: URL.into(),
            reason: "it has expired",
        },
        Error::ChecksumMismatch {
            expected,
            actual,
            source_url: source_url(),
        },
        not_found(),
        Error::UpstreamTruncated {
            source_url: source_url(),
            received,
            expected: announced,
        },
        Error::UpstreamInvalid {
            source_url: source_url(),
            reason,
        },
        Error::ArtifactTooLarge {
            limit,
            size,
            source_url: source_url(),
        },
        Error::TooManyRedirects {
            source_url: source_url(),
        },
        unavailable(Unavailable::Timeout, None),
    ]
}

fn own_errors() -> Vec<Error> {
    let details = str::to_owned;
    vec![
        Error::Overloaded {
            retry_after: Duration::from_millis(1500),
        },
        Error::InsufficientStorage,
        Error::StorageFailed {
            details: details("disk full"),
        },
        Error::Internal {
            details: details("cannot read /data/catalog/data.mdb"),
        },
    ]
}

fn not_found() -> Error {
    Error::UpstreamStatus {
        status_code: StatusCode::NOT_FOUND,
        explained: None,
        source_url: URL.into(),
    }
}

fn unavailable(reason: Unavailable, retry_after: Option<Duration>) -> Error {
    Error::UpstreamUnavailable {
        source_url: URL.into(),
        reason,
        retry_after,
    }
}

#[test]
fn every_kind_of_error_gives_its_exact_object() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/errors.json");
    let expected: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let all = every_error();
    assert_eq!(all.len(), expected.len());
    for (error, expected) in all.iter().zip(expected) {
        let found: Value = serde_json::from_str(&body(error, &form())).unwrap();
        assert_eq!(found, expected);

        let response = respond(error, &form());
        assert_eq!(expected["status"], response.status().as_u16(), "{error}");
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(!response.headers().contains_key("proxy-status"));
    }
}

#[test]
fn every_kind_of_error_stands_in_the_table_once() {
    let mut kinds = BTreeMap::new();
    for error in every_error() {
        let at = TABLE
            .iter()
            .position(|entry| std::ptr::eq(entry, error.entry()))
            .unwrap();
        assert_eq!(kinds.insert(at, error.clone()), None, "{error}");
    }
    assert_eq!(kinds.len(), TABLE.len());
    for entry in TABLE {
        assert!(
            entry
                .error
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c == b'_'),
            "{}",
            entry.error
        );
        assert!(
            entry.next_action.starts_with("Client: ")
                || entry.next_action.starts_with("Operator: ")
        );
    }
}

#[test]
fn an_error_without_a_request_id_has_none_and_its_log_text_is_another() {
    let request = Request::get("/x").body(()).unwrap();
    let object: Value =
        serde_json::from_str(&body(&Error::NotFound, &Form::local(&request))).unwrap();
    assert_eq!(object.get("request_id"), None);

    let error = not_found();
    assert_eq!(error.to_string(), "upstream returned status 404");
}

#[test]
fn a_client_that_asks_for_problem_json_gets_it() {
    for (accept, expected) in [
        ("application/problem+json", "application/problem+json"),
        (
            "text/html, application/Problem+JSON;q=0.5",
            "application/problem+json",
        ),
        ("application/problem+json;q=0", "application/json"),
        ("application/problem+json; q=0.000, */*", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
    ] {
        let request = Request::get("/fetch")
            .header("accept", accept)
            .body(())
            .unwrap();
        let response = respond(&Error::NotFound, &Form::local(&request));
        assert_eq!(response.headers()["content-type"], expected, "{accept}");
    }
}

#[test]
fn statuses_come_with_the_fields_they_demand() {
    let field = |error: Error, name: &str| {
        let response = respond(&error, &form());
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let unavailable = |retry_after| unavailable(Unavailable::CircuitOpen, retry_after);
    assert_eq!(
        field(Error::MethodNotAllowed { allow: "GET, HEAD" }, "allow").as_deref(),
        Some("GET, HEAD")
    );
    let wait = Duration::from_millis(1500);
    assert_eq!(
        field(Error::Overloaded { retry_after: wait }, "retry-after").as_deref(),
        Some("2")
    );
    assert_eq!(
        field(unavailable(Some(Duration::ZERO)), "retry-after").as_deref(),
        Some("1")
    );
    assert_eq!(field(unavailable(None), "retry-after"), None);
    for error in [
        Error::BadRequest {
            reason: String::new(),
        },
        Error::UriTooLong,
        Error::HeadersTooLarge,
    ] {
        assert_eq!(field(error, "connection").as_deref(), Some("close"));
    }
    assert_eq!(field(Error::NotFound, "connection"), None);
}

#[test]
fn a_client_of_the_proxy_gets_a_proxy_status_and_a_line_of_text() {
    let request = Request::get("http://example.com/a").header("accept", "application/problem+json");
    let form = Form::proxied(&request.body(()).unwrap());
    let status = |error: &Error| {
        respond(error, &form).headers()["proxy-status"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    for (reason, token) in [
        (Unavailable::Dns, "dns_error"),
        (Unavailable::Connect, "connection_refused"),
        (Unavailable::Tls, "tls_protocol_error"),
        (Unavailable::ConnectTimeout, "connection_timeout"),
        (Unavailable::Timeout, "http_response_timeout"),
        (Unavailable::Reset, "connection_terminated"),
        (Unavailable::CircuitOpen, "destination_unavailable"),
    ] {
        let error = unavailable(reason, None);
        assert_eq!(
            status(&error),
            format!(
                "artifact-cache; error={token}; details=\"Upstream server timeout or unreachable\""
            ),
        );
    }
    let error = not_found();
    assert!(
        status(&error)
            .starts_with("artifact-cache; error=http_protocol_error; received-status=404; ")
    );

    let response = respond(&error, &form);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(body(&error, &form), "Upstream server returned status 404\n");
}

#[test]
fn a_proxy_status_is_a_structured_field_whatever_the_reason_contains() {
    let request = Request::get("http://example.com/a").body(()).unwrap();
    let error = Error::PolicyDenied {
        rule: "deny_hosts".into(),
        what: "\"é\\\u{7f}\r\nX: y".into(),
    };
    let response = respond(&error, &Form::proxied(&request));
    assert_eq!(
        response.headers()["proxy-status"],
        r#"artifact-cache; error=http_request_denied; details="Denied by deny_hosts: \"?\\X: y""#,
    );
}
