//! What is not stored streams through, both ways, without being collected.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use crate::support::{
    PATIENCE,
    cache::Cache,
    client::Request,
    eventually,
    origin::{Content, Gate, Origin, Reply},
};

const MIB: usize = 1 << 20;

#[test]
fn an_uncacheable_body_reaches_the_client_as_it_comes() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let (content, gate) = (Content::seeded(1, 3_000_000), Gate::closed());
    let reply = Reply::ok(content.clone()).field("Cache-Control", "no-store");
    origin.route("/a", reply.gated(&gate));
    gate.release(1000);
    let mut client = cache.client();
    let request = Request::get(&origin.url("/a"));
    let mut incoming = client.start(&request).unwrap();
    assert!(incoming.read_to(1000));
    assert_eq!(gate.passed(), 1000);
    gate.release(500);
    assert!(incoming.read_to(1500));
    gate.open();
    incoming.finish().assert_is(&content);
}

/// An origin that reports each piece of a request body as it comes.
fn upload_sink(listener: &TcpListener, seen: &mpsc::Sender<u64>, length: u64) {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0);
    }
    let (mut received, mut piece) = (0, vec![0; 64 << 10]);
    while received < length {
        let read = reader.read(&mut piece).unwrap();
        assert_ne!(read, 0);
        received += read as u64;
        seen.send(received).unwrap();
    }
    let mut stream: TcpStream = reader.into_inner();
    stream
        .write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
}

#[test]
fn an_upload_arrives_at_the_origin_while_the_client_still_sends() {
    let cache = Cache::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/up", listener.local_addr().unwrap());
    let (seen, arrived) = mpsc::channel();
    let length = 64 * MIB as u64;
    let sink = thread::spawn(move || upload_sink(&listener, &seen, length));
    let wait_for = |bytes: u64| {
        let mut last = 0;
        while last < bytes {
            last = arrived.recv_timeout(PATIENCE).expect("the upload goes on");
        }
    };
    let mut client = cache.client();
    let head = format!("PUT {url} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    client.send(head.as_bytes());
    let piece = vec![7; MIB];
    client.send(&piece);
    // Nothing more is sent before the origin has this.
    wait_for(MIB as u64);
    let before = cache.resident_bytes();
    (1..64).for_each(|_| client.send(&piece));
    wait_for(length);
    assert_eq!(client.response("PUT").status(), 201);
    let grown = cache.peak_resident_bytes().saturating_sub(before);
    assert!(grown < 16 * MIB as u64, "memory grew by {grown} bytes");
    sink.join().unwrap();
}

#[test]
fn a_client_that_leaves_ends_the_transfer_of_what_is_not_stored() {
    let (cache, origin) = (Cache::start(), Origin::start());
    let reply = Reply::ok(Content::seeded(1, 1 << 30)).field("Cache-Control", "no-store");
    origin.route("/a", reply);
    let mut client = cache.client();
    let mut incoming = client.start(&Request::get(&origin.url("/a"))).unwrap();
    assert!(incoming.read_to(100_000));
    drop(client);
    eventually("the origin's connection ends", || {
        origin.open_connections() == 0
    });
    assert!(origin.bytes_sent("/a") < 64 << 20);
}
