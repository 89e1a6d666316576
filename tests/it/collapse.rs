//! Many clients and one cold object: one transfer from the origin, which nobody can spoil for the others.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    Ending,
    cache::{Cache, fetch_path},
    client::{Client, Request},
    eventually,
    origin::{Content, Gate, Origin, Reply},
};

const MIB: u64 = 1 << 20;

/// Clients of a herd; the load test has the same with more bytes.
fn herd() -> usize {
    std::env::var("HERD").map_or(200, |text| text.parse().unwrap())
}

fn file(content: &Content) -> Reply {
    Reply::file(content.clone(), "\"v1\"").field("Cache-Control", "max-age=60")
}

/// A request by one of the two doors, which ask the origin differently and share no transfer.
fn request(door: usize, url: &str) -> Request {
    if door.is_multiple_of(2) {
        Request::get(url)
    } else {
        Request::get(&format!("{}&mode=stream", fetch_path(url)))
    }
}

#[test]
fn a_herd_through_either_door_costs_one_transfer_and_flat_memory() {
    for door in 0..2 {
        let (cache, origin) = (Cache::start(), Origin::start());
        let (content, gate) = (Content::seeded(1, 16 * MIB), Gate::closed());
        origin.route("/a", file(&content).gated(&gate));
        let url = origin.url("/a");
        // One request before, so that what is allocated once is not counted.
        origin.route("/warm", file(&Content::literal("warm")));
        cache.proxy_get(&origin.url("/warm"), &[]);
        let before = cache.resident_bytes();
        let (first, has_first) = (MIB, AtomicUsize::new(0));
        gate.release(first);
        thread::scope(|scope| {
            for _ in 0..herd() {
                scope.spawn(|| {
                    let mut client = cache.client();
                    let mut incoming = client.start(&request(door, &url)).unwrap();
                    assert!(incoming.read_to(1));
                    has_first.fetch_add(1, Ordering::SeqCst);
                    incoming.finish().assert_is(&content);
                });
            }
            eventually(
                "everyone has the first byte before the last is sent",
                || has_first.load(Ordering::SeqCst) == herd(),
            );
            assert_eq!(gate.passed(), first);
            gate.open();
        });
        assert_eq!(origin.hits("/a"), 1);
        assert_eq!(origin.bytes_sent("/a"), content.length());
        let grown = cache.peak_resident_bytes().saturating_sub(before);
        assert!(grown < 48 * MIB, "door {door}: memory grew by {grown}");
    }
}

#[test]
fn each_byte_is_passed_on_when_it_arrives() {
    (0..2).for_each(follow_in_steps);
}

fn follow_in_steps(door: usize) {
    let (cache, origin) = (Cache::start(), Origin::start());
    let (content, gate) = (Content::seeded(1, MIB), Gate::closed());
    origin.route("/a", file(&content).gated(&gate));
    let url = origin.url("/a");
    let mut clients: Vec<Client> = (0..8).map(|_| cache.client()).collect();
    let mut incoming: Vec<_> = clients
        .iter_mut()
        .map(|client| client.start(&request(door, &url)).unwrap())
        .collect();
    let mut waits = Vec::new();
    for step in 1..=20 {
        let released = Instant::now();
        gate.release(1000);
        for incoming in &mut incoming {
            assert!(incoming.read_to(step * 1000));
        }
        waits.push(released.elapsed());
    }
    waits.sort();
    // Other tests take the cores meanwhile, so the better steps count; a look at intervals would show
    // in them too. The load test measures exactly.
    let quick = waits[waits.len() / 4];
    assert!(quick < Duration::from_millis(100), "{waits:?}");
    gate.open();
    for incoming in incoming {
        incoming.finish().assert_is(&content);
    }
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn slow_and_vanished_clients_disturb_nobody() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let content = Content::seeded(1, 32 * MIB);
    let gate = Gate::closed();
    origin.route("/a", file(&content).gated(&gate));
    let url = origin.url("/a");
    gate.release(MIB);
    let mut slow = cache.client().with_receive_buffer(65_536);
    let mut slowly = slow.start(&request(0, &url)).unwrap();
    assert!(slowly.read_to(1));
    for ending in [Ending::Fin, Ending::Reset] {
        let mut gone = cache.client();
        let mut incoming = gone.start(&request(0, &url)).unwrap();
        assert!(incoming.read_to(1000));
        drop(incoming);
        gone.end(ending);
    }
    gate.open();
    cache.exchange(&request(0, &url)).assert_is(&content);
    assert_eq!(origin.hits("/a"), 1);
    // It had read nothing more meanwhile, and gets everything.
    slowly.finish().assert_is(&content);
}

#[test]
fn the_fill_goes_on_without_the_client_that_started_it() {
    let (cache, origin) = (Cache::start(), Origin::start());
    for (nth, at) in [0_u64, 1, 65_536, MIB - 1, 3 * MIB].into_iter().enumerate() {
        let (path, gate) = (format!("/{nth}"), Gate::closed());
        let content = Content::seeded(nth as u64, 4 * MIB);
        origin.route(&path, file(&content).gated(&gate));
        let url = origin.url(&path);
        let mut leader = cache.client();
        gate.release(at);
        if at == 0 {
            leader.send(&request(nth, &url).bytes());
            gate.wait_until_reached_by(1);
        } else {
            let mut incoming = leader.start(&request(nth, &url)).unwrap();
            // The last byte that came may be held back, as it could be the body's last.
            assert!(incoming.read_to(at.saturating_sub(1)));
        }
        leader.end(Ending::Reset);
        drop(leader);
        gate.open();
        cache.exchange(&request(nth, &url)).assert_is(&content);
        assert_eq!(origin.hits(&path), 1, "cancelled at {at}");
    }
}

#[test]
fn a_leader_that_leaves_before_the_head_takes_nobody_along() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let (content, gate) = (Content::seeded(1, MIB), Gate::closed());
    origin.route("/a", file(&content).head_gated(&gate));
    let url = origin.url("/a");
    let mut leader = cache.client();
    leader.send(&request(0, &url).bytes());
    gate.wait_until_reached_by(1);
    let followers: Vec<_> = (0..10)
        .map(|_| {
            let mut client = cache.client();
            client.send(&request(0, &url).bytes());
            client
        })
        .collect();
    leader.end(Ending::Reset);
    drop(leader);
    gate.open();
    for mut follower in followers {
        follower.response("GET").assert_is(&content);
    }
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn what_may_not_be_shared_is_fetched_for_each() {
    let (cache, origin) = (Cache::start(), Origin::start());
    origin.script("/a", |_, nth| {
        Reply::ok(Content::literal(format!("{nth:02}"))).field("Cache-Control", "private")
    });
    let (url, together) = (origin.url("/a"), Barrier::new(10));
    let mut bodies: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    together.wait();
                    cache.proxy_get(&url, &[]).text()
                })
            })
            .collect();
        let answers = clients.into_iter().map(|client| client.join().unwrap());
        answers.collect()
    });
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 10);
}

#[test]
fn a_failure_is_told_to_everyone_who_waits() {
    let setup = Cache::setup().environment("ARTIFACT_CACHE__UPSTREAM__MAX_RETRIES", "0");
    let (cache, origin) = (setup.start(), Origin::start());
    let gate = Gate::closed();
    origin.route("/a", Reply::raw("nonsense\r\n\r\n").head_gated(&gate));
    let url = origin.url("/a");
    let mut clients: Vec<_> = (0..10).map(|_| cache.client()).collect();
    for client in &mut clients {
        client.send(&request(0, &url).bytes());
    }
    gate.wait_until_reached_by(1);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response("GET").status(), 502);
    }
}
