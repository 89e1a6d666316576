//! SIGHUP: the file is read again, and takes effect whole or not at all.

use rustix::process::Signal;

use crate::support::{
    cache::Cache,
    eventually_some,
    origin::{Content, Gate, Origin, Reply},
};

const BEFORE: &str = "logging: {level: info}\nfetch: {hold: 30s}\n";

/// A cache with a hold of 30 s, started from a file.
fn cache() -> Cache {
    Cache::setup().config(BEFORE).start()
}

/// Reloads and waits for what is said about it.
fn reload(cache: &mut Cache, yaml: &str, message: &str) {
    let said = cache.trace().events(message).len();
    cache.rewrite_config(yaml);
    cache.signal(Signal::HUP);
    eventually_some("the reload is logged", || {
        (cache.trace().events(message).len() > said).then_some(())
    });
}

/// Whether a head comes although the origin has sent half of a pinless download.
fn is_streamed_early(cache: &Cache, path: &str) -> bool {
    let (origin, gate) = (Origin::start(), Gate::closed());
    let content = Content::seeded(6, 1 << 20);
    gate.release(1 << 19);
    origin.route(path, Reply::ok(content.clone()).gated(&gate));
    let mut client = cache.client();
    let url = crate::support::cache::fetch_path(&origin.url(path));
    client.send(&crate::support::client::Request::get(&url).bytes());
    gate.wait_until_reached_by(1);
    let mut patient = client.with_patience(std::time::Duration::from_millis(400));
    let early = patient.head("GET").is_ok();
    gate.open();
    early
}

#[test]
fn the_level_of_the_log_and_the_rules_change_without_a_restart() {
    let mut cache = cache();
    assert!(!is_streamed_early(&cache, "/held"));
    assert!(cache.trace().events("origin asked").is_empty());
    let address = cache.address();
    let after = "logging: {level: debug}\nfetch: {hold: 0s}\n";
    reload(&mut cache, after, "configuration reloaded");
    assert!(is_streamed_early(&cache, "/streamed"));
    cache
        .trace()
        .wait_for("origin asked", |line| line["level"] == "DEBUG");
    assert_eq!(cache.address(), address);
}

#[test]
fn what_needs_a_restart_is_said_and_left_alone() {
    let mut cache = cache();
    let after = format!("{BEFORE}storage: {{max_object_bytes: 1}}\n");
    reload(&mut cache, &after, "configuration reloaded");
    let reloaded = cache.trace().events("configuration reloaded");
    assert_eq!(reloaded[0]["needs_restart"], true);
    let origin = Origin::start();
    origin.route("/a", Reply::ok(Content::literal("more than a byte")));
    assert_eq!(cache.fetch(&origin.url("/a")).status(), 200);
}

#[test]
fn a_file_that_is_not_valid_changes_nothing() {
    let mut cache = cache();
    let refused = "the configuration is not valid, nothing was changed";
    for broken in [
        "logging: {level: debug}\nfetch: {hold: 0s, on_pin_mismach: conflict}\n",
        "logging: {level: debug}\nfetch: [",
        "logging: {level: shout}\nfetch: {hold: 0s}\n",
    ] {
        reload(&mut cache, broken, refused);
    }
    let said = cache.trace().events(refused);
    assert!(
        said[0]["error"]
            .as_str()
            .unwrap()
            .contains("on_pin_mismatch"),
        "{said:?}"
    );
    assert!(!is_streamed_early(&cache, "/held"));
    assert!(cache.trace().events("origin asked").is_empty());
    reload(&mut cache, BEFORE, "configuration reloaded");
}
