//! Tests of the module above.

use super::{
    super::{Partial, tests::temporary_store},
    *,
};

fn response(body: &[u8]) -> StoredResponse {
    let mut fields = HeaderMap::new();
    fields.append("set-cookie", HeaderValue::from_static("a=1"));
    fields.append(
        "set-cookie",
        HeaderValue::from_bytes(b"b=\xff").expect("value"),
    );
    StoredResponse {
        status: StatusCode::OK,
        fields,
        request_time: SystemTime::now(),
        response_time: SystemTime::now(),
        nominated: vec![
            (HeaderName::from_static("accept"), Some(b"a".to_vec())),
            (HeaderName::from_static("range"), None),
        ],
        digest: Sha256::of(body),
        length: body.len() as u64,
    }
}

fn store_as(store: &BlobStore, url: &str, body: &[u8]) -> Recovery {
    let uri = url.parse().expect("url");
    let recovery = Recovery::new(&uri, Some("https://example.org/"), &response(body));
    let mut partial = Partial::create(store, None).expect("partial");
    partial.write_all_at(body, 0).expect("write");
    partial.describe(recovery.clone());
    partial.persist(&Sha256::of(body)).expect("persist");
    recovery
}

#[test]
fn a_record_brings_back_every_byte_of_the_head() {
    let uri: TargetUri = "https://example.com/a?b".parse().expect("url");
    let response = response(b"x");
    let recovery = Recovery::new(&uri, None, &response);
    let json = serde_json::to_vec(&recovery).expect("json");
    let read: Recovery = serde_json::from_slice(&json).expect("record");
    assert_eq!(read.read(), Some((uri, None, response)));
}

#[test]
fn a_record_is_beside_its_blob() {
    let (_directory, store) = temporary_store();
    let recovery = store_as(&store, "https://example.com/a", b"one");
    let found = store.recovery(&Sha256::of(b"one"));
    let found: Vec<_> = found
        .into_iter()
        .chain(store.journalled().expect("journal"))
        .collect();
    assert_eq!(found, [recovery]);
}

#[test]
fn a_second_url_of_a_blob_is_journalled_once() {
    let (_directory, store) = temporary_store();
    store_as(&store, "https://example.com/a", b"one");
    let second = store_as(&store, "https://example.com/b", b"one");
    store_as(&store, "https://example.com/a", b"one");
    assert_eq!(store.journalled().expect("journal"), [second]);
}

#[test]
fn a_journal_is_compacted_to_what_exists_and_survives_a_torn_line() {
    let (_directory, store) = temporary_store();
    store_as(&store, "https://example.com/a", b"one");
    store_as(&store, "https://example.com/b", b"one");
    let newest = store_as(&store, "https://example.com/b", b"one");
    store_as(&store, "https://example.com/a", b"two");
    store_as(&store, "https://example.com/b", b"two");
    store.remove(&Sha256::of(b"two")).expect("removed");
    let mut journal = File::options()
        .append(true)
        .open(store.journal_path())
        .expect("journal");
    journal.write_all(b"{\"url\":\"https://exam").expect("torn");
    assert_eq!(store.journalled().expect("journal").len(), 3);
    store.compact_journal().expect("compacted");
    assert_eq!(store.journalled().expect("journal"), [newest]);
}

#[test]
fn a_head_too_large_for_an_attribute_is_journalled() {
    let (_directory, store) = temporary_store();
    let mut response = response(b"big");
    let large = HeaderValue::from_str(&"x".repeat(70 << 10)).expect("value");
    response.fields.insert("x-large", large);
    let uri = "https://example.com/big".parse().expect("url");
    let mut partial = Partial::create(&store, None).expect("partial");
    partial.write_all_at(b"big", 0).expect("write");
    partial.describe(Recovery::new(&uri, None, &response));
    partial.persist(&response.digest).expect("persist");
    assert_eq!(store.recovery(&response.digest), None);
    assert_eq!(store.journalled().expect("journal").len(), 1);
}
