//! `/fetch?url=…&sha256=…&mode=…`.

use artifact_cache_layers::{
    body::Body,
    digest::Sha256,
    extensions::{Delivery, Mode},
    target::{Fault, InvalidTarget},
};
use http::{Method, Request};
use proptest::prelude::*;

use super::{fetched, invalid, refused, refused_request, target};

#[tokio::test]
async fn a_fetch_names_url_digest_and_delivery() {
    let digest = Sha256::of(b"artifact");
    let target = fetched(&format!(
        "/fetch?url=https%3A%2F%2Fexample.com%2Fa.tgz%3Fv%3D1%26w%3D2&sha256={digest}&mode=spool"
    ))
    .await;
    assert_eq!(target.uri.as_str(), "https://example.com/a.tgz?v=1&w=2");
    assert_eq!(target.mode, Mode::Explicit);
    assert_eq!(target.expect, Some(digest));
    assert_eq!(target.delivery, Delivery::Spool);
}

#[tokio::test]
async fn an_empty_digest_or_mode_is_none() {
    let target = fetched("/fetch?url=http://example.com/a&sha256=&mode=").await;
    assert_eq!((target.expect, target.delivery), (None, Delivery::Hold));
}

#[tokio::test]
async fn a_pin_is_understood_in_each_of_its_spellings() {
    let digest = Sha256::of(b"artifact");
    let base64 = digest.structured_field();
    let base64 = base64.trim_start_matches("sha-256=:").trim_end_matches(':');
    for pin in [
        digest.to_string().to_uppercase(),
        format!("sha256:{digest}"),
        format!("sha256-{base64}"),
    ] {
        let target = fetched(&format!("/fetch?url=http://example.com/a&sha256={pin}")).await;
        assert_eq!(target.expect, Some(digest), "{pin}");
    }
}

#[tokio::test]
async fn a_plus_is_a_plus_and_percent_is_decoded_once() {
    let target = fetched("/fetch?url=http://example.com/g++%2B%252B").await;
    assert_eq!(target.uri.as_str(), "http://example.com/g+++%2B");
}

#[tokio::test]
async fn a_digest_in_the_fragment_is_the_pin() {
    let digest = Sha256::of(b"wheel");
    let target = fetched(&format!(
        "/fetch?url=http://example.com/a%23sha256={digest}"
    ))
    .await;
    assert_eq!(target.expect, Some(digest));
    assert_eq!(target.uri.as_str(), "http://example.com/a");
}

#[tokio::test]
async fn two_pins_that_differ_are_a_conflict_and_two_equal_ones_are_not() {
    let (one, other) = (Sha256::of(b"1"), Sha256::of(b"2"));
    let url = format!("/fetch?url=http://example.com/a%23sha256={one}");
    let refusal = refused(&format!("{url}&sha256={other}")).await;
    assert_eq!(refusal, invalid("sha256", Fault::ConflictingPins));
    let target = fetched(&format!("{url}&sha256=sha256:{one}")).await;
    assert_eq!(target.expect, Some(one));
}

#[tokio::test]
async fn a_fetch_without_url_says_so() {
    for uri in [
        "/fetch",
        "/fetch?",
        "/fetch?url",
        "/fetch?url=",
        "/fetch/?sha256=",
        "/fetch?&",
    ] {
        let missing = InvalidTarget::MissingParameter { parameter: "url" };
        assert_eq!(refused(uri).await, missing, "{uri}");
    }
}

#[tokio::test]
async fn an_unencoded_url_with_a_query_is_refused_with_the_remedy() {
    let refusal = refused("/fetch?url=http://example.com/a?b=1&c=2").await;
    let unknown = InvalidTarget::UnknownParameter {
        parameter: "c".into(),
    };
    assert_eq!(refusal, unknown);
    assert!(refusal.to_string().contains("percent-encode"));
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    let refusal = refused("/fetch?url=http://a.example/&url=http://b.example/").await;
    assert_eq!(refusal, invalid("url", Fault::Repeated));
    let refusal = refused("/fetch?url=http://a.example/&sha256=&sha256=").await;
    assert_eq!(refusal, invalid("sha256", Fault::Repeated));
}

#[tokio::test]
async fn a_url_that_cannot_be_fetched_is_refused() {
    let ftp = invalid("url", Fault::Scheme("ftp".into()));
    assert_eq!(refused("/fetch?url=ftp://example.com/a").await, ftp);
    let file = invalid("url", Fault::Scheme("file".into()));
    assert_eq!(refused("/fetch?url=file:///etc/passwd").await, file);
    let control = invalid("url", Fault::ControlCharacter);
    for url in [
        "http://exa%0Ample.com/",
        "http://example.com/a%00",
        "%20http://example.com/",
    ] {
        assert_eq!(
            refused(&format!("/fetch?url={url}")).await,
            control,
            "{url}"
        );
    }
    let escape = invalid("url", Fault::PercentEncoding);
    assert_eq!(refused("/fetch?url=http://example.com/100%").await, escape);
    for url in [
        "example.com/a",
        "http://",
        "http://user:secret@example.com/",
        "//example.com/",
    ] {
        let refusal = refused(&format!("/fetch?url={url}")).await;
        let is_url = matches!(
            refusal,
            InvalidTarget::InvalidParameter {
                parameter: "url",
                ..
            }
        );
        assert!(is_url, "{url}: {refusal}");
        assert!(!refusal.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn a_bad_digest_or_mode_is_refused() {
    let refusal = refused("/fetch?url=http://example.com/&sha256=abc").await;
    assert!(matches!(
        refusal,
        InvalidTarget::InvalidParameter {
            parameter: "sha256",
            ..
        }
    ));
    let refusal = refused("/fetch?url=http://example.com/&mode=fast").await;
    assert_eq!(refusal, invalid("mode", Fault::Mode));
}

#[tokio::test]
async fn only_get_and_head_fetch() {
    let with = |method| {
        let request = Request::builder()
            .method(method)
            .uri("/fetch?url=http://example.com/");
        request.body(Body::empty()).unwrap()
    };
    assert!(target(with(Method::HEAD)).await.unwrap().is_some());
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let refusal = refused_request(with(method)).await;
        assert_eq!(
            refusal,
            InvalidTarget::MethodNotAllowed { allow: "GET, HEAD" }
        );
    }
}

proptest! {
    #[test]
    fn a_url_survives_being_percent_encoded(path in "[a-zA-Z0-9/._~+&=?-]{0,40}") {
        let url = format!("http://example.com/{path}");
        let encoded = url.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let target = runtime.block_on(fetched(&format!("/fetch?url={encoded}")));
        let direct = url.parse::<artifact_cache_layers::semantics::target_uri::TargetUri>();
        prop_assert_eq!(Ok(target.uri), direct);
    }
}
