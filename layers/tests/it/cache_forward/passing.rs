//! What goes past the store, and what it throws out there.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use artifact_cache_layers::{body::Body, failure::Superseded};
use http::{Method, Request, StatusCode};

use crate::scripted::{Cached, Origin, Whole, cache_over, forward, forward_to, ok, with_status};

/// Serves the number of the request, fresh for 60 s; other methods than GET get `status`.
fn counting(status: StatusCode, fields: &'static [(&'static str, &'static str)]) -> Origin {
    Origin::new(move |asked, number| {
        if asked.method == Method::GET {
            let fresh = [("cache-control", "max-age=60")];
            return Ok(ok(&fresh, number.to_string()));
        }
        Ok(with_status(status, fields, "done"))
    })
}

fn with_method(method: Method, body: &'static str) -> Request<Body> {
    let mut request = forward(&[]);
    *request.method_mut() = method;
    request.map(|_| Body::from(body))
}

#[tokio::test]
async fn an_unsafe_request_is_forwarded_and_invalidates() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "FROBNICATE"] {
        let cached = Cached::new(&counting(StatusCode::NO_CONTENT, &[]));
        assert_eq!(cached.forward().await.body, "0");
        let answer = cached
            .get(with_method(method.parse().unwrap(), "change"))
            .await;
        assert_eq!(answer.how(), "fwd=method; fwd-status=204");
        assert_eq!(cached.origin.method(1), method);
        let after = cached.forward().await;
        assert_eq!(after.body, "2", "{method}");
        assert_eq!(cached.forward().await.body, "2", "{method}");
    }
}

#[tokio::test]
async fn a_failed_or_safe_request_invalidates_nothing() {
    for (method, status) in [
        (Method::POST, StatusCode::BAD_REQUEST),
        (Method::DELETE, StatusCode::INTERNAL_SERVER_ERROR),
        (Method::OPTIONS, StatusCode::OK),
    ] {
        let cached = Cached::new(&counting(status, &[]));
        cached.forward().await;
        let answer = cached.get(with_method(method, "")).await;
        assert_eq!(answer.status, status.as_u16());
        assert_eq!(cached.forward().await.body, "0");
    }
}

#[tokio::test]
async fn what_a_location_of_the_same_origin_names_is_invalidated_too() {
    let origin = counting(
        StatusCode::CREATED,
        &[
            ("location", "/new"),
            ("content-location", "http://other.example/new"),
        ],
    );
    let cached = Cached::new(&origin);
    for uri in [
        "http://example.com/new",
        "http://other.example/new",
        "http://example.com/kept",
    ] {
        cached.get(forward_to(uri, &[])).await;
    }
    cached.get(with_method(Method::POST, "")).await;
    let hit = |uri| {
        let cached = cached.clone();
        async move {
            cached
                .get(forward_to(uri, &[]))
                .await
                .how()
                .starts_with("hit")
        }
    };
    assert!(!hit("http://example.com/new").await);
    assert!(
        hit("http://other.example/new").await,
        "of another origin: not believed"
    );
    assert!(hit("http://example.com/kept").await);
}

#[tokio::test]
async fn an_invalidated_response_is_confirmed_before_it_is_used_again() {
    let origin = Origin::new(|asked, _| {
        let fields = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
        Ok(if asked.headers.contains_key("if-none-match") {
            with_status(StatusCode::NOT_MODIFIED, &fields, "")
        } else {
            ok(&fields, "v1")
        })
    });
    let cached = Cached::new(&origin);
    cached.forward().await;
    cached.get(with_method(Method::POST, "")).await;
    let answer = cached.forward().await;
    assert_eq!(answer.how(), "fwd=stale; fwd-status=304; stored");
    assert_eq!(answer.body, "v1");
}

#[tokio::test]
async fn a_get_with_a_body_goes_past_the_store() {
    let cached = Cached::new(&counting(StatusCode::OK, &[]));
    for number in ["0", "1"] {
        let answer = cached.get(with_method(Method::GET, "a question")).await;
        assert_eq!(answer.body, number);
        assert_eq!(answer.how(), "fwd=request; fwd-status=200");
    }
}

#[tokio::test]
async fn a_condition_that_only_the_origin_can_judge_goes_to_the_origin() {
    let cached = Cached::new(&counting(StatusCode::OK, &[]));
    cached.forward().await;
    for (name, value) in [
        ("if-match", "\"1\""),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ] {
        let before = cached.origin.count();
        let answer = cached.get(forward(&[(name, value)])).await;
        assert_eq!(answer.body, before.to_string(), "{name}: the origin's own");
        assert_eq!(cached.origin.field(before, name), value);
    }
}

#[tokio::test]
async fn what_may_not_be_stored_is_streamed_and_asked_for_each_time() {
    for directive in ["no-store", "private", "max-age=0, no-cache"] {
        let origin = Origin::new(move |_, number| {
            Ok(ok(&[("cache-control", directive)], number.to_string()))
        });
        let cached = Cached::new(&origin);
        for number in ["0", "1"] {
            let answer = cached.forward().await;
            assert_eq!(answer.body, number, "{directive}");
            assert!(
                answer
                    .how()
                    .starts_with("fwd=uri-miss; fwd-status=200; detail="),
                "{}",
                answer.how()
            );
        }
    }
}

#[tokio::test]
async fn an_answer_stored_meanwhile_is_found_by_looking_again() {
    let looked = Arc::new(AtomicU32::new(0));
    let seen = looked.clone();
    let inner = Origin::new(move |_, _| {
        // Superseded at first, as by a flight that landed between the look and the request.
        if seen.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(Superseded.into());
        }
        Ok(ok(&[], "third"))
    });
    let mut cache = cache_over(inner, |_| {});
    let answer = tower::Service::call(&mut cache, forward(&[]))
        .await
        .unwrap();
    assert_eq!(Whole::of(answer).await.unwrap().body, "third");
    assert_eq!(looked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_request_that_is_always_too_late_is_forwarded_in_the_end() {
    let inner = Origin::new(|_, number| {
        if number < 4 {
            return Err(Superseded.into());
        }
        Ok(ok(&[], "past the store"))
    });
    let mut cache = cache_over(inner.clone(), |_| {});
    let answer = tower::Service::call(&mut cache, forward(&[]))
        .await
        .unwrap();
    assert_eq!(Whole::of(answer).await.unwrap().body, "past the store");
    assert_eq!(inner.count(), 5);
}
