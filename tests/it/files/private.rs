//! Uploads are private: their digest opens no other door.

use serde_json::json;

use super::upload;
use crate::{
    fetch::blobs,
    support::{
        cache::Cache,
        client::Request,
        origin::{Content, Origin, Reply},
        percent_encoded,
    },
};

#[test]
fn no_other_door_gives_an_upload_out_by_its_digest() {
    let origin = Origin::start();
    origin.route("/other", Reply::ok(Content::literal("something else")));
    let cache = Cache::setup()
        .environment("ARTIFACT_CACHE__RESOLVE__ALLOW_HTTP", "1")
        .start();
    let content = Content::literal("a secret");
    let id = upload(&cache, &content);
    assert_eq!(cache.get(&format!("/cas/sha256/{id}")).status(), 404);
    let url = percent_encoded(&origin.url("/other"));
    assert_eq!(
        cache.get(&format!("/fetch?url={url}&sha256={id}")).status(),
        409
    );
    let document = json!({"artifact_uri": origin.url("/other"), "sha256": id, "size_bytes": 8});
    let resolve = Request::new("POST", "/resolve").body(document.to_string());
    assert_eq!(cache.exchange(&resolve).status(), 400);
    let list = cache.get("/api/artifacts").text();
    assert!(!list.contains(&id), "{list}");
    assert!(!cache.data().join("cache/sha256").exists());
}

#[test]
fn bytes_that_an_origin_serves_are_public_for_as_long_as_it_is_stored() {
    let origin = Origin::start();
    let cache = Cache::start();
    let content = Content::literal("also public");
    origin.route("/a", Reply::ok(content.clone()));
    let id = upload(&cache, &content);
    cache.fetch(&origin.url("/a")).assert_is(&content);
    cache.stats();
    cache.get(&format!("/cas/sha256/{id}")).assert_is(&content);
    assert_eq!(blobs(&cache).len(), 1, "stored once");

    let items = cache.get("/api/artifacts").json();
    let path = format!("/api/artifacts/{}", items["items"][0]["id"]);
    assert_eq!(cache.exchange(&Request::new("DELETE", &path)).status(), 204);
    assert_eq!(cache.get(&format!("/cas/sha256/{id}")).status(), 404);
    cache.get(&format!("/files/{id}")).assert_is(&content);
}

#[test]
fn removing_the_file_leaves_what_came_from_an_origin() {
    let origin = Origin::start();
    let cache = Cache::start();
    let content = Content::literal("two owners");
    origin.route("/a", Reply::ok(content.clone()));
    cache.fetch(&origin.url("/a")).assert_is(&content);
    let id = upload(&cache, &content);
    let removed = cache.exchange(&Request::new("DELETE", &format!("/files/{id}")));
    assert_eq!(removed.status(), 204);
    assert_eq!(cache.get(&format!("/files/{id}")).status(), 404);
    cache.get(&format!("/cas/sha256/{id}")).assert_is(&content);
    assert_eq!(origin.hits("/a"), 1);
}
