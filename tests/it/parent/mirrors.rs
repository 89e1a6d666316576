//! Mirrors, and fields of our own: what is sent to one place and never to another.

use super::{artifact, child, origin, secret_file};
use crate::support::{
    cache::Cache,
    origin::{Content, Origin, Reply},
};

#[test]
fn artifacts_are_fetched_from_the_mirror_and_kept_under_their_own_url() {
    let mirror = Origin::start();
    mirror.route("/pool/a", artifact());
    let rewrite = format!(
        "rewrite: [{{from: 'http://artifacts.example/', to: '{}'}}]",
        mirror.url("/pool/")
    );
    // No range is allowed: the mirror may be on loopback because it was named.
    let config = format!("upstream: {{{rewrite}}}");
    let cache = Cache::setup().allow_cidrs(&[]).config(&config).start();
    cache
        .fetch("http://artifacts.example/a")
        .assert_is(&Content::literal("artifact"));
    cache
        .proxy_get("http://artifacts.example/a", &[])
        .assert_is(&Content::literal("artifact"));
    let stored = cache.get("/api/v1/artifacts/1").json();
    assert_eq!(stored["source_url"], "http://artifacts.example/a");
    assert_eq!(stored["final_url"], stored["source_url"]);
    let authority = mirror.address().to_string();
    assert_eq!(mirror.requests()[0].value("host"), Some(authority.as_str()));
    // Being a mirror opens no other way to it.
    assert_eq!(cache.fetch(&mirror.url("/pool/a")).status(), 403);
    let by_name = format!("http://localhost:{}/pool/a", mirror.address().port());
    assert_eq!(cache.fetch(&by_name).status(), 403);
}

#[test]
fn a_mirror_that_is_named_by_name_is_no_way_in_either() {
    let mirror = Origin::start();
    mirror.route("/pool/a", artifact());
    let base = format!("http://localhost:{}", mirror.address().port());
    let config = format!(
        "upstream: {{rewrite: [{{from: 'http://artifacts.example/', to: '{base}/pool/'}}]}}"
    );
    let cache = Cache::setup().allow_cidrs(&[]).config(&config).start();
    cache
        .fetch("http://artifacts.example/a")
        .assert_is(&Content::literal("artifact"));
    // The connection to the mirror is still open; it is not for those who ask by the mirror's name.
    for path in ["/pool/a", "/secret"] {
        assert_eq!(
            cache.fetch(&format!("{base}{path}")).status(),
            403,
            "{path}"
        );
        assert_eq!(
            cache.proxy_get(&format!("{base}{path}"), &[]).status(),
            403,
            "{path}"
        );
    }
    assert_eq!(mirror.requests().len(), 1);
}

#[test]
fn redirects_of_a_mirror_lead_back_to_the_url_that_is_meant() {
    let mirror = Origin::start();
    mirror.route("/pool/a", Reply::redirect(302, "b"));
    mirror.route("/pool/b", artifact());
    let rewrite = format!(
        "rewrite: [{{from: 'http://artifacts.example/', to: '{}'}}]",
        mirror.url("/pool/")
    );
    let cache = child(&rewrite).start();
    cache
        .fetch("http://artifacts.example/a")
        .assert_is(&Content::literal("artifact"));
    let stored = cache.get("/api/v1/artifacts/1").json();
    assert_eq!(stored["final_url"], "http://artifacts.example/b");
}

#[test]
fn a_token_of_our_own_goes_below_its_prefix_and_nowhere_else() {
    let (origin, other) = (origin(), origin());
    origin.route("/team/a", artifact());
    origin.route("/team/away", Reply::redirect(302, &other.url("/a")));
    origin.route("/team/out", Reply::redirect(302, "/a"));
    let (_directory, file) = secret_file("s3cr3t");
    let fields = format!(
        "fields: [{{prefix: '{}', bearer_file: {}}}]",
        origin.url("/team/"),
        file.display()
    );
    let cache = child(&fields).start();
    for path in ["/team/a", "/team/away", "/team/out", "/a"] {
        let answer = cache.fetch(&origin.url(path));
        answer.assert_is(&Content::literal("artifact"));
        assert_eq!(answer.value("authorization"), None);
    }
    cache.proxy_get(&origin.url("/team/a"), &[("Cache-Control", "no-cache")]);
    let told = |origin: &Origin, path: &str| -> Vec<Option<String>> {
        let requests = origin.requests_for(path);
        requests
            .iter()
            .map(|request| request.value("authorization").map(str::to_owned))
            .collect()
    };
    let ours = Some("Bearer s3cr3t".to_owned());
    assert_eq!(told(&origin, "/team/a"), [ours.clone(), ours.clone()]);
    assert_eq!(told(&origin, "/team/away"), [ours]);
    assert!(told(&origin, "/a").iter().all(Option::is_none));
    assert!(told(&other, "/a").iter().all(Option::is_none));
    let log = cache.trace().lines().concat();
    assert!(!log.contains("s3cr3t"));
}

#[test]
fn what_a_client_says_itself_is_left_as_it_is() {
    let origin = origin();
    let (_directory, file) = secret_file("own value");
    let fields = format!(
        "fields: [{{prefix: '{}', name: X-Team, value_file: {}}}]",
        origin.url("/"),
        file.display()
    );
    let cache = child(&fields).start();
    cache.proxy_get(&origin.url("/a"), &[]);
    cache.proxy_get(
        &origin.url("/a"),
        &[("X-Team", "client"), ("Cache-Control", "no-cache")],
    );
    let said: Vec<_> = origin
        .requests()
        .iter()
        .map(|request| request.value("x-team").map(str::to_owned))
        .collect();
    assert_eq!(said, [Some("own value".into()), Some("client".into())]);
}

#[test]
fn a_file_that_is_not_there_keeps_the_cache_from_starting() {
    let run = crate::support::cache::program()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(tempfile::tempdir().unwrap().path())
        .env(
            "ARTIFACT_CACHE__UPSTREAM__PARENT",
            "http://proxy.example:3128",
        )
        .env(
            "ARTIFACT_CACHE__UPSTREAM__PARENT_CREDENTIALS_FILE",
            "/nowhere/secret",
        )
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(
        String::from_utf8(run.stderr)
            .unwrap()
            .contains("/nowhere/secret")
    );
}
