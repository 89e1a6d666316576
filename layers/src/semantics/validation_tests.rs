//! Tests of `validation`.

use http::StatusCode;

use super::*;
use crate::digest::Sha256;

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

fn stored(status: StatusCode, lines: &[(&'static str, &'static str)]) -> StoredResponse {
    StoredResponse {
        status,
        fields: fields(lines),
        request_time: SystemTime::UNIX_EPOCH,
        response_time: SystemTime::UNIX_EPOCH,
        nominated: Vec::new(),
        digest: Sha256::of(b""),
        length: 5,
    }
}

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn the_tags_of_several_variants_are_listed_once() {
    let one = stored(
        StatusCode::OK,
        &[("etag", "\"a\""), ("last-modified", MODIFIED)],
    );
    let two = stored(StatusCode::OK, &[("etag", "W/\"b\"")]);
    let error = stored(StatusCode::NOT_FOUND, &[("etag", "\"c\"")]);
    let sent = conditional_fields_of(&[&one, &two, &error, &one]);
    let expected = [
        ("if-none-match", "\"a\", W/\"b\""),
        ("if-modified-since", MODIFIED),
    ];
    assert_eq!(sent, fields(&expected));
}

#[test]
fn a_strong_tag_is_a_strong_validator_and_a_weak_one_forbids_dates() {
    let dated = |tag| [("etag", tag), ("last-modified", MODIFIED), ("date", LATER)];
    assert_eq!(strong_validator(&fields(&dated("\"a\""))).unwrap(), "\"a\"");
    assert_eq!(strong_validator(&fields(&dated("W/\"a\""))), None);
    assert_eq!(strong_validator(&fields(&dated("a"))), None);
}

const LATER: &str = "Sun, 06 Nov 1994 08:50:37 GMT";

#[test]
fn a_date_is_a_strong_validator_a_minute_after_the_change() {
    let at = |date| strong_validator(&fields(&[("last-modified", MODIFIED), ("date", date)]));
    assert_eq!(at(LATER).unwrap(), MODIFIED);
    assert_eq!(at("Sun, 06 Nov 1994 08:50:36 GMT"), None);
    assert_eq!(
        strong_validator(&fields(&[("last-modified", MODIFIED)])),
        None
    );
}

#[test]
fn a_head_response_describes_what_has_its_validators_and_length() {
    let stored = stored(
        StatusCode::OK,
        &[("etag", "\"a\""), ("last-modified", MODIFIED)],
    );
    let is_described =
        |lines: &[(&'static str, &'static str)]| is_described_by(&stored, &fields(lines));
    assert!(is_described(&[]));
    assert!(is_described(&[
        ("etag", "\"a\""),
        ("last-modified", MODIFIED),
        ("content-length", "5")
    ]));
    assert!(!is_described(&[("etag", "\"b\"")]));
    assert!(!is_described(&[("last-modified", LATER)]));
    assert!(!is_described(&[("content-length", "6")]));
}
