//! The PROXY protocol: from load balancers it is demanded, from others it is never read.

use crate::support::{
    cache::{Cache, Setup, fetch_path},
    client::{Client, Request},
    origin::{Content, Origin, Reply},
};

fn behind(range: &str) -> Setup {
    Cache::setup().config(&format!("server: {{proxy_protocol_from: ['{range}']}}\n"))
}

/// The client in the log line of a request with this header before it.
fn seen_as(cache: &Cache, origin: &Origin, path: &str, header: &[u8]) -> String {
    origin.route(path, Reply::ok(Content::literal("x")));
    let request = Request::get(&fetch_path(&origin.url(path)));
    let mut client = Client::connect(cache.address());
    client.send(&[header, &request.bytes()].concat());
    assert_eq!(client.response("GET").status(), 200);
    let url = origin.url(path);
    let message = "cache MISS - downloaded from upstream";
    let event = cache
        .trace()
        .wait_for(message, |event| event["source_url"] == *url);
    event["client_ip"].as_str().unwrap().to_owned()
}

#[test]
fn a_balancers_header_names_the_client() {
    let (origin, cache) = (Origin::start(), behind("127.0.0.0/8").start());
    let line = b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n";
    assert_eq!(seen_as(&cache, &origin, "/1", line), "192.0.2.7:5000");
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".to_vec();
    binary.extend(
        "2001:db8::7"
            .parse::<std::net::Ipv6Addr>()
            .unwrap()
            .octets(),
    );
    binary.extend([0; 16]);
    binary.extend([0x13, 0x88, 0, 80]);
    assert_eq!(
        seen_as(&cache, &origin, "/2", &binary),
        "[2001:db8::7]:5000"
    );
    let unknown = seen_as(&cache, &origin, "/3", b"PROXY UNKNOWN\r\n");
    assert!(unknown.starts_with("127.0.0.1:"), "{unknown}");
}

#[test]
fn a_balancer_that_sends_no_header_or_a_broken_one_is_cut_off() {
    let cache = behind("127.0.0.0/8").start();
    for header in [
        &b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        b"PROXY TCP4 nonsense\r\nGET /health HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80 and a line that never ends in time, which must not be longer than 107 bytes in all",
        b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ] {
        let mut client = Client::connect(cache.address());
        client.send(header);
        assert!(client.is_ended_by_peer(), "{header:?}");
    }
}

#[test]
fn nobody_else_can_name_a_client() {
    let cache = behind("192.0.2.0/24").start();
    let mut client = Client::connect(cache.address());
    client
        .send(b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\nGET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(client.response("GET").status(), 400);
}
