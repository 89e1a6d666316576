//! Orders, filters, lines and tags of `/api/v1/artifacts`, and the command line for them.

use serde_json::{Value, json};

use super::filled;
use crate::{
    fetch::assert_error,
    support::{
        cache::{Cache, program},
        client::{Request, Response},
        percent_encoded,
    },
};

fn paths(response: &Response) -> Vec<String> {
    assert_eq!(response.status(), 200, "{}", response.text());
    let page = response.json();
    let items = page["items"].as_array().unwrap();
    let urls = items
        .iter()
        .map(|item| item["source_url"].as_str().unwrap());
    urls.map(|url| url.rsplit('/').next().unwrap().to_owned())
        .collect()
}

fn list(cache: &Cache, query: &str) -> Vec<String> {
    paths(&cache.get(&format!("/api/v1/artifacts?{query}")))
}

fn put_tag(cache: &Cache, name: &str, document: &Value) -> Response {
    let request = Request::new("PUT", &format!("/api/v1/tags/{name}"));
    cache.exchange(&request.body(document.to_string()))
}

#[test]
fn a_list_is_in_the_order_that_is_asked_for() {
    let (origin, cache) = filled(5);
    for (path, times) in [("/3", 3), ("/1", 2), ("/4", 1)] {
        (0..times).for_each(|_| drop(cache.fetch(&origin.url(path))));
    }
    assert_eq!(list(&cache, "sort=-file_size"), ["4", "3", "2", "1", "0"]);
    assert_eq!(list(&cache, "sort=-access_count&limit=3"), ["3", "1", "4"]);
    assert_eq!(
        list(&cache, "sort=-last_accessed_at,id&limit=3"),
        ["4", "1", "3"]
    );
    assert_eq!(list(&cache, "sort=-first_cached_at&limit=1"), ["4"]);
    let prefix = percent_encoded(&origin.url("/"));
    assert_eq!(
        list(&cache, &format!("sort=-source_url&prefix={prefix}")),
        ["4", "3", "2", "1", "0"]
    );
    assert_eq!(
        list(&cache, "min_size=2&max_size=3&sort=file_size"),
        ["1", "2"]
    );
    assert_eq!(list(&cache, "older_than=1d"), Vec::<String>::new());
    assert_eq!(
        list(&cache, "created_after=2020-01-01&unused_for=1d"),
        Vec::<String>::new()
    );
    let error = cache.get("/api/v1/artifacts?sort=newest");
    assert_eq!(
        assert_error(&error, 422, "invalid_parameter")["parameter"],
        "sort"
    );
    let first = cache.get("/api/v1/artifacts?sort=file_size&limit=2");
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(
        list(&cache, &format!("sort=file_size&limit=2&cursor={cursor}")),
        ["2", "3"]
    );
    let foreign = cache.get(&format!("/api/v1/artifacts?cursor={cursor}"));
    assert_error(&foreign, 422, "invalid_parameter");
}

#[test]
fn lines_come_by_parameter_too() {
    let (_origin, cache) = filled(4);
    let lines = cache.get("/api/v1/artifacts?format=ndjson&sort=-file_size&min_size=2");
    assert_eq!(lines.value("content-type"), Some("application/x-ndjson"));
    let text = lines.text();
    let sizes = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["file_size"].clone());
    assert_eq!(sizes.collect::<Vec<_>>(), [4, 3, 2]);
}

#[test]
fn a_record_has_tags_state_pins_and_the_sources_of_its_versions() {
    let (origin, cache) = filled(1);
    let twin = origin.url("/twin");
    let content = crate::support::origin::Content::seeded(0, 1);
    origin.route("/twin", crate::support::origin::Reply::ok(content));
    assert_eq!(cache.fetch(&twin).status(), 200);
    let url = origin.url("/0");
    assert_eq!(
        put_tag(&cache, "release%2F1", &json!({"url": url})).status(),
        200
    );
    let pin = Request::new("POST", "/api/v1/pins").body(json!({"url": url}).to_string());
    assert_eq!(cache.exchange(&pin).status(), 201);
    let record = cache.get("/api/v1/artifacts/1").json();
    assert_eq!(record["tags"], json!(["release/1"]));
    assert_eq!(
        (&record["pinned"], &record["state"]),
        (&true.into(), &"current".into())
    );
    let mut sources = record["versions"][0]["sources"].as_array().unwrap().clone();
    sources.sort_by_key(Value::to_string);
    assert_eq!(sources, [url.clone(), twin]);
    assert_eq!(list(&cache, "pinned=true"), ["0"]);
    assert_eq!(list(&cache, "pinned=false"), ["twin"]);
    let soft = json!({"urls": [url], "soft": true}).to_string();
    cache.exchange(&Request::new("POST", "/api/v1/purge").body(soft));
    assert_eq!(list(&cache, "state=stale"), ["0"]);
}

#[test]
fn tags_find_and_purge_together_and_go_with_what_they_are_on() {
    let (origin, cache) = filled(4);
    let urls = [origin.url("/1"), origin.url("/2")];
    let given = put_tag(&cache, "nightly", &json!({"urls": urls}));
    assert_eq!(given.json(), json!({"name": "nightly", "artifacts": 2}));
    assert_error(
        &put_tag(&cache, "nightly", &json!({"url": "http://never.example/"})),
        404,
        "not_found",
    );
    assert_error(
        &put_tag(&cache, "a%20b", &json!({"url": urls[0]})),
        422,
        "invalid_parameter",
    );
    assert_eq!(list(&cache, "tag=nightly"), ["1", "2"]);
    assert_eq!(list(&cache, "tag=nightly&sort=-file_size"), ["2", "1"]);
    let named = cache.get("/api/v1/tags").json();
    assert_eq!(named["items"], json!([{"name": "nightly", "artifacts": 2}]));
    let path = format!("/api/v1/tags/nightly?url={}", percent_encoded(&urls[0]));
    assert_eq!(cache.exchange(&Request::new("DELETE", &path)).status(), 204);
    assert_eq!(list(&cache, "tag=nightly"), ["2"]);
    let purge = json!({"tag": "nightly"}).to_string();
    let purged = cache.exchange(&Request::new("POST", "/api/v1/purge").body(purge));
    assert_eq!(purged.json()["removed"], 1);
    assert_eq!(cache.get("/api/v1/tags").json()["items"], json!([]));
    assert_eq!(list(&cache, "sort=file_size"), ["0", "1", "3"]);
}

#[test]
fn the_command_line_tags_lists_and_untags() {
    let (origin, cache) = filled(3);
    let url = origin.url("/2");
    let run = |arguments: &[&str]| {
        let server = format!("http://{}", cache.address());
        let mut command = program();
        let output = command
            .args(arguments)
            .args(["--url", &server])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        run(&["tag", &url, "a", "b"]),
        format!("tagged 1 artifacts of {url}\n")
    );
    assert!(run(&["tag"]).ends_with("         1  a\n         1  b\n"));
    assert!(run(&["ls", "--tag", "b"]).ends_with(&format!("{url}\n")));
    assert!(run(&["ls", "--sort", "-file_size", "--limit", "1", "--json"]).contains(&url));
    assert_eq!(run(&["untag", &url, "a"]), format!("untagged {url}\n"));
    assert!(run(&["show", &url]).contains("tags            [\"b\"]"));
    assert!(run(&["purge", "--tag", "b", "--yes"]).contains("removed         1"));
    assert_eq!(run(&["ls", "--tag", "b"]).lines().count(), 1);
}
