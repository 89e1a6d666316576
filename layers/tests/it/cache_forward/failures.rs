//! What is served when the origin fails, and what is validated while nobody waits.

use std::time::Duration;

use artifact_cache_layers::{
    cache::{Rules, Task, Unanswered},
    cause::{cause_of, is_caused_by},
    extensions::Served,
};
use http::StatusCode;
use tokio::sync::mpsc;

use crate::scripted::{Cached, Origin, URL, forward, ok, with_status};

/// Serves `v1` with this `Cache-Control` once, then fails: with an error, or with `status`.
fn failing(directives: &'static str, status: Option<StatusCode>) -> Origin {
    Origin::new(move |_, number| match (number, status) {
        (0, _) => Ok(ok(
            &[("cache-control", directives), ("etag", "\"1\"")],
            "v1",
        )),
        (_, Some(status)) => Ok(with_status(status, &[], "sorry")),
        (_, None) => Err("no route to host".into()),
    })
}

async fn after_100_seconds(origin: &Origin, change: impl FnOnce(&mut Rules)) -> Cached {
    let cached = Cached::with(origin, change);
    cached.forward().await;
    cached.clock.advance(100);
    cached
}

#[tokio::test]
async fn a_stale_response_is_served_when_the_origin_cannot_be_reached() {
    let cached = after_100_seconds(&failing("max-age=60", None), |_| {}).await;
    let answer = cached.ask(forward(&[])).await.unwrap();
    assert_eq!(answer.extensions().get(), Some(&Served::Stale));
    let answer = cached.forward().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "v1"));
    assert_eq!(answer.how(), "fwd=stale; detail=origin-unreachable");
}

#[tokio::test]
async fn a_stale_response_is_served_instead_of_a_server_error() {
    for status in [
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::GATEWAY_TIMEOUT,
    ] {
        let cached = after_100_seconds(&failing("max-age=60", Some(status)), |_| {}).await;
        let answer = cached.forward().await;
        assert_eq!(answer.body, "v1");
        assert_eq!(
            answer.how(),
            format!("fwd=stale; fwd-status={}", status.as_u16())
        );
    }
}

#[tokio::test]
async fn a_client_error_is_an_answer() {
    let origin = failing("max-age=60", Some(StatusCode::NOT_FOUND));
    let cached = after_100_seconds(&origin, |_| {}).await;
    assert_eq!(cached.forward().await.status, 404);
}

#[tokio::test]
async fn what_must_be_revalidated_is_not_served_stale() {
    for directives in [
        "max-age=60, must-revalidate",
        "max-age=60, proxy-revalidate",
        "s-maxage=60",
        "max-age=60, stale-if-error=10",
        "max-age=60, no-cache",
    ] {
        let cached = after_100_seconds(&failing(directives, None), |_| {}).await;
        let error = cached.ask(forward(&[])).await.unwrap_err();
        assert!(error.to_string().contains(URL), "{directives}");
        let status = Some(StatusCode::BAD_GATEWAY);
        let cached = after_100_seconds(&failing(directives, status), |_| {}).await;
        assert_eq!(cached.forward().await.status, 502, "{directives}");
    }
}

#[tokio::test]
async fn the_policy_may_forbid_stale_answers() {
    let never = |rules: &mut Rules| rules.http.stale_if_error = false;
    let cached = after_100_seconds(&failing("max-age=60", None), never).await;
    assert!(cached.ask(forward(&[])).await.is_err());
    let allowed = failing("max-age=60, stale-if-error=1000", None);
    let cached = after_100_seconds(&allowed, never).await;
    assert_eq!(cached.forward().await.body, "v1", "the origin allows it");
}

#[tokio::test]
async fn a_failure_without_anything_stored_says_what_was_asked_for_and_why() {
    let cached = Cached::new(&Origin::new(|_, _| Err("no route to host".into())));
    let error = cached.ask(forward(&[])).await.unwrap_err();
    let unanswered = cause_of::<Unanswered>(&*error).unwrap();
    assert_eq!(unanswered.uri.as_str(), URL);
    let mut chain = std::iter::successors(error.source(), |error| error.source());
    assert!(chain.any(|cause| cause.to_string() == "no route to host"));
    assert!(!is_caused_by::<artifact_cache_layers::cache::OnlyIfCached>(
        &*error
    ));
}

#[tokio::test]
async fn a_client_may_accept_what_is_stale() {
    let origin = failing("max-age=60", None);
    let cached = after_100_seconds(&origin, |_| {}).await;
    let answer = cached.get(forward(&[("cache-control", "max-stale")])).await;
    assert_eq!(answer.how(), "hit; detail=stale");
    assert_eq!(origin.count(), 1);
}

/// Rules whose background tasks come out of the channel.
fn collecting() -> (impl FnOnce(&mut Rules), mpsc::UnboundedReceiver<Task>) {
    let (sender, tasks) = mpsc::unbounded_channel();
    let change = move |rules: &mut Rules| {
        rules.spawn = std::sync::Arc::new(move |task| drop(sender.send(task)));
    };
    (change, tasks)
}

#[tokio::test]
async fn nobody_waits_for_a_validation_in_the_background() {
    let origin = Origin::new(|_, number| {
        let directives = "max-age=60, stale-while-revalidate=1000";
        let etag = format!("\"{number}\"");
        Ok(ok(
            &[("cache-control", directives), ("etag", &etag)],
            number.to_string(),
        ))
    });
    let (change, mut tasks) = collecting();
    let cached = after_100_seconds(&origin, change).await;
    let answer = cached.forward().await;
    assert_eq!((answer.body.as_str(), origin.count()), ("0", 1));
    assert_eq!(answer.how(), "hit; detail=stale");

    tasks.recv().await.unwrap().await;
    assert_eq!(origin.field(1, "if-none-match"), "\"0\"");
    let answer = cached.forward().await;
    assert_eq!((answer.body.as_str(), origin.count()), ("1", 2));
    assert!(answer.how().starts_with("hit; ttl="), "{}", answer.how());
}

#[tokio::test]
async fn the_window_of_stale_while_revalidate_ends() {
    let (change, mut tasks) = collecting();
    let directives = "max-age=60, stale-while-revalidate=10, stale-if-error=10";
    let cached = after_100_seconds(&failing(directives, None), change).await;
    assert!(cached.ask(forward(&[])).await.is_err());
    assert!(tasks.try_recv().is_err(), "nothing runs in the background");
}

#[tokio::test(start_paused = true)]
async fn a_failed_validation_in_the_background_harms_nobody() {
    let cached = after_100_seconds(
        &failing("max-age=60, stale-while-revalidate=1000", None),
        |_| {},
    )
    .await;
    for _ in 0..3 {
        assert_eq!(cached.forward().await.body, "v1");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(cached.origin.count() > 1);
}
