//! What is signed, for whom, and what a signature never goes along with.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    sigv4::{Credentials, NotSigned, Payload, Provide, Provided, SigV4Layer, Signer},
};
use http::{Method, Request, Uri};
use tower::{Layer as _, ServiceExt as _, service_fn};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636)
}

fn keys() -> Credentials {
    Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
}

/// The request as it leaves a layer for `s3.example.com`.
async fn sent(
    provider: impl Provide + 'static,
    request: Request<Body>,
) -> Result<Request<Body>, BoxError> {
    let layer = SigV4Layer::new(Signer::s3("eu-central-1"), "S3.example.com", provider, now);
    let inner = service_fn(|request| async { Ok::<Request<Body>, BoxError>(request) });
    layer.layer(inner).oneshot(request).await
}

fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

fn field<'a>(request: &'a Request<Body>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

#[tokio::test]
async fn a_request_is_signed_for_its_host_date_and_body() {
    let request = sent(keys(), get("https://s3.example.com:443/bucket/key")).await;
    let request = request.unwrap();
    assert_eq!(field(&request, "host"), Some("s3.example.com"));
    assert_eq!(field(&request, "x-amz-date"), Some("20150830T123600Z"));
    assert_eq!(field(&request, "x-amz-content-sha256"), Some(EMPTY));
    let authorization = field(&request, "authorization").unwrap();
    let scope = "AKIDEXAMPLE/20150830/eu-central-1/s3/aws4_request";
    assert!(authorization.contains(scope));
    assert!(authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"));
}

#[tokio::test]
async fn the_body_is_signed_by_the_digest_that_is_known_or_not_at_all() {
    let digest = Sha256::of(b"bytes");
    let put = |payload| {
        let mut request = Request::put("https://s3.example.com/bucket/key")
            .body(Body::from("bytes"))
            .unwrap();
        if let Some(payload) = payload {
            request.extensions_mut().insert::<Payload>(payload);
        }
        sent(keys(), request)
    };
    let signed = put(Some(Payload::Digest(digest))).await.unwrap();
    let expected = digest.to_string();
    assert_eq!(field(&signed, "x-amz-content-sha256"), Some(&*expected));
    let unsigned = put(None).await.unwrap();
    let field = field(&unsigned, "x-amz-content-sha256");
    assert_eq!(field, Some("UNSIGNED-PAYLOAD"));
}

#[tokio::test]
async fn fields_that_a_proxy_may_change_are_not_covered() {
    let mut request = get("https://s3.example.com/bucket/key");
    for name in [
        "range",
        "x-amz-meta-a",
        "if-match",
        "via",
        "accept-encoding",
        "te",
    ] {
        request.headers_mut().insert(name, "x".parse().unwrap());
    }
    let request = sent(keys(), request).await.unwrap();
    let authorization = field(&request, "authorization").unwrap();
    let covered = "SignedHeaders=host;if-match;range;x-amz-content-sha256;x-amz-date;x-amz-meta-a,";
    assert!(authorization.contains(covered), "{authorization}");
}

#[tokio::test]
async fn a_bucket_below_the_host_is_signed_and_another_host_is_not() {
    let bucket = sent(keys(), get("https://bucket.s3.example.com/key")).await;
    assert!(field(&bucket.unwrap(), "authorization").is_some());
    for uri in ["https://evils3.example.com/key", "https://example.com/key"] {
        let mut request = get(uri);
        let fields = request.headers_mut();
        fields.insert("authorization", "AWS4-HMAC-SHA256 …".parse().unwrap());
        fields.insert("x-amz-security-token", "secret".parse().unwrap());
        let request = sent(keys(), request).await.unwrap();
        assert_eq!(request.headers().len(), 0, "{uri}");
    }
}

#[tokio::test]
async fn a_request_signed_before_is_signed_anew() {
    let first = sent(keys(), get("https://s3.example.com/a")).await.unwrap();
    let signature = field(&first, "authorization").unwrap().to_owned();
    let mut moved = first;
    *moved.uri_mut() = "https://s3.example.com/b".parse().unwrap();
    let second = sent(keys().with_session_token("token"), moved)
        .await
        .unwrap();
    assert_ne!(field(&second, "authorization").unwrap(), signature);
    assert_eq!(field(&second, "x-amz-security-token"), Some("token"));
    assert_eq!(second.headers().get_all("x-amz-date").iter().count(), 1);
}

#[tokio::test]
async fn without_keys_a_request_goes_as_it_is() {
    let request = sent((), get("https://s3.example.com/public/key")).await;
    assert_eq!(request.unwrap().headers().len(), 0);
}

#[tokio::test]
async fn a_provider_that_fails_fails_the_request() {
    struct Broken;
    impl Provide for Broken {
        fn provide(&self) -> Provided<'_> {
            Box::pin(async { Err("no token file".into()) })
        }
    }
    let error = sent(Broken, get("https://s3.example.com/a")).await;
    assert_eq!(error.unwrap_err().to_string(), "no token file");
}

#[test]
fn a_request_without_a_host_is_refused_instead_of_panicking() {
    let mut request = Request::get("/bucket/key").body(()).unwrap();
    let signer = Signer::s3("eu-central-1");
    let refused = signer.sign(&mut request, &keys(), Payload::Empty, now());
    assert!(matches!(refused, Err(NotSigned::NoHost)));
}

#[test]
fn a_path_enters_the_signature_as_it_is_sent() {
    let signature = |path: &str| {
        let uri = format!("https://s3.example.com/{path}");
        let mut request = Request::get(uri).body(()).unwrap();
        let signer = Signer::s3("eu-central-1");
        signer
            .sign(&mut request, &keys(), Payload::Empty, now())
            .unwrap();
        request.headers()["authorization"].clone()
    };
    let same = ["b/k", "b//k", "b/./k", "b/x/../k", "b/%6B"].map(signature);
    for (at, one) in same.iter().enumerate() {
        assert!(!same[..at].contains(one), "path {at}");
    }
}

#[test]
fn a_presigned_url_says_when_it_ends_and_hides_the_secret() {
    let signer = Signer::s3("eu-central-1");
    let uri: Uri = "https://s3.example.com/b/k%20x?versionId=1"
        .parse()
        .unwrap();
    let credentials = keys().with_session_token("a+b/c=");
    let hour = Duration::from_hours(1);
    let url = signer.presign(&Method::GET, &uri, &credentials, hour, now());
    let url = url.unwrap().to_string();
    assert!(url.starts_with("https://s3.example.com/b/k%20x?versionId=1&X-Amz-Algorithm="));
    assert!(url.contains("&X-Amz-Expires=3600&"));
    assert!(url.contains("&X-Amz-Security-Token=a%2Bb%2Fc%3D"));
    assert!(!url.contains("wJalrXUtnFEMI"));
}

#[test]
fn credentials_print_without_their_secrets() {
    let text = format!("{:?}", keys().with_session_token("token"));
    assert!(text.contains("AKIDEXAMPLE"));
    assert!(!text.contains("wJalrXUtnFEMI") && !text.contains("token\""));
}
