//! Networks that may use the cache, and a word at the start when all may.

use rustix::process::Signal;

use super::assert_refused;
use crate::support::{cache::Cache, client::Client, eventually};

const ELSEWHERE: &str = "auth: {allow_networks: [192.0.2.0/24]}";

#[test]
fn clients_of_other_networks_are_refused_everywhere() {
    let cache = Cache::setup().config(ELSEWHERE).start();
    for path in ["/health", "/api/stats", "/fetch?url=http://example.com/"] {
        assert_refused(&cache.get(path), 403, "forbidden");
    }
    assert_eq!(cache.proxy_get("http://example.com/", &[]).status(), 403);
    let mut client = Client::connect(cache.address());
    assert_eq!(client.connect_tunnel("example.com:443").status(), 403);
    assert!(cache.metric("artifact_cache_rejected_total{reason=\"unauthorized\"}") >= 5.0);
}

#[test]
fn clients_of_a_network_that_is_named_are_let_in() {
    let cache = Cache::setup();
    let cache = cache
        .config("auth: {allow_networks: [192.0.2.0/24, 127.0.0.0/8]}")
        .start();
    assert_eq!(cache.get("/api/stats").status(), 200);
}

#[test]
fn a_reload_opens_and_shuts_the_door() {
    let mut cache = Cache::setup().config(ELSEWHERE).start();
    assert_eq!(cache.get("/health").status(), 403);
    cache.rewrite_config("auth: {}");
    cache.signal(Signal::HUP);
    eventually("the door is open", || cache.get("/health").status() == 200);
    cache.rewrite_config("auth: {tokens: true}");
    cache.signal(Signal::HUP);
    eventually("tokens are asked for", || {
        cache.get("/api/stats").status() == 401
    });
}

#[test]
fn listening_beyond_loopback_without_a_rule_is_warned_of() {
    const WARNING: &str = "everybody who can connect may use and manage this cache; set auth.tokens or auth.allow_networks";
    let beyond = |config: &str| {
        Cache::setup()
            .flags(&["--listen", "0.0.0.0:0"])
            .config(config)
            .start()
    };
    assert_eq!(beyond("{}").trace().events(WARNING).len(), 1);
    assert!(
        beyond("auth: {tokens: true}")
            .trace()
            .events(WARNING)
            .is_empty()
    );
    assert!(beyond(ELSEWHERE).trace().events(WARNING).is_empty());
    assert!(Cache::start().trace().events(WARNING).is_empty());
}
