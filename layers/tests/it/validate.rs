//! The `validate` layer: what may not pass, and what each refusal asks for.

use artifact_cache_layers::{
    body::Body,
    cause::cause_of,
    validate::{HostFault, InvalidRequest, Limits, ValidateLayer},
};
use http::{
    HeaderName, HeaderValue, Method, Request, StatusCode, Version,
    header::{ALLOW, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, VIA},
};
use tower::{Layer as _, ServiceExt as _};

use crate::support::{Capture, get, reached};

fn layer() -> ValidateLayer {
    ValidateLayer::new("cache-7")
}

fn with(fields: &[(HeaderName, &'static str)]) -> Request<Body> {
    let mut request = get("/a?b=c");
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("example.com"));
    for (name, value) in fields {
        request
            .headers_mut()
            .append(name, HeaderValue::from_static(value));
    }
    request
}

fn host_fields(uri: &str, hosts: &[&'static str]) -> Request<Body> {
    let mut request = get(uri);
    for host in hosts {
        request
            .headers_mut()
            .append(HOST, HeaderValue::from_static(host));
    }
    request
}

async fn refusal(request: Request<Body>) -> Option<InvalidRequest> {
    let error = reached(layer(), request).await.err()?;
    Some(
        cause_of::<InvalidRequest>(&*error)
            .expect("a typed refusal")
            .clone(),
    )
}

#[tokio::test]
async fn an_ordinary_request_passes_unchanged() {
    let request = with(&[(CONTENT_LENGTH, "12"), (VIA, "1.1 other (cache-7)")]);
    let before = request.headers().clone();
    let after = reached(layer(), request).await.unwrap();
    assert_eq!(after.headers(), &before);
}

type Fields = &'static [(HeaderName, &'static str)];

const CODINGS: [Fields; 4] = [
    &[(TRANSFER_ENCODING, "gzip, chunked")],
    &[(TRANSFER_ENCODING, "chunked, identity")],
    &[(TRANSFER_ENCODING, "\tchunked")],
    &[
        (TRANSFER_ENCODING, "chunked"),
        (TRANSFER_ENCODING, "chunked"),
    ],
];

const LENGTHS: [Fields; 6] = [
    &[(CONTENT_LENGTH, "5"), (CONTENT_LENGTH, "6")],
    &[(CONTENT_LENGTH, "5"), (CONTENT_LENGTH, "5")],
    &[(CONTENT_LENGTH, "5, 5")],
    &[(CONTENT_LENGTH, "+5")],
    &[(CONTENT_LENGTH, "")],
    &[(CONTENT_LENGTH, "18446744073709551616")],
];

const BOTH: Fields = &[(TRANSFER_ENCODING, "chunked"), (CONTENT_LENGTH, "5")];

#[tokio::test]
async fn framing_that_can_be_read_in_two_ways_is_refused_and_the_connection_closed() {
    let codings = CODINGS.map(|fields| (fields, InvalidRequest::TransferEncoding));
    let lengths = LENGTHS.map(|fields| (fields, InvalidRequest::ContentLength));
    let both = [(BOTH, InvalidRequest::AmbiguousLength)];
    for (fields, expected) in codings.into_iter().chain(lengths).chain(both) {
        let refused = refusal(with(fields)).await.expect("a refusal");
        assert_eq!(refused, expected, "{fields:?}");
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert!(refused.must_close());
    }
    assert_eq!(refusal(with(&[(TRANSFER_ENCODING, "Chunked")])).await, None);
}

#[tokio::test]
async fn only_http_1_1_has_transfer_codings() {
    for version in [Version::HTTP_10, Version::HTTP_2] {
        let mut request = with(&[(TRANSFER_ENCODING, "chunked")]);
        *request.version_mut() = version;
        assert_eq!(
            refusal(request).await,
            Some(InvalidRequest::TransferEncoding)
        );
    }
}

#[tokio::test]
async fn there_is_one_valid_host() {
    for (hosts, fault) in [
        (vec![], HostFault::Missing),
        (vec!["a.example", "b.example"], HostFault::Repeated),
        (vec!["a.example", "a.example"], HostFault::Repeated),
        (vec![""], HostFault::Invalid),
        (vec!["a.example, b.example"], HostFault::Invalid),
        (vec!["user@a.example"], HostFault::Invalid),
        (vec!["a.example/path"], HostFault::Invalid),
    ] {
        let refused = refusal(host_fields("/", &hosts)).await;
        assert_eq!(refused, Some(InvalidRequest::Host(fault)), "{hosts:?}");
        let refused = refusal(host_fields("http://a.example/", &hosts)).await;
        assert_eq!(
            refused,
            Some(InvalidRequest::Host(fault)),
            "{hosts:?}, absolute form"
        );
    }
}

#[tokio::test]
async fn http_1_0_needs_no_host() {
    let mut request = get("/");
    *request.version_mut() = Version::HTTP_10;
    assert_eq!(refusal(request).await, None);
}

#[tokio::test]
async fn the_host_of_an_absolute_form_is_replaced() {
    for uri in ["http://a.example:81/x", "http://user@a.example:81/x"] {
        let request = reached(layer(), host_fields(uri, &["evil.example"]))
            .await
            .unwrap();
        assert_eq!(request.headers()[HOST], "a.example:81");
        assert_eq!(request.headers().get_all(HOST).iter().count(), 1);
    }
}

#[tokio::test]
async fn two_authorities_in_http_2_are_refused() {
    let mut request = host_fields("https://a.example/", &["b.example"]);
    *request.version_mut() = Version::HTTP_2;
    let differs = InvalidRequest::Host(HostFault::Differs);
    assert_eq!(refusal(request).await, Some(differs));
    let mut request = host_fields("https://a.example/", &["A.example"]);
    *request.version_mut() = Version::HTTP_2;
    assert_eq!(refusal(request).await, None);
}

#[tokio::test]
async fn bytes_that_must_be_encoded_are_refused_in_the_target() {
    for target in ["/ü", "/a?ü", "http://a.example/ü"] {
        let refused = refusal(host_fields(target, &["a.example"])).await;
        assert_eq!(refused, Some(InvalidRequest::TargetSyntax), "{target}");
    }
}

#[tokio::test]
async fn limits_hold_to_the_byte() {
    let limits = Limits {
        max_target: 6,
        max_head: 60,
        max_fields: 2,
    };
    let layer = layer().with_limits(limits);
    let refused = async |request| {
        let error = reached(layer.clone(), request).await.err()?;
        cause_of::<InvalidRequest>(&*error).cloned()
    };
    // "GET /a?b=c HTTP/1.1" and "host: example.com", with line ends: 40 bytes.
    assert_eq!(refused(with(&[])).await, None);
    let long = host_fields("/a?b=cd", &["example.com"]);
    let too_long = refused(long).await.expect("a refusal");
    assert_eq!(too_long.status(), StatusCode::URI_TOO_LONG);
    let x = HeaderName::from_static("x");
    assert_eq!(refused(with(&[(x.clone(), "0123456789abcde")])).await, None);
    let too_large = refused(with(&[(x.clone(), "0123456789abcdef")])).await;
    assert_eq!(too_large, Some(InvalidRequest::HeadTooLarge { limit: 60 }));
    let too_many = refused(with(&[(x.clone(), ""), (x, "")]))
        .await
        .expect("a refusal");
    assert_eq!(too_many, InvalidRequest::TooManyFields { limit: 2 });
    assert_eq!(
        too_many.status(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
}

#[tokio::test]
async fn a_request_that_came_through_us_is_a_loop() {
    let refused = refusal(with(&[
        (VIA, "1.0 a"),
        (VIA, "1.1 b, HTTP/1.1 CACHE-7 (x)"),
    ]))
    .await;
    let refused = refused.expect("a refusal");
    assert_eq!(refused.status(), StatusCode::LOOP_DETECTED);
    assert!(!refused.must_close());
}

#[tokio::test]
async fn trace_and_unknown_expectations_are_refused() {
    let mut trace = with(&[]);
    *trace.method_mut() = Method::TRACE;
    let refused = refusal(trace).await.expect("a refusal");
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    let refused = refusal(with(&[(EXPECT, "200-maybe")]))
        .await
        .expect("a refusal");
    assert_eq!(refused.status(), StatusCode::EXPECTATION_FAILED);
    assert_eq!(refusal(with(&[(EXPECT, "100-Continue")])).await, None);
}

fn options(max_forwards: &'static str) -> Request<Body> {
    let mut request = host_fields("http://a.example/", &["a.example"]);
    *request.method_mut() = Method::OPTIONS;
    let value = HeaderValue::from_static(max_forwards);
    request.headers_mut().insert("max-forwards", value);
    request
}

#[tokio::test]
async fn an_options_that_may_go_no_further_is_answered_here() {
    let inner = Capture::default();
    let response = layer()
        .layer(inner.clone())
        .oneshot(options("0"))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert!(response.headers().contains_key(ALLOW));
    assert!(inner.0.lock().unwrap().is_none());
}

#[tokio::test]
async fn an_options_that_goes_on_has_one_hop_less() {
    let request = reached(layer(), options("10")).await.unwrap();
    assert_eq!(request.headers()["max-forwards"], "9");
    assert_eq!(
        refusal(options("many")).await,
        Some(InvalidRequest::MaxForwards)
    );
}
