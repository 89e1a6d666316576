//! HTTP/2 on TLS and on plain listeners: the same answers through the same doors.

use artifact_cache_layers::digest::Sha256;

use super::support::*;
use crate::support::{
    cache::{Cache, fetch_path},
    origin::{Content, Origin, Reply},
};

#[tokio::test(flavor = "multi_thread")]
async fn both_doors_answer_on_one_connection() {
    let (origin, certificates) = (Origin::start(), Certificates::new());
    let content = Content::seeded(2, 5 << 20);
    let forwarded = Reply::ok(content.clone()).field("Cache-Control", "max-age=60");
    origin.route("/a", forwarded);
    let cache = certificates.start();
    let mut client = certificates.http2(&cache).await;
    let port = cache.listener("https").port();
    let local = format!("https://localhost:{port}");
    assert_eq!(client.get(&format!("{local}/health")).await.0, 200);
    for uri in [
        format!("{local}{}", fetch_path(&origin.url("/a"))),
        origin.url("/a"),
        origin.url("/a"),
    ] {
        let (status, body) = client.get(&uri).await;
        assert_eq!(
            (status, body.len() as u64),
            (200, content.length()),
            "{uri}"
        );
        assert_eq!(Sha256::of(&body).to_string(), content.sha256().to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_needs_no_tls() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let content = Content::seeded(3, 1 << 20);
    origin.route("/a", Reply::ok(content.clone()));
    let mut client = Http2::plain(cache.address()).await;
    let local = format!("http://{}", cache.address());
    let (status, body) = client
        .get(&format!("{local}{}", fetch_path(&origin.url("/a"))))
        .await;
    assert_eq!(
        (status, Sha256::of(&body).to_string()),
        (200, content.sha256().to_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_of_one_connection_are_answered_at_once() {
    let (origin, certificates) = (Origin::start(), Certificates::new());
    origin.script("*", |request, _| {
        Reply::ok(Content::literal(request.path()))
    });
    let cache = certificates.start();
    let client = certificates.http2(&cache).await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..64 {
        let url = origin.url(&format!("/{number}"));
        let mut client = Http2 {
            requests: client.requests.clone(),
        };
        asked.spawn(async move { (number, client.get(&url).await) });
    }
    while let Some(answered) = asked.join_next().await {
        let (number, (status, body)) = answered.unwrap();
        assert_eq!((status, &body[..]), (200, format!("/{number}").as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let certificates = Certificates::new();
    let cache = certificates.start();
    let mut client = certificates.http2(&cache).await;
    let health = format!(
        "https://localhost:{}/health",
        cache.listener("https").port()
    );
    let long = format!("{health}?{}", "a".repeat(10 << 10));
    assert_eq!(client.get(&long).await.0, 414);
    assert_eq!(client.get(&health).await.0, 200);
}
