//! Stopping: what is under way ends well, or is kept to be continued.

use std::{net::TcpStream, thread};

use rustix::process::Signal;

use crate::{
    crash::store::names,
    support::{
        cache::{Cache, fetch_path},
        client::{Client, Request},
        eventually,
        origin::{Content, Gate, Origin, Reply},
    },
};

const LENGTH: u64 = 2 << 20;

fn content() -> Content {
    Content::seeded(5, LENGTH)
}

/// An origin whose `/a` sends half and then what the gate lets pass.
fn half_sent() -> (Origin, Gate) {
    let (origin, gate) = (Origin::start(), Gate::closed());
    gate.release(LENGTH / 2);
    let reply = Reply::file(content(), "\"one\"").gated(&gate);
    origin.route("/a", reply);
    (origin, gate)
}

fn streamed(origin: &Origin) -> Request {
    Request::get(&format!("{}&mode=stream", fetch_path(&origin.url("/a"))))
}

#[test]
fn a_response_under_way_is_finished_and_nobody_new_is_let_in() {
    let (origin, gate) = half_sent();
    let mut cache = Cache::start();
    let mut client = cache.client();
    let mut idle = cache.client();
    let mut incoming = client.start(&streamed(&origin)).expect("a head");
    assert!(incoming.read_to(LENGTH / 4));
    cache.signal(Signal::TERM);
    cache.trace().wait_for("draining", |_| true);
    assert!(idle.is_ended_by_peer(), "an idle connection is closed");
    eventually("connections are refused", || {
        TcpStream::connect(cache.address()).is_err()
    });
    gate.open();
    incoming.finish().assert_is(&content());
    assert_eq!(cache.wait().code(), Some(0));
    let stopped = cache.trace().wait_for("stopped", |_| true);
    assert_eq!(
        (&stopped["is_complete"], &stopped["is_closed"]),
        (&true.into(), &true.into())
    );
    cache.restart();
    let hit = cache.fetch(&origin.url("/a"));
    assert_eq!(hit.value("X-Cache-Status"), Some("HIT"));
    hit.assert_is(&content());
}

#[test]
fn a_download_nobody_waits_for_any_more_is_finished_as_well() {
    let (origin, gate) = half_sent();
    let mut cache = Cache::start();
    let mut client = cache.client();
    let mut incoming = client.start(&streamed(&origin)).expect("a head");
    assert!(incoming.read_to(1));
    drop(client);
    cache.signal(Signal::INT);
    cache.trace().wait_for("draining", |_| true);
    gate.open();
    assert_eq!(cache.wait().code(), Some(0));
    cache.restart();
    let hit = cache.fetch(&origin.url("/a"));
    assert_eq!(hit.value("X-Cache-Status"), Some("HIT"));
}

#[test]
fn what_takes_longer_than_the_drain_is_cut_and_continued_after_the_restart() {
    let (origin, gate) = half_sent();
    let mut cache = Cache::setup()
        .config("server: {drain_timeout: 1s}\n")
        .start();
    let mut client = cache.client();
    let mut incoming = client.start(&streamed(&origin)).expect("a head");
    assert!(incoming.read_to(LENGTH / 4));
    assert_eq!(cache.terminate().code(), Some(0));
    let stopped = cache.trace().wait_for("stopped", |_| true);
    assert_eq!(stopped["is_complete"], false);
    assert!(!incoming.finish().is_complete());
    gate.open();
    origin.forget_requests();
    cache.restart();
    cache.fetch(&origin.url("/a")).assert_is(&content());
    let requests = origin.requests_for("/a");
    assert!(
        requests[0].value("Range").is_some(),
        "the rest is asked for"
    );
}

#[test]
fn a_second_signal_does_not_wait_for_the_drain() {
    let (origin, _gate) = half_sent();
    let mut cache = Cache::setup()
        .config("server: {drain_timeout: 10m}\n")
        .start();
    let mut client = cache.client();
    let mut incoming = client.start(&streamed(&origin)).expect("a head");
    assert!(incoming.read_to(LENGTH / 4));
    cache.signal(Signal::TERM);
    cache.trace().wait_for("draining", |_| true);
    assert_eq!(cache.terminate().code(), Some(0));
    assert!(!incoming.finish().is_complete());
    assert_eq!(
        names(&cache.data().join("tmp")).len(),
        2,
        "it can be continued"
    );
}

#[test]
fn clients_that_come_and_go_while_it_stops_get_whole_answers_or_none() {
    let (origin, gate) = half_sent();
    gate.open();
    let mut cache = Cache::start();
    cache.fetch(&origin.url("/a")).assert_is(&content());
    let (address, request) = (
        cache.address(),
        Request::get(&fetch_path(&origin.url("/a"))),
    );
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let request = request.clone();
            thread::spawn(move || {
                while let Some(mut client) = Client::try_connect(address) {
                    let response = client.exchange(&request);
                    // A connection that was accepted by the kernel only ends without an answer.
                    if response.status() != 0 {
                        response.assert_is(&content());
                    }
                }
            })
        })
        .collect();
    assert_eq!(cache.terminate().code(), Some(0));
    for client in clients {
        client.join().expect("every answer was whole");
    }
}
