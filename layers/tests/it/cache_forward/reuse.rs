//! What is served from the store, what is validated first, and what is asked anew.

use artifact_cache_layers::{cache::OnlyIfCached, cause::is_caused_by};
use http::StatusCode;

use crate::scripted::{Cached, Origin, URL, Whole, forward, forward_to, ok, with_status};

/// Serves `v1` with an entity tag, fresh for 60 s, and confirms it when asked.
fn validating() -> Origin {
    Origin::new(|asked, _| {
        let fields = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
        let is_known = asked
            .headers
            .get("if-none-match")
            .is_some_and(|tags| tags == "\"1\"");
        Ok(if is_known {
            with_status(StatusCode::NOT_MODIFIED, &fields, "")
        } else {
            ok(&fields, "v1")
        })
    })
}

#[tokio::test]
async fn a_fresh_response_is_served_without_asking() {
    let cached = Cached::new(&validating());
    let miss = cached.forward().await;
    assert_eq!(miss.how(), "fwd=uri-miss; fwd-status=200; stored");
    cached.clock.advance(10);
    let hit = cached.forward().await;
    assert_eq!((hit.status, hit.body.as_str()), (200, "v1"));
    assert!(hit.how().starts_with("hit; ttl="), "{}", hit.how());
    assert!(["10", "11"].contains(&hit.field("age").as_str()));
    assert_eq!(hit.field("content-length"), "2");
    assert_eq!((cached.origin.count(), cached.store.hits()), (1, 1));
}

#[tokio::test]
async fn a_stale_response_is_served_after_the_origin_confirmed_it() {
    let cached = Cached::new(&validating());
    cached.forward().await;
    cached.clock.advance(100);
    let confirmed = cached.forward().await;
    assert_eq!((confirmed.status, confirmed.body.as_str()), (200, "v1"));
    assert_eq!(confirmed.how(), "fwd=stale; fwd-status=304; stored");
    assert_eq!(cached.origin.field(1, "if-none-match"), "\"1\"");
    assert!(cached.forward().await.how().starts_with("hit"), "freshened");
    assert_eq!(cached.origin.count(), 2);
}

#[tokio::test]
async fn a_stale_response_is_replaced_when_the_origin_has_another() {
    let origin = Origin::new(|_, number| {
        let etag = format!("\"{number}\"");
        Ok(ok(
            &[("cache-control", "max-age=60"), ("etag", &etag)],
            format!("v{number}"),
        ))
    });
    let cached = Cached::new(&origin);
    cached.forward().await;
    cached.clock.advance(100);
    let replaced = cached.forward().await;
    assert_eq!(replaced.body, "v1");
    assert_eq!(replaced.how(), "fwd=stale; fwd-status=200; stored");
}

#[tokio::test]
async fn a_confirmation_of_something_else_is_not_believed() {
    let origin = Origin::new(|asked, number| {
        let fields = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
        Ok(
            match (number, asked.headers.contains_key("if-none-match")) {
                (0, _) => ok(&fields, "v1"),
                (_, true) => with_status(StatusCode::NOT_MODIFIED, &[("etag", "\"2\"")], ""),
                (_, false) => ok(&[("etag", "\"2\""), ("cache-control", "max-age=60")], "v2"),
            },
        )
    });
    let cached = Cached::new(&origin);
    cached.forward().await;
    cached.clock.advance(100);
    let answer = cached.forward().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "v2"));
    assert_eq!(origin.count(), 3, "asked again, without a condition");
    assert_eq!(cached.forward().await.body, "v2");
}

#[tokio::test]
async fn a_request_that_does_not_trust_a_fresh_response_gets_it_validated() {
    let cached = Cached::new(&validating());
    cached.forward().await;
    let answer = cached.get(forward(&[("cache-control", "no-cache")])).await;
    assert_eq!(answer.how(), "fwd=request; fwd-status=304; stored");
}

#[tokio::test]
async fn each_variant_of_a_url_answers_its_own_requests() {
    let origin = Origin::new(|asked, _| {
        let language = asked.headers["accept-language"]
            .to_str()
            .unwrap()
            .to_owned();
        Ok(ok(
            &[("cache-control", "max-age=60"), ("vary", "accept-language")],
            language,
        ))
    });
    let cached = Cached::new(&origin);
    for language in ["de", "fr"] {
        let miss = cached.get(forward(&[("accept-language", language)])).await;
        assert!(miss.how().starts_with("fwd="), "{}", miss.how());
    }
    let miss = cached.get(forward(&[("accept-language", "it")])).await;
    assert_eq!(miss.how(), "fwd=vary-miss; fwd-status=200; stored");
    for language in ["de", "fr", "it"] {
        let hit = cached.get(forward(&[("accept-language", language)])).await;
        assert!(hit.how().starts_with("hit"), "{}", hit.how());
        assert_eq!(hit.body, language);
    }
    assert_eq!(origin.count(), 3);
}

#[tokio::test]
async fn head_is_answered_from_a_stored_get() {
    let cached = Cached::new(&validating());
    cached.forward().await;
    let mut head = forward(&[]);
    *head.method_mut() = http::Method::HEAD;
    let answer = cached.get(head).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.field("content-length"), "2");
    assert!(answer.how().starts_with("hit"));
}

#[tokio::test]
async fn head_of_what_is_not_stored_is_asked_and_stores_nothing() {
    let cached = Cached::new(&validating());
    let mut head = forward(&[]);
    *head.method_mut() = http::Method::HEAD;
    let answer = cached.get(head).await;
    assert_eq!(answer.how(), "fwd=uri-miss; fwd-status=200");
    assert_eq!(cached.origin.method(0), "HEAD");
    assert_eq!(
        cached.forward().await.how(),
        "fwd=uri-miss; fwd-status=200; stored"
    );
}

#[tokio::test]
async fn the_conditions_of_a_client_are_answered_from_the_store() {
    let cached = Cached::new(&validating());
    cached.forward().await;
    let known = cached
        .get(forward(&[("if-none-match", "\"0\", \"1\"")]))
        .await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    assert!(known.how().starts_with("hit"), "{}", known.how());
    assert_eq!(known.field("etag"), "\"1\"");
    let unknown = cached.get(forward(&[("if-none-match", "\"0\"")])).await;
    assert_eq!((unknown.status, unknown.body.as_str()), (200, "v1"));
    assert_eq!(cached.origin.count(), 1);
}

#[tokio::test]
async fn the_conditions_of_a_client_are_asked_where_nothing_is_stored() {
    let cached = Cached::new(&validating());
    let answer = cached.get(forward(&[("if-none-match", "\"1\"")])).await;
    assert_eq!(answer.status, 304);
    assert_eq!(answer.how(), "fwd=uri-miss; fwd-status=304; detail=status");
}

#[tokio::test]
async fn a_validation_answers_the_condition_of_the_client_too() {
    let cached = Cached::new(&validating());
    cached.forward().await;
    cached.clock.advance(100);
    let answer = cached
        .get(forward(&[("if-none-match", "\"1\", \"7\"")]))
        .await;
    assert_eq!(answer.status, 304);
    assert_eq!(
        cached.origin.field(1, "if-none-match"),
        "\"1\"",
        "our validator"
    );
}

#[tokio::test]
async fn only_if_cached_is_answered_from_the_store_or_not_at_all() {
    let cached = Cached::new(&validating());
    let only = || forward(&[("cache-control", "only-if-cached")]);
    let error = cached.ask(only()).await.unwrap_err();
    assert!(is_caused_by::<OnlyIfCached>(&*error));
    assert!(error.to_string().contains(URL));
    assert_eq!(cached.origin.count(), 0);
    cached.forward().await;
    assert_eq!(cached.get(only()).await.body, "v1");
    cached.clock.advance(100);
    assert!(cached.ask(only()).await.is_err(), "it would be validated");
}

#[tokio::test]
async fn a_response_whose_bytes_are_gone_is_a_miss() {
    let cached = Cached::new(&validating());
    cached.forward().await;
    cached.store.lose_bodies();
    let answer = cached.forward().await;
    assert_eq!(answer.body, "v1");
    assert!(answer.how().starts_with("fwd="), "{}", answer.how());
    assert_eq!(
        cached.origin.field(1, "if-none-match"),
        "",
        "nothing to confirm"
    );
    assert!(cached.forward().await.how().starts_with("hit"));
}

#[tokio::test]
async fn bytes_that_vanish_during_a_validation_are_asked_for_again() {
    let store = artifact_cache_layers::memory::MemoryStore::default();
    let losing = store.clone();
    let origin = Origin::new(move |asked, _| {
        let fields = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
        if asked.headers.contains_key("if-none-match") {
            losing.lose_bodies();
            return Ok(with_status(StatusCode::NOT_MODIFIED, &fields, ""));
        }
        Ok(ok(&fields, "v1"))
    });
    let cached = Cached::over(store, &origin, |_| {});
    cached.forward().await;
    cached.clock.advance(100);
    let answer = cached.forward().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "v1"));
    assert_eq!(origin.count(), 3);
}

#[tokio::test]
async fn other_urls_are_other_artifacts() {
    let origin = Origin::new(|asked, _| {
        Ok(ok(
            &[("cache-control", "max-age=60")],
            asked.uri.path().to_owned(),
        ))
    });
    let cached = Cached::new(&origin);
    for path in ["/a", "/b", "/a", "/b"] {
        let uri = format!("http://example.com{path}");
        assert_eq!(cached.get(forward_to(&uri, &[])).await.body, path);
    }
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn a_request_without_target_passes_untouched() {
    let origin = Origin::new(|_, _| Ok(ok(&[("cache-control", "max-age=60")], "v1")));
    let cached = Cached::new(&origin);
    for _ in 0..2 {
        let answer = cached.ask(crate::support::get(URL)).await.unwrap();
        let answer = Whole::of(answer).await.unwrap();
        assert_eq!(answer.field("cache-status"), "");
        assert_eq!(answer.body, "v1");
    }
    assert_eq!(origin.count(), 2);
}
