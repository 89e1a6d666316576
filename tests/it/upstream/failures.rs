//! Origins that fail: retries, circuits, deadlines.

use std::time::{Duration, Instant};

use artifact_cache::{
    config::{self, units::Span},
    upstream::Reason,
};
use artifact_cache_layers::extensions::Mode;
use http::Method;
use tokio::net::TcpListener;

use super::support::*;

#[tokio::test]
async fn transient_statuses_are_tried_again() {
    let origin = Origin::start(|_, nth| match nth {
        1 => answer("HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 4\r\n\r\nbusy"),
        2 => answer("HTTP/1.1 429 Slow\r\ncontent-length: 0\r\n\r\n"),
        _ => answer(HELLO),
    })
    .await;
    let response = get(&upstreams(&settings()), &origin.url("/"))
        .await
        .unwrap();
    assert_eq!(read(response).await.unwrap(), "hello");
    assert_eq!(origin.requests().len(), 3);
}

#[tokio::test]
async fn the_last_status_and_a_long_retry_after_come_back_as_they_are() {
    let origin = Origin::start(|head, _| {
        let wait = if head.starts_with("GET /long") {
            3600
        } else {
            0
        };
        answer(&format!(
            "HTTP/1.1 503 B\r\nretry-after: {wait}\r\ncontent-length: 0\r\n\r\n"
        ))
    })
    .await;
    let upstreams = upstreams(&settings());
    let response = get(&upstreams, &origin.url("/long")).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), origin.requests().len()),
        (503, 1)
    );
    let response = get(&upstreams, &origin.url("/short")).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), origin.requests().len()),
        (503, 5)
    );
}

#[tokio::test]
async fn a_reset_before_the_head_is_retried_only_where_that_is_harmless() {
    let origin = Origin::start(|_, nth| match nth {
        1 | 3 => close(""),
        _ => answer(HELLO),
    })
    .await;
    let upstreams = upstreams(&settings());
    let got = send(
        &upstreams,
        request(Method::GET, &origin.url("/"), Mode::Forward),
    )
    .await;
    drop(got.unwrap().into_body());
    assert_eq!(origin.requests().len(), 2);
    let fresh = self::upstreams(&settings());
    let posted = send(
        &fresh,
        request(Method::POST, &origin.url("/"), Mode::Forward),
    )
    .await;
    assert_eq!(failure(&posted.unwrap_err()).reason, Reason::Reset);
    assert_eq!(origin.requests().len(), 3);
}

#[tokio::test]
async fn a_dead_origin_opens_its_circuit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let settings = config::upstream::Upstream {
        max_retries: 0,
        circuit_failures: 2,
        ..settings()
    };
    let upstreams = upstreams(&settings);
    for _ in 0..2 {
        let error = get(&upstreams, &uri).await.unwrap_err();
        assert_eq!(failure(&error).reason, Reason::Connect);
    }
    let error = get(&upstreams, &uri).await.unwrap_err();
    assert_eq!(failure(&error).reason, Reason::CircuitOpen);
    assert!(failure(&error).retry_after.unwrap() > Duration::from_secs(8));
}

#[tokio::test]
async fn an_origin_that_breaks_off_at_one_url_is_still_asked_for_others() {
    let origin = Origin::start(|head, _| match head {
        head if head.starts_with("GET /broken") => close(""),
        head if head.starts_with("GET /nonsense") => close("what?\r\n\r\n"),
        _ => answer(HELLO),
    })
    .await;
    let settings = config::upstream::Upstream {
        max_retries: 0,
        circuit_failures: 1,
        ..settings()
    };
    let upstreams = upstreams(&settings);
    for (path, reason) in [("/broken", Reason::Reset), ("/nonsense", Reason::Invalid)] {
        let error = get(&upstreams, &origin.url(path)).await.unwrap_err();
        assert_eq!(failure(&error).reason, reason);
        let response = get(&upstreams, &origin.url("/")).await.unwrap();
        assert_eq!(read(response).await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn a_name_without_address_is_told_apart() {
    let settings = config::upstream::Upstream {
        max_retries: 0,
        ..settings()
    };
    let error = get(&upstreams(&settings), "http://nowhere.invalid/")
        .await
        .unwrap_err();
    assert_eq!(failure(&error).reason, Reason::Dns);
}

#[tokio::test]
async fn a_silent_origin_costs_the_deadline_of_the_head() {
    let origin = Origin::start(|_, _| Act::Hang(b"HTTP/1.1 200 OK\r\ncont".to_vec())).await;
    let settings = config::upstream::Upstream {
        timeout_seconds: 1,
        ..settings()
    };
    let begin = Instant::now();
    let error = get(&upstreams(&settings), &origin.url("/"))
        .await
        .unwrap_err();
    assert_eq!(failure(&error).reason, Reason::Timeout);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn silence_within_a_body_is_a_time_out() {
    let origin = Origin::start(|_, _| {
        Act::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello".to_vec())
    })
    .await;
    let settings = config::upstream::Upstream {
        idle_timeout: Span(Duration::from_millis(200)),
        ..settings()
    };
    let response = get(&upstreams(&settings), &origin.url("/")).await.unwrap();
    let error = read(response).await.unwrap_err();
    assert_eq!(failure(&error).reason, Reason::Timeout);
}
