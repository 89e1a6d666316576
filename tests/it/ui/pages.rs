//! What pages show, and that nothing in them is more than text.

use super::{Browser, html, with_one};
use crate::support::{
    cache::{Cache, fetch_path},
    client::Request,
    eventually,
    origin::{Content, Gate, Origin, Reply},
};

const PAGES: [&str; 14] = [
    "/ui/",
    "/ui/?span=day",
    "/ui/?span=month",
    "/ui/artifacts",
    "/ui/artifacts?q=nothing",
    "/ui/fills",
    "/ui/evictions",
    "/ui/pins",
    "/ui/files",
    "/ui/jobs",
    "/ui/misses",
    "/ui/configuration",
    "/ui/clients",
    "/ui/clients/pip",
];

#[test]
fn every_page_is_well_formed_loads_nothing_from_elsewhere_and_forbids_it() {
    let (_origin, cache, id) = with_one();
    let one = format!("/ui/artifacts/{id}");
    let asks = ["delete", "pin", "unpin"].map(|verb| format!("{one}/{verb}"));
    let all = PAGES.into_iter().map(str::to_owned);
    for path in all.chain([one]).chain(asks) {
        let response = cache.get(&path);
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(
            response.value("content-type"),
            Some("text/html; charset=utf-8")
        );
        let policy = response.value("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(response.value(name), Some(value), "{path}");
        }
        let page = response.text();
        html::assert_well_formed(&page);
        for foreign in [
            "://cdn",
            "src=\"http",
            "href=\"http",
            "style=\"",
            "onclick",
            "<style",
            "javascript:",
        ] {
            assert!(!page.contains(foreign), "{path} has {foreign}");
        }
        let scripts = page.matches("<script").count();
        assert_eq!(scripts, 1, "{path}");
    }
}

#[test]
fn what_pages_load_is_kept_by_browsers_until_it_changes() {
    let cache = Cache::start();
    let page = cache.get("/ui/").text();
    for before in [
        "rel=\"stylesheet\" href=\"",
        "<script src=\"",
        "<img src=\"",
    ] {
        let place = html::attribute(&page, before);
        let asset = cache.get(&place);
        assert_eq!(asset.status(), 200, "{place}");
        assert!(asset.value("cache-control").unwrap().contains("immutable"));
        let bare = place.split('?').next().unwrap();
        let other = cache.get(&format!("{bare}?v=000000000000"));
        assert_eq!(
            other.value("cache-control"),
            Some("no-store"),
            "not what was asked for"
        );
    }
    assert_eq!(cache.get("/ui/assets/../../Cargo.toml").status(), 404);
}

#[test]
fn names_of_others_stay_text() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'";
    let path = "/%22%3E%3Cscript%3E?q=%3Cimg%20src=x%3E&x=%27onload=alert(1)";
    let reply = Reply::ok(Content::literal("x"))
        .field("Content-Type", "text/html\"><script>alert(2)</script>")
        .field("ETag", "\"<script>alert(3)</script>\"")
        .field("Cache-Control", "max-age=60, \"<script>\"");
    origin.route(path, reply);
    let url = origin.url(path);
    assert_eq!(cache.get(&fetch_path(&url)).status(), 200);
    let encoded: String = url::form_urlencoded::byte_serialize(evil.as_bytes()).collect();
    let mut browser = Browser::at(&cache);
    for path in [
        "/ui/artifacts".to_owned(),
        "/ui/artifacts/1".to_owned(),
        "/ui/artifacts/1/delete".to_owned(),
        format!("/ui/artifacts?q={encoded}&host={encoded}&prefix={encoded}&cursor={encoded}"),
        format!("/ui/evictions?cursor={encoded}"),
        format!("/ui/?span={encoded}"),
        format!("/ui/clients/{encoded}"),
        format!("/ui/pins/remove?key={encoded}"),
    ] {
        let page = browser.get(&path).text();
        html::assert_well_formed(&page);
        assert_eq!(page.matches("<script").count(), 1, "{path}");
        assert!(!page.contains("<img src=x"), "{path}");
        assert!(!page.contains("alert(1)</script>"), "{path}");
    }
    let named = Request::get("/ui/clients")
        .without("Host")
        .field("Host", "a\"><script>.example");
    let page = cache.exchange(&named).text();
    assert!(!page.contains("\"><script>"), "{page}");
}

#[test]
fn the_search_finds_by_part_by_host_by_whole_url_and_by_digest() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for name in ["/tools/hammer.zip", "/tools/saw.zip", "/toys/bear.zip"] {
        origin.route(name, Reply::ok(Content::literal(name)));
        cache.fetch(&origin.url(name));
    }
    let digest = Content::literal("/toys/bear.zip").sha256().to_string();
    let encoded: String =
        url::form_urlencoded::byte_serialize(origin.url("/tools/saw.zip").as_bytes()).collect();
    for (query, found, absent) in [
        ("q=hammer".to_owned(), "hammer.zip", "saw.zip"),
        (format!("q={encoded}"), "saw.zip", "hammer.zip"),
        (format!("q={digest}"), "bear.zip", "saw.zip"),
        (
            format!("q=sha256:{}", digest.to_uppercase()),
            "bear.zip",
            "saw.zip",
        ),
        (
            format!("prefix={}", origin.url("/toys")),
            "bear.zip",
            "saw.zip",
        ),
        ("host=127.0.0.1&q=bear".to_owned(), "bear.zip", "saw.zip"),
    ] {
        let page = cache.get(&format!("/ui/artifacts?{query}")).text();
        let (_, table) = page.split_once("<tbody>").unwrap();
        assert!(table.contains(found), "{query}");
        assert!(!table.contains(absent), "{query}");
    }
    let nothing = cache.get("/ui/artifacts?host=elsewhere.example").text();
    assert!(nothing.contains("Nothing is stored that fits"));
}

#[test]
fn pages_of_a_list_follow_each_other_without_a_gap() {
    let (origin, cache) = (Origin::start(), Cache::start());
    for n in 0..120 {
        let path = format!("/n{n:03}");
        origin.route(&path, Reply::ok(Content::literal(&path)));
        cache.fetch(&origin.url(&path));
    }
    let (mut path, mut seen, mut pages) = ("/ui/artifacts".to_owned(), Vec::new(), 0);
    loop {
        let page = cache.get(&path).text();
        seen.extend(
            page.split("/ui/artifacts/")
                .skip(1)
                .filter_map(|rest| rest.split('"').next()?.parse::<u64>().ok()),
        );
        pages += 1;
        let Some((before, _)) = page.split_once("\" rel=\"next\"") else {
            break;
        };
        path = before.rsplit('"').next().unwrap().replace("&#38;", "&");
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((pages, seen.len()), (3, 120));
}

#[test]
fn an_artifact_says_what_it_is_and_how_it_is_fetched() {
    let (origin, cache, id) = with_one();
    let digest = Content::seeded(1, 2048).sha256().to_string();
    let page = cache.get(&format!("/ui/artifacts/{id}")).text();
    for part in [
        "2.00 KiB",
        "(2,048 bytes)",
        &digest,
        "The cache has no cap",
        "curl -fsSL",
        "ansible.builtin.get_url",
        &format!("checksum: sha256:{digest}"),
    ] {
        assert!(page.contains(part), "{part}");
    }
    // The address that is shown is one that works.
    let (_, rest) = page.split_once("http://localhost/fetch").unwrap();
    let place = rest
        .split(['<', '\''])
        .next()
        .unwrap()
        .replace("&#38;", "&");
    let fetched = cache.get(&format!("/fetch{place}"));
    assert_eq!(fetched.sha256.to_string(), digest);
    assert_eq!(origin.hits("/a.bin"), 1);
    assert_eq!(cache.get("/ui/artifacts/999999").status(), 404);
}

#[test]
fn downloads_origins_and_figures_are_those_of_this_moment() {
    let (origin, cache, _) = with_one();
    let gate = Gate::closed();
    gate.release(1 << 20);
    origin.route(
        "/slow.iso",
        Reply::ok(Content::seeded(3, 8 << 20)).gated(&gate),
    );
    let mut client = cache.client();
    client.send(&Request::get(&fetch_path(&origin.url("/slow.iso"))).bytes());
    eventually("the download is listed with its progress", || {
        let page = cache.get("/ui/fills").text();
        page.contains("slow.iso") && page.contains("of 8.00 MiB") && page.contains("<progress")
    });
    gate.open();
    client.response("GET");
    eventually("it is no longer listed", || {
        cache
            .get("/ui/fills")
            .text()
            .contains("Nothing is being downloaded")
    });
    for _ in 0..3 {
        cache.fetch(&origin.url("/a.bin"));
    }
    let overview = cache.get("/ui/").text();
    for part in ["60.0 %", "3 of 5", "2 misses", "127.0.0.1", "well"] {
        assert!(overview.contains(part), "{part} in {overview}");
    }
}

#[test]
fn the_configuration_names_the_origin_of_each_value_and_no_secret() {
    let cache = Cache::setup()
        .config("registry: {api_key: hidden-key-1}\nfetch: {hold: 7s}\nwebhooks: {endpoints: {lab: {url: \"http://127.0.0.1:9/\", secret: hidden-key-2}}}")
        .environment("ARTIFACT_CACHE__FILES__UPLOAD_KEYS", "[hidden-key-3]")
        .start();
    let page = cache.get("/ui/configuration?only=set").text();
    assert!(page.contains("config.yaml") && page.contains("ARTIFACT_CACHE__FILES__UPLOAD_KEYS"));
    assert!(page.contains("<code>7s</code>"));
    for page in [page, cache.get("/ui/configuration").text()] {
        assert!(!page.contains("hidden-key"), "{page}");
    }
}

#[test]
fn the_most_used_come_first_outlive_a_restart_and_make_room_when_they_go() {
    let (origin, mut cache) = (Origin::start(), Cache::start());
    for n in 0..12_u64 {
        let path = format!("/used-{n:02}");
        origin.route(&path, Reply::ok(Content::literal(&path)));
        for _ in 0..=n {
            cache.fetch(&origin.url(&path));
        }
    }
    // Hits are written when statistics are asked for.
    cache.stats();
    let top = |cache: &Cache| -> Vec<String> {
        let page = cache.get("/ui/").text();
        let (_, table) = page.split_once("Most used artifacts").unwrap();
        let names = table.split("\">used-").skip(1);
        names.map(|rest| rest[..2].to_owned()).collect()
    };
    assert_eq!(
        top(&cache),
        ["11", "10", "09", "08", "07", "06", "05", "04"]
    );
    cache.restart();
    assert_eq!(top(&cache)[0], "11");
    let purged = cache.exchange(
        &Request::new("POST", "/api/v1/purge")
            .body(format!("{{\"urls\":[\"{}\"]}}", origin.url("/used-11"))),
    );
    assert_eq!(purged.status(), 200, "{}", purged.text());
    assert_eq!(
        top(&cache),
        ["10", "09", "08", "07", "06", "05", "04", "03"]
    );
}
