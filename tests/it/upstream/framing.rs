//! Responses that break the rules of HTTP are not taken.

use artifact_cache::upstream::{BadFraming, Reason};
use artifact_cache_layers::{body::BoxError, cause::cause_of};
use bytes::Bytes;

use super::support::*;

/// What reading the body of `response` ends in, for an origin that sends it and closes.
async fn body_of(response: impl Into<String>) -> Result<Bytes, BoxError> {
    let response = response.into();
    let origin = Origin::start(move |_, _| close(&response)).await;
    read(get(&upstreams(&settings()), &origin.url("/")).await?).await
}

#[tokio::test]
async fn a_body_that_is_cut_or_malformed_never_ends_well() {
    for (response, reason) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
            Reason::Reset,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
            Reason::Reset,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            Reason::Reset,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            Reason::Reset,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\n",
            Reason::Invalid,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloo\r\n0\r\n\r\n",
            Reason::Invalid,
        ),
    ] {
        let error = body_of(response).await.unwrap_err();
        assert_eq!(failure(&error).reason, reason, "{response:?}");
    }
    assert_eq!(
        body_of("HTTP/1.0 200 OK\r\n\r\nuntil closed")
            .await
            .unwrap(),
        "until closed"
    );
}

#[tokio::test]
async fn an_ambiguous_head_is_refused() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let five = "content-length: 5\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    for (head, framing) in [
        (format!("{ok}{five}{chunked}"), BadFraming::Both),
        (format!("{ok}{five}{five}"), BadFraming::ContentLength),
        (
            format!("{ok}transfer-encoding: gzip, chunked\r\n"),
            BadFraming::TransferEncoding,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n".into(),
            BadFraming::Switched,
        ),
    ] {
        let error = body_of(format!("{head}\r\n5\r\nhello\r\n0\r\n\r\n"))
            .await
            .unwrap_err();
        assert_eq!(
            failure(&error).reason,
            Reason::Invalid,
            "{head:?} {error:?}"
        );
        assert_eq!(cause_of::<BadFraming>(&*error), Some(&framing), "{head:?}");
    }
}

#[tokio::test]
async fn a_head_that_breaks_the_grammar_is_refused() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let (five, six) = ("content-length: 5\r\n", "content-length: 6\r\n");
    for head in [
        format!("{ok}{five}{six}"),
        format!("{ok}content-length: 99999999999999999999\r\n"),
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n".into(),
        format!("{ok}x: a\rb\r\n{five}"),
        format!("{ok}x : a\r\n{five}"),
        format!("{ok}x: a\r\n b\r\n{five}"),
        "not http at all\r\n".into(),
    ] {
        let error = body_of(format!("{head}\r\nhello")).await.unwrap_err();
        assert_eq!(
            failure(&error).reason,
            Reason::Invalid,
            "{head:?} {error:?}"
        );
    }
}

#[tokio::test]
async fn bytes_after_a_message_are_never_taken_for_the_next_one() {
    const POISON: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    for first in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        HELLO,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let poisoned = format!("{first}{POISON}");
        let origin = Origin::start(move |head, _| {
            if head.starts_with("GET /first") {
                answer(&poisoned)
            } else {
                answer(HELLO)
            }
        })
        .await;
        let upstreams = upstreams(&settings());
        let response = get(&upstreams, &origin.url("/first")).await.unwrap();
        let _ = read(response).await;
        let response = get(&upstreams, &origin.url("/second")).await.unwrap();
        assert_eq!(read(response).await.unwrap(), "hello", "after {first:?}");
    }
}
