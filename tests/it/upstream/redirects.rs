//! Where redirects lead, and where they may not.

use std::{sync::Arc, time::Duration};

use artifact_cache::upstream::{BadRedirect, Reason, Roots, UpstreamFailure, Upstreams};
use artifact_cache_layers::{cause::cause_of, extensions::Mode};
use http::Method;
use tokio::{net::TcpListener, time::timeout};

use super::support::*;

#[tokio::test]
async fn redirects_are_followed_and_secrets_stay_behind() {
    let last = Origin::start(|_, _| answer(HELLO)).await;
    let there = last.url("/signed?x=1");
    let first = Origin::start(move |head, _| match head.split(' ').nth(1) {
        Some("/start") => answer("HTTP/1.1 301 M\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n"),
        _ => answer(&format!(
            "HTTP/1.1 307 T\r\nlocation: {there}\r\ncontent-length: 3\r\n\r\nbye"
        )),
    })
    .await;
    let mut request = request(Method::GET, &first.url("/start"), Mode::Explicit);
    request
        .headers_mut()
        .insert("authorization", "Bearer secret".parse().unwrap());
    request
        .headers_mut()
        .insert("range", "bytes=0-4".parse().unwrap());
    let response = send(&upstreams(&settings()), request).await.unwrap();
    let final_uri = response
        .extensions()
        .get::<artifact_cache_layers::extensions::FinalUri>()
        .unwrap()
        .0
        .clone();
    assert_eq!(final_uri.as_str(), last.url("/signed?x=1"));
    assert_eq!(read(response).await.unwrap(), "hello");
    assert!(
        first
            .requests()
            .iter()
            .all(|head| head.contains("authorization: Bearer secret"))
    );
    let seen = &last.requests()[0];
    assert!(
        !seen.contains("authorization") && seen.contains("range: bytes=0-4"),
        "{seen}"
    );
    assert!(
        seen.contains(&format!("host: {}\r\n", last.address)),
        "{seen}"
    );
}

#[tokio::test]
async fn redirects_that_go_round_in_circles_end() {
    let origin = Origin::start(|_, _| {
        answer("HTTP/1.1 302 F\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    let error = get(&upstreams(&settings()), &origin.url("/"))
        .await
        .unwrap_err();
    assert_eq!(failure(&error).reason, Reason::Invalid);
    assert_eq!(
        cause_of::<BadRedirect>(&*error),
        Some(&BadRedirect::TooMany)
    );
    assert_eq!(origin.requests().len(), 11);
}

#[tokio::test]
async fn every_hop_is_checked_by_name_and_by_address() {
    let hidden = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = hidden.local_addr().unwrap().port();
    let origin = Origin::start(move |head, _| {
        let location = match head.split(' ').nth(1) {
            Some("/name") => "http://denied.example/".to_owned(),
            _ => format!("http://127.0.0.1:{port}/"),
        };
        answer(&format!(
            "HTTP/1.1 302 F\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ))
    })
    .await;
    let guard = Arc::new(Rule { port: Some(port) });
    let upstreams = Upstreams::with_roots(&settings(), guard, Roots::none()).unwrap();
    let direct = [
        format!("http://127.0.0.1:{port}/"),
        "http://denied.example/".into(),
    ];
    let redirected = [origin.url("/name"), origin.url("/address")];
    for uri in direct.into_iter().chain(redirected) {
        let error = get(&upstreams, &uri).await.unwrap_err();
        assert!(cause_of::<Denied>(&*error).is_some(), "{uri}: {error:?}");
        assert!(
            cause_of::<UpstreamFailure>(&*error).is_none(),
            "{uri}: not the origin's fault"
        );
    }
    assert_eq!(origin.requests().len(), 2, "a refusal is not retried");
    assert!(
        timeout(Duration::from_millis(50), hidden.accept())
            .await
            .is_err()
    );
}
