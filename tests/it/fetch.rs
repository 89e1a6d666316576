//! The explicit door, `/fetch`, as its clients see it: the program runs, HTTP goes over real sockets.

mod conditionals_and_ranges;
mod errors;
mod head;
mod hold;
mod miss_and_hit;
mod names;
mod negative;
mod path_form;
mod pins;
mod restarts;
mod stored;

use std::{
    fs,
    path::{Path, PathBuf},
};

use artifact_cache_layers::digest::Sha256;
use serde_json::Value;

use crate::support::{cache::Cache, client::Response, origin::Content, percent_encoded};

/// An artifact that is written to a file as it arrives.
fn large() -> Content {
    Content::seeded(7, 900_000)
}

/// An artifact that is kept in memory until it is complete.
fn small() -> Content {
    Content::literal("a small artifact\n")
}

/// The digest of bytes that no test has.
pub(crate) fn wrong_pin() -> String {
    "0".repeat(64)
}

/// The query of `/fetch` for a URL and a pin, which is sent as it is written.
fn pinned(url: &str, pin: &str) -> String {
    format!("url={}&sha256={pin}", percent_encoded(url))
}

#[expect(clippy::needless_pass_by_value, reason = "a digest or a text")]
pub(crate) fn fetch_pinned(cache: &Cache, url: &str, pin: impl ToString) -> Response {
    cache.fetch_with(&pinned(url, &pin.to_string()), &[])
}

/// Panics unless these are the bytes, with the four documented fields.
#[track_caller]
pub(crate) fn assert_served(response: &Response, status: &str, content: &Content) {
    response.assert_is(content);
    let digest = content.sha256().to_string();
    assert_eq!(response.value("x-cache-status"), Some(status));
    assert_eq!(response.value("x-content-sha256"), Some(&*digest));
    let length = content.length().to_string();
    assert_eq!(response.value("content-length"), Some(&*length));
    assert!(response.value("content-type").is_some());
}

/// Panics unless this is the documented error object; returns it.
#[track_caller]
pub(crate) fn assert_error(response: &Response, status: u16, code: &str) -> Value {
    assert_eq!(
        response.status(),
        status,
        "{:?} {}",
        response.head,
        response.text()
    );
    assert!(response.is_complete(), "{:?}", response.end);
    assert_eq!(response.value("content-type"), Some("application/json"));
    let error = response.json();
    assert_eq!(error["error"], code, "{error}");
    assert_eq!(error["code"], code.to_uppercase());
    assert_eq!(error["status"], status);
    for sentence in ["message", "title", "detail"] {
        let text = error[sentence].as_str().unwrap_or_default();
        assert!(text.len() > 10, "{sentence}: {error}");
    }
    error
}

/// Where the documents say that these bytes lie.
fn blob(cache: &Cache, digest: &Sha256) -> PathBuf {
    let hex = digest.to_string();
    let directory = cache.data().join("cache").join(&hex[..2]).join(&hex[2..4]);
    directory.join(hex)
}

/// Every file below a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The files of artifacts, once everything that was served is stored.
pub(crate) fn blobs(cache: &Cache) -> Vec<PathBuf> {
    cache.stats();
    let mut files = files(&cache.data().join("cache"));
    // Beside the artifacts lies what the catalog could be rebuilt from, and their second names.
    let view = cache.data().join("cache/sha256");
    files.retain(|path| !path.ends_with("journal.jsonl") && path.parent() != Some(&view));
    files
}

/// The record of a URL, if there is one.
fn record(cache: &Cache, url: &str) -> Option<Value> {
    let list = cache.get(&format!("/api/artifacts?prefix={}", percent_encoded(url)));
    let items = list.json()["items"].as_array().unwrap().clone();
    items.into_iter().find(|item| item["source_url"] == url)
}

fn access_count(cache: &Cache, url: &str) -> u64 {
    record(cache, url).unwrap()["access_count"]
        .as_u64()
        .unwrap()
}

/// Panics unless nothing is stored and nothing was left behind.
#[track_caller]
pub(crate) fn assert_nothing_stored(cache: &Cache) {
    assert_eq!(cache.stats()["total_items"], 0);
    assert_eq!(blobs(cache), Vec::<PathBuf>::new());
    assert_eq!(files(&cache.data().join("tmp")), Vec::<PathBuf>::new());
}
