//! Uploaded files as their clients see them: sent by form or as they are, read whole and by range,
//! removed, and kept from everybody who may not read them.

mod bounds;
mod digests;
mod durable;
mod keys;
mod parts;
mod pointers;
mod private;
mod read;
mod retention;
mod signed;
mod tokens;
mod upload;

use serde_json::Value;

use crate::support::{
    cache::Cache,
    client::{Request, Response},
    origin::Content,
};

/// A form with one file.
fn form(content: &[u8], content_type: &str) -> Vec<u8> {
    let head = format!(
        "--X-form\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
         Content-Type: {content_type}\r\n\r\n"
    );
    [head.as_bytes(), content, b"\r\n--X-form--\r\n"].concat()
}

fn post_form(fields: &[(&str, &str)], body: Vec<u8>) -> Request {
    let request = Request::new("POST", "/files").fields(fields);
    let kind = "multipart/form-data; boundary=X-form";
    request.field("Content-Type", kind).body(body)
}

/// Sends a file as it is.
fn post_raw(target: &str, fields: &[(&str, &str)], body: &[u8]) -> Request {
    Request::new("POST", target).fields(fields).body(body)
}

/// Uploads these bytes and returns their id.
#[track_caller]
fn upload(cache: &Cache, content: &Content) -> String {
    let request = post_form(&[], form(&content.bytes(), "application/x-tar"));
    let response = cache.exchange(&request);
    assert_eq!(response.status(), 201, "{}", response.text());
    let id = content.sha256().to_string();
    assert_eq!(response.json()["file_id"], *id);
    id
}

/// Panics unless this is the error, by the code that clients of these routes read.
#[track_caller]
fn assert_code(response: &Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status(), status, "{}", response.text());
    let answer = response.json();
    assert_eq!(answer["code"], code, "{answer}");
    assert!(answer["message"].is_string());
    let id = response.value("x-request-id").expect("a request id");
    assert_eq!(answer["request_id"], id);
    answer
}

/// Every file of the cache that has bytes of artifacts, or will.
fn stored(cache: &Cache) -> usize {
    let temporary = cache.data().join("tmp").read_dir().unwrap().count();
    crate::fetch::blobs(cache).len() + temporary
}
