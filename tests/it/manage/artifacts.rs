//! `/api/artifacts`: list, show, delete, through the real catalog.

use serde_json::Value;

use super::filled;
use crate::{
    fetch::{assert_error, assert_served, blobs},
    support::{
        cache::Cache,
        client::{Request, Response},
        origin::{Content, Origin, Reply},
        percent_encoded,
    },
};

fn items(response: &Response) -> Vec<Value> {
    response.json()["items"].as_array().unwrap().clone()
}

fn urls(response: &Response) -> Vec<String> {
    let items = items(response);
    let urls = items
        .iter()
        .map(|item| item["source_url"].as_str().unwrap());
    urls.map(str::to_owned).collect()
}

fn delete(cache: &Cache, id: &Value) -> Response {
    cache.exchange(&Request::new("DELETE", &format!("/api/artifacts/{id}")))
}

#[test]
fn a_list_is_read_page_by_page_without_gap_or_repetition() {
    let (origin, cache) = filled(7);
    let mut found = Vec::new();
    let mut path = "/api/artifacts?limit=3&count=true".to_owned();
    loop {
        let page = cache.get(&path);
        assert_eq!(page.value("x-total-count"), Some("7"));
        found.extend(urls(&page));
        let Some(link) = page.value("link") else {
            assert_eq!(page.json()["next_cursor"], Value::Null);
            break;
        };
        let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
        let next = link
            .strip_prefix('<')
            .and_then(|link| link.split_once('>'))
            .unwrap();
        assert_eq!(next.1, "; rel=\"next\"");
        assert!(next.0.contains(&format!("cursor={cursor}")));
        path = next.0.to_owned();
    }
    let expected: Vec<_> = (0..7).map(|n| origin.url(&format!("/{n}"))).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_list_is_filtered() {
    let (origin, cache) = filled(3);
    let digest = Content::seeded(2, 3).sha256();
    let prefix = percent_encoded(&origin.url("/1"));
    for (query, expected) in [
        (format!("sha256={digest}"), vec![origin.url("/2")]),
        (format!("prefix={prefix}"), vec![origin.url("/1")]),
        ("q=%2F0".to_owned(), vec![origin.url("/0")]),
        ("host=example.com".to_owned(), vec![]),
        ("host=127.0.0.1&limit=1".to_owned(), vec![origin.url("/0")]),
    ] {
        assert_eq!(
            urls(&cache.get(&format!("/api/artifacts?{query}"))),
            expected,
            "{query}"
        );
    }
}

#[test]
fn a_list_that_is_not_understood_is_refused() {
    let cache = Cache::start();
    for (query, status, parameter) in [
        ("limit=201", 422, "limit"),
        ("limit=0", 422, "limit"),
        ("limit=-1", 422, "limit"),
        ("limit=x", 422, "limit"),
        ("cursor=%00", 422, "cursor"),
        ("sha256=abc", 422, "sha256"),
        ("count=maybe", 422, "count"),
        ("hots=example.com", 400, "hots"),
    ] {
        let response = cache.get(&format!("/api/artifacts?{query}"));
        let code = if status == 422 {
            "invalid_parameter"
        } else {
            "unknown_parameter"
        };
        assert_eq!(response.status(), status, "{query}");
        let error = response.json();
        assert_eq!(error["error"], code, "{query}");
        assert!(
            error["message"].as_str().unwrap().contains(parameter),
            "{error}"
        );
    }
}

#[test]
fn everything_comes_as_lines_when_that_is_accepted() {
    let (origin, cache) = filled(5);
    let request = Request::get("/api/artifacts").field("Accept", "application/x-ndjson");
    let response = cache.exchange(&request);
    assert_eq!(response.value("content-type"), Some("application/x-ndjson"));
    let text = response.text();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[4]["source_url"], origin.url("/4"));
}

#[test]
fn one_artifact_is_shown_by_its_number() {
    let (_origin, cache) = filled(2);
    let item = items(&cache.get("/api/artifacts"))[1].clone();
    for path in ["/api/artifacts", "/api/v1/artifacts"] {
        let mut shown = cache.get(&format!("{path}/{}", item["id"])).json();
        let sources = shown["versions"][0].as_object_mut().unwrap();
        assert_eq!(sources.remove("sources").unwrap()[0], item["source_url"]);
        assert_eq!(shown, item);
    }
    for id in ["0", "999", "x", "-1", "1e3", "99999999999999999999999"] {
        assert_error(
            &cache.get(&format!("/api/artifacts/{id}")),
            404,
            "not_found",
        );
    }
}

#[test]
fn what_is_deleted_is_gone_and_can_be_fetched_again() {
    let (origin, cache) = filled(2);
    let item = items(&cache.get("/api/artifacts"))[0].clone();
    let gone = delete(&cache, &item["id"]);
    assert_eq!((gone.status(), gone.length), (204, 0));
    assert_error(&delete(&cache, &item["id"]), 404, "not_found");
    assert_eq!(cache.stats()["total_items"], 1);
    let content = Content::seeded(0, 1);
    assert_served(&cache.fetch(&origin.url("/0")), "MISS", &content);
    let again = items(&cache.get("/api/artifacts"));
    assert!(
        again.iter().all(|it| it["id"] != item["id"]),
        "a number is never used again"
    );
}

#[test]
fn deleting_one_of_two_urls_leaves_the_bytes_to_the_other() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let content = Content::seeded(1, 300_000);
    for path in ["/a", "/b"] {
        origin.route(path, Reply::ok(content.clone()));
        cache.fetch(&origin.url(path)).assert_is(&content);
    }
    let first = items(&cache.get("/api/artifacts?q=%2Fa"))[0]["id"].clone();
    assert_eq!(delete(&cache, &first).status(), 204);
    assert_served(&cache.fetch(&origin.url("/b")), "HIT", &content);
    assert_eq!(blobs(&cache).len(), 1);
    assert_eq!(cache.stats()["total_size_bytes"], 300_000);
}

#[test]
fn a_deletion_survives_a_restart() {
    let (_origin, mut cache) = filled(2);
    let item = items(&cache.get("/api/artifacts"))[0].clone();
    delete(&cache, &item["id"]);
    cache.kill9();
    cache.restart();
    assert_eq!(cache.stats()["total_items"], 1);
    assert_error(
        &cache.get(&format!("/api/artifacts/{}", item["id"])),
        404,
        "not_found",
    );
}
