//! Parents that speak SOCKS 5.

use super::{artifact, child, origin, secret_file};
use crate::support::{
    cache::Cache,
    client::{Client, Request},
    origin::{Content, Origin},
    socks::Socks,
};

#[test]
fn every_kind_of_request_goes_through_a_socks_proxy() {
    let (socks, plain, tls) = (Socks::start(None), origin(), Origin::start_tls());
    tls.route("/a", artifact());
    let (_directory, ca) = secret_file(&tls.authority().pem());
    let upstream = format!("parent: '{}', extra_ca: {}", socks.url(), ca.display());
    let config = format!("upstream: {{{upstream}}}\nproxy: {{connect_ports: ['1024-65535']}}");
    let cache = Cache::setup().config(&config).start();
    for url in [plain.url("/a"), tls.url("/a")] {
        cache.fetch(&url).assert_is(&Content::literal("artifact"));
    }
    let name = format!("localhost:{}", tls.address().port());
    assert_eq!(
        socks.asked(),
        [plain.address().to_string(), name],
        "names stay names"
    );

    let mut client = Client::connect(cache.address());
    assert_eq!(
        client.connect_tunnel(&plain.address().to_string()).status(),
        200
    );
    client
        .exchange(&Request::get("/a"))
        .assert_is(&Content::literal("artifact"));
    assert_eq!(socks.asked().len(), 3);
}

#[test]
fn a_socks_proxy_that_wants_credentials_gets_those_of_the_file() {
    let (socks, origin) = (Socks::start(Some(("child", "pass:word"))), origin());
    let (_directory, right) = secret_file("child:pass:word");
    let (_other, wrong) = secret_file("child:word");
    let parent = |further: String| child(&format!("parent: '{}'{further}", socks.url())).start();
    let with = |path: &std::path::Path| format!(", parent_credentials_file: {}", path.display());
    let url = origin.url("/a");
    assert_eq!(parent(String::new()).fetch(&url).status(), 503);
    assert_eq!(parent(with(&wrong)).fetch(&url).status(), 503);
    parent(with(&right))
        .fetch(&url)
        .assert_is(&Content::literal("artifact"));
    assert_eq!(socks.asked().len(), 1);
}

#[test]
fn what_a_socks_proxy_cannot_reach_is_an_outage() {
    let (socks, mut origin) = (Socks::start(None), origin());
    let url = origin.url("/a");
    origin.stop();
    let cache = child(&format!("parent: '{}'", socks.url())).start();
    assert_eq!(cache.fetch(&url).status(), 503);
    // A server that speaks something else.
    let web = super::origin();
    let cache = child(&format!(
        "parent: 'socks5://{}', connect_timeout: 2s",
        web.address()
    ))
    .start();
    assert_eq!(cache.fetch("http://artifacts.example/a").status(), 503);
}
