//! What cannot be kept goes past the store, checked on its way.

use artifact_cache_layers::{
    body::Body, cause::is_caused_by, digest::Sha256, failure::Mismatch, share::NotKept,
    verify::VerifyBody,
};
use http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::scripted::{Answer, Origin, Whole, cache_over, explicit, ok, pieces};

/// The answer of a cache whose store takes nothing.
async fn ask(request: Request<Body>, body: fn() -> Body) -> Answer {
    let origin = Origin::new(move |_, _| {
        let mut response = ok(&[("etag", "\"1\"")], body());
        response.extensions_mut().insert(NotKept("disk-full"));
        Ok(response)
    });
    cache_over(origin, |_| {}).oneshot(request).await
}

fn artifact() -> Body {
    pieces(&["art", "ifact"], false, Some(8))
}

fn pinned(bytes: &[u8]) -> Request<Body> {
    explicit(|target| target.expect = Some(Sha256::of(bytes)))
}

#[tokio::test]
async fn an_unkept_body_is_a_miss_that_says_why() {
    let answer = ask(explicit(|_| {}), artifact).await.unwrap();
    let answer = Whole::of(answer).await.unwrap();
    assert_eq!(answer.body, "artifact");
    assert_eq!(answer.field("x-cache-status"), "MISS");
    assert_eq!(
        answer.how(),
        "fwd=uri-miss; fwd-status=200; detail=disk-full"
    );
    assert_eq!(answer.field("x-content-sha256"), "", "nobody knows it");
}

#[tokio::test]
async fn an_unkept_body_with_the_right_pin_arrives_whole() {
    let answer = ask(pinned(b"artifact"), artifact).await.unwrap();
    let answer = Whole::of(answer).await.unwrap();
    assert_eq!(answer.body, "artifact");
    assert_eq!(
        answer.field("x-content-sha256"),
        Sha256::of(b"artifact").to_string()
    );
}

#[tokio::test]
async fn an_unkept_body_with_a_wrong_pin_breaks_off_before_its_last_byte() {
    let answer = ask(pinned(b"other"), artifact).await.unwrap();
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "art");
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(is_caused_by::<Mismatch>(&*error));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn an_empty_body_with_a_wrong_pin_is_refused() {
    let error = ask(pinned(b"other"), Body::empty).await.unwrap_err();
    assert!(is_caused_by::<Mismatch>(&*error));
    let answer = ask(pinned(b""), Body::empty).await.unwrap();
    assert_eq!(Whole::of(answer).await.unwrap().body, "");
}

#[tokio::test]
async fn an_empty_piece_does_not_let_the_last_byte_out() {
    let body = pieces(&["artifact", ""], false, None);
    let mut body = VerifyBody::new(body, Sha256::of(b"other"));
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test]
async fn a_verified_body_knows_its_length() {
    use http_body::Body as _;
    let mut body = VerifyBody::new(artifact(), Sha256::of(b"artifact"));
    assert_eq!(body.size_hint().exact(), Some(8));
    assert!(!body.is_end_stream());
    while body.frame().await.is_some() {}
    assert!(body.is_end_stream());
}
