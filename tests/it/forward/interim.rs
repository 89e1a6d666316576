//! Interim responses (1xx) of an origin reach the client that waits, and nobody else (RFC 9110 §15.2).

use crate::support::{
    cache::Cache,
    client::Client,
    origin::{Origin, Reply},
};

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n";
const FINAL: &str =
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\nartifact";

/// An origin that says `before` ahead of its final response to `/a`.
fn origin(before: &str) -> Origin {
    let origin = Origin::start();
    origin.route("/a", Reply::raw(format!("{before}{FINAL}")));
    origin
}

/// Everything that comes up to the end of the first body.
fn until_the_body(client: &mut Client) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.ends_with("artifact") {
        let read = client.read_raw(&mut buffer).unwrap();
        assert!(read > 0, "{text}");
        text.push_str(str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}

fn ask(client: &mut Client, origin: &Origin, version: &str) -> String {
    let request = format!(
        "GET {} {version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        origin.url("/a")
    );
    client.send(request.as_bytes());
    until_the_body(client)
}

#[test]
fn interim_responses_come_before_the_final_one_and_are_never_stored() {
    let processing = "HTTP/1.1 102 Processing\r\n\r\n";
    let (cache, origin) = (
        Cache::start(),
        origin(&format!("{processing}{HINTS}{HINTS}")),
    );
    let mut client = cache.client();
    let first = ask(&mut client, &origin, "HTTP/1.1");
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </s.css>; rel=preload\r\n\r\n";
    assert!(
        first.starts_with(&format!("{processing}{hints}{hints}HTTP/1.1 200 OK\r\n")),
        "{first}"
    );
    let second = ask(&mut client, &origin, "HTTP/1.1");
    assert!(second.starts_with("HTTP/1.1 200 OK\r\n"), "{second}");
    assert!(
        second.contains("; hit; ttl=") && !second.contains("link:"),
        "{second}"
    );
    assert_eq!(origin.hits("/a"), 1);
}

#[test]
fn the_next_response_on_a_connection_is_not_disturbed_when_requests_are_pipelined() {
    let (cache, origin) = (Cache::start(), origin(HINTS));
    let mut client = cache.client();
    let url = origin.url("/a");
    let request = format!("GET {url} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(request.repeat(3).as_bytes());
    for _ in 0..3 {
        assert_eq!(client.response("GET").text(), "artifact");
    }
}

#[test]
fn a_client_of_http_1_0_gets_the_final_response_alone() {
    let (cache, origin) = (Cache::start(), origin(HINTS));
    let answer = ask(&mut cache.client(), &origin, "HTTP/1.0");
    assert!(
        answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"),
        "{answer}"
    );
}

#[test]
fn continue_is_not_passed_on_and_a_protocol_is_not_switched() {
    let (cache, unasked) = (Cache::start(), origin("HTTP/1.1 100 Continue\r\n\r\n"));
    let answer = ask(&mut cache.client(), &unasked, "HTTP/1.1");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let switching = origin("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
    assert_eq!(cache.proxy_get(&switching.url("/a"), &[]).status(), 502);
}
