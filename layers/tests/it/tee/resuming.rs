//! A body that breaks off is continued when that is certain to give the same bytes, starts again when
//! nobody saw any, and else fails.

use artifact_cache_layers::body::BoxError;
use http::{Response, StatusCode};

use super::sink::{Event, Shelf, content, head};
use crate::scripted::{Answer, Origin, forward, ok, pieces, with_status};

type Script = fn() -> Answer;

const ARTIFACT: &str = "0123456789";
const TAG: (&str, &str) = ("etag", "\"1\"");

/// The first answer: `01234` of ten bytes, then nothing.
fn cut(fields: &[(&'static str, &str)]) -> Response<artifact_cache_layers::body::Body> {
    ok(fields, pieces(&["01234"], true, Some(10)))
}

fn part(
    fields: &[(&'static str, &str)],
    bytes: &'static str,
) -> Response<artifact_cache_layers::body::Body> {
    with_status(StatusCode::PARTIAL_CONTENT, fields, bytes)
}

/// What the fill makes of a body that breaks off and then goes on like `rest`.
async fn continued(shelf: &Shelf, rest: Script) -> (Vec<Event>, Origin) {
    let origin = Origin::new(move |_, number| if number == 0 { Ok(cut(&[TAG])) } else { rest() });
    let (_, events) = shelf
        .keep(&origin, forward(&[("if-none-match", "\"0\"")]))
        .await;
    (events, origin)
}

fn touched() -> Shelf {
    Shelf {
        is_touched: true,
        ..Shelf::default()
    }
}

#[tokio::test]
async fn the_rest_is_asked_for_with_the_validator_of_the_beginning() {
    let (events, origin) = continued(&touched(), || {
        Ok(part(&[TAG, ("content-range", "bytes 5-9/10")], "56789"))
    })
    .await;
    assert_eq!(content("", &events), ARTIFACT);
    assert_eq!(events.last(), Some(&Event::Finish));
    assert_eq!(origin.field(1, "range"), "bytes=5-");
    assert_eq!(origin.field(1, "if-range"), "\"1\"");
    assert_eq!(origin.field(1, "if-none-match"), "", "no other condition");
}

#[tokio::test]
async fn a_date_continues_a_body_when_it_is_strong() {
    let dates = [
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("date", "Sun, 06 Nov 1994 09:49:37 GMT"),
    ];
    let origin = Origin::new(move |_, number| {
        Ok(match number {
            0 => cut(&dates),
            _ => part(&[("content-range", "bytes 5-9/10")], "56789"),
        })
    });
    let (_, events) = touched().keep(&origin, forward(&[])).await;
    assert_eq!(content("", &events), ARTIFACT);
    assert_eq!(origin.field(1, "if-range"), dates[0].1);
}

#[tokio::test]
async fn a_part_that_does_not_fit_is_never_joined() {
    let wrong: [(&str, Script); 8] = [
        ("it starts elsewhere", || {
            Ok(part(&[TAG, ("content-range", "bytes 4-9/10")], "456789"))
        }),
        ("it ends too early", || {
            Ok(part(&[TAG, ("content-range", "bytes 5-8/10")], "5678"))
        }),
        ("the whole has another length", || {
            Ok(part(&[TAG, ("content-range", "bytes 5-9/11")], "56789"))
        }),
        ("the length of the whole is unknown", || {
            Ok(part(&[TAG, ("content-range", "bytes 5-9/*")], "56789"))
        }),
        ("it is of another version", || {
            let other = [("etag", "\"2\""), ("content-range", "bytes 5-9/10")];
            Ok(part(&other, "56789"))
        }),
        ("it does not say of which version it is", || {
            Ok(part(&[("content-range", "bytes 5-9/10")], "56789"))
        }),
        ("it has another length than it says", || {
            Ok(part(&[TAG, ("content-range", "bytes 5-9/10")], "567"))
        }),
        ("it does not say what it is", || Ok(part(&[TAG], "56789"))),
    ];
    for (what, rest) in wrong {
        let (events, _) = continued(&touched(), rest).await;
        assert_eq!(content("", &events), "01234", "{what}");
        let failed = Event::Fail("the connection was reset".into());
        assert_eq!(events.last(), Some(&failed), "{what}");
    }
}

#[tokio::test]
async fn a_part_of_another_date_is_never_joined() {
    let dates = [
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("date", "Sun, 06 Nov 1994 09:49:37 GMT"),
    ];
    let origin = Origin::new(move |_, number| {
        let later = ("last-modified", "Mon, 07 Nov 1994 08:49:37 GMT");
        Ok(match number {
            0 => cut(&dates),
            _ => part(&[later, ("content-range", "bytes 5-9/10")], "56789"),
        })
    });
    let (_, events) = touched().keep(&origin, forward(&[])).await;
    assert_eq!(content("", &events), "01234");
}

#[tokio::test]
async fn the_same_whole_starts_again_while_nobody_saw_a_byte() {
    let (events, _) = continued(&Shelf::default(), || Ok(ok(&[TAG], ARTIFACT))).await;
    assert_eq!(content("", &events), ARTIFACT);
    assert!(events.contains(&Event::Restart));
}

#[tokio::test]
async fn the_whole_cannot_start_again_once_a_byte_was_seen() {
    let (events, _) = continued(&touched(), || Ok(ok(&[TAG], ARTIFACT))).await;
    assert_eq!(content("", &events), "01234");
    assert!(matches!(events.last(), Some(Event::Fail(_))));
}

#[tokio::test]
async fn another_whole_is_not_given_under_the_head_that_was_announced() {
    let others: [Script; 3] = [
        || Ok(ok(&[("etag", "\"2\"")], ARTIFACT)),
        || Ok(ok(&[TAG], "another length")),
        || Ok(with_status(StatusCode::NOT_FOUND, &[TAG], ARTIFACT)),
    ];
    for rest in others {
        let (events, _) = continued(&Shelf::default(), rest).await;
        assert_eq!(content("", &events), "01234");
        assert!(matches!(events.last(), Some(Event::Fail(_))));
    }
}

#[tokio::test]
async fn without_a_validator_a_body_can_only_start_again() {
    for (shelf, expected) in [(Shelf::default(), ARTIFACT), (touched(), "01234")] {
        let origin = Origin::new(|_, number| {
            Ok(match number {
                0 => cut(&[]),
                _ => ok(&[], ARTIFACT),
            })
        });
        let (_, events) = shelf.keep(&origin, forward(&[])).await;
        assert_eq!(content("", &events), expected);
        assert_eq!(origin.field(1, "range"), "");
    }
}

#[tokio::test]
async fn a_body_that_comes_further_each_time_is_continued_as_often_as_needed() {
    let origin = Origin::new(|asked, number| {
        let range = format!("bytes {number}-9/10");
        let piece = &ARTIFACT[number..=number];
        Ok(if asked.headers.contains_key("range") {
            let body = pieces(&[piece], number < 9, Some(10 - number as u64));
            with_status(
                StatusCode::PARTIAL_CONTENT,
                &[TAG, ("content-range", &range)],
                body,
            )
        } else {
            ok(&[TAG], pieces(&[piece], true, Some(10)))
        })
    });
    let (_, events) = touched().keep(&origin, forward(&[])).await;
    assert_eq!(content("", &events), ARTIFACT);
    assert_eq!(events.last(), Some(&Event::Finish));
    assert_eq!(origin.count(), 10);
}

#[tokio::test]
async fn a_body_that_comes_no_further_is_given_up() {
    let (events, origin) = continued(&touched(), || {
        let fields = [TAG, ("content-range", "bytes 5-9/10")];
        let nothing = pieces(&[], true, Some(5));
        Ok(with_status(StatusCode::PARTIAL_CONTENT, &fields, nothing))
    })
    .await;
    assert!(matches!(events.last(), Some(Event::Fail(_))));
    assert_eq!(origin.count(), 5);
}

#[tokio::test]
async fn a_body_that_always_starts_again_is_given_up() {
    let origin = Origin::new(|_, _| Ok(cut(&[])));
    let (_, events) = Shelf::default().keep(&origin, forward(&[])).await;
    assert!(matches!(events.last(), Some(Event::Fail(_))));
    assert_eq!(origin.count(), 5);
}

#[tokio::test]
async fn an_origin_that_is_gone_cannot_go_on() {
    let (events, origin) = continued(&touched(), || Err(BoxError::from("no route to host"))).await;
    let failed = Event::Fail("the connection was reset".into());
    assert_eq!(events.last(), Some(&failed));
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn a_length_that_lies_is_never_a_success() {
    for (body, length) in [("01234", 10), ("0123456789", 5)] {
        let origin = Origin::new(move |_, _| Ok(ok(&[TAG], pieces(&[body], false, Some(length)))));
        let (_, events) = touched().keep(&origin, forward(&[])).await;
        assert!(matches!(events.last(), Some(Event::Fail(_))), "{events:?}");
    }
}

#[tokio::test]
async fn the_length_that_a_part_reveals_counts_from_then_on() {
    let origin = Origin::new(|asked, _| {
        let range = [TAG, ("content-range", "bytes 5-9/10")];
        Ok(if asked.headers.contains_key("range") {
            // Without a length of its own, and it ends too early.
            with_status(
                StatusCode::PARTIAL_CONTENT,
                &range,
                pieces(&["56"], false, None),
            )
        } else {
            ok(&[TAG], pieces(&["01234"], true, None))
        })
    });
    let (_, events) = touched().keep(&origin, forward(&[])).await;
    assert!(matches!(events.last(), Some(Event::Fail(_))), "{events:?}");
}

/// A shelf that still has `01234` of version 1.
fn kept() -> Shelf {
    Shelf {
        kept: Some(("01234", "\"1\"")),
        ..touched()
    }
}

#[tokio::test]
async fn a_kept_part_is_continued_and_looks_like_the_whole() {
    let origin = Origin::new(|_, _| {
        let fields = [
            TAG,
            ("content-range", "bytes 5-9/10"),
            ("content-length", "5"),
        ];
        Ok(part(&fields, "56789"))
    });
    let (answer, events) = kept().keep(&origin, forward(&[])).await;
    let answer = head(answer);
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-length"], "10");
    assert!(!answer.headers().contains_key("content-range"));
    assert_eq!(content("01234", &events), ARTIFACT);
    assert_eq!(origin.field(0, "range"), "bytes=5-");
    assert_eq!(origin.field(0, "if-range"), "\"1\"");
}

#[tokio::test]
async fn a_kept_part_of_an_older_version_is_not_continued() {
    let origin = Origin::new(|_, _| Ok(ok(&[("etag", "\"2\"")], "new")));
    let (answer, events) = kept().keep(&origin, forward(&[])).await;
    assert_eq!(head(answer).status(), StatusCode::OK);
    assert_eq!(content("", &events), "new");
}

#[tokio::test]
async fn a_client_never_gets_a_part_that_it_did_not_ask_for() {
    let wrong: [Script; 3] = [
        || Ok(part(&[TAG, ("content-range", "bytes 7-9/10")], "789")),
        || {
            let other = [("etag", "\"2\""), ("content-range", "bytes 5-9/10")];
            Ok(part(&other, "56789"))
        },
        || {
            let range = [("content-range", "bytes */5")];
            Ok(with_status(StatusCode::RANGE_NOT_SATISFIABLE, &range, ""))
        },
    ];
    for answer in wrong {
        let origin = Origin::new(move |asked, _| {
            if asked.headers.contains_key("range") {
                answer()
            } else {
                Ok(ok(&[TAG], ARTIFACT))
            }
        });
        let (answer, events) = kept().keep(&origin, forward(&[])).await;
        assert_eq!(head(answer).status(), StatusCode::OK);
        assert_eq!(content("", &events), ARTIFACT);
        assert_eq!(origin.count(), 2);
    }
}

/// An origin that continues what was kept, and has the whole.
fn continuing() -> Origin {
    Origin::new(|asked, _| {
        Ok(match asked.headers.get("range") {
            Some(range) if range == "bytes=5-" => {
                part(&[TAG, ("content-range", "bytes 5-9/10")], "56789")
            }
            _ => ok(&[TAG], ARTIFACT),
        })
    })
}

#[tokio::test]
async fn the_rest_is_never_taken_for_the_beginning() {
    let shelf = Shelf {
        is_left_taken: true,
        is_touched: false,
        ..kept()
    };
    let origin = continuing();
    let (_, events) = shelf.keep(&origin, forward(&[])).await;
    assert_eq!(content("", &events), ARTIFACT);
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn the_rest_of_what_is_not_kept_after_all_is_not_passed_for_the_whole() {
    let shelf = Shelf {
        pass: Some("no-room"),
        ..kept()
    };
    let (answer, _) = shelf.keep(&continuing(), forward(&[])).await;
    let answer = crate::scripted::Whole::of(answer.unwrap()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, ARTIFACT));
}
