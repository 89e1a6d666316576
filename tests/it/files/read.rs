//! How files are read: the fields that clients compare, conditions and ranges.

use super::{assert_code, upload};
use crate::support::{
    cache::Cache,
    client::{Request, Response},
    origin::Content,
};

fn get(cache: &Cache, id: &str, fields: &[(&str, &str)]) -> Response {
    cache.exchange(&Request::get(&format!("/files/{id}")).fields(fields))
}

#[test]
fn the_entity_tag_is_the_bare_digest() {
    let cache = Cache::start();
    let content = Content::seeded(1, 100_000);
    let id = upload(&cache, &content);
    let whole = get(&cache, &id, &[]);
    whole.assert_is(&content);
    let head = cache.exchange(&Request::new("HEAD", &format!("/files/{id}")));
    for response in [&whole, &head] {
        assert_eq!(response.status(), 200);
        assert_eq!(response.value("etag"), Some(&*id));
        assert_eq!(response.value("accept-ranges"), Some("bytes"));
        assert_eq!(response.value("content-length"), Some("100000"));
        assert_eq!(response.value("content-type"), Some("application/x-tar"));
        assert_eq!(response.value("x-content-sha256"), Some(&*id));
        let repr = content.sha256().structured_field();
        assert_eq!(response.value("repr-digest"), Some(&*repr));
        assert_eq!(response.value("x-content-type-options"), Some("nosniff"));
    }
    assert!(head.is_complete() && head.length == 0);
    let upper = get(&cache, &id.to_uppercase(), &[]);
    upper.assert_is(&content);
}

#[test]
fn what_is_known_is_not_sent_again() {
    let cache = Cache::start();
    let id = upload(&cache, &Content::literal("known"));
    for tag in [
        id.clone(),
        format!("\"{id}\""),
        format!("W/\"{id}\""),
        format!("\"x\", {id}"),
        "*".into(),
    ] {
        let response = get(&cache, &id, &[("If-None-Match", &tag)]);
        assert_eq!((response.status(), response.length), (304, 0), "{tag}");
        assert_eq!(response.value("etag"), Some(&*id));
    }
    let other = get(&cache, &id, &[("If-None-Match", "\"other\"")]);
    assert_eq!(other.status(), 200);
}

#[test]
fn one_range_is_the_bytes_it_names() {
    let cache = Cache::start();
    let content = Content::seeded(2, 300_000);
    let id = upload(&cache, &content);
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=299990-", 299_990, 300_000),
        ("bytes=-50", 299_950, 300_000),
        ("bytes=1000-999999", 1000, 300_000),
    ] {
        let response = get(&cache, &id, &[("Range", range)]);
        assert_eq!(response.status(), 206, "{range}");
        let expected = format!("bytes {from}-{}/300000", to - 1);
        assert_eq!(response.value("content-range"), Some(&*expected));
        assert_eq!(response.value("etag"), Some(&*id));
        assert_eq!(response.sha256, content.sha256_of(from, to), "{range}");
    }
}

#[test]
fn a_range_that_cannot_be_given_is_refused() {
    let cache = Cache::start();
    let id = upload(&cache, &Content::literal("0123456789"));
    for range in [
        "bytes=10-",
        "bytes=5-2",
        "bytes=-0",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes",
        "0-1",
    ] {
        let response = get(&cache, &id, &[("Range", range)]);
        assert_code(&response, 416, "RANGE_NOT_SATISFIABLE");
        assert_eq!(
            response.value("content-range"),
            Some("bytes */10"),
            "{range}"
        );
    }
}

#[test]
fn a_range_counts_only_for_the_file_that_the_client_began() {
    let cache = Cache::start();
    let id = upload(&cache, &Content::literal("0123456789"));
    for (validator, status) in [
        (id.clone(), 206),
        (format!("\"{id}\""), 206),
        ("\"other\"".to_owned(), 200),
    ] {
        let fields = [("Range", "bytes=5-"), ("If-Range", &*validator)];
        assert_eq!(get(&cache, &id, &fields).status(), status, "{validator}");
    }
}

#[test]
fn a_download_is_resumed_from_where_it_broke_off() {
    let cache = Cache::start();
    let content = Content::seeded(3, 500_000);
    let id = upload(&cache, &content);
    let head = cache.exchange(&Request::new("HEAD", &format!("/files/{id}")));
    let length: u64 = head.value("content-length").unwrap().parse().unwrap();
    assert_eq!(head.value("etag").unwrap(), id, "compared as it stands");
    let mut client = cache.client();
    let mut begun = client
        .start(&Request::get(&format!("/files/{id}")))
        .unwrap();
    assert!(begun.read_to(200_000));
    let there = begun.received();
    drop(client);
    let rest = get(&cache, &id, &[("Range", &format!("bytes={there}-"))]);
    assert_eq!((rest.status(), rest.length), (206, length - there));
    assert_eq!(rest.sha256, content.sha256_of(there, length));
}

#[test]
fn ids_are_hex_and_unknown_ones_are_not_found() {
    let cache = Cache::start();
    let unknown = "0".repeat(64);
    for id in ["0000", "ABCDEF", &*unknown] {
        assert_code(&get(&cache, id, &[]), 404, "NOT_FOUND");
        assert_code(&cache.get(&format!("/files/{id}/info")), 404, "NOT_FOUND");
    }
    for id in ["abc", "xyzw", "..%2f..", &"0".repeat(65), "a%20b"] {
        assert_code(&get(&cache, id, &[]), 400, "INVALID_INPUT");
        assert_code(
            &cache.get(&format!("/files/{id}/info")),
            400,
            "INVALID_INPUT",
        );
        let delete = Request::new("DELETE", &format!("/files/{id}"));
        assert_code(&cache.exchange(&delete), 400, "INVALID_INPUT");
    }
}
