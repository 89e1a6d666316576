//! Every door asks for a token in its own way, and none lets it through to an origin.

use super::{assert_refused, basic, bearer, get_with, shut, token};
use crate::support::{
    cache::{Cache, fetch_path},
    client::{Client, Request},
    origin::{Content, Origin, Reply},
};

fn origin() -> Origin {
    let origin = Origin::start();
    let reply = Reply::ok(Content::literal("artifact")).field("Cache-Control", "max-age=60");
    origin.route("/a", reply);
    origin
}

/// No request that reached the origin says anything of a token.
#[track_caller]
fn assert_never_told(origin: &Origin, token: &str) {
    let secret = token.rsplit('_').next().unwrap();
    for request in origin.requests() {
        let told = format!("{request:?}");
        assert!(
            !told.contains(secret) && !told.contains(&basic(token)[6..]),
            "{told}"
        );
        assert_eq!(request.value("proxy-authorization"), None);
        assert_eq!(request.value("x-api-key"), None);
    }
}

#[test]
fn fetch_takes_a_token_in_every_usual_form() {
    let (cache, origin) = (shut().start(), origin());
    let path = fetch_path(&origin.url("/a"));
    let none = cache.get(&path);
    assert_refused(&none, 401, "unauthorized");
    let challenges = none.head.values("www-authenticate");
    assert!(
        challenges[0].starts_with("Basic realm=\"artifact-cache\""),
        "{challenges:?}"
    );
    assert!(challenges[1].starts_with("Bearer "), "{challenges:?}");
    assert_eq!(origin.connections(), 0);

    let token = token(&cache, "fetch", &[]);
    for (name, value) in [
        ("X-API-Key", token.clone()),
        ("Authorization", bearer(&token)),
        ("Authorization", basic(&token)),
    ] {
        let answer = cache.exchange(&Request::get(&path).field(name, &value));
        answer.assert_is(&Content::literal("artifact"));
    }
    assert_never_told(&origin, &token);
}

#[test]
fn the_forward_proxy_asks_with_407_and_sends_no_token_on() {
    let (cache, origin) = (shut().start(), origin());
    let url = origin.url("/a");
    let none = cache.proxy_get(&url, &[]);
    assert_eq!(none.status(), 407);
    assert!(
        none.value("proxy-authenticate")
            .unwrap()
            .starts_with("Basic realm=")
    );
    assert_eq!(none.value("www-authenticate"), None);
    assert_eq!(origin.connections(), 0);

    let token = token(&cache, "fetch", &[]);
    // What stands in Authorization is for the origin: it opens no door here.
    let other = cache.proxy_get(&url, &[("Authorization", &bearer(&token))]);
    assert_eq!(other.status(), 407);
    for value in [basic(&token), bearer(&token)] {
        let fields = [
            ("Proxy-Authorization", value.as_str()),
            ("Cache-Control", "no-cache"),
        ];
        cache
            .proxy_get(&url, &fields)
            .assert_is(&Content::literal("artifact"));
    }
    assert_eq!(origin.hits("/a"), 2);
    assert_never_told(&origin, &token);
}

#[test]
fn the_origins_own_authorization_passes_the_proxy() {
    let (cache, origin) = (shut().start(), origin());
    let token = token(&cache, "fetch", &[]);
    let own = [
        ("Proxy-Authorization", basic(&token)),
        ("Authorization", "Basic b3du".into()),
    ];
    let fields: Vec<_> = own
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    cache.proxy_get(&origin.url("/a"), &fields);
    assert_eq!(
        origin.requests()[0].value("authorization"),
        Some("Basic b3du")
    );
    assert_never_told(&origin, &token);
}

#[test]
fn a_tunnel_needs_a_token_before_anything_is_dialled() {
    let cache = shut().config("auth: {tokens: true}\nproxy: {connect_ports: ['1024-65535']}");
    let (cache, origin) = (cache.start(), origin());
    let authority = origin.address().to_string();
    let mut client = Client::connect(cache.address());
    let refused = client.connect_tunnel(&authority);
    assert_eq!(refused.status(), 407);
    assert!(refused.value("proxy-authenticate").is_some());
    assert_eq!(origin.connections(), 0);

    let token = token(&cache, "fetch", &[]);
    let mut client = Client::connect(cache.address());
    let request = Request::new("CONNECT", &authority).field("Proxy-Authorization", &basic(&token));
    client.send(&request.bytes());
    assert_eq!(client.response("CONNECT").status(), 200);
    client
        .exchange(&Request::get("/a"))
        .assert_is(&Content::literal("artifact"));
    assert_never_told(&origin, &token);
}

#[test]
fn management_needs_its_own_scopes_and_health_needs_none() {
    let (cache, origin) = (shut().start(), origin());
    let fetch = token(&cache, "fetch", &[]);
    let read = token(&cache, "admin:read", &[]);
    let write = token(&cache, "admin:write", &[]);
    get_with(&cache, &fetch_path(&origin.url("/a")), &fetch);
    for path in ["/", "/health", "/healthz", "/readyz"] {
        assert_eq!(cache.get(path).status(), 200, "{path}");
    }
    for path in [
        "/api/stats",
        "/api/artifacts",
        "/metrics",
        "/api/v1/tokens",
        "/nope",
    ] {
        assert_refused(&cache.get(path), 401, "unauthorized");
        assert_refused(&get_with(&cache, path, &fetch), 403, "forbidden");
        let answer = get_with(&cache, path, &read);
        assert_eq!(
            answer.status(),
            if path == "/nope" { 404 } else { 200 },
            "{path}"
        );
    }
    let remove = |token: &str| {
        cache.exchange(&Request::new("DELETE", "/api/artifacts/1").field("X-API-Key", token))
    };
    assert_refused(&remove(&fetch), 403, "forbidden");
    assert_refused(&remove(&read), 403, "forbidden");
    assert_eq!(get_with(&cache, "/api/artifacts/1", &read).status(), 200);
    assert_eq!(remove(&write).status(), 204);
    assert_refused(
        &get_with(&cache, &fetch_path(&origin.url("/a")), &write),
        403,
        "forbidden",
    );
}

#[test]
fn a_digest_alone_opens_no_door() {
    let (cache, origin) = (shut().start(), origin());
    let path = format!("/cas/sha256/{}", Content::literal("artifact").sha256());
    let fetch = token(&cache, "fetch", &[]);
    assert_refused(&cache.get(&path), 401, "unauthorized");
    get_with(&cache, &fetch_path(&origin.url("/a")), &fetch);
    assert_refused(&cache.get(&path), 401, "unauthorized");
    get_with(&cache, &path, &fetch).assert_is(&Content::literal("artifact"));
}

#[test]
fn anonymous_clients_may_read_artifacts_and_nothing_else() {
    let cache = Cache::setup()
        .config("auth: {tokens: true, anonymous: true}")
        .start();
    let origin = origin();
    let path = fetch_path(&origin.url("/a"));
    assert_eq!(cache.get(&path).status(), 200);
    assert_eq!(cache.proxy_get(&origin.url("/a"), &[]).status(), 200);
    assert_refused(&cache.get("/api/artifacts"), 401, "unauthorized");
    let remove = cache.exchange(&Request::new("DELETE", "/api/artifacts/1"));
    assert_refused(&remove, 401, "unauthorized");
    // A token that is wrong is not the same as none.
    let wrong = format!("ac_{}_{}", "0".repeat(12), "0".repeat(48));
    assert_refused(&get_with(&cache, &path, &wrong), 401, "unauthorized");
    let proxied = cache.proxy_get(
        &origin.url("/a"),
        &[("Proxy-Authorization", &basic(&wrong))],
    );
    assert_eq!(proxied.status(), 407);
}

#[test]
fn a_limited_token_is_good_for_its_targets_only() {
    let (cache, origin) = (shut().start(), origin());
    origin.route("/b/c", Reply::ok(Content::literal("other")));
    let prefix = origin.url("/b");
    let limited = token(&cache, "fetch,admin:read", &["--target", &prefix]);
    let fetch = |path: &str| get_with(&cache, &fetch_path(&origin.url(path)), &limited);
    assert_eq!(fetch("/b/c").status(), 200);
    assert_refused(&fetch("/a"), 403, "forbidden");
    assert_refused(&fetch("/b/../a"), 403, "forbidden");
    // It is for artifacts: with its limit it has no say over the cache.
    assert_refused(&get_with(&cache, "/api/stats", &limited), 403, "forbidden");
    let tunnel = Request::new("CONNECT", &origin.address().to_string())
        .field("Proxy-Authorization", &basic(&limited));
    assert_eq!(cache.exchange(&tunnel).status(), 403);
}

#[test]
fn without_auth_a_token_is_not_needed_and_does_no_harm() {
    let (cache, origin) = (Cache::start(), origin());
    let path = fetch_path(&origin.url("/a"));
    let answer = get_with(&cache, &path, "ac_nonsense");
    answer.assert_is(&Content::literal("artifact"));
    assert_eq!(origin.requests()[0].value("x-api-key"), None);
    assert_eq!(cache.get("/api/stats").status(), 200);
}
