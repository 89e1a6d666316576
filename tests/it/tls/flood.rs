//! What a hostile client of HTTP/2 may do costs it its connection and nobody else anything.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Instant,
};

use super::support::*;
use crate::support::{
    PATIENCE,
    cache::Cache,
    client::Request,
    eventually,
    origin::{Content, Origin, Reply},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
/// The stream ends here, and so do its fields.
const WHOLE: u8 = 5;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// GET of a path of the cache, in HPACK without the dynamic table.
fn get(path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    [
        &[0x82, 0x86, 0x01, 9][..],
        b"127.0.0.1",
        &[0x04, length],
        path.as_bytes(),
    ]
    .concat()
}

fn connect(cache: &Cache) -> TcpStream {
    let mut stream = TcpStream::connect(cache.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(PREFACE).unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    stream
}

/// Sends for ever; whether the server ended the connection before long.
fn is_cut_off(stream: &mut TcpStream, mut next: impl FnMut(u32) -> Vec<u8>) -> bool {
    let (start, mut number) = (Instant::now(), 1);
    while start.elapsed() < PATIENCE {
        if stream.write_all(&next(number)).is_err() {
            return true;
        }
        number += 2;
    }
    false
}

#[test]
fn rapid_resets_and_floods_end_the_connection_and_others_are_served() {
    let cache = Cache::start();
    let reset = |stream| {
        let request = frame(HEADERS, WHOLE, stream, &get("/health"));
        [request, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    let endless = |_| frame(CONTINUATION, 0, 1, &[0; 16]);
    for (what, flood) in [
        ("resets", Box::new(reset) as Box<dyn FnMut(u32) -> Vec<u8>>),
        ("continuations", Box::new(endless)),
        (
            "streams of a wrong id",
            Box::new(|_| frame(HEADERS, WHOLE, 2, &get("/health"))),
        ),
    ] {
        let mut stream = connect(&cache);
        if what == "continuations" {
            stream
                .write_all(&frame(HEADERS, 1, 1, &get("/health")))
                .unwrap();
        }
        assert!(is_cut_off(&mut stream, flood), "{what}");
        assert_eq!(cache.get("/health").status(), 200);
    }
    eventually("the connections are gone", || {
        cache.metric("artifact_cache_connections_in_flight") <= 1.0
    });
}

#[test]
fn pings_that_nobody_reads_do_not_fill_the_memory() {
    let cache = Cache::start();
    let mut stream = connect(&cache);
    stream.set_write_timeout(Some(SHORT)).unwrap();
    let before = cache.resident_bytes();
    for _ in 0..200_000 {
        if stream.write_all(&frame(PING, 0, 0, &[0; 8])).is_err() {
            break;
        }
    }
    assert!(cache.resident_bytes() < before + (32 << 20));
    assert_eq!(cache.get("/health").status(), 200);
}

#[test]
fn a_client_that_takes_no_bytes_of_a_response_is_cut_off_and_the_store_keeps_it() {
    let origin = Origin::start();
    let content = Content::seeded(9, 8 << 20);
    origin.route(
        "/a",
        Reply::ok(content.clone()).field("Cache-Control", "max-age=60"),
    );
    let cache = Cache::setup()
        .config("server: {write_timeout: 500ms}\n")
        .start();
    let mut stream = connect(&cache);
    let authority = origin.address().to_string();
    let length = u8::try_from(authority.len()).unwrap();
    let head = [
        &[0x82, 0x86, 0x01, length][..],
        authority.as_bytes(),
        &[0x04, 2],
        b"/a",
    ]
    .concat();
    stream.write_all(&frame(HEADERS, WHOLE, 1, &head)).unwrap();
    // It reads whatever comes, but never opens the window any further.
    let (mut received, mut piece) = (0, vec![0; 64 << 10]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => received += read,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((1 << 10..8 << 20).contains(&received), "{received}");
    cache
        .exchange(&Request::get(&origin.url("/a")))
        .assert_is(&content);
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn a_connection_without_requests_is_closed_in_time() {
    let cache = Cache::setup()
        .config("server: {header_timeout: 500ms}\n")
        .start();
    let mut stream = connect(&cache);
    let mut rest = Vec::new();
    // It is told by GOAWAY that the end was meant.
    stream.read_to_end(&mut rest).unwrap();
    let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0];
    assert!(rest.windows(9).any(|frame| frame == goaway), "{rest:?}");
}
