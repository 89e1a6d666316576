//! What pages change: asked for first, and only by the page that asked.

use super::{Browser, form, with_one};
use crate::support::{cache::Cache, client::Request};

fn is_stored(cache: &Cache, id: u64) -> bool {
    cache.get(&format!("/api/artifacts/{id}")).status() == 200
}

#[test]
fn deleting_asks_first_and_then_deletes() {
    let (_origin, cache, id) = with_one();
    let page = format!("/ui/artifacts/{id}/delete");
    let mut browser = Browser::at(&cache);
    let asked = browser.get(&page).text();
    assert!(asked.contains("Delete this artifact?") && asked.contains("/a.bin"));
    assert!(is_stored(&cache, id), "asking changes nothing");
    let deleted = browser.submit(&page, &page, &[]);
    assert_eq!(
        (deleted.status(), deleted.value("location")),
        (303, Some("/ui/artifacts"))
    );
    assert!(!is_stored(&cache, id));
    assert_eq!(
        browser.post(&page, &[]).status(),
        403,
        "no seal without a form"
    );
}

#[test]
fn pinning_takes_a_note_and_is_taken_back() {
    let (origin, cache, id) = with_one();
    let mut browser = Browser::at(&cache);
    let (pin, unpin) = (
        format!("/ui/artifacts/{id}/pin"),
        format!("/ui/artifacts/{id}/unpin"),
    );
    assert_eq!(
        browser
            .submit(&pin, &pin, &[("note", "<b>for the lab</b>")])
            .status(),
        303
    );
    let pins = cache.get("/api/v1/pins").json();
    assert_eq!(pins["items"][0]["note"], "<b>for the lab</b>");
    let shown = browser.get("/ui/pins").text();
    assert!(shown.contains("&#60;b&#62;for the lab") && shown.contains(&origin.url("/a.bin")));
    assert!(
        browser
            .get(&format!("/ui/artifacts/{id}"))
            .text()
            .contains("is pinned")
    );
    assert_eq!(browser.submit(&unpin, &unpin, &[]).status(), 303);
    assert_eq!(
        cache.get("/api/v1/pins").json()["items"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let long = "x".repeat(300);
    assert_eq!(browser.submit(&pin, &pin, &[("note", &long)]).status(), 422);
}

#[test]
fn a_form_of_another_page_another_site_or_another_visitor_changes_nothing() {
    let (_origin, cache, id) = with_one();
    let page = format!("/ui/artifacts/{id}/delete");
    let (mut browser, mut other) = (Browser::at(&cache), Browser::at(&cache));
    let (seal, theirs) = (browser.seal(&page), other.seal(&page));
    let form = |seal: &str| form(&page, &[("seal", seal)]);
    let cookie = browser.cookie.clone().unwrap();
    for request in foreign(&form, &seal, &theirs) {
        let refused = cache.exchange(&request.clone().field("Cookie", &cookie));
        assert_eq!(refused.status(), 403, "{request:?}");
        assert!(refused.text().contains("<h1>Not allowed</h1>"));
        assert!(is_stored(&cache, id));
    }
    let bare = cache.exchange(&form(&seal));
    assert_eq!(bare.status(), 403, "a seal without its cookie is none");
    assert_eq!(
        browser.post(&page, &[("seal", &seal)]).status(),
        303,
        "and the right one is"
    );
    assert!(!is_stored(&cache, id));
}

/// What another page, another site or another visitor could send.
fn foreign(form: &dyn Fn(&str) -> Request, seal: &str, theirs: &str) -> Vec<Request> {
    let with = |name: &str, value: &str| form(seal).without(name).field(name, value);
    // Over plain http, browsers do not say which site sends.
    let plain = |origin: &str| with("Origin", origin).without("Sec-Fetch-Site");
    vec![
        form(""),
        form("0000"),
        form(theirs),
        plain("http://evil.example"),
        plain("http://localhost:81"),
        plain("null"),
        with("Sec-Fetch-Site", "cross-site"),
        with("Sec-Fetch-Site", "same-site"),
        with("Sec-Fetch-Dest", "empty"),
        with("Sec-Fetch-Dest", "iframe"),
    ]
}

#[test]
fn bad_forms_are_refused_as_pages_and_other_methods_are_named() {
    let (_origin, cache, id) = with_one();
    let mut browser = Browser::at(&cache);
    let page = format!("/ui/artifacts/{id}/delete");
    let huge = browser.post(&page, &[("seal", &"x".repeat(100_000))]);
    assert_eq!(huge.status(), 422);
    let garbage = Request::new("POST", &page).body(vec![0xff; 1000]);
    assert_eq!(browser.send(garbage).status(), 403);
    let put = browser.send(Request::new("PUT", "/ui/artifacts"));
    assert_eq!((put.status(), put.value("allow")), (405, Some("GET, HEAD")));
    let seal = browser.seal(&page);
    let post = browser.post("/ui/artifacts", &[("seal", &seal)]);
    assert_eq!(
        (post.status(), post.value("allow")),
        (405, Some("GET, HEAD"))
    );
    assert!(is_stored(&cache, id));
}

#[test]
fn what_a_model_in_production_has_cannot_be_deleted() {
    use serde_json::json;
    let origin = crate::support::origin::Origin::start();
    let cache = Cache::setup().config("registry: {api_key: dev}").start();
    let content = crate::support::origin::Content::seeded(1, 2048);
    origin.route("/m.bin", crate::support::origin::Reply::ok(content.clone()));
    cache.fetch(&origin.url("/m.bin"));
    let key = |method: &str, path: &str, body: &serde_json::Value| {
        let request = Request::new(method, path)
            .field("X-API-Key", "dev")
            .field("Content-Type", "application/json");
        cache.exchange(&request.body(body.to_string()))
    };
    let digest = content.sha256().to_string();
    let model = json!({"name": "m", "version": "1", "artifact_uri": origin.url("/m.bin"), "checkpoint_sha256": digest});
    let made = key("POST", "/models", &model);
    assert!(made.status() < 300, "{}", made.text());
    let number = made.json()["id"].as_u64().unwrap();
    let promoted = key(
        "POST",
        &format!("/models/{number}/promote"),
        &json!({"status": "production"}),
    );
    assert!(promoted.status() < 300, "{}", promoted.text());
    let page = "/ui/artifacts/1/delete";
    let refused = Browser::at(&cache).submit(page, page, &[]);
    assert_eq!(refused.status(), 409, "{}", refused.text());
    assert!(is_stored(&cache, 1));
}

#[test]
fn a_job_is_shown_with_its_end_and_cancelling_asks() {
    let (_origin, cache, _) = with_one();
    let started = cache.exchange(&Request::new("POST", "/api/v1/verify").body("{}"));
    assert_eq!(started.status(), 202, "{}", started.text());
    let id = started.json()["id"].to_string().replace('"', "");
    let page = format!("/ui/jobs/{id}");
    crate::support::eventually("the job ends", || {
        cache.get(&page).text().contains(">done</span>")
    });
    let mut browser = Browser::at(&cache);
    assert!(browser.get("/ui/jobs").text().contains(&page));
    let ask = format!("{page}/cancel");
    assert!(browser.get(&ask).text().contains("Cancel this job?"));
    let told = browser.submit(&ask, &ask, &[]);
    assert_eq!(
        told.value("location"),
        Some(&*page),
        "one that has ended stays as it is"
    );
    assert!(cache.get(&page).text().contains(">done</span>"));
    assert_eq!(browser.get("/ui/jobs/4711").status(), 404);
}

#[test]
fn what_a_sealed_cache_missed_is_listed_as_text() {
    let cache = Cache::setup().config("upstream: {mode: sealed}").start();
    let url = "http://origin.example/%3Cscript%3E?q=%3Cimg%3E";
    let missed = cache.fetch(url);
    assert!(missed.status() >= 500, "{}", missed.status());
    let page = cache.get("/ui/misses").text();
    assert!(
        page.contains("origin.example") && page.contains("sealed"),
        "{page}"
    );
    assert_eq!(page.matches("<script").count(), 1);
}
