//! The list of what was wanted: counts, bounds of pages, what is stored since, and the change of the mode
//! while the cache runs.

use rustix::process::Signal;

use super::{Kit, misses};
use crate::{
    fetch::assert_error,
    support::{
        cache::{Cache, program},
        client::Request,
        eventually,
        origin::{Content, Origin, Reply},
    },
};

fn reload(cache: &mut Cache, mode: &str) {
    let done = "configuration reloaded";
    let before = cache.trace().events(done).len();
    cache.rewrite_config(&format!("upstream: {{mode: {mode}}}"));
    cache.signal(Signal::HUP);
    eventually("the reload is logged", || {
        cache.trace().events(done).len() > before
    });
}

#[test]
fn what_was_wanted_is_listed_with_counts_until_it_is_stored() {
    let origin = Origin::start();
    for path in ["/a", "/b"] {
        origin.route(path, Reply::ok(Content::literal(path)));
    }
    let mut cache = Cache::setup().config("upstream: {mode: sealed}").start();
    for path in ["/a", "/b", "/a"] {
        assert_eq!(cache.fetch(&origin.url(path)).status(), 503);
    }
    let listed = misses(&cache);
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[0]["url"], &listed[0]["count"]),
        (&origin.url("/a").into(), &2.into())
    );
    assert_eq!(listed[0]["method"], "GET");
    assert_eq!(origin.connections(), 0);
    assert!((cache.metric("artifact_cache_withheld_total") - 3.0).abs() < f64::EPSILON);

    reload(&mut cache, "online");
    cache
        .fetch(&origin.url("/a"))
        .assert_is(&Content::literal("/a"));
    cache.stats();
    let listed = misses(&cache);
    assert_eq!(listed.len(), 1, "what is stored is no miss any more");
    assert_eq!(listed[0]["url"], origin.url("/b"));
    let all = cache.get("/api/v1/misses?all=true").json();
    assert_eq!(
        (&all["mode"], &all["items"][0]["stored"]),
        (&"online".into(), &true.into())
    );

    sealed_again(&origin, &mut cache);
    let cleared = cache.exchange(&Request::new("DELETE", "/api/v1/misses"));
    assert_eq!((cleared.status(), misses(&cache).len()), (204, 0));
}

/// `/a` is stored by now; a connection to its origin may have been kept.
fn sealed_again(origin: &Origin, cache: &mut Cache) {
    let connections = origin.connections();
    reload(cache, "sealed");
    cache
        .fetch(&origin.url("/a"))
        .assert_is(&Content::literal("/a"));
    assert_eq!(cache.fetch(&origin.url("/b")).status(), 503);
    assert_eq!(
        origin.connections(),
        connections,
        "a connection that was kept is not used"
    );
    assert_eq!(origin.hits("/b"), 0);
}

#[test]
fn pages_follow_each_other() {
    let cache = Cache::setup().config("upstream: {mode: offline}").start();
    for n in 0..5 {
        assert_eq!(
            cache.fetch(&format!("http://example.com/{n}")).status(),
            503
        );
    }
    let (mut seen, mut target) = (Vec::new(), "/api/v1/misses?limit=2".to_owned());
    loop {
        let page = cache.get(&target).json();
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["url"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => target = format!("/api/v1/misses?limit=2&cursor={next}"),
            None => break,
        }
    }
    let urls: Vec<_> = (0..5).map(|n| format!("http://example.com/{n}")).collect();
    assert_eq!(seen, urls);
    for query in ["limit=0", "cursor=x", "all=maybe"] {
        let answer = cache.get(&format!("/api/v1/misses?{query}"));
        assert_error(&answer, 422, "invalid_parameter");
    }
}

#[test]
fn the_command_line_prints_a_manifest_of_what_is_missing() {
    let kit = Kit::new();
    let cache = kit.closed("sealed");
    let digest = "2".repeat(64);
    let url = kit.origin.url("/missing");
    cache.fetch(&url);
    cache.fetch_with(&format!("url={url}&sha256={digest}"), &[]);
    cache.proxy_get(&kit.origin.url("/stored"), &[]);
    let run = |arguments: &[&str]| {
        let server = format!("http://{}", cache.address());
        let mut command = program();
        command
            .arg("misses")
            .args(arguments)
            .args(["--url", &server]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let manifest = run(&["--urls"]);
    assert_eq!(manifest, format!("{url}\n{url} sha256:{digest}\n"));
    assert!(run(&[]).lines().nth(1).unwrap().ends_with(&url));
    assert!(run(&["--json"]).contains("\"mode\": \"sealed\""));
    run(&["--clear", "--yes"]);
    assert_eq!(run(&["--urls"]), "");
}
