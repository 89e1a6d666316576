//! What is asked of the origin, what its answers mean, and what is remembered of them.

use artifact_cache_layers::{
    body::Body,
    cache::{NotFetched, OnlyIfCached},
    cause::{cause_of, is_caused_by},
    memory::MemoryStore,
};
use http::{Method, Request, StatusCode};

use crate::scripted::{Answer, Cached, Origin, URL, explicit, forward, ok, with_status};

fn status_of(answer: Answer) -> u16 {
    let error = answer.err().unwrap();
    cause_of::<NotFetched>(&*error).unwrap().status.as_u16()
}

fn explicit_with(fields: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = explicit(|_| {});
    request
        .headers_mut()
        .extend(forward(fields).headers().clone());
    request
}

#[tokio::test]
async fn nothing_expires() {
    let origin = Origin::new(|_, _| Ok(ok(&[("cache-control", "no-store")], "artifact")));
    let cached = Cached::new(&origin);
    cached.explicit().await;
    cached.clock.advance(1_000_000_000);
    let hit = cached
        .get(explicit_with(&[("cache-control", "no-cache")]))
        .await;
    assert_eq!(hit.field("x-cache-status"), "HIT");
    assert!(hit.field("age").parse::<u64>().unwrap() >= 1_000_000_000);
    assert_eq!((origin.count(), cached.store.hits()), (1, 1));
}

#[tokio::test]
async fn fields_of_a_client_do_not_reach_the_origin() {
    let origin = Origin::new(|_, _| Ok(ok(&[], "artifact")));
    let cached = Cached::new(&origin);
    let fields = [
        ("authorization", "Basic secret"),
        ("cookie", "secret"),
        ("accept-encoding", "gzip"),
        ("range", "bytes=0-3"),
        ("if-none-match", "\"1\""),
    ];
    let answer = cached.get(explicit_with(&fields)).await;
    assert_eq!((answer.status, answer.body.as_str()), (206, "arti"));
    for name in ["authorization", "cookie", "range", "if-none-match"] {
        assert_eq!(origin.field(0, name), "", "{name}");
    }
    assert_eq!(origin.field(0, "accept-encoding"), "identity");
}

#[tokio::test]
async fn fields_about_the_site_of_the_origin_stay_there() {
    let origin = Origin::new(|_, _| {
        Ok(ok(
            &[
                ("set-cookie", "a=b"),
                ("strict-transport-security", "max-age=1"),
                ("content-type", "application/gzip"),
            ],
            "artifact",
        ))
    });
    let cached = Cached::new(&origin);
    for _ in 0..2 {
        let answer = cached.explicit().await;
        assert_eq!(answer.field("set-cookie"), "");
        assert_eq!(answer.field("strict-transport-security"), "");
        assert_eq!(answer.field("content-type"), "application/gzip");
        assert_eq!(
            answer.field("content-disposition"),
            "attachment; filename=\"artifact\""
        );
        assert_eq!(answer.field("accept-ranges"), "bytes");
    }
}

#[tokio::test]
async fn what_is_gone_is_remembered_for_a_while() {
    for status in [StatusCode::NOT_FOUND, StatusCode::GONE] {
        let origin = Origin::new(move |_, _| Ok(with_status(status, &[], "no such thing")));
        let cached = Cached::new(&origin);
        for _ in 0..3 {
            let answer = cached.ask(explicit(|_| {})).await;
            assert_eq!(status_of(answer), status.as_u16());
        }
        assert_eq!(origin.count(), 1);
        cached.clock.advance(61);
        assert_eq!(
            status_of(cached.ask(explicit(|_| {})).await),
            status.as_u16()
        );
        assert_eq!(origin.count(), 2);
    }
}

#[tokio::test]
async fn other_failures_of_the_origin_are_not_remembered() {
    for status in [401, 403, 429, 500, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        let origin = Origin::new(move |_, _| Ok(with_status(status, &[], "not now")));
        let cached = Cached::new(&origin);
        for _ in 0..2 {
            let answer = cached.ask(explicit(|_| {})).await;
            assert_eq!(status_of(answer), status.as_u16());
        }
        assert_eq!(origin.count(), 2);
    }
}

#[tokio::test]
async fn an_error_that_the_other_door_may_keep_is_still_no_artifact() {
    let origin = Origin::new(|_, _| {
        let fresh = [("cache-control", "max-age=60")];
        Ok(with_status(StatusCode::NOT_FOUND, &fresh, "no such thing"))
    });
    let cached = Cached::new(&origin);
    assert_eq!(cached.forward().await.status, 404);
    assert!(cached.forward().await.how().starts_with("hit"));
    assert_eq!(status_of(cached.ask(explicit(|_| {})).await), 404);
}

#[tokio::test]
async fn everyone_who_waits_for_what_is_gone_is_told_by_one_answer() {
    let origin = Origin::later(|_, _| async {
        tokio::task::yield_now().await;
        Ok(with_status(StatusCode::NOT_FOUND, &[], "no such thing"))
    });
    let cached = Cached::new(&origin);
    let ask = || cached.ask(explicit(|_| {}));
    let (one, other) = tokio::join!(ask(), ask());
    assert_eq!((status_of(one), status_of(other)), (404, 404));
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn head_is_asked_when_nothing_is_stored_and_stores_nothing() {
    let origin = Origin::new(|_, _| Ok(ok(&[("content-length", "8")], "")));
    let cached = Cached::new(&origin);
    let head = || {
        let mut request = explicit(|target| {
            target.expect = Some(artifact_cache_layers::digest::Sha256::of(b"artifact"));
        });
        *request.method_mut() = Method::HEAD;
        request
    };
    for number in 0..2 {
        let answer = cached.get(head()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.field("x-cache-status"), "MISS");
        for name in ["x-content-sha256", "repr-digest", "etag"] {
            assert_eq!(answer.field(name), "", "nobody has seen the bytes");
        }
        assert_eq!(origin.method(number), "HEAD");
    }
}

#[tokio::test]
async fn only_if_cached_does_not_reach_the_origin() {
    let origin = Origin::new(|_, _| Ok(ok(&[], "artifact")));
    let cached = Cached::new(&origin);
    let only = || explicit_with(&[("cache-control", "only-if-cached")]);
    let error = cached.ask(only()).await.unwrap_err();
    assert!(is_caused_by::<OnlyIfCached>(&*error) && error.to_string().contains(URL));
    cached.explicit().await;
    assert_eq!(cached.get(only()).await.body, "artifact");
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn lost_bytes_are_fetched_again() {
    let origin = Origin::new(|_, _| Ok(ok(&[("etag", "\"1\"")], "artifact")));
    let cached = Cached::new(&origin);
    cached.explicit().await;
    cached.store.lose_bodies();
    let answer = cached.explicit().await;
    assert_eq!(answer.field("x-cache-status"), "MISS");
    assert_eq!(answer.body, "artifact");
    assert_eq!(origin.field(1, "if-none-match"), "", "nothing to confirm");
}

#[tokio::test]
async fn our_own_validator_answers_conditions_and_ranges() {
    let cached = Cached::new(&Origin::new(|_, _| {
        Ok(ok(&[("etag", "\"1\"")], "artifact"))
    }));
    let etag = cached.explicit().await.field("etag");
    let known = cached.get(explicit_with(&[("if-none-match", &etag)])).await;
    assert_eq!(
        (known.status, known.field("x-cache-status")),
        (304, "HIT".into())
    );
    let other = cached.get(explicit_with(&[("if-match", "\"1\"")])).await;
    assert_eq!(other.status, 412);
    let part = [("range", "bytes=3-"), ("if-range", etag.as_str())];
    let part = cached.get(explicit_with(&part)).await;
    assert_eq!((part.status, part.body.as_str()), (206, "ifact"));
}

#[tokio::test]
async fn a_coding_made_for_another_client_is_not_the_artifact() {
    let origin = Origin::new(|asked, _| {
        let fields = [("cache-control", "max-age=60"), ("vary", "accept-encoding")];
        let is_coded = asked.headers["accept-encoding"] == "gzip";
        let mut response = ok(&fields, if is_coded { "coded" } else { "artifact" });
        if is_coded {
            let coding = "gzip".parse().unwrap();
            response.headers_mut().insert("content-encoding", coding);
        }
        Ok(response)
    });
    let cached = Cached::over(MemoryStore::default(), &origin, |_| {});
    let coded = forward(&[("accept-encoding", "gzip")]);
    assert_eq!(cached.get(coded).await.body, "coded");
    for status in ["MISS", "HIT"] {
        let answer = cached.explicit().await;
        assert_eq!(answer.body, "artifact");
        assert_eq!(answer.field("x-cache-status"), status);
    }
}

#[tokio::test]
async fn what_the_other_door_stored_is_a_hit_here_unless_it_depends_on_who_asked() {
    for (vary, expected) in [("accept-encoding", "HIT"), ("cookie", "MISS")] {
        let fields = [("cache-control", "max-age=60"), ("vary", vary)];
        let cached = Cached::new(&Origin::new(move |_, _| Ok(ok(&fields, "artifact"))));
        let asked = [("accept-encoding", "gzip, br"), ("cookie", "session=1")];
        cached.get(forward(&asked)).await;
        let answer = cached.explicit().await;
        assert_eq!(answer.field("x-cache-status"), expected, "{vary}");
    }
}
