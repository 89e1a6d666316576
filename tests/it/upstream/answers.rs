//! What an origin says comes back.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use artifact_cache::upstream::{Observe, Reason};
use artifact_cache_layers::{body::Body, extensions::Mode, semantics::target_uri::TargetUri};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower::ServiceExt as _;

use super::support::*;

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observe for Told {
    fn requested(&self) {
        self.0.lock().unwrap().push("requested".into());
    }

    fn retried(&self) {
        self.0.lock().unwrap().push("retried".into());
    }

    fn asked(&self, _: &TargetUri, end: Result<StatusCode, Option<Reason>>, took: Duration) {
        assert!(took < PATIENCE);
        let end = match end {
            Ok(status) => status.as_str().to_owned(),
            Err(reason) => reason.map_or("denied", Reason::as_str).to_owned(),
        };
        self.0.lock().unwrap().push(end);
    }
}

#[tokio::test]
async fn an_answer_comes_back_and_connections_are_used_again() {
    let origin = Origin::start(|_, _| answer(HELLO)).await;
    let upstreams = upstreams(&settings());
    for _ in 0..3 {
        let response = get(&upstreams, &origin.url("/a//b?q=%20")).await.unwrap();
        let final_uri = response
            .extensions()
            .get::<artifact_cache_layers::extensions::FinalUri>()
            .unwrap()
            .0
            .clone();
        assert_eq!(final_uri.as_str(), origin.url("/a//b?q=%20"));
        assert_eq!(read(response).await.unwrap(), "hello");
    }
    assert_eq!(origin.seen.connections.load(Ordering::SeqCst), 1);
    let head = &origin.requests()[0];
    assert!(head.starts_with("GET /a//b?q=%20 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("host: {}\r\n", origin.address)),
        "{head}"
    );
    assert!(
        head.contains("user-agent: cache-under-test/1\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn an_observer_is_told_what_happens() {
    let origin = Origin::start(|_, nth| if nth == 1 { close("") } else { answer(HELLO) }).await;
    let told = Arc::new(Told::default());
    let upstreams = upstreams(&settings()).observed_by(Arc::clone(&told) as _);
    get(&upstreams, &origin.url("/")).await.unwrap();
    get(&upstreams, "http://denied.example/").await.unwrap_err();
    let told = told.0.lock().unwrap().join(" ");
    assert_eq!(told, "requested reset retried 200 requested");
}

#[tokio::test]
async fn a_forwarded_request_keeps_its_user_agent_and_gets_what_the_origin_said() {
    let origin = Origin::start(|head, _| {
        if head.starts_with("GET /moved") {
            answer("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n")
        } else {
            answer("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
        }
    })
    .await;
    let upstreams = upstreams(&settings());
    for (path, status) in [("/moved", 302), ("/busy", 503)] {
        let mut request = request(Method::GET, &origin.url(path), Mode::Forward);
        request
            .headers_mut()
            .insert("user-agent", "curl/8".parse().unwrap());
        request
            .headers_mut()
            .insert("host", "lies.example".parse().unwrap());
        assert_eq!(send(&upstreams, request).await.unwrap().status(), status);
    }
    let requests = origin.requests();
    assert_eq!(requests.len(), 2, "neither followed nor retried");
    assert!(requests[0].contains("user-agent: curl/8\r\n"));
    assert!(!requests[0].contains("lies.example"));
}

#[tokio::test]
async fn a_request_body_arrives_at_the_origin() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstreams = upstreams(&settings());
    let mut post = request(Method::POST, &format!("http://{address}/"), Mode::Forward);
    *post.body_mut() = Body::from("the body");
    let received = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        while !all.ends_with(b"the body") {
            all.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(HELLO.as_bytes()).await.unwrap();
        String::from_utf8(all).unwrap()
    };
    let (response, received) = tokio::join!(send(&upstreams, post), received);
    assert_eq!(response.unwrap().status(), 200);
    assert!(received.contains("content-length: 8\r\n"), "{received}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_come_in_large_frames() {
    const LENGTH: usize = 64 << 20;
    let origin = Origin::start(|_, _| {
        let mut bytes = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + LENGTH, 7);
        Act::Answer(bytes)
    })
    .await;
    let response = get(&upstreams(&settings()), &origin.url("/"))
        .await
        .unwrap();
    let (mut body, mut largest, mut total) = (response.into_body(), 0, 0);
    while let Some(frame) = timeout(PATIENCE, body.frame()).await.unwrap() {
        let length = frame.unwrap().into_data().unwrap().len();
        largest = largest.max(length);
        total += length;
        // A reader that takes its time lets the socket fill, as a disk would.
        tokio::task::yield_now().await;
    }
    assert_eq!(total, LENGTH);
    assert!(
        largest >= 256 << 10,
        "the largest frame has {largest} bytes"
    );
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let upstreams = upstreams(&settings());
    let asking = tokio::spawn(upstreams.oneshot(request(Method::GET, &uri, Mode::Forward)));
    let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
    let mut buffer = [0; 1024];
    assert!(stream.read(&mut buffer).await.unwrap() > 0);
    asking.abort();
    let left = timeout(PATIENCE, stream.read(&mut buffer))
        .await
        .expect("the connection closes");
    assert!(matches!(left, Ok(0) | Err(_)));
}
