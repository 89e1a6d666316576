//! A large body is asked for in ranges, several at a time, and comes out as one; where that cannot be done, it is
//! asked for whole.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    cause::cause_of,
    failure::Incomplete,
    ranges::{NotTheRange, RangesLayer, Terms},
};
use http::{Request, Response, StatusCode, request};
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _};

use crate::scripted::{Answer, Origin, ok, pieces, with_status};

const ARTIFACT: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const TAG: (&str, &str) = ("etag", "\"1\"");
const BYTES: (&str, &str) = ("accept-ranges", "bytes");
const TERMS: Terms = Terms {
    at_once: 3,
    range_bytes: 8,
    least_bytes: 16,
};

/// The bytes that a request asks for.
fn asked(request: &request::Parts) -> Option<(usize, usize)> {
    let range = request.headers.get("range")?.to_str().unwrap();
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().unwrap(), last.parse().unwrap()))
}

/// An answer to a request, as an origin gives it that takes ranges.
fn answer(request: &request::Parts) -> Response<Body> {
    match asked(request) {
        None => ok(&[TAG, BYTES], ARTIFACT),
        Some(range) => part(range, TAG),
    }
}

fn part((first, last): (usize, usize), tag: (&'static str, &str)) -> Response<Body> {
    let range = format!("bytes {first}-{last}/{}", ARTIFACT.len());
    let fields = [tag, ("content-range", range.as_str())];
    with_status(
        StatusCode::PARTIAL_CONTENT,
        &fields,
        &ARTIFACT[first..=last],
    )
}

/// The bytes that came, and how it ended.
async fn read(response: Response<Body>) -> (String, Result<(), BoxError>) {
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    let ended = loop {
        match body.frame().await {
            None => break Ok(()),
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().expect("data")),
            Some(Err(error)) => break Err(error),
        }
    };
    (String::from_utf8(bytes).unwrap(), ended)
}

async fn respond(origin: &Origin, request: Request<Body>) -> Response<Body> {
    let service = RangesLayer::new(TERMS, |_| true).layer(origin.clone());
    service.oneshot(request).await.expect("a response")
}

async fn get(origin: &Origin) -> (String, Result<(), BoxError>) {
    read(respond(origin, Request::new(Body::empty())).await).await
}

#[tokio::test]
async fn ranges_come_out_as_one_body() {
    let origin = Origin::new(|request, _| Ok(answer(request)));
    let response = respond(&origin, Request::new(Body::empty())).await;
    assert_eq!(
        http_body::Body::size_hint(response.body()).exact(),
        Some(36)
    );
    assert_eq!(origin.count(), 1, "nothing is asked for before it is read");
    let (bytes, ended) = read(response).await;
    ended.expect("whole");
    assert_eq!(bytes, ARTIFACT);
    assert_eq!(origin.count(), 5);
    assert_eq!(origin.field(1, "range"), "bytes=8-15");
    assert_eq!(origin.field(4, "range"), "bytes=32-35");
    assert_eq!(origin.field(4, "if-range"), "\"1\"");
}

#[tokio::test]
async fn no_more_are_on_their_way_than_the_terms_allow() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (now.clone(), most.clone());
    let origin = Origin::later(move |request, _| {
        let (now, most) = (counted.clone(), highest.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            Answer::Ok(answer(&request))
        }
    });
    let (bytes, _) = get(&origin).await;
    assert_eq!(bytes, ARTIFACT);
    // There are four beside the beginning.
    assert_eq!(most.load(Ordering::SeqCst), TERMS.at_once);
}

#[tokio::test]
async fn a_range_that_is_refused_or_of_something_else_ends_the_body_where_it_would_begin() {
    type Script = fn((usize, usize)) -> Response<Body>;
    let wrong: [Script; 5] = [
        |_| with_status(StatusCode::TOO_MANY_REQUESTS, &[], ""),
        |_| ok(&[TAG, BYTES], ARTIFACT),
        |range| part(range, ("etag", "\"2\"")),
        |(first, last)| part((first - 1, last - 1), TAG),
        |(first, last)| part((first, last - 1), TAG),
    ];
    for wrong in wrong {
        let origin = Origin::new(move |request, _| {
            Ok(match asked(request) {
                Some(range) if range.0 == 16 => wrong(range),
                _ => answer(request),
            })
        });
        let (bytes, ended) = get(&origin).await;
        assert_eq!(bytes, ARTIFACT[..16]);
        let error = ended.expect_err("not whole");
        assert!(cause_of::<NotTheRange>(&*error).is_some(), "{error}");
    }
}

#[tokio::test]
async fn a_range_that_breaks_off_ends_the_body_where_it_broke_off() {
    let origin = Origin::new(|request, _| {
        Ok(match asked(request) {
            Some((8, 15)) => {
                let fields = [TAG, ("content-range", "bytes 8-15/36")];
                let body = pieces(&["89a"], false, None);
                with_status(StatusCode::PARTIAL_CONTENT, &fields, body)
            }
            _ => answer(request),
        })
    });
    let (bytes, ended) = get(&origin).await;
    assert_eq!(bytes, "0123456789a");
    let error = ended.expect_err("not whole");
    assert!(cause_of::<Incomplete>(&*error).is_some(), "{error}");
}

#[tokio::test]
async fn what_cannot_be_put_together_safely_is_asked_for_whole() {
    let heads: [&[(&'static str, &str)]; 4] = [
        &[TAG],
        &[BYTES],
        &[("etag", "W/\"1\""), BYTES],
        &[TAG, ("accept-ranges", "none")],
    ];
    for head in heads {
        let head: Vec<_> = head
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let origin = Origin::new(move |_, _| {
            let head: Vec<_> = head
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            Ok(ok(&head, ARTIFACT))
        });
        assert_eq!(get(&origin).await.0, ARTIFACT);
        assert_eq!(origin.count(), 1);
    }
    let of_unknown_length =
        Origin::new(|_, _| Ok(ok(&[TAG, BYTES], pieces(&[ARTIFACT], false, None))));
    assert_eq!(get(&of_unknown_length).await.0, ARTIFACT);
    assert_eq!(of_unknown_length.count(), 1);
    let short = Origin::new(|_, _| Ok(ok(&[TAG, BYTES], "0123456789")));
    assert_eq!(get(&short).await.0, "0123456789");
    assert_eq!(short.count(), 1);
}

#[tokio::test]
async fn a_request_with_conditions_or_a_range_or_of_another_kind_is_left_alone() {
    let origin = Origin::new(|_, _| Ok(ok(&[TAG, BYTES], ARTIFACT)));
    for name in ["range", "if-none-match", "if-match", "if-modified-since"] {
        let request = Request::get("/").header(name, "bytes=0-");
        read(respond(&origin, request.body(Body::empty()).unwrap()).await)
            .await
            .1
            .expect("whole");
    }
    let service =
        RangesLayer::new(TERMS, |request| request.uri() != "/small").layer(origin.clone());
    let request = Request::get("/small").body(Body::empty()).unwrap();
    read(service.oneshot(request).await.expect("a response"))
        .await
        .1
        .expect("whole");
    assert_eq!(origin.count(), 5);
}
