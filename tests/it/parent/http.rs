//! Parents that speak HTTP: this program itself, and scripted ones for what it does not do.

use serde_json::json;

use super::{artifact, child, origin, secret_file};
use crate::support::{
    cache::{Cache, Setup, program},
    client::Client,
    origin::{Content, Origin, Reply},
};

/// This program as a parent, with a name of its own.
fn parent() -> Setup {
    Cache::setup().config("proxy: {via: parent, connect_ports: ['1024-65535']}")
}

fn leads_to(cache: &Cache) -> String {
    format!("parent: 'http://{}'", cache.address())
}

#[test]
fn a_parent_of_this_program_caches_what_its_children_ask_for() {
    let (parent, origin) = (parent().start(), origin());
    let (one, other) = (
        child(&leads_to(&parent)).start(),
        child(&leads_to(&parent)).start(),
    );
    let url = origin.url("/a");
    let first = one.proxy_get(&url, &[]);
    first.assert_is(&Content::literal("artifact"));
    assert_eq!(
        first.head.values("via"),
        ["1.1 parent", "1.1 artifact-cache"]
    );
    let via = origin.requests()[0].values("via").join(", ");
    assert_eq!(via, "1.1 artifact-cache, 1.1 parent");
    other.fetch(&url).assert_is(&Content::literal("artifact"));
    assert_eq!(origin.hits("/a"), 1, "the parent had it");
    assert_eq!(parent.stats()["total_items"], json!(1));
}

#[test]
fn caches_that_share_a_name_take_each_other_for_a_loop() {
    let parent = Cache::start();
    let origin = origin();
    let child = child(&leads_to(&parent)).start();
    let answer = child.proxy_get(&origin.url("/a"), &[]);
    assert_eq!(answer.status(), 508);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn https_and_tunnels_go_through_the_parents_connect() {
    let parent = parent().start();
    let origin = Origin::start_tls();
    origin.route("/a", artifact());
    let (_directory, ca) = secret_file(&origin.authority().pem());
    let upstream = format!("{}, extra_ca: {}", leads_to(&parent), ca.display());
    let config = format!("upstream: {{{upstream}}}\nproxy: {{connect_ports: ['1024-65535']}}");
    let child = Cache::setup().config(&config).start();
    child
        .fetch(&origin.url("/a"))
        .assert_is(&Content::literal("artifact"));

    let authority = format!("localhost:{}", origin.address().port());
    let mut client = Client::connect(child.address());
    assert_eq!(client.connect_tunnel(&authority).status(), 200);
    let mut inside = client.into_tls(origin.authority().client(), "localhost");
    let answer = inside.exchange(&crate::support::client::Request::get("/a"));
    answer.assert_is(&Content::literal("artifact"));
    drop(inside);
    parent.trace().wait_for("tunnel closed", |event| {
        event["authority"] == authority.as_str()
    });
}

#[test]
fn a_parent_that_wants_credentials_gets_those_of_the_file() {
    let parent = Cache::setup()
        .config("auth: {tokens: true}\nproxy: {via: parent, connect_ports: ['1024-65535']}")
        .start();
    let made = program()
        .args(["token", "create", "--scope", "fetch", "--data"])
        .arg(parent.data())
        .output()
        .unwrap();
    let token = String::from_utf8(made.stdout).unwrap();
    let (_directory, file) = secret_file(&format!("child:{}", token.trim()));
    let tls = Origin::start_tls();
    tls.route("/a", artifact());
    let (_other, ca) = secret_file(&tls.authority().pem());
    let plain = origin();
    let with = format!(
        "parent_credentials_file: {}, extra_ca: {}",
        file.display(),
        ca.display()
    );
    let known = child(&format!("{}, {with}", leads_to(&parent))).start();
    let unknown = child(&format!(
        "{}, extra_ca: {}",
        leads_to(&parent),
        ca.display()
    ))
    .start();
    for url in [plain.url("/a"), tls.url("/a")] {
        let refused = unknown.fetch(&url);
        assert_eq!(refused.status(), 503, "{refused:?}");
        known.fetch(&url).assert_is(&Content::literal("artifact"));
    }
    // What is asked of us is ours to answer: the client has no credentials for our parent.
    let proxied = unknown.proxy_get(&plain.url("/a"), &[]);
    assert_eq!(proxied.status(), 503);
    assert_eq!(proxied.value("proxy-authenticate"), None);
    assert_eq!(plain.requests()[0].value("proxy-authorization"), None);
}

#[test]
fn an_https_parent_is_spoken_to_inside_tls() {
    let parent = Origin::start_tls();
    parent.route("http://artifacts.example/a", artifact());
    let (_directory, ca) = secret_file(&parent.authority().pem());
    let url = parent.url("");
    let cache = child(&format!("parent: '{url}', extra_ca: {}", ca.display())).start();
    cache
        .fetch("http://artifacts.example/a")
        .assert_is(&Content::literal("artifact"));
    assert_eq!(
        parent.requests()[0].value("host"),
        Some("artifacts.example")
    );

    let distrusting = child(&format!("parent: '{url}'")).start();
    let refused = distrusting.fetch("http://artifacts.example/a");
    assert_eq!(
        (refused.status(), refused.json()["reason"].clone()),
        (503, json!("tls"))
    );
}

#[test]
fn targets_behind_a_parent_are_judged_by_name_and_looked_up_by_it() {
    let parent = Origin::start();
    parent.route("*", artifact());
    // No range is allowed: the parent may be on loopback because it was named.
    let config = format!(
        "upstream: {{parent: 'http://{}'}}\negress: {{deny_hosts: [denied.example]}}",
        parent.address()
    );
    let cache = Cache::setup().allow_cidrs(&[]).config(&config).start();
    cache
        .fetch("http://nowhere.invalid/a")
        .assert_is(&Content::literal("artifact"));
    for url in [
        "http://denied.example/a",
        "http://127.0.0.1/a",
        "http://[::1]/a",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/a",
    ] {
        assert_eq!(cache.fetch(url).status(), 403, "{url}");
        assert_eq!(cache.proxy_get(url, &[]).status(), 403, "{url}");
    }
    assert_eq!(parent.requests().len(), 1);
}

#[test]
fn exempt_hosts_and_routes_go_around_the_parent() {
    let parent = Origin::start();
    parent.route("*", Reply::ok(Content::literal("parent")));
    let origin = origin();
    let url = origin.url("/a");
    let to_parent = format!("parent: 'http://{}'", parent.address());
    for around in [
        "no_proxy: [127.0.0.0/8]".to_owned(),
        format!("no_proxy: ['127.0.0.1:{}']", origin.address().port()),
        "routes: [{host: 127.0.0.1, parent: direct}]".to_owned(),
    ] {
        let cache = child(&format!("{to_parent}, {around}")).start();
        cache.fetch(&url).assert_is(&Content::literal("artifact"));
    }
    let through = child(&format!("{to_parent}, no_proxy: [example.com]")).start();
    through.fetch(&url).assert_is(&Content::literal("parent"));
    let routed = format!(
        "routes: [{{host: 127.0.0.1, parent: 'http://{}'}}]",
        parent.address()
    );
    child(&routed)
        .start()
        .fetch(&url)
        .assert_is(&Content::literal("parent"));
}

#[test]
fn a_parent_that_is_down_or_talks_nonsense_is_an_outage_and_no_hang() {
    let mut gone = Origin::start();
    let away = format!("parent: 'http://{}'", gone.address());
    gone.stop();
    let refused = child(&away).start().fetch("http://artifacts.example/a");
    assert_eq!(
        (refused.status(), refused.json()["reason"].clone()),
        (503, json!("connect"))
    );

    let nonsense = Origin::start();
    nonsense.route("*", Reply::raw("SSH-2.0-OpenSSH\r\n\r\n"));
    let cache = child(&format!("parent: 'http://{}'", nonsense.address())).start();
    assert!(cache.fetch("https://artifacts.example/a").status() >= 502);
    assert!(cache.fetch("http://artifacts.example/a").status() >= 502);
}

#[test]
fn credentials_in_a_parents_url_are_refused_and_not_repeated() {
    let run = program()
        .args(["config", "check"])
        .env(
            "ARTIFACT_CACHE__UPSTREAM__PARENT",
            "http://me:hunter2@proxy.example:3128",
        )
        .output()
        .unwrap();
    let text = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    assert!(!run.status.success());
    assert!(
        text.contains("upstream.parent") && !text.contains("hunter2"),
        "{text}"
    );
}
