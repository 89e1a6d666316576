//! Ranges: of what is stored, of what is arriving, and of what is not kept (RFC 9110 §14).

use artifact_cache_layers::body::Body;
use http::{Request, Response, StatusCode, request};

use crate::scripted::{Cached, Origin, Whole, forward, ok, pieces, with_status};
use crate::support::{Pieces, stream};

const TAGGED: [(&str, &str); 2] = [("cache-control", "max-age=60"), ("etag", "\"1\"")];

async fn stored() -> Cached {
    let cached = Cached::new(&Origin::new(|_, _| Ok(ok(&TAGGED, "0123456789"))));
    cached.forward().await;
    cached
}

async fn part(fields: &[(&'static str, &str)]) -> Whole {
    stored().await.get(forward(fields)).await
}

#[tokio::test]
async fn a_range_of_a_stored_body_is_exact() {
    for (range, expected, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let answer = part(&[("range", range)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (206, expected));
        assert_eq!(answer.field("content-range"), content_range);
        assert_eq!(answer.field("content-length"), expected.len().to_string());
    }
}

#[tokio::test]
async fn a_range_outside_the_body_is_refused_with_its_length() {
    let answer = part(&[("range", "bytes=10-")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (416, ""));
    assert_eq!(answer.field("content-range"), "bytes */10");
}

#[tokio::test]
async fn several_ranges_come_as_one_multipart_body() {
    let answer = part(&[("range", "bytes=0-1, 8-9")]).await;
    assert_eq!(answer.status, 206);
    let media_type = answer.field("content-type");
    let boundary = media_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    assert_eq!(
        answer.field("content-length"),
        answer.body.len().to_string()
    );
    assert!(
        answer
            .body
            .contains("Content-Range: bytes 0-1/10\r\n\r\n01\r\n")
    );
    assert!(
        answer
            .body
            .contains("Content-Range: bytes 8-9/10\r\n\r\n89\r\n")
    );
    assert!(answer.body.ends_with(&format!("--{boundary}--\r\n")));
}

#[tokio::test]
async fn a_range_counts_only_if_the_client_has_a_part_of_the_same_bytes() {
    let same = part(&[("range", "bytes=5-"), ("if-range", "\"1\"")]).await;
    assert_eq!((same.status, same.body.as_str()), (206, "56789"));
    for validator in ["\"2\"", "W/\"1\"", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let other = part(&[("range", "bytes=5-"), ("if-range", validator)]).await;
        assert_eq!((other.status, other.body.as_str()), (200, "0123456789"));
    }
}

#[tokio::test]
async fn a_condition_is_judged_before_the_range() {
    let answer = part(&[("range", "bytes=5-"), ("if-none-match", "\"1\"")]).await;
    assert_eq!(answer.status, 304);
}

#[tokio::test]
async fn a_range_of_what_is_not_stored_is_answered_while_the_whole_is_stored() {
    let origin = Origin::new(|_, _| Ok(ok(&[("cache-control", "max-age=60")], "0123456789")));
    let cached = Cached::new(&origin);
    let answer = cached.get(forward(&[("range", "bytes=2-4")])).await;
    assert_eq!((answer.status, answer.body.as_str()), (206, "234"));
    assert_eq!(answer.how(), "fwd=uri-miss; fwd-status=200; stored");
    assert_eq!(origin.field(0, "range"), "", "the whole was asked for");
    assert_eq!(cached.forward().await.body, "0123456789");
    assert_eq!(origin.count(), 1);
}

/// Sends a body of unknown length with entity tag `"2"`, which ends only when `whole` is dropped, and
/// ranges of it at once.
fn of_unknown_length(asked: &request::Parts, whole: Body) -> Response<Body> {
    let fields = [("cache-control", "max-age=60"), ("etag", "\"2\"")];
    let is_part = asked.headers.contains_key("range")
        && asked
            .headers
            .get("if-range")
            .is_none_or(|tag| tag == "\"2\"");
    if is_part {
        let part = [("etag", "\"2\""), ("content-range", "bytes 5-9/10")];
        with_status(StatusCode::PARTIAL_CONTENT, &part, "56789")
    } else {
        ok(&fields, whole)
    }
}

/// A cache of that, and what writes the whole.
fn growing() -> (Cached, Pieces) {
    let (writer, whole) = stream();
    let whole = std::sync::Mutex::new(Some(whole));
    let origin = Origin::new(move |asked, _| {
        let is_first = !asked.headers.contains_key("range");
        let whole = is_first.then(|| whole.lock().unwrap().take()).flatten();
        Ok(of_unknown_length(asked, whole.unwrap_or_default()))
    });
    (Cached::new(&origin), writer)
}

fn complete(writer: Pieces) {
    for piece in ["01234", "56789"] {
        writer.send(Ok(piece)).unwrap();
    }
    drop(writer);
}

#[tokio::test]
async fn a_range_of_a_body_of_unknown_length_is_asked_for_beside_the_fill() {
    let (cached, writer) = growing();
    let answer = cached.get(forward(&[("range", "bytes=5-")])).await;
    assert_eq!((answer.status, answer.body.as_str()), (206, "56789"));
    assert_eq!(answer.field("content-range"), "bytes 5-9/10");
    let if_range = cached.origin.field(1, "if-range");
    assert_eq!(if_range, "\"2\"", "of the same bytes");
    complete(writer);
    assert_eq!(cached.forward().await.body, "0123456789");
}

#[tokio::test]
async fn only_one_part_is_asked_for_beside_a_fill() {
    let (cached, writer) = growing();
    let first = cached.ask(with_range("bytes=5-")).await.unwrap();
    let second = tokio::spawn({
        let cached = cached.clone();
        async move { cached.get(with_range("bytes=5-")).await }
    });
    tokio::task::yield_now().await;
    complete(writer);
    let second = second.await.unwrap();
    assert_eq!((second.status, second.body.as_str()), (206, "56789"));
    assert_eq!(Whole::of(first).await.unwrap().body, "56789");
    assert_eq!(cached.origin.count(), 2, "the fill and one part");
}

#[tokio::test]
async fn a_part_of_other_bytes_is_never_continued_with_these() {
    let (cached, writer) = growing();
    let fields = [("range", "bytes=5-"), ("if-range", "\"1\"")];
    let answer = cached.ask(forward(&fields)).await.unwrap();
    complete(writer);
    let answer = Whole::of(answer).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "0123456789"));
}

#[tokio::test]
async fn without_a_validator_a_range_waits_until_the_length_is_known() {
    let origin = Origin::new(|_, _| {
        let fields = [("cache-control", "max-age=60")];
        Ok(ok(&fields, pieces(&["01234", "56789"], false, None)))
    });
    let cached = Cached::new(&origin);
    let answer = cached.get(forward(&[("range", "bytes=-2")])).await;
    assert_eq!((answer.status, answer.body.as_str()), (206, "89"));
    assert_eq!(origin.count(), 1);
}

fn with_range(range: &str) -> Request<Body> {
    forward(&[("range", range)])
}

#[tokio::test]
async fn a_range_of_what_is_not_kept_is_asked_of_the_origin() {
    let origin = Origin::new(|asked, _| {
        let private = [("cache-control", "private")];
        Ok(if asked.headers.contains_key("range") {
            let fields = [
                ("cache-control", "private"),
                ("content-range", "bytes 2-4/10"),
            ];
            with_status(StatusCode::PARTIAL_CONTENT, &fields, "234")
        } else {
            ok(&private, "0123456789")
        })
    });
    let cached = Cached::new(&origin);
    let answer = cached.get(with_range("bytes=2-4")).await;
    assert_eq!((answer.status, answer.body.as_str()), (206, "234"));
    assert_eq!(origin.field(1, "range"), "bytes=2-4");
    assert_eq!(answer.how(), "fwd=uri-miss; fwd-status=206");
}
