//! Sizes: what is too large, what does not fit, and bodies of another length than announced.

use super::{assert_code, form, post_form, post_raw, stored};
use crate::support::{Ending, cache::Cache, eventually};

#[test]
fn a_file_larger_than_allowed_is_refused() {
    let cache = Cache::setup().environment("MAX_FILE_BYTES", "1000").start();
    assert_eq!(
        cache
            .exchange(&post_raw("/files", &[], &[1; 1000]))
            .status(),
        201
    );
    let raw = cache.exchange(&post_raw("/files", &[], &[1; 1001]));
    let answer = assert_code(&raw, 413, "PAYLOAD_TOO_LARGE");
    assert_eq!(answer["limit"], 1000);
    let in_form = cache.exchange(&post_form(&[], form(&[2; 1001], "text/plain")));
    assert_code(&in_form, 413, "PAYLOAD_TOO_LARGE");
    let mut client = cache.client();
    client.send(
        b"POST /files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
    );
    client.send(&[3; 1001]);
    client.send(b"\r\n0\r\n\r\n");
    assert_code(&client.response("POST"), 413, "PAYLOAD_TOO_LARGE");
    assert_eq!(stored(&cache), 1);
}

#[test]
fn an_upload_that_would_fill_the_disk_is_refused_before_it_is_read() {
    let cache = Cache::setup()
        .environment("MIN_FREE_GB", "100000000")
        .start();
    let refused = cache.exchange(&post_raw("/files", &[], b"x"));
    assert_code(&refused, 507, "INSUFFICIENT_STORAGE");
    assert_eq!(stored(&cache), 0);
    let ready = cache.get("/readyz");
    assert_eq!(
        (ready.status(), ready.json()["reason"].clone()),
        (200, serde_json::Value::Null)
    );
}

#[test]
fn an_upload_that_the_disk_does_not_take_is_refused_and_leaves_nothing() {
    let cache = Cache::start();
    cache.limit_file_size(100_000);
    let refused = cache.exchange(&post_form(&[], form(&vec![1; 300_000], "text/plain")));
    assert_code(&refused, 507, "INSUFFICIENT_STORAGE");
    assert_eq!(stored(&cache), 0);
}

#[test]
fn a_body_shorter_than_announced_leaves_nothing() {
    let cache = Cache::start();
    let whole = form(&vec![7; 200_000], "text/plain");
    for ending in [Ending::Fin, Ending::Reset] {
        for (kind, sent) in [
            ("application/gzip", 100_000),
            ("multipart/form-data; boundary=X-form", 150_000),
        ] {
            let mut client = cache.client();
            let head = format!(
                "POST /files HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                whole.len()
            );
            client.send(head.as_bytes());
            client.send(&whole[..sent]);
            client.end(ending);
            if ending == Ending::Fin {
                let response = client.response("POST");
                // Whoever ends its side may be answered or only cut off.
                assert!(
                    matches!(response.status(), 0 | 400),
                    "{}",
                    response.status()
                );
            }
        }
    }
    eventually("the uploads are over", || stored(&cache) == 0);
    assert_eq!(cache.stats()["total_blobs"], 0);
}

#[test]
fn what_follows_the_announced_length_is_no_part_of_the_file() {
    let cache = Cache::start();
    let mut client = cache.client();
    client
        .send(b"POST /files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nfileand more");
    let created = client.response("POST");
    assert_eq!(created.json()["size"], 4);
    // The rest is taken for a request, which it is not.
    assert!(matches!(client.response("GET").status(), 0 | 400));
    assert!(client.is_ended_by_peer());
    assert_eq!(stored(&cache), 1);
}
