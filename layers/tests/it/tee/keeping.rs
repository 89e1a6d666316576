//! Which bodies go into the sink, and how they arrive there.

use artifact_cache_layers::{
    body::Body,
    extensions::Target,
    share::{NotKept, Shared},
};
use http::{Method, Request, StatusCode};

use super::sink::{Event, Shelf, content, head};
use crate::{
    scripted::{Origin, Whole, forward, ok, pieces, with_status},
    support::stream,
};

#[tokio::test]
async fn an_admitted_body_goes_into_the_sink_and_is_shared() {
    let origin = Origin::new(|_, _| Ok(ok(&[("etag", "\"1\"")], "artifact")));
    let (answer, events) = Shelf::default().keep(&origin, forward(&[])).await;
    let answer = head(answer);
    let shared = answer.extensions().get::<Shared>().unwrap();
    assert!(!shared.collapsed);
    assert_eq!(shared.share.status(), StatusCode::OK);
    assert_eq!(answer.headers()["etag"], "\"1\"");
    assert_eq!(events, [Event::Write("artifact".into()), Event::Finish]);
}

#[tokio::test]
async fn a_body_that_is_not_admitted_passes_with_the_reason() {
    let origin = Origin::new(|_, _| Ok(ok(&[], "artifact")));
    let shelf = Shelf {
        pass: Some("no-room"),
        ..Shelf::default()
    };
    let (answer, events) = shelf.keep(&origin, forward(&[])).await;
    let answer = answer.unwrap();
    assert_eq!(answer.extensions().get(), Some(&NotKept("no-room")));
    assert_eq!(Whole::of(answer).await.unwrap().body, "artifact");
    assert_eq!(events, []);
}

#[tokio::test]
async fn a_refusal_is_the_answer() {
    let origin = Origin::new(|_, _| Ok(ok(&[], "artifact")));
    let shelf = Shelf {
        refuse: true,
        ..Shelf::default()
    };
    let (answer, _) = shelf.keep(&origin, forward(&[])).await;
    assert_eq!(answer.unwrap_err().to_string(), "too large");
}

type Change = fn(&mut Request<Body>);

#[tokio::test]
async fn only_whole_representations_of_a_known_target_are_candidates() {
    let changes: [(&str, Change); 4] = [
        ("method", |request| *request.method_mut() = Method::HEAD),
        ("target", |request| {
            request.extensions_mut().remove::<Target>();
        }),
        ("range", |request| {
            let range = "bytes=0-1".parse().unwrap();
            request.headers_mut().insert("range", range);
        }),
        ("body", |request| {
            *request.body_mut() = Body::from("question");
        }),
    ];
    for (what, change) in changes {
        let origin = Origin::new(|_, _| Ok(ok(&[], "artifact")));
        let mut request = forward(&[]);
        change(&mut request);
        let (answer, events) = Shelf::default().keep(&origin, request).await;
        assert!(
            answer.unwrap().extensions().get::<Shared>().is_none(),
            "{what}"
        );
        assert_eq!(events, [], "{what}");
    }
}

#[tokio::test]
async fn the_failure_of_the_origin_is_the_answer() {
    let origin = Origin::new(|_, _| Err("no route to host".into()));
    let (answer, events) = Shelf::default().keep(&origin, forward(&[])).await;
    assert_eq!(answer.unwrap_err().to_string(), "no route to host");
    assert_eq!(events, []);
}

#[tokio::test]
async fn what_is_there_is_handed_over_together_and_what_is_not_is_not_waited_for() {
    let (writer, body) = stream();
    let body = std::sync::Mutex::new(Some(body));
    let origin = Origin::new(move |_, _| Ok(ok(&[], body.lock().unwrap().take().unwrap())));
    for piece in ["a", "b", "c"] {
        writer.send(Ok(piece)).unwrap();
    }
    let shelf = Shelf::default();
    let fill = shelf.keep(&origin, forward(&[]));
    let writing = async {
        while shelf.log.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        writer.send(Ok("d")).unwrap();
        drop(writer);
    };
    let ((_, events), ()) = tokio::join!(fill, writing);
    let write = |bytes: &str| Event::Write(bytes.into());
    assert_eq!(events, [write("abc"), write("d"), Event::Finish]);
}

#[tokio::test]
async fn a_batch_is_bounded() {
    const PIECE: &str = include_str!("keeping.rs");
    let origin = Origin::new(|_, _| Ok(ok(&[], pieces(&[PIECE; 200], false, None))));
    let (_, events) = Shelf::default().keep(&origin, forward(&[])).await;
    assert_eq!(content("", &events), PIECE.repeat(200));
    let largest = events.iter().map(|event| match event {
        Event::Write(bytes) => bytes.len(),
        _ => 0,
    });
    let largest = largest.max().unwrap();
    assert!(largest < (256 << 10) + PIECE.len(), "{largest}");
    assert!(events.len() > 2, "in several batches");
}

#[tokio::test]
async fn an_empty_body_is_complete() {
    let origin = Origin::new(|_, _| Ok(with_status(StatusCode::NO_CONTENT, &[], "")));
    let (_, events) = Shelf::default().keep(&origin, forward(&[])).await;
    assert_eq!(events, [Event::Finish]);
}

#[tokio::test]
async fn a_sink_that_takes_no_more_ends_the_fill() {
    let origin = Origin::new(|_, _| Ok(ok(&[("etag", "\"1\"")], "artifact")));
    let shelf = Shelf {
        room: Some(3),
        ..Shelf::default()
    };
    let (_, events) = shelf.keep(&origin, forward(&[])).await;
    assert_eq!(events, [Event::Fail("the sink is full".into())]);
    assert_eq!(origin.count(), 1, "the origin is not to blame");
}

#[tokio::test]
async fn a_cancelled_fill_drops_its_sink() {
    let origin = Origin::new(|_, _| Ok(ok(&[], "artifact")));
    let shelf = Shelf::default();
    let layer = tower::Layer::layer(
        &artifact_cache_layers::tee::TeeLayer::new(shelf.clone()),
        origin,
    );
    tower::ServiceExt::oneshot(layer, forward(&[]))
        .await
        .unwrap();
    shelf.tasks.lock().unwrap().clear();
    assert_eq!(*shelf.log.lock().unwrap(), [Event::Dropped]);
}
