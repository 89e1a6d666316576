//! Interim responses inside TLS.

use super::support::*;
use crate::support::origin::{Origin, Reply};

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n";

#[test]
fn interim_responses_reach_a_client_inside_tls() {
    let (origin, certificates) = (Origin::start(), Certificates::new());
    let reply = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 8\r\n\r\nartifact";
    origin.route("/a", Reply::raw(format!("{HINTS}{HINTS}{reply}")));
    let cache = certificates.start();
    let mut client = certificates.client(&cache);
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/a"));
    for _ in 0..2 {
        client.send(request.as_bytes());
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        while !text.ends_with("artifact") {
            let read = client.read_raw(&mut buffer).unwrap();
            assert!(read > 0, "{text}");
            text.push_str(str::from_utf8(&buffer[..read]).unwrap());
        }
        let hints = "HTTP/1.1 103 Early Hints\r\nlink: </s.css>; rel=preload\r\n\r\n";
        let expected = format!("{hints}{hints}HTTP/1.1 200 OK\r\n");
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[tokio::test]
async fn http2_gets_the_final_response_alone() {
    let (origin, certificates) = (Origin::start(), Certificates::new());
    let reply = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nartifact";
    origin.route("/a", Reply::raw(format!("{HINTS}{reply}")));
    let cache = certificates.start();
    let mut client = certificates.http2(&cache).await;
    let (status, body) = client.get(&origin.url("/a")).await;
    assert_eq!((status, &body[..]), (200, &b"artifact"[..]));
}
