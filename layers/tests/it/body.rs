//! What watchers of a body are told.

use std::sync::{Arc, Mutex};

use artifact_cache_layers::body::{Body, Watch};
use http_body_util::BodyExt as _;

use crate::support::stream;

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(u64, bool)>>);

impl Watch for Seen {
    fn data(&mut self, len: u64) {
        self.0.lock().unwrap().0 += len;
    }

    fn end(&mut self) {
        self.0.lock().unwrap().1 = true;
    }
}

fn watched(body: Body) -> (Body, Seen) {
    let seen = Seen::default();
    (body.watched(Box::new(seen.clone())), seen)
}

impl Seen {
    fn now(&self) -> (u64, bool) {
        *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn the_end_of_a_stream_of_unknown_length_is_told() {
    let (pieces, body) = stream();
    let (body, seen) = watched(body);
    pieces.send(Ok("arti")).unwrap();
    pieces.send(Ok("fact")).unwrap();
    drop(pieces);
    body.collect().await.unwrap();
    assert_eq!(seen.now(), (8, true));
}

#[tokio::test]
async fn a_stream_dropped_before_its_end_was_seen_is_not_told_as_complete() {
    let (pieces, body) = stream();
    let (mut body, seen) = watched(body);
    pieces.send(Ok("arti")).unwrap();
    drop(pieces);
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(seen.now(), (4, false));
}

#[tokio::test]
async fn a_source_that_fails_is_not_told_as_complete() {
    let (pieces, body) = stream();
    let (mut body, seen) = watched(body);
    pieces.send(Ok("arti")).unwrap();
    pieces.send(Err("cut".into())).unwrap();
    drop(pieces);
    while let Some(frame) = body.frame().await {
        drop(frame);
    }
    drop(body);
    assert_eq!(seen.now(), (4, false));
}

#[test]
fn a_body_without_bytes_is_complete() {
    let (body, seen) = watched(Body::empty());
    drop(body);
    assert_eq!(seen.now(), (0, true));
}

#[tokio::test]
async fn a_body_of_known_length_is_complete_after_its_last_byte_without_asking_for_the_end() {
    let (mut body, seen) = watched(Body::from("artifact"));
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(seen.now(), (8, true));
}
