//! Scripts, gates, pace and records do what tests rely on.

use std::{thread, time::Duration};

use super::{content, get};
use crate::support::{
    client::{Client, Request},
    eventually,
    origin::{Chunks, Content, Gate, Origin, Reply},
};

#[test]
fn a_gate_lets_exactly_what_is_released_pass() {
    let (origin, gate) = (Origin::start(), Gate::closed());
    origin.route("/x", Reply::ok(content()).gated(&gate));
    let mut client = Client::connect(origin.address());
    let mut incoming = client.start(&Request::get("/x")).unwrap();
    gate.release(70_000);
    gate.wait_until_reached_by(1);
    assert_eq!((gate.passed(), origin.bytes_sent("/x")), (70_000, 70_000));
    assert!(incoming.read_to(70_000));
    gate.open();
    incoming.finish().assert_is(&content());
}

#[test]
fn a_gate_before_the_head_holds_the_head_back() {
    let (origin, gate) = (Origin::start(), Gate::closed());
    origin.route("/x", Reply::ok(content()).head_gated(&gate));
    let mut client = Client::connect(origin.address());
    client.send(&Request::get("/x").bytes());
    gate.wait_until_reached_by(1);
    assert_eq!(origin.hits("/x"), 1);
    gate.release(1);
    client.response("GET").assert_is(&content());
}

#[test]
fn slow_heads_and_throttled_bodies_take_their_time() {
    let origin = Origin::start();
    let slow = Reply::ok(content()).throttled(3_000_000);
    origin.route("/x", slow.head_dripping(Duration::from_millis(1)));
    let response = get(&origin, "/x");
    response.assert_is(&content());
    // 45 bytes of head at a millisecond each, and 0.1 s less one piece of body: sleeps are never shorter than they say.
    assert!(response.took > Duration::from_millis(45 + 90));
}

#[test]
fn a_file_answers_conditions_and_ranges() {
    let origin = Origin::start();
    origin.route("/x", Reply::file(content(), "\"v1\""));
    let ask = |fields: &[(&str, &str)]| {
        Client::connect(origin.address()).exchange(&Request::get("/x").fields(fields))
    };
    assert_eq!(ask(&[("If-None-Match", "W/\"v1\"")]).status(), 304);
    let part = ask(&[("Range", "bytes=70000-199999"), ("If-Range", "\"v1\"")]);
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.value("content-range"),
        Some("bytes 70000-199999/300000")
    );
    assert_eq!(part.sha256, content().sha256_of(70_000, 200_000));
    assert_eq!(
        ask(&[("Range", "bytes=-5")]).kept,
        content().slice(299_995, 300_000)
    );
    ask(&[("Range", "bytes=5-"), ("If-Range", "\"v0\"")]).assert_is(&content());
    let beyond = ask(&[("Range", "bytes=300000-")]);
    assert_eq!(beyond.status(), 416);
    assert_eq!(beyond.value("content-range"), Some("bytes */300000"));
}

#[test]
fn a_content_range_can_lie() {
    let origin = Origin::start();
    let lie = Reply::file(content(), "\"v1\"").lying_content_range("bytes 0-9/10");
    origin.route("/x", lie);
    let request = Request::get("/x").field("Range", "bytes=5-9");
    let response = Client::connect(origin.address()).exchange(&request);
    assert_eq!(response.value("content-range"), Some("bytes 0-9/10"));
    assert_eq!(response.length, 5);
}

#[test]
fn sequences_and_versions_change_with_each_request() {
    let origin = Origin::start();
    let unavailable = Reply::status(503).field("Retry-After", "1");
    let good = Reply::ok(content());
    origin.sequence("/x", [unavailable.clone(), unavailable, good]);
    let statuses = [(); 4].map(|()| get(&origin, "/x").status());
    assert_eq!(statuses, [503, 503, 200, 200]);
    origin.script("/v", |_, nth| {
        Reply::file(Content::seeded(nth as u64, 9), &format!("\"{nth}\""))
    });
    assert_ne!(get(&origin, "/v").kept, get(&origin, "/v").kept);
}

#[test]
fn requests_are_recorded_with_fields_body_and_connection() {
    let origin = Origin::start();
    origin.route("*", Reply::status(200));
    let mut client = Client::connect(origin.address());
    let post = Request::new("POST", "/x?y=1")
        .field("X-A", "b")
        .body("hello");
    // Pipelined: both requests are on their way before the first answer is read.
    client.send(&[post.bytes(), Request::get("/z").bytes()].concat());
    assert!(client.response("POST").is_complete() && client.response("GET").is_complete());
    let requests = origin.requests();
    assert_eq!(
        (requests[0].method.as_str(), requests[0].target.as_str()),
        ("POST", "/x?y=1")
    );
    assert_eq!(
        (requests[0].value("x-a"), &*requests[0].body),
        (Some("b"), &b"hello"[..])
    );
    assert_eq!((requests[1].connection, origin.connections()), (0, 1));
}

#[test]
fn an_endless_body_can_be_left() {
    let origin = Origin::start();
    origin.route("/x", Reply::ok(Content::endless(1)).chunked(Chunks::Good));
    let mut client = Client::connect(origin.address());
    assert!(client.start(&Request::get("/x")).unwrap().read_to(10 << 20));
    assert_eq!(origin.open_connections(), 1);
    drop(client);
    eventually("the origin notices", || origin.open_connections() == 0);
}

#[test]
fn a_client_that_does_not_read_holds_the_origin_up() {
    let origin = Origin::start();
    let length = 64 << 20;
    origin.route("/x", Reply::ok(Content::seeded(1, length)));
    let mut client = Client::connect(origin.address()).with_receive_buffer(64 << 10);
    client.send(&Request::get("/x").bytes());
    let mut sent = 0;
    eventually("the origin is held up", || {
        thread::sleep(Duration::from_millis(50));
        let before = std::mem::replace(&mut sent, origin.bytes_sent("/x"));
        sent > 0 && sent == before
    });
    assert!(
        sent < length,
        "{sent} bytes were taken by a client that reads none"
    );
}

#[test]
fn a_stopped_origin_refuses_and_a_restarted_one_answers_on_its_port() {
    let mut origin = Origin::start();
    origin.route("/x", Reply::ok(content()).stall_after(10));
    let mut client = Client::connect(origin.address());
    let mut incoming = client.start(&Request::get("/x")).unwrap();
    assert!(incoming.read_to(10));
    origin.stop();
    assert!(!incoming.finish().is_complete());
    assert!(std::net::TcpStream::connect(origin.address()).is_err());
    origin.restart();
    origin.route("/x", Reply::ok(content()));
    get(&origin, "/x").assert_is(&content());
    assert_eq!(origin.hits("/x"), 2);
}

#[test]
fn two_hundred_clients_at_once_are_no_strain() {
    let origin = Origin::start();
    origin.route("/x", Reply::ok(content()));
    thread::scope(|scope| {
        let clients = [(); 200].map(|()| scope.spawn(|| get(&origin, "/x")));
        for client in clients {
            client.join().unwrap().assert_is(&content());
        }
    });
    assert_eq!(origin.hits("/x"), 200);
}
