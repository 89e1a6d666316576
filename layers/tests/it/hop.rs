//! The `hop` layer: what ends here, and who is named in `Via`.

use std::convert::Infallible;

use artifact_cache_layers::{
    body::Body,
    extensions::{Delivery, Mode, Target},
    hop::{HopLayer, InvalidPseudonym, Pseudonym},
};
use http::{
    HeaderMap, Request, Response, Version,
    header::{CONNECTION, HOST, VIA},
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::{get, reached};

fn layer() -> HopLayer {
    HopLayer::new("cache-7".parse().unwrap())
}

fn fill(fields: &mut HeaderMap, lines: &[(&'static str, &'static str)]) {
    for (name, value) in lines {
        fields.append(*name, value.parse().unwrap());
    }
}

const ENDING: [(&str, &str); 11] = [
    ("connection", "x-one, X-Two"),
    ("connection", "keep-alive"),
    ("x-one", "1"),
    ("x-two", "2"),
    ("keep-alive", "timeout=5"),
    ("proxy-connection", "keep-alive"),
    ("proxy-authorization", "Basic c2VjcmV0"),
    ("proxy-authenticate", "Basic"),
    ("te", "trailers"),
    ("transfer-encoding", "chunked"),
    ("upgrade", "websocket"),
];

#[tokio::test]
async fn hop_by_hop_fields_end_here_on_the_way_in() {
    let mut request = get("http://example.com/");
    fill(request.headers_mut(), &ENDING);
    fill(
        request.headers_mut(),
        &[("x-three", "3"), ("authorization", "Bearer t")],
    );
    let request = reached(layer(), request).await.unwrap();
    let mut left: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
    left.sort();
    assert_eq!(left, ["authorization", "via", "x-three"]);
}

#[tokio::test]
async fn hop_by_hop_fields_end_here_on_the_way_out() {
    let origin = service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::empty());
        fill(response.headers_mut(), &ENDING);
        fill(
            response.headers_mut(),
            &[("etag", "\"1\""), ("via", "1.1 origin-gateway")],
        );
        Ok::<_, Infallible>(response)
    });
    let response = layer()
        .layer(origin)
        .oneshot(get("http://example.com/"))
        .await
        .unwrap();
    let via: Vec<_> = response.headers().get_all(VIA).iter().collect();
    assert_eq!(via, ["1.1 origin-gateway", "1.1 cache-7"]);
    assert_eq!(response.headers().keys_len(), 2);
}

#[tokio::test]
async fn a_connection_option_cannot_unframe_or_readdress_a_message() {
    let mut request = get("http://example.com/");
    fill(
        request.headers_mut(),
        &[("connection", "host, content-length, close")],
    );
    fill(
        request.headers_mut(),
        &[("host", "example.com"), ("content-length", "5")],
    );
    let request = reached(layer(), request).await.unwrap();
    assert_eq!(request.headers()[HOST], "example.com");
    assert_eq!(request.headers()["content-length"], "5");
    assert!(!request.headers().contains_key(CONNECTION));
}

async fn via_of(mode: Option<Mode>, version: Version) -> Option<String> {
    let mut request = get("http://example.com/");
    *request.version_mut() = version;
    if let Some(mode) = mode {
        request.extensions_mut().insert(Target {
            signed: None,
            uri: "http://example.com/".parse().unwrap(),
            mode,
            expect: None,
            delivery: Delivery::Hold,
        });
    }
    let request = reached(layer(), request).await.unwrap();
    let via = request.headers().get(VIA)?;
    Some(via.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn only_a_forwarded_request_came_through_us() {
    for mode in [None, Some(Mode::Forward), Some(Mode::Intercepted)] {
        let via = via_of(mode, Version::HTTP_11).await;
        assert_eq!(via.as_deref(), Some("1.1 cache-7"), "{mode:?}");
    }
    for mode in [Mode::Explicit, Mode::Internal] {
        assert_eq!(via_of(Some(mode), Version::HTTP_11).await, None, "{mode:?}");
    }
}

#[tokio::test]
async fn via_names_the_version_in_which_the_message_came() {
    for (version, via) in [
        (Version::HTTP_10, "1.0 cache-7"),
        (Version::HTTP_2, "2 cache-7"),
    ] {
        assert_eq!(via_of(None, version).await.as_deref(), Some(via));
    }
}

#[test]
fn the_default_name_is_like_one_that_was_parsed() {
    let parsed: Pseudonym = "artifact-cache".parse().unwrap();
    assert_eq!(parsed, Pseudonym::default());
    assert_eq!(parsed.as_ref(), "artifact-cache");
}

#[test]
fn a_pseudonym_cannot_forge_another_entry() {
    for name in ["", "a b", "a,1.1 b", "a(b)", "a\r\n", "ü"] {
        assert_eq!(name.parse::<Pseudonym>(), Err(InvalidPseudonym), "{name}");
    }
    assert!("cache.example.com:8080".parse::<Pseudonym>().is_ok());
}
