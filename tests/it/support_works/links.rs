//! Links break as told, and TLS is as strict as in a real client.

use std::time::Duration;

use super::content;
use crate::support::{
    Ending,
    chaos::{Link, Passage},
    client::{Client, End, Request},
    eventually,
    origin::{Origin, Reply},
};

#[test]
fn an_https_origin_is_trusted_by_its_own_authority_only() {
    let origin = Origin::start_tls();
    origin.route("/x", Reply::ok(content()).close_delimited());
    let connect = |trusting: &Origin| {
        Client::connect(origin.address()).into_tls(trusting.authority().client(), "localhost")
    };
    connect(&origin)
        .exchange(&Request::get("/x"))
        .assert_is(&content());
    let other = Origin::start_tls();
    assert!(!connect(&other).exchange(&Request::get("/x")).is_complete());
}

#[test]
fn a_tls_connection_that_is_cut_says_no_goodbye() {
    let origin = Origin::start_tls();
    let cut = Reply::ok(content())
        .close_delimited()
        .cut_after(5, Ending::Fin);
    origin.route("/x", cut);
    let client = Client::connect(origin.address());
    let mut client = client.into_tls(origin.authority().client(), "localhost");
    let response = client.exchange(&Request::get("/x"));
    assert_eq!(
        (response.length, response.end),
        (5, End::Cut { missing: None })
    );
}

#[test]
fn a_link_cuts_stalls_heals_and_breaks() {
    let origin = Origin::start();
    origin.route("/x", Reply::ok(content()));
    let link = Link::to(origin.address());
    let start = || {
        let mut client = Client::connect(link.address());
        client.send(&Request::get("/x").bytes());
        client
    };
    start().response("GET").assert_is(&content());
    for (ending, is_reset) in [(Ending::Fin, false), (Ending::Reset, true)] {
        link.downstream(Passage::CutAfter(50_000, ending));
        let response = start().response("GET");
        assert!(response.length < 50_000);
        assert_eq!(response.end == End::Reset, is_reset, "{:?}", response.end);
    }
    link.downstream(Passage::StallAfter(50_000));
    let mut client = start();
    let mut incoming = client.head("GET").unwrap();
    assert!(incoming.read_to(40_000));
    link.heal();
    incoming.finish().assert_is(&content());
    link.upstream(Passage::StallAfter(0));
    let mut client = start();
    eventually("the link is made", || link.connections() == 5);
    link.break_all(Ending::Reset);
    assert_eq!(client.response("GET").end, End::Reset);
    assert_eq!((link.connections(), origin.hits("/x")), (5, 4));
}

#[test]
fn a_throttled_link_takes_its_time() {
    let origin = Origin::start();
    origin.route("/x", Reply::ok(content()));
    let link = Link::to(origin.address());
    link.downstream(Passage::Throttled(3_000_000));
    let response = Client::connect(link.address()).exchange(&Request::get("/x"));
    response.assert_is(&content());
    assert!(response.took > Duration::from_millis(80));
}
