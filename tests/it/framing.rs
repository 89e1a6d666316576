//! Requests that two parties could read differently: raw bytes in, what is answered and what reaches the
//! origin out (RFC 9112 §3, §5, §6, §11.2).

use std::time::Duration;

use crate::support::{
    Ending,
    cache::Cache,
    client::Response,
    eventually,
    origin::{Content, Gate, Origin, Reply},
};

/// An origin that has `/a`, and a cache.
fn pair() -> (Origin, Cache) {
    let (origin, cache) = (Origin::start(), Cache::start());
    origin.route(
        "/a",
        Reply::ok(Content::literal("artifact")).field("Cache-Control", "no-store"),
    );
    (origin, cache)
}

/// Sends `bytes` on a connection of their own; the first answer, and whether the connection is closed
/// behind it.
fn answered(cache: &Cache, bytes: &[u8]) -> (Response, bool) {
    let mut client = cache.client();
    client.send(bytes);
    let response = client.response("GET");
    (response, client.is_ended_by_peer())
}

/// Each request is refused with its status, closes the connection, and reaches no origin.
fn refused(origin: &Origin, cache: &Cache, status: u16, requests: &[String]) {
    for request in requests {
        let (response, is_closed) = answered(cache, request.as_bytes());
        let shown = &request[..request.len().min(200)];
        assert_eq!(response.status(), status, "{shown:?}: {response:?}");
        assert!(is_closed, "{shown:?}");
    }
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());
}

/// A proxy request for `/a` with these lines behind the request line.
fn get(origin: &Origin, lines: &str) -> String {
    format!("GET {} HTTP/1.1\r\n{lines}\r\n\r\n", origin.url("/a"))
}

#[test]
fn a_missing_repeated_or_invalid_host_is_refused() {
    let (origin, cache) = pair();
    let requests = [
        "X: y",
        "Host: a\r\nHost: a",
        "Host: a\r\nHost: b",
        "Host: a, b",
        "Host: a b",
    ];
    let requests = requests.map(|lines| get(&origin, lines));
    refused(&origin, &cache, 400, &requests);
}

#[test]
fn a_length_that_is_ambiguous_or_no_number_is_refused() {
    let (origin, cache) = pair();
    let requests = [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1, 2",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 0x1",
        "Content-Length: 1 1",
        "Content-Length: ",
        "Content-Length: 99999999999999999999",
    ];
    let requests = requests.map(|lines| get(&origin, &format!("Host: x\r\n{lines}")));
    refused(&origin, &cache, 400, &requests);
}

#[test]
fn a_transfer_coding_that_is_not_exactly_chunked_is_refused() {
    let (origin, cache) = pair();
    let requests = [
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: \x0bchunked",
    ];
    let mut requests = requests
        .map(|lines| get(&origin, &format!("Host: x\r\n{lines}")))
        .to_vec();
    let old = get(&origin, "Host: x\r\nTransfer-Encoding: chunked");
    requests.push(old.replace("HTTP/1.1", "HTTP/1.0"));
    refused(&origin, &cache, 400, &requests);
}

#[test]
fn field_lines_that_parsers_disagree_on_are_refused() {
    let (origin, cache) = pair();
    let requests = [
        "Content-Length : 1",
        " X: folded into the request line",
        "X: a\r\n folded",
        "X: a\r\n\tfolded",
        "X y: z",
        "X: a\x00b",
        "X: a\x7fb",
        "X: a\x01b",
        ": no name",
        "no colon",
        "X: a\rb",
    ];
    let requests = requests.map(|lines| get(&origin, &format!("Host: x\r\n{lines}")));
    refused(&origin, &cache, 400, &requests);
}

#[test]
fn a_target_with_bytes_that_no_uri_has_is_refused() {
    let (origin, cache) = pair();
    let targets = ["/a\x01", "/a\x7f", "/\u{e9}", "/a b", "/a\tb"];
    let requests = targets.map(|target| {
        let target = origin.url("") + target;
        format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
    });
    refused(&origin, &cache, 400, &requests);
}

#[test]
fn what_is_too_large_is_refused_by_what_is_too_large() {
    let (origin, cache) = pair();
    let long = format!("{}?{}", origin.url("/a"), "q".repeat(9000));
    let long = format!("GET {long} HTTP/1.1\r\nHost: x\r\n\r\n");
    refused(&origin, &cache, 414, &[long]);
    let many: Vec<_> = (0..150).map(|number| format!("X-{number}: y")).collect();
    let many = many.join("\r\n");
    let large = format!("X: {}", "y".repeat(70_000));
    let requests = [&many, &large].map(|lines| get(&origin, &format!("Host: x\r\n{lines}")));
    refused(&origin, &cache, 431, &requests);
}

#[test]
fn half_a_head_is_not_waited_for_for_ever() {
    let cache = Cache::setup()
        .config("server: {header_timeout: 1s}")
        .start();
    let mut client = cache.client();
    client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX:");
    assert!(client.is_ended_by_peer());
    assert_eq!(cache.get("/healthz").status(), 200);
}

#[test]
fn the_target_of_an_absolute_form_wins_over_host() {
    let (origin, cache) = pair();
    let mut client = cache.client();
    client.send(get(&origin, "Host: other.example").as_bytes());
    assert_eq!(client.response("GET").status(), 200);
    let asked = origin.requests_for("/a");
    let authority = origin.url("");
    assert_eq!(asked[0].value("host"), authority.strip_prefix("http://"));
}

#[test]
fn a_fragment_is_part_of_no_key_and_reaches_no_origin() {
    let (origin, cache) = pair();
    let mut client = cache.client();
    let with_fragment = get(&origin, "Host: x").replace("/a ", "/a#/../b?c ");
    client.send(with_fragment.as_bytes());
    assert_eq!(client.response("GET").text(), "artifact");
    assert_eq!(origin.requests()[0].target, "/a");
}

/// A request whose body ends in two places, depending on which of two fields one believes. Behind the
/// last chunk comes another request.
fn ambiguous(origin: &Origin, order: [&str; 2]) -> String {
    let inner = get(origin, "Host: x\r\nX: smuggled");
    let url = origin.url("/a");
    let lines = order.join("\r\n");
    format!("POST {url} HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n3\r\nabc\r\n0\r\n\r\n{inner}")
}

#[test]
fn a_length_beside_chunks_counts_for_nothing_and_ends_the_connection() {
    for order in [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Transfer-Encoding: chunked", "Content-Length: 0"],
        ["Transfer-Encoding: chunked", "Content-Length: junk"],
    ] {
        let (origin, cache) = pair();
        let mut client = cache.client();
        client.send(ambiguous(&origin, order).as_bytes());
        let response = client.response("POST");
        assert!(client.is_ended_by_peer(), "no second answer: {response:?}");
        let asked = origin.requests();
        assert!(asked.len() <= 1, "{asked:?}");
        for request in asked {
            assert_eq!(request.value("x"), None, "smuggled");
            assert_eq!(request.value("content-length"), None);
            assert_eq!(request.value("transfer-encoding"), Some("chunked"));
            assert_eq!(request.body, b"abc");
        }
    }
}

#[test]
fn requests_behind_each_other_are_answered_one_by_one() {
    let (origin, cache) = pair();
    let mut client = cache.client();
    let both = get(&origin, "Host: x\r\nX: first") + &get(&origin, "Host: x\r\nX: second");
    client.send(both.as_bytes());
    for _ in 0..2 {
        assert_eq!(client.response("GET").text(), "artifact");
    }
    let asked = origin.requests_for("/a");
    let order: Vec<_> = asked.iter().map(|request| request.value("x")).collect();
    assert_eq!(order, [Some("first"), Some("second")]);
}

#[test]
fn a_client_that_closes_its_half_behind_a_request_is_answered() {
    let (origin, cache) = (Origin::start(), Cache::start());
    let gate = Gate::closed();
    let reply = Reply::ok(Content::literal("artifact")).head_gated(&gate);
    origin.route("/slow", reply);
    let mut client = cache.client();
    let url = origin.url("/slow");
    client.send(format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    client.end(Ending::Fin);
    eventually("the origin is asked", || origin.hits("/slow") == 1);
    // A connection that was given up when its half closed would be over by then.
    for _ in 0..20 {
        assert_eq!(cache.get("/healthz").status(), 200);
    }
    gate.open();
    assert_eq!(client.response("GET").text(), "artifact");
    assert!(client.is_ended_by_peer());
}

#[test]
fn nothing_behind_a_refused_request_is_read() {
    let (origin, cache) = pair();
    for bad in [
        "Host: a\r\nHost: b",
        "Host: x\r\nContent-Length: 1\r\nContent-Length: 2",
        "Host: x\r\nTransfer-Encoding: gzip, chunked",
        "Host: x\r\nX: a\r\n folded",
    ] {
        let both = get(&origin, bad) + &get(&origin, "Host: x");
        let mut client = cache.client().with_patience(Duration::from_secs(10));
        client.send(both.as_bytes());
        assert_eq!(client.response("GET").status(), 400, "{bad:?}");
        assert!(client.is_ended_by_peer(), "{bad:?}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn bad_chunks_reach_the_origin_as_no_whole_request() {
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let (origin, cache) = pair();
        let mut client = cache.client();
        let head = get(&origin, "Host: x\r\nTransfer-Encoding: chunked").replace("GET", "POST");
        client.send((head + chunks + &get(&origin, "Host: x\r\nX: smuggled")).as_bytes());
        let _ = client.response("POST");
        assert!(client.is_ended_by_peer(), "{chunks:?}");
        let smuggled = origin.requests().iter().any(|one| one.value("x").is_some());
        assert!(!smuggled, "{chunks:?}");
    }
}
