//! The `collapse` layer alone, over an inner service that the test holds back.

use std::sync::{Arc, Mutex};

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::is_caused_by,
    collapse::{Collapse, CollapseLayer, Flights, LeaderGone, Task},
    extensions::{Mode, Target},
    failure::Superseded,
    memory::MemoryStore,
    share::{Shared, Wanted},
    tee::{Tee, TeeLayer},
};
use http::{Request, StatusCode};
use tokio::sync::Semaphore;
use tower::{Layer as _, Service as _, ServiceExt as _};

use crate::{
    scripted::{Answer, Origin, explicit, forward, forward_to, ok, pieces, with_status},
    support::stream,
};

/// Answers by `script` once the test opens the gate.
fn gated(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (Origin, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let (open, script) = (gate.clone(), Arc::new(script));
    let origin = Origin::later(move |_, number| {
        let (open, script) = (open.clone(), script.clone());
        async move {
            open.acquire().await.unwrap().forget();
            script(number)
        }
    });
    (origin, gate)
}

fn spawning() -> Flights {
    Flights::new(|task| drop(tokio::spawn(task)))
}

/// `collapse` over `tee`, as in a product: bodies are shared.
fn sharing(origin: &Origin) -> Collapse<Tee<Origin, MemoryStore>> {
    let tee = TeeLayer::new(MemoryStore::default()).layer(origin.clone());
    CollapseLayer::new(spawning()).layer(tee)
}

/// `collapse` alone: no body is shared.
fn alone(origin: &Origin) -> Collapse<Origin> {
    CollapseLayer::new(spawning()).layer(origin.clone())
}

/// Asks with each of `requests` before the gate opens.
async fn all_at_once(
    requests: Vec<Request<Body>>,
    layer: Collapse<Tee<Origin, MemoryStore>>,
    gate: &Semaphore,
) -> Vec<Answer> {
    let asked: Vec<_> = requests
        .into_iter()
        .map(|request| tokio::spawn(layer.clone().oneshot(request)))
        .collect();
    tokio::task::yield_now().await;
    gate.add_permits(1000);
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    answers
}

fn is_collapsed(answer: &Answer) -> Option<bool> {
    let shared = answer.as_ref().unwrap().extensions().get::<Shared>();
    shared.map(|shared| shared.collapsed)
}

async fn body_of(answer: Answer) -> Result<String, BoxError> {
    let shared = answer.unwrap().extensions().get::<Shared>().cloned();
    let body = shared.unwrap().share.body(Wanted::default());
    let bytes = http_body_util::BodyExt::collect(body).await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec())?)
}

#[tokio::test]
async fn one_request_fetches_what_many_ask_for() {
    let (origin, gate) = gated(|_| Ok(ok(&[("cache-control", "max-age=60")], "artifact")));
    let requests = (0..200).map(|_| forward(&[])).collect();
    let answers = all_at_once(requests, sharing(&origin), &gate).await;
    assert_eq!(origin.count(), 1);
    let followers = answers.iter().filter(|one| is_collapsed(one) == Some(true));
    assert_eq!(followers.count(), 199);
    for answer in answers {
        assert_eq!(body_of(answer).await.unwrap(), "artifact");
    }
}

#[tokio::test]
async fn a_flight_can_be_joined_until_its_body_is_complete() {
    let (writer, body) = stream();
    let body = Mutex::new(Some(body));
    let origin = Origin::new(move |_, _| {
        let body = body.lock().unwrap().take().unwrap_or_default();
        Ok(ok(&[("cache-control", "max-age=60")], body))
    });
    let layer = sharing(&origin);
    let first = layer.clone().oneshot(forward(&[])).await;
    writer.send(Ok("arti")).unwrap();
    let late = layer.clone().oneshot(forward(&[])).await;
    assert_eq!(is_collapsed(&late), Some(true));
    writer.send(Ok("fact")).unwrap();
    drop(writer);
    assert_eq!(body_of(first).await.unwrap(), "artifact");
    assert_eq!(body_of(late).await.unwrap(), "artifact");
    tokio::task::yield_now().await;
    let after = layer.oneshot(forward(&[])).await;
    assert_eq!(is_collapsed(&after), Some(false), "a flight of its own");
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn a_leader_that_leaves_leaves_the_others_their_answer() {
    let (origin, gate) = gated(|_| Ok(ok(&[("cache-control", "max-age=60")], "artifact")));
    let layer = sharing(&origin);
    let leader = tokio::spawn(layer.clone().oneshot(forward(&[])));
    tokio::task::yield_now().await;
    let follower = tokio::spawn(layer.clone().oneshot(forward(&[])));
    tokio::task::yield_now().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    let answer = follower.await.unwrap();
    assert_eq!(body_of(answer).await.unwrap(), "artifact");
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn a_follower_that_leaves_disturbs_nobody() {
    let (origin, gate) = gated(|_| Ok(ok(&[("cache-control", "max-age=60")], "artifact")));
    let layer = sharing(&origin);
    let leader = tokio::spawn(layer.clone().oneshot(forward(&[])));
    let follower = tokio::spawn(layer.clone().oneshot(forward(&[])));
    tokio::task::yield_now().await;
    follower.abort();
    assert!(follower.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    assert_eq!(body_of(leader.await.unwrap()).await.unwrap(), "artifact");
}

#[tokio::test]
async fn everyone_is_told_why_the_origin_could_not_be_asked() {
    #[derive(Debug)]
    struct NoRoute;
    impl std::fmt::Display for NoRoute {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no route to host")
        }
    }
    impl std::error::Error for NoRoute {}

    let (origin, gate) = gated(|_| Err(NoRoute.into()));
    let requests = (0..20).map(|_| forward(&[])).collect();
    let answers = all_at_once(requests, sharing(&origin), &gate).await;
    assert_eq!(origin.count(), 1);
    for answer in answers {
        assert!(is_caused_by::<NoRoute>(&*answer.unwrap_err()));
    }
}

#[tokio::test]
async fn a_follower_that_wants_another_variant_asks_for_itself() {
    let fields = [("cache-control", "max-age=60"), ("vary", "accept-language")];
    let (origin, gate) = gated(move |number| Ok(ok(&fields, format!("variant {number}"))));
    let languages = ["de", "fr", "de"].map(|one| forward(&[("accept-language", one)]));
    let answers = all_at_once(languages.into(), sharing(&origin), &gate).await;
    let collapsed: Vec<_> = answers.iter().map(is_collapsed).collect();
    assert_eq!(collapsed, [Some(false), Some(false), Some(true)]);
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn an_answer_for_one_client_is_given_to_one_client() {
    for directive in ["no-store", "private"] {
        let fields = [("cache-control", directive)];
        let (origin, gate) = gated(move |number| Ok(ok(&fields, format!("for {number}"))));
        let requests = (0..3).map(|_| forward(&[])).collect();
        let answers = all_at_once(requests, sharing(&origin), &gate).await;
        assert_eq!(origin.count(), 3, "{directive}");
        for answer in answers {
            assert!(is_collapsed(&answer).is_none());
        }
    }
}

#[tokio::test]
async fn a_confirmation_is_copied_to_everyone_who_asked_for_it() {
    let (origin, gate) = gated(|_| {
        let tag = [("etag", "\"1\"")];
        Ok(with_status(StatusCode::NOT_MODIFIED, &tag, ""))
    });
    let ask = || forward(&[("if-none-match", "\"1\"")]);
    let other = forward(&[("if-none-match", "\"2\"")]);
    let requests = vec![ask(), ask(), other, ask()];
    let answers = all_at_once(requests, sharing(&origin), &gate).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer.headers()["etag"], "\"1\"");
    }
    assert_eq!(origin.count(), 2, "one for each condition");
}

#[tokio::test]
async fn an_empty_answer_of_one_client_is_not_copied() {
    for (status, fields) in [
        (StatusCode::FOUND, [("set-cookie", "session=1")]),
        (StatusCode::FOUND, [("location", "/login")]),
        (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]),
        (StatusCode::NOT_MODIFIED, [("set-cookie", "session=1")]),
        (StatusCode::NOT_MODIFIED, [("cache-control", "private")]),
        (StatusCode::NOT_MODIFIED, [("vary", "*")]),
    ] {
        let (origin, gate) = gated(move |_| Ok(with_status(status, &fields, "")));
        let requests = (0..2).map(|_| forward(&[])).collect();
        all_at_once(requests, sharing(&origin), &gate).await;
        assert_eq!(origin.count(), 2, "{status} {fields:?}");
    }
}

#[tokio::test]
async fn a_confirmation_of_another_variant_is_not_copied() {
    let fields = [("etag", "\"1\""), ("vary", "accept-language")];
    let (origin, gate) = gated(move |_| Ok(with_status(StatusCode::NOT_MODIFIED, &fields, "")));
    let requests = ["de", "fr", "de"].map(|one| forward(&[("accept-language", one)]));
    all_at_once(requests.into(), sharing(&origin), &gate).await;
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn requests_that_stand_alone_are_not_held_up() {
    for field in ["authorization", "range", "if-match", "if-unmodified-since"] {
        let (origin, gate) = gated(|number| Ok(ok(&[], number.to_string())));
        let requests = (0..2).map(|_| forward(&[(field, "bytes=0-")])).collect();
        all_at_once(requests, sharing(&origin), &gate).await;
        assert_eq!(origin.count(), 2, "{field}");
    }
    let (origin, gate) = gated(|_| Ok(ok(&[], "posted")));
    let post = || {
        let mut request = forward(&[]);
        *request.method_mut() = http::Method::POST;
        request
    };
    all_at_once(vec![post(), post()], sharing(&origin), &gate).await;
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn other_urls_codings_and_rules_are_other_flights() {
    let (origin, gate) = gated(|_| Ok(ok(&[("cache-control", "max-age=60")], "artifact")));
    let requests = vec![
        forward(&[]),
        forward_to("http://example.com/other", &[]),
        forward(&[("accept-encoding", "gzip")]),
        explicit(|_| {}),
        explicit(|target| target.mode = Mode::Internal),
    ];
    let answers = all_at_once(requests, sharing(&origin), &gate).await;
    assert_eq!(origin.count(), 4);
    assert_eq!(is_collapsed(&answers[4]), Some(true));
}

#[tokio::test]
async fn a_request_without_target_passes() {
    let origin = Origin::new(|_, _| Ok(ok(&[], "as it is")));
    let mut request = forward(&[]);
    request.extensions_mut().remove::<Target>();
    let answer = alone(&origin).oneshot(request).await.unwrap();
    assert!(answer.extensions().get::<Shared>().is_none());
}

#[tokio::test]
async fn a_task_that_is_never_run_is_an_error_and_not_a_wait() {
    let origin = Origin::new(|_, _| Ok(ok(&[], "artifact")));
    let flights = Flights::new(|task: Task| drop(task));
    let mut layer = CollapseLayer::new(flights).layer(origin);
    let error = layer.call(forward(&[])).await.unwrap_err();
    assert!(is_caused_by::<LeaderGone>(&*error));
}

#[tokio::test]
async fn an_answer_stored_since_the_look_sends_a_leader_back() {
    let origin = Origin::new(|_, _| Ok(ok(&[], "artifact")));
    let is_stored = Arc::new(Mutex::new(true));
    let stored = is_stored.clone();
    let flights = spawning().with_recheck(move |_| *stored.lock().unwrap());
    let mut layer = CollapseLayer::new(flights).layer(origin.clone());
    let error = layer.call(forward(&[])).await.unwrap_err();
    assert!(is_caused_by::<Superseded>(&*error));
    assert_eq!(origin.count(), 0);
    *is_stored.lock().unwrap() = false;
    layer.call(forward(&[])).await.unwrap();
    assert_eq!(origin.count(), 1, "the place was given up");
}

#[tokio::test]
async fn a_failed_answer_is_not_joined() {
    let origin = Origin::new(move |_, number| {
        let fields = [("cache-control", "max-age=60")];
        Ok(ok(&fields, pieces(&["whole"], number < 5, None)))
    });
    let layer = sharing(&origin);
    let first = layer.clone().oneshot(forward(&[])).await;
    assert!(body_of(first).await.is_err());
    assert_eq!(origin.count(), 5, "the first and four attempts to go on");
    let second = layer.oneshot(forward(&[])).await;
    assert_eq!(is_collapsed(&second), Some(false));
    assert_eq!(body_of(second).await.unwrap(), "whole");
}
