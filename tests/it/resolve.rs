//! `POST /resolve` as its clients see it: a URI becomes a verified path on this machine.

mod leases;
mod local;
mod objects;
mod remote;
mod requests;

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use serde_json::{Value, json};

use crate::support::{
    cache::{Cache, Setup},
    client::{Request, Response},
    origin::Content,
};

/// A cache that resolves http URIs, since these tests have no bucket.
fn over_http() -> Setup {
    Cache::setup().environment("ARTIFACT_CACHE__RESOLVE__ALLOW_HTTP", "true")
}

fn post(cache: &Cache, document: &Value) -> Response {
    post_text(cache, &document.to_string())
}

fn post_text(cache: &Cache, document: &str) -> Response {
    let request = Request::new("POST", "/resolve").field("Content-Type", "application/json");
    cache.exchange(&request.body(document))
}

/// The document that asks for `content` at `uri`.
fn asking(uri: &str, content: &Content) -> Value {
    let (sha256, size_bytes) = (content.sha256().to_string(), content.length());
    json!({"artifact_uri": uri, "sha256": sha256, "size_bytes": size_bytes})
}

/// The path in an answer that must be a success with these bytes.
#[track_caller]
fn assert_resolved(response: &Response, uri: &str, content: &Content, cached: bool) -> PathBuf {
    assert_eq!(response.status(), 200, "{}", response.text());
    let answer = response.json();
    let path = answer["local_path"].as_str().unwrap().to_owned();
    assert_eq!(
        answer,
        json!({
            "artifact_uri": uri,
            "local_path": path,
            "sha256": content.sha256().to_string(),
            "size_bytes": content.length(),
            "cached": cached,
        })
    );
    PathBuf::from(path)
}

/// Panics unless this is the error, with its text where each client looks for it.
#[track_caller]
fn assert_refused(response: &Response, status: u16, text: &str) {
    assert_eq!(response.status(), status, "{}", response.text());
    let answer = response.json();
    assert_eq!(answer["detail"], text);
    assert_eq!(answer["message"], text);
}

/// The inode of a file.
fn inode(path: &std::path::Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}
