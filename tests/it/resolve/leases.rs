//! A path that was given out stays readable while what it came from is removed, until its lease ends.

use std::fs;

use super::{asking, assert_resolved, over_http, post};
use crate::{
    fetch::blobs,
    support::{
        cache::Cache,
        client::Request,
        eventually,
        origin::{Content, Origin, Reply},
    },
};

pub(super) fn remove_everything(cache: &Cache) {
    let items = cache.get("/api/artifacts").json()["items"].clone();
    for item in items.as_array().unwrap() {
        let path = format!("/api/artifacts/{}", item["id"]);
        assert_eq!(cache.exchange(&Request::new("DELETE", &path)).status(), 204);
    }
}

/// The blob's own name goes after a minute of grace; here somebody else is faster.
pub(super) fn unlink_blobs(cache: &Cache) {
    for blob in blobs(cache) {
        fs::remove_file(blob).unwrap();
    }
}

#[test]
fn a_leased_path_outlives_the_artifact_and_its_blob() {
    let (origin, cache) = (Origin::start(), over_http().start());
    let content = Content::seeded(1, 300_000);
    origin.route("/a", Reply::ok(content.clone()));
    let uri = origin.url("/a");
    let document = asking(&uri, &content);
    let path = assert_resolved(&post(&cache, &document), &uri, &content, false);
    remove_everything(&cache);
    unlink_blobs(&cache);
    assert_eq!(fs::read(&path).unwrap(), content.bytes());
    // Stored anew, the name leads to the new file.
    assert_eq!(
        assert_resolved(&post(&cache, &document), &uri, &content, false),
        path
    );
    assert_eq!(super::inode(&path), super::inode(&blobs(&cache)[0]));
}

#[test]
fn a_path_whose_lease_is_over_goes_with_the_blob_and_not_before() {
    let origin = Origin::start();
    let cache = over_http()
        .environment("ARTIFACT_CACHE__RESOLVE__LEASE_SECONDS", "1s")
        .start();
    let contents = [Content::seeded(1, 300_000), Content::seeded(2, 300_000)];
    let mut paths = Vec::new();
    for (content, name) in contents.iter().zip(["/gone", "/kept"]) {
        origin.route(name, Reply::ok(content.clone()));
        let uri = origin.url(name);
        paths.push(assert_resolved(
            &post(&cache, &asking(&uri, content)),
            &uri,
            content,
            false,
        ));
    }
    let gone = blobs(&cache)
        .into_iter()
        .find(|blob| super::inode(blob) == super::inode(&paths[0]));
    fs::remove_file(gone.unwrap()).unwrap();
    eventually("the lease ended", || !paths[0].exists());
    assert_eq!(fs::read(&paths[1]).unwrap(), contents[1].bytes());
}
