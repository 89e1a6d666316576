//! A pinned digest is an identity: right bytes from wherever they are, never wrong ones.

use artifact_cache_layers::{
    body::BoxError,
    cache::{Alias, Rules},
    cause::cause_of,
    digest::Sha256,
    failure::Mismatch,
    memory::MemoryStore,
};
use http::{Request, StatusCode};

use crate::scripted::{Answer, Cached, Origin, Whole, explicit, explicit_to, ok, with_status};

type Asked = Request<artifact_cache_layers::body::Body>;

fn pinned(bytes: &str) -> Asked {
    explicit(|target| target.expect = Some(Sha256::of(bytes.as_bytes())))
}

fn pinned_at(uri: &str, bytes: &str) -> Asked {
    explicit_to(uri, |target| {
        target.expect = Some(Sha256::of(bytes.as_bytes()));
    })
}

fn mismatch(answer: Answer) -> Mismatch {
    let error: BoxError = answer.err().unwrap();
    *cause_of::<Mismatch>(&*error).unwrap()
}

/// Serves `v1` with an entity tag and confirms it.
fn unchanging() -> Origin {
    Origin::new(|asked, _| {
        let tag = [("etag", "\"1\"")];
        Ok(if asked.headers.contains_key("if-none-match") {
            with_status(StatusCode::NOT_MODIFIED, &tag, "")
        } else {
            ok(&tag, "v1")
        })
    })
}

#[tokio::test]
async fn the_right_pin_is_a_miss_and_then_a_hit() {
    let cached = Cached::new(&unchanging());
    for status in ["MISS", "HIT"] {
        let answer = cached.get(pinned("v1")).await;
        assert_eq!(answer.field("x-cache-status"), status);
        assert_eq!(answer.body, "v1");
    }
    assert_eq!(cached.origin.count(), 1);
}

#[tokio::test]
async fn a_wrong_pin_says_both_digests_and_is_remembered_for_a_while() {
    let cached = Cached::new(&unchanging());
    for _ in 0..3 {
        let found = mismatch(cached.ask(pinned("other")).await);
        assert_eq!(found.expected, Sha256::of(b"other"));
        assert_eq!(found.actual, Sha256::of(b"v1"));
    }
    assert_eq!(cached.origin.count(), 1);
    assert_eq!(cached.get(pinned("v1")).await.body, "v1", "another pin");

    cached.clock.advance(61);
    let before = cached.origin.count();
    mismatch(cached.ask(pinned("other")).await);
    assert_eq!(cached.origin.count(), before + 1, "the memory has expired");
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_turns_out_wrong_after_the_hold_is_remembered_too() {
    let (writer, body) = crate::support::stream();
    let body = std::sync::Mutex::new(Some(body));
    let origin = Origin::new(move |_, _| Ok(ok(&[], body.lock().unwrap().take().unwrap())));
    let cached = Cached::new(&origin);
    let answer = cached.ask(pinned("other")).await.unwrap();
    writer.send(Ok("v1")).unwrap();
    drop(writer);
    let error = Whole::of(answer).await.unwrap_err();
    assert!(cause_of::<Mismatch>(&*error).is_some(), "it breaks off");
    let found = mismatch(cached.ask(pinned("other")).await);
    assert_eq!(found.actual, Sha256::of(b"v1"));
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn an_origin_that_still_has_other_bytes_is_asked_only_whether_it_has() {
    let cached = Cached::new(&unchanging());
    cached.explicit().await;
    let found = mismatch(cached.ask(pinned("v2")).await);
    assert_eq!(found.actual, Sha256::of(b"v1"));
    assert_eq!(cached.origin.field(1, "if-none-match"), "\"1\"");
    mismatch(cached.ask(pinned("v2")).await);
    assert_eq!(cached.origin.count(), 2, "remembered");
    assert_eq!(cached.explicit().await.body, "v1", "still served unpinned");
}

#[tokio::test]
async fn an_origin_that_has_the_pinned_bytes_now_is_believed() {
    let origin = Origin::new(|_, number| Ok(ok(&[], format!("v{}", number + 1))));
    let cached = Cached::new(&origin);
    assert_eq!(cached.explicit().await.body, "v1");
    let answer = cached.get(pinned("v2")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "v2"));
    assert_eq!(cached.explicit().await.body, "v2", "the newest");
}

#[tokio::test]
async fn the_rules_may_forbid_to_ask_again_because_of_a_pin() {
    let never = |rules: &mut Rules| rules.archive.revalidate_on_pin_mismatch = false;
    let cached = Cached::with(&unchanging(), never);
    cached.explicit().await;
    let found = mismatch(cached.ask(pinned("v2")).await);
    assert_eq!(found.actual, Sha256::of(b"v1"));
    assert_eq!(cached.origin.count(), 1);
}

const MIRROR: &str = "http://mirror.example/artifact";

/// A cache that has `v1` from [`crate::scripted::URL`]; its origin then fails or serves `v1` elsewhere.
async fn with_mirror(alias: Alias, is_up: bool) -> Cached {
    let origin = Origin::new(move |asked, _| {
        if asked.uri.host() == Some("mirror.example") && !is_up {
            return Err("no route to host".into());
        }
        Ok(ok(&[], "v1"))
    });
    let change = |rules: &mut Rules| rules.archive.alias = alias;
    let cached = Cached::over(MemoryStore::default(), &origin, change);
    cached.explicit().await;
    cached
}

#[tokio::test]
async fn bytes_of_another_url_answer_for_their_digest() {
    let cached = with_mirror(Alias::Always, true).await;
    let answer = cached.get(pinned_at(MIRROR, "v1")).await;
    assert_eq!(answer.how(), "hit; detail=pin-alias");
    assert_eq!(answer.field("x-cache-status"), "HIT");
    assert_eq!(answer.body, "v1");
    assert_eq!(cached.origin.count(), 1);
    let unpinned = cached.get(explicit_to(MIRROR, |_| {})).await;
    assert_eq!(
        unpinned.field("x-cache-status"),
        "HIT",
        "a source from now on"
    );
}

#[tokio::test]
async fn an_alias_may_be_for_when_the_origin_is_gone() {
    let cached = with_mirror(Alias::Offline, true).await;
    let answer = cached.get(pinned_at(MIRROR, "v1")).await;
    assert_eq!(answer.field("x-cache-status"), "MISS");

    let cached = with_mirror(Alias::Offline, false).await;
    let answer = cached.get(pinned_at(MIRROR, "v1")).await;
    assert_eq!(answer.how(), "hit; detail=pin-alias");
}

#[tokio::test]
async fn an_alias_may_be_forbidden() {
    let cached = with_mirror(Alias::Never, false).await;
    assert!(cached.ask(pinned_at(MIRROR, "v1")).await.is_err());
}

#[tokio::test]
async fn an_alias_answers_only_for_the_very_bytes() {
    let cached = with_mirror(Alias::Always, false).await;
    assert!(cached.ask(pinned_at(MIRROR, "v2")).await.is_err());
    assert!(cached.ask(explicit_to(MIRROR, |_| {})).await.is_err());
}
