//! When the answer to a miss begins, and what happens to a transfer that breaks off.

use std::time::Duration;

use artifact_cache_layers::{
    body::Body, cause::is_caused_by, digest::Sha256, extensions::Delivery, failure::Changed,
};
use http::Request;
use tokio::time::Instant;

use crate::{
    scripted::{Cached, Origin, Whole, explicit, ok, pieces},
    support::{Pieces, stream},
};

/// A cache whose origin sends its first body as the test writes it.
fn writing() -> (Cached, Pieces) {
    let (writer, body) = stream();
    let body = std::sync::Mutex::new(Some(body));
    let origin = Origin::new(move |_, _| {
        let body = body.lock().unwrap().take();
        Ok(ok(&[("etag", "\"1\"")], body.unwrap_or_default()))
    });
    (Cached::new(&origin), writer)
}

fn delivered(delivery: Delivery) -> Request<Body> {
    explicit(|target| target.delivery = delivery)
}

#[tokio::test(start_paused = true)]
async fn a_held_answer_begins_with_what_is_known_of_the_whole() {
    for delivery in [Delivery::Hold, Delivery::Spool] {
        let (cached, writer) = writing();
        let writing = tokio::spawn(async move {
            for piece in ["art", "ifact"] {
                tokio::time::sleep(Duration::from_secs(2)).await;
                writer.send(Ok(piece)).unwrap();
            }
        });
        let start = Instant::now();
        let answer = cached.ask(delivered(delivery)).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 4, "{delivery:?}");
        let answer = Whole::of(answer).await.unwrap();
        let digest = Sha256::of(b"artifact");
        assert_eq!(answer.field("x-content-sha256"), digest.to_string());
        assert_eq!(answer.field("etag"), format!("\"sha256:{digest}\""));
        assert_eq!(answer.field("repr-digest"), digest.structured_field());
        assert_eq!(answer.field("x-upstream-etag"), "\"1\"");
        assert_eq!(answer.field("x-cache-status"), "MISS");
        assert_eq!(answer.field("content-length"), "8");
        assert_eq!(answer.body, "artifact");
        writing.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_after_its_time_and_the_body_streams() {
    let (cached, writer) = writing();
    let start = Instant::now();
    let answer = cached.ask(delivered(Delivery::Hold)).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 5);
    assert!(!answer.headers().contains_key("x-content-sha256"));
    assert_eq!(answer.headers()["x-cache-status"], "MISS");
    writer.send(Ok("late")).unwrap();
    drop(writer);
    assert_eq!(Whole::of(answer).await.unwrap().body, "late");
    let hit = cached.explicit().await;
    assert_eq!(hit.field("x-cache-status"), "HIT");
    assert_eq!(
        hit.field("x-content-sha256"),
        Sha256::of(b"late").to_string()
    );
}

#[tokio::test(start_paused = true)]
async fn a_spooled_answer_waits_as_long_as_it_takes() {
    let (cached, writer) = writing();
    let writing = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_hours(1)).await;
        writer.send(Ok("late")).unwrap();
    });
    let answer = cached.get(delivered(Delivery::Spool)).await;
    assert_eq!(
        answer.field("x-content-sha256"),
        Sha256::of(b"late").to_string()
    );
    writing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_streamed_answer_does_not_wait() {
    let (cached, writer) = writing();
    let start = Instant::now();
    let answer = cached.ask(delivered(Delivery::Stream)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    writer.send(Ok("now")).unwrap();
    drop(writer);
    assert_eq!(Whole::of(answer).await.unwrap().body, "now");
}

#[tokio::test]
async fn trailers_are_announced_to_a_client_that_takes_them() {
    let (cached, writer) = writing();
    let mut request = delivered(Delivery::Stream);
    let te = "gzip, Trailers".parse().unwrap();
    request.headers_mut().insert("te", te);
    let answer = cached.ask(request).await.unwrap();
    assert_eq!(answer.headers()["trailer"], "x-content-sha256, repr-digest");
    drop(writer);

    let (cached, _writer) = writing();
    let answer = cached.ask(delivered(Delivery::Stream)).await.unwrap();
    assert!(!answer.headers().contains_key("trailer"));
}

/// An origin whose artifact is another with each request, and breaks off before the one with number
/// `whole`.
fn changing(whole: usize) -> Origin {
    Origin::new(move |_, number| {
        let etag = format!("\"{number}\"");
        let body = pieces(&["art", "ifact"], number < whole, Some(8));
        Ok(ok(&[("etag", &etag)], body))
    })
}

#[tokio::test]
async fn a_held_artifact_that_changes_on_its_way_starts_again_unseen() {
    let cached = Cached::new(&changing(2));
    let answer = cached.explicit().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "artifact"));
    assert_eq!(answer.how(), "fwd=uri-miss; fwd-status=200; stored");
    assert_eq!(answer.field("x-upstream-etag"), "\"2\"");
}

#[tokio::test]
async fn a_held_artifact_that_always_changes_fails_in_the_end() {
    let origin = changing(usize::MAX);
    let cached = Cached::new(&origin);
    let error = cached.ask(explicit(|_| {})).await.unwrap_err();
    assert!(is_caused_by::<Changed>(&*error));
    assert_eq!(
        origin.count(),
        6,
        "three times, each with one look at the rest"
    );
}

#[tokio::test]
async fn all_who_were_held_on_it_ask_once_more_together() {
    let origin = changing(2);
    let cached = Cached::new(&origin);
    let answers = (0..50).map(|_| {
        let cached = cached.clone();
        tokio::spawn(async move { cached.explicit().await })
    });
    for answer in answers.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap().body, "artifact");
    }
    // 0: breaks off, 1: is another than the rest of it, 2: whole.
    assert_eq!(origin.count(), 3);
}

#[tokio::test]
async fn a_failure_that_asking_again_cannot_mend_is_not_retried() {
    let origin = Origin::new(|_, _| Err("refused".into()));
    let error = Cached::new(&origin).ask(explicit(|_| {})).await;
    assert!(!is_caused_by::<Changed>(&*error.unwrap_err()));
    assert_eq!(origin.count(), 1);
}
