//! What works in the background: started, watched, cancelled, remembered; and what it does.

mod framework;
mod refresh;
mod scrub;
mod warm;

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{
    cache::{Cache, program},
    client::{Request, Response},
    eventually_some,
    origin::{Content, Origin, Reply},
};

/// Asks a route to start a job.
pub(crate) fn post(cache: &Cache, path: &str, document: &Value) -> Response {
    cache.exchange(&Request::new("POST", path).body(document.to_string()))
}

/// Starts a job; its number.
#[track_caller]
pub(crate) fn start(cache: &Cache, path: &str, document: &Value) -> u64 {
    let response = post(cache, path, document);
    assert_eq!(response.status(), 202, "{}", response.text());
    response.json()["id"].as_u64().unwrap()
}

/// A job as it is now.
#[track_caller]
pub(crate) fn show(cache: &Cache, id: u64) -> Value {
    let response = cache.get(&format!("/api/v1/jobs/{id}"));
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

/// Waits until a job has ended.
#[track_caller]
pub(crate) fn ended(cache: &Cache, id: u64) -> Value {
    eventually_some("the job ends", || {
        Some(show(cache, id)).filter(|job| job["state"] != "running")
    })
}

/// Starts a job and waits for it.
#[track_caller]
pub(crate) fn finished(cache: &Cache, path: &str, document: &Value) -> Value {
    ended(cache, start(cache, path, document))
}

/// Runs a verb against a cache: its exit code, its output, what it says on standard error.
pub(crate) fn run(cache: &Cache, arguments: &[&str]) -> (i32, String, String) {
    let mut program = program();
    program.env("ARTIFACT_CACHE_URL", format!("http://{}", cache.address()));
    let output = program.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// Stores so many artifacts of `size` bytes, `/0`, `/1` and so on.
pub(crate) fn fill(origin: &Origin, cache: &Cache, count: u64, size: u64) -> Vec<Content> {
    let contents: Vec<_> = (0..count).map(|n| Content::seeded(n + 1, size)).collect();
    for (n, content) in contents.iter().enumerate() {
        let path = format!("/{n}");
        origin.route(&path, Reply::ok(content.clone()));
        cache.fetch(&origin.url(&path)).assert_is(content);
    }
    // Everything is in the catalog after this.
    cache.stats();
    contents
}

/// Where a blob lies.
pub(crate) fn blob(cache: &Cache, content: &Content) -> PathBuf {
    let name = content.sha256().to_string();
    let root = cache.data().join("cache");
    root.join(&name[..2]).join(&name[2..4]).join(name)
}
