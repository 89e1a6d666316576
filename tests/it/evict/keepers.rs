//! What must stay stays, however little it is used and however little room there is.

use std::fs;

use serde_json::json;

use super::{MIB, capped, number, routes};
use crate::{
    models,
    support::{
        cache::Cache,
        client::{Request, Response},
        origin::{Content, Origin, Reply},
    },
};

fn post(cache: &Cache, path: &str, body: impl Into<Vec<u8>>) -> Response {
    let request = Request::new("POST", path).field("Content-Type", "application/json");
    cache.exchange(&request.body(body.into()))
}

/// Asks for so many other things that everything that may go has gone.
fn press(cache: &Cache, origin: &Origin) {
    let contents = routes(origin, 60, MIB / 2);
    for (seed, content) in contents.iter().enumerate() {
        cache
            .fetch(&origin.url(&format!("/{seed}")))
            .assert_is(content);
    }
    assert!(number(cache, "artifact_cache_evicted_total") > 15);
}

#[test]
fn an_uploaded_file_stays_with_and_without_a_pointer() {
    let (origin, cache) = (Origin::start(), capped(8 * MIB).start());
    let contents = [Content::seeded(201, MIB / 4), Content::seeded(202, MIB / 4)];
    for content in &contents {
        let response = cache.exchange(&Request::new("POST", "/files").body(content.bytes()));
        assert_eq!(response.status(), 201, "{}", response.text());
    }
    let id = contents[0].sha256().to_string();
    let pointer = json!({"storage": "data-bank", "file_id": id}).to_string();
    let request = Request::new("PUT", "/runs/run-1/artifact").body(pointer);
    assert_eq!(cache.exchange(&request).status(), 200);
    press(&cache, &origin);
    for content in &contents {
        cache
            .get(&format!("/files/{}", content.sha256()))
            .assert_is(content);
    }
}

#[test]
fn the_bytes_of_a_model_in_production_stay() {
    let cap = (8 * MIB).to_string();
    let setup = models::keyed().environment("ARTIFACT_CACHE__STORAGE__MAX_BYTES", &cap);
    let (origin, cache) = (Origin::start(), setup.start());
    let content = Content::seeded(203, MIB / 4);
    origin.route("/c.pt", Reply::ok(content.clone()));
    let checkpoint = json!({
        "artifact_uri": origin.url("/c.pt"),
        "checkpoint_sha256": content.sha256().to_string(),
        "checkpoint_size_bytes": content.length(),
    });
    let model = models::register(&cache, "m", "1", &checkpoint);
    assert_eq!(models::promote(&cache, &model, "production").status(), 200);
    cache.fetch(&origin.url("/c.pt")).assert_is(&content);
    press(&cache, &origin);
    cache.fetch(&origin.url("/c.pt")).assert_is(&content);
    assert_eq!(origin.hits("/c.pt"), 1);
}

#[test]
fn what_is_leased_stays_for_its_lease() {
    let setup = capped(8 * MIB).environment("ARTIFACT_CACHE__RESOLVE__ALLOW_HTTP", "true");
    let (origin, cache) = (Origin::start(), setup.start());
    let content = Content::seeded(204, MIB / 4);
    origin.route("/leased", Reply::ok(content.clone()));
    let asking = json!({
        "artifact_uri": origin.url("/leased"), "sha256": content.sha256().to_string(),
        "size_bytes": content.length(),
    });
    let resolved = post(&cache, "/resolve", asking.to_string());
    assert_eq!(resolved.status(), 200, "{}", resolved.text());
    let path = resolved.json()["local_path"].as_str().unwrap().to_owned();
    press(&cache, &origin);
    assert_eq!(fs::read(path).unwrap(), content.bytes());
    cache.fetch(&origin.url("/leased")).assert_is(&content);
    assert_eq!(origin.hits("/leased"), 1);
}

#[test]
fn what_is_being_read_stays_until_it_is_read() {
    let (origin, cache) = (Origin::start(), capped(24 * MIB).start());
    let content = Content::seeded(205, 8 * MIB);
    origin.route("/read", Reply::ok(content.clone()));
    cache.fetch(&origin.url("/read")).assert_is(&content);
    let mut client = cache.client().with_receive_buffer(64 << 10);
    let request = Request::get(&crate::support::cache::fetch_path(&origin.url("/read")));
    let mut reading = client.start(&request).unwrap();
    assert!(reading.read_to(MIB));
    press(&cache, &origin);
    cache.fetch(&origin.url("/read")).assert_is(&content);
    assert_eq!(origin.hits("/read"), 1);
    reading.finish().assert_is(&content);
}
