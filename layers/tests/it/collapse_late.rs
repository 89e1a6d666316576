//! The `collapse` layer and who comes late: an answer is shared by those who wait for it, not by those
//! who ask after it was given.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use artifact_cache_layers::{
    body::Body,
    collapse::{CollapseLayer, Flights},
};
use http::{Request, Response, StatusCode};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::scripted::explicit;

/// Enough for a task to be overtaken by the client it has just answered.
const ROUNDS: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_asks_after_an_answer_gets_a_new_one() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let origin = service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
            .headers_mut()
            .insert("number", ASKED.fetch_add(1, Relaxed).into());
        Ok::<_, Infallible>(response)
    });
    let flights = Flights::new(|task| drop(tokio::spawn(task)));
    let service = CollapseLayer::new(flights).layer(origin);
    for number in 0..ROUNDS {
        let answer = service.clone().oneshot(explicit(|_| ())).await.unwrap();
        assert_eq!(answer.headers()["number"], number.to_string());
    }
}
