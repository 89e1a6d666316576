//! Who sees the pages where tokens are asked for.

use super::{Browser, form};
use crate::{
    access::{operate, token},
    support::{
        cache::{Cache, Setup},
        client::Request,
        origin::{Content, Origin, Reply},
    },
};

fn shut() -> Setup {
    Cache::setup().config("auth: {tokens: true}")
}

#[test]
fn who_is_not_logged_in_is_led_to_the_form_and_back() {
    let cache = shut().start();
    let admin = token(&cache, "admin:read", &[]);
    let mut browser = Browser::at(&cache);
    let sent = browser.get("/ui/artifacts?q=a%20b&host=x");
    assert_eq!(sent.status(), 303);
    let form = sent.value("location").unwrap().to_owned();
    assert!(form.starts_with("/ui/login?next="), "{form}");
    assert_eq!(
        sent.value("www-authenticate"),
        None,
        "no prompt of the browser's own"
    );
    let page = browser.get(&form).text();
    let next = super::html::attribute(&page, "name=\"next\" value=\"").replace("&#38;", "&");
    let led = browser.submit(&form, "/ui/login", &[("token", &admin), ("next", &next)]);
    assert_eq!(led.value("location"), Some("/ui/artifacts?q=a%20b&host=x"));
    assert_eq!(browser.get("/ui/artifacts").status(), 200);
    let elsewhere = [("token", admin.as_str()), ("next", "//evil.example/")];
    let led = browser.submit("/ui/login", "/ui/login", &elsewhere);
    assert_eq!(led.value("location"), Some("/ui/"));
}

#[test]
fn the_cookie_is_for_these_pages_only_and_new_with_each_login() {
    let cache = shut().start();
    let admin = token(&cache, "admin:read", &[]);
    let mut browser = Browser::at(&cache);
    let seal = browser.seal("/ui/login");
    let before = browser.cookie.clone();
    let led = browser.post("/ui/login", &[("seal", &seal), ("token", &admin)]);
    let line = led.value("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/ui"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("Secure") && !line.contains(&admin));
    assert_ne!(
        browser.cookie, before,
        "a cookie that somebody else knew is of no use"
    );
    let seal = browser.seal("/ui/login");
    let tls = form("/ui/login", &[("seal", &seal), ("token", &admin)]);
    let tls = tls.without("Origin").field("Origin", "https://localhost");
    let led = browser.send(tls);
    assert!(
        led.value("set-cookie").unwrap().contains("; Secure"),
        "{led:?}"
    );
    // The session is no token: it opens no other route.
    for path in [
        "/api/stats",
        "/api/artifacts",
        "/metrics",
        "/fetch?url=http://example.com/",
    ] {
        let request = Request::get(path).field("Cookie", browser.cookie.as_ref().unwrap());
        assert_eq!(cache.exchange(&request).status(), 401, "{path}");
    }
}

#[test]
fn tokens_that_are_wrong_or_for_something_else_do_not_log_in() {
    let cache = shut().start();
    let (fetching, limited) = (
        token(&cache, "fetch", &[]),
        token(&cache, "admin:read", &["--target", "example.com"]),
    );
    let ended = token(&cache, "admin:read", &[]);
    operate(&cache, &["revoke", &ended[3..15]]);
    for wrong in [
        "",
        "x",
        "ac_000000000000_0",
        &fetching,
        &limited,
        &ended,
        "<script>alert(1)</script>",
    ] {
        let mut browser = Browser::at(&cache);
        let refused = browser.submit("/ui/login", "/ui/login", &[("token", wrong)]);
        assert_eq!(refused.status(), 403, "{wrong}");
        assert!(refused.text().contains("role=\"alert\""));
        assert!(!refused.text().contains(&fetching) && !refused.text().contains("<script>alert"));
        assert_eq!(browser.get("/ui/").status(), 303);
    }
}

#[test]
fn who_may_only_read_can_change_nothing() {
    let (origin, cache) = (Origin::start(), shut().start());
    let (admin, reader) = (token(&cache, "*", &[]), token(&cache, "admin:read", &[]));
    origin.route("/a", Reply::ok(Content::literal("a")));
    let path = crate::support::cache::fetch_path(&origin.url("/a"));
    cache.exchange(&Request::get(&path).field("X-API-Key", &admin));
    let mut browser = Browser::at(&cache);
    browser.log_in(&reader);
    let page = browser.get("/ui/artifacts/1").text();
    assert!(!page.contains("/delete") && !page.contains("/pin\""));
    assert_eq!(browser.get("/ui/artifacts/1/delete").status(), 403);
    assert_eq!(
        browser
            .submit("/ui/", "/ui/artifacts/1/delete", &[])
            .status(),
        403
    );
    for hidden in ["/ui/models", "/ui/files"] {
        assert_eq!(browser.get(hidden).status(), 403, "{hidden}");
    }
    let mut browser = Browser::at(&cache);
    browser.log_in(&admin);
    assert_eq!(browser.get("/ui/models").status(), 200);
    assert_eq!(
        browser
            .submit("/ui/artifacts/1/delete", "/ui/artifacts/1/delete", &[])
            .status(),
        303
    );
}

#[test]
fn a_session_ends_with_its_token_its_logout_and_the_process() {
    let mut cache = shut().start();
    let (first, second, third) = (
        token(&cache, "admin:read", &[]),
        token(&cache, "admin:read", &[]),
        token(&cache, "admin:read", &[]),
    );
    let cookie = {
        let mut browser = Browser::at(&cache);
        browser.log_in(&first);
        assert_eq!(browser.get("/ui/").status(), 200);
        operate(&cache, &["revoke", &first[3..15]]);
        assert_eq!(browser.get("/ui/").status(), 303, "the token was revoked");
        let mut browser = Browser::at(&cache);
        browser.log_in(&second);
        let kept = browser.cookie.clone().unwrap();
        let left = browser.submit("/ui/", "/ui/logout", &[]);
        assert_eq!(left.value("location"), Some("/ui/login"));
        let replayed = Request::get("/ui/").field("Cookie", &kept);
        assert_eq!(cache.exchange(&replayed).status(), 303, "logged out");
        let mut browser = Browser::at(&cache);
        browser.log_in(&third);
        browser.cookie.clone().unwrap()
    };
    cache.restart();
    let replayed = Request::get("/ui/").field("Cookie", &cookie);
    assert_eq!(cache.exchange(&replayed).status(), 303);
    let hostile = Request::get("/ui/login").field(
        "Cookie",
        &format!("artifact_cache_ui={}", "<x>".repeat(500)),
    );
    assert_eq!(cache.exchange(&hostile).status(), 200);
}

#[test]
fn a_token_in_a_field_works_as_everywhere() {
    let cache = shut().start();
    let admin = token(&cache, "admin:read", &[]);
    let request = Request::get("/ui/").field("Authorization", &crate::access::basic(&admin));
    assert_eq!(cache.exchange(&request).status(), 200);
    let wrong = Request::get("/ui/").field("X-API-Key", "ac_000000000000_0");
    assert_eq!(cache.exchange(&wrong).status(), 303);
}

#[test]
fn networks_that_may_not_use_the_cache_do_not_even_see_the_form() {
    let cache = Cache::setup()
        .config("auth: {tokens: true, allow_networks: [192.0.2.0/24]}")
        .start();
    for path in ["/ui/", "/ui/login"] {
        let refused = cache.get(path);
        assert_eq!(refused.status(), 403, "{path}");
        assert!(!refused.text().contains("<form action=\"/ui/login"));
    }
}
