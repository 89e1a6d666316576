//! Announced digests: each form of them is checked, and a wrong one leaves nothing.

use super::{assert_code, form, post_form, post_raw, stored};
use crate::support::{cache::Cache, origin::Content};

const FILE: &[u8] = b"The quick brown fox jumps over the lazy dog";
const SHA256: &str = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592";
const SHA256_BASE64: &str = "16j7swfXgJRpypq8sAguT41WUeRtPNt2LQLQvzfJ5ZI=";
const SHA512_BASE64: &str =
    "B+VH2VhvanP3P7rAQ17XaVEhj7fQyNeIownXhUNru2Quk6JSqVTyORJUfR6KO17W4b/XCXghIz+gU489uFT+5g==";
const MD5: &str = "9e107d9d372bb6826bd81d3542a419d6";
const MD5_BASE64: &str = "nhB9nTcrtoJr2B01QqQZ1g==";
const SHA1: &str = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12";
const SHA1_BASE64: &str = "L9ThxnotKPzthJ7hu3bnORuT6xI=";

/// Each way to announce, with the right value.
fn announcements() -> Vec<(&'static str, String)> {
    vec![
        ("Content-Digest", format!("sha-256=:{SHA256_BASE64}:")),
        ("Repr-Digest", format!("sha-512=:{SHA512_BASE64}:")),
        (
            "Content-Digest",
            format!("unknown=:AAAA:, sha-256=:{SHA256_BASE64}:"),
        ),
        ("Digest", format!("SHA-256={SHA256_BASE64}")),
        ("Content-MD5", MD5_BASE64.to_owned()),
        ("X-Checksum-Sha256", SHA256.to_uppercase()),
        ("X-Checksum-Sha1", SHA1.to_owned()),
        ("X-Checksum-Md5", MD5.to_owned()),
        ("x-amz-checksum-sha256", SHA256_BASE64.to_owned()),
        ("x-amz-checksum-sha1", SHA1_BASE64.to_owned()),
    ]
}

#[test]
fn an_upload_with_a_right_digest_is_kept() {
    let cache = Cache::start();
    for (name, value) in announcements() {
        let response = cache.exchange(&post_raw("/files", &[(name, &value)], FILE));
        assert_eq!(response.status(), 201, "{name}: {}", response.text());
        let in_form = cache.exchange(&post_form(&[(name, &value)], form(FILE, "text/plain")));
        assert_eq!(in_form.status(), 201, "{name}: {}", in_form.text());
    }
    let pinned = cache.exchange(&post_raw(&format!("/files?sha256={SHA256}"), &[], FILE));
    assert_eq!(pinned.status(), 201);
}

#[test]
fn an_upload_with_a_wrong_digest_is_refused_and_leaves_nothing() {
    let cache = Cache::start();
    for (name, value) in announcements() {
        let other = [FILE, b"."].concat();
        for request in [
            post_raw("/files", &[(name, &value)], &other),
            post_form(&[(name, &value)], form(&other, "text/plain")),
        ] {
            let answer = assert_code(&cache.exchange(&request), 409, "CHECKSUM_MISMATCH");
            assert_ne!(answer["expected"], answer["actual"]);
        }
    }
    let pinned = cache.exchange(&post_raw(&format!("/files?sha256={SHA256}"), &[], b"other"));
    assert_code(&pinned, 409, "CHECKSUM_MISMATCH");
    assert_eq!(stored(&cache), 0);
}

#[test]
fn the_digest_of_a_whole_form_is_as_good_as_that_of_its_file() {
    let cache = Cache::start();
    let body = form(FILE, "text/plain");
    let digest = Content::literal(&body).sha256().structured_field();
    let response = cache.exchange(&post_form(&[("Content-Digest", &digest)], body));
    assert_eq!(response.status(), 201, "{}", response.text());
}

#[test]
fn a_digest_that_is_none_or_cannot_be_checked_is_refused() {
    let cache = Cache::start();
    for (name, value) in [
        ("Content-Digest", "sha-256=abc"),
        ("Content-Digest", "sha-256=:AAAA:"),
        ("Content-MD5", "x"),
        ("X-Checksum-Sha256", "abc"),
        ("x-amz-checksum-crc32", "AAAAAA=="),
        ("Digest", "nothing"),
    ] {
        let response = cache.exchange(&post_raw("/files", &[(name, value)], FILE));
        assert_code(&response, 400, "INVALID_INPUT");
    }
    let response = cache.exchange(&post_raw("/files?sha256=abc", &[], FILE));
    assert_code(&response, 400, "INVALID_INPUT");
    assert_eq!(stored(&cache), 0);
}
