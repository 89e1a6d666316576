//! The ways to origins change without a restart.

use rustix::process::Signal;

use super::{child, origin};
use crate::support::{
    cache::Cache,
    eventually,
    origin::{Content, Origin, Reply},
};

fn reload(cache: &mut Cache, upstream: &str, message: &str) {
    let count = |cache: &Cache| cache.trace().events(message).len();
    let before = count(cache);
    cache.rewrite_config(&format!("upstream: {{max_retries: 0, {upstream}}}"));
    cache.signal(Signal::HUP);
    eventually("the ways are reloaded", || count(cache) > before);
}

#[test]
fn a_parent_that_is_set_leads_the_next_request_and_one_that_is_not_no_longer() {
    let parent = Cache::setup().config("proxy: {via: parent, connect_ports: ['1024-65535']}");
    let (parent, origin) = (parent.start(), origin());
    let reply = || Reply::ok(Content::literal("artifact")).field("Cache-Control", "no-store");
    origin.route("/b", reply());
    let mut cache = child("idle_timeout: 60s").start();
    let url = origin.url("/b");
    let via = |origin: &Origin| origin.requests().last().unwrap().values("via").join(", ");
    // The connection that this leaves open must not serve the next request.
    assert_eq!(cache.proxy_get(&url, &[]).status(), 200);
    assert_eq!(via(&origin), "1.1 artifact-cache");
    let done = "configuration reloaded";
    let leads = format!("idle_timeout: 60s, parent: 'http://{}'", parent.address());
    reload(&mut cache, &leads, done);
    let said = cache.trace().events(done);
    assert_eq!(said[0]["needs_restart"], false);
    assert_eq!(cache.proxy_get(&url, &[]).status(), 200);
    assert_eq!(via(&origin), "1.1 artifact-cache, 1.1 parent");
    let tunnel = cache.client().connect_tunnel(&origin.address().to_string());
    assert_eq!(tunnel.status(), 403, "the ports are as they were");

    reload(
        &mut cache,
        "idle_timeout: 60s, parent: 'http://p.example:1', parent_credentials_file: /nowhere",
        "a setting cannot be put to use, nothing was changed",
    );
    assert_eq!(cache.proxy_get(&url, &[]).status(), 200);
    assert_eq!(via(&origin), "1.1 artifact-cache, 1.1 parent");
    reload(&mut cache, "idle_timeout: 60s", done);
    assert_eq!(cache.proxy_get(&url, &[]).status(), 200);
    assert_eq!(via(&origin), "1.1 artifact-cache");
}

#[test]
fn a_mirror_that_is_set_has_the_next_artifact() {
    let (origin, mirror) = (origin(), Origin::start());
    mirror.route("/m/a", Reply::ok(Content::literal("of the mirror")));
    let mut cache = child("idle_timeout: 60s").start();
    let rewrite = format!(
        "idle_timeout: 60s, rewrite: [{{from: '{}', to: '{}'}}]",
        origin.url("/"),
        mirror.url("/m/")
    );
    reload(&mut cache, &rewrite, "configuration reloaded");
    let answer = cache.fetch(&origin.url("/a"));
    answer.assert_is(&Content::literal("of the mirror"));
    assert_eq!(origin.connections(), 0);
}
