//! Bodies of every kind arrive whole.

use std::{
    convert::Infallible,
    net::SocketAddr,
    os::unix::fs::FileExt as _,
    sync::Arc,
    time::{Duration, Instant},
};

use artifact_cache::server::{Limits, serve_plain};
use artifact_cache_layers::body::Body;
use http::Request;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use super::{client::*, support::*};

/// Asks for many parts in every form over one connection and compares each byte.
fn ask_for_everything(address: SocketAddr, bytes: &[u8]) {
    let mut random = fastrand::Rng::with_seed(11);
    let mut client = Client::new(address);
    for _ in 0..60 {
        let at = random.usize(..bytes.len());
        let end = random.usize(at..=bytes.len());
        // At most a hundred frames, so that the test stays short.
        let step = 1 + (end - at) / 100 + random.usize(..=(end - at));
        let form = *random.choice(&["file", "open", "memory"]).unwrap();
        match random.u8(..8) {
            0 => {
                client.send(&format!(
                    "HEAD /file/{at}/{end}/{step} HTTP/1.1\r\nhost: cache.example\r\n\r\n"
                ));
                let answer = client.answer(false).unwrap();
                let length = (end - at).to_string();
                assert_eq!(field(&answer.head, "content-length"), Some(&*length));
            }
            1 => {
                client.send("GET /304/0/1/1 HTTP/1.1\r\nhost: cache.example\r\n\r\n");
                assert!(client.answer(false).unwrap().head.contains(" 304 "));
            }
            _ => {
                let answer = client.get(&format!("/{form}/{at}/{end}/{step}")).unwrap();
                assert_eq!(
                    digest(&answer.body),
                    digest(&bytes[at..end]),
                    "{form} {at} {end}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_body_arrives_whole_over_one_connection_with_small_buffers() {
    let (file, bytes) = noise(300_000);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let server = Running::start(tight_listener(), Limits::new(&settings()), files);
    let address = server.address;
    blocking(move || ask_for_everything(address, &bytes)).await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_switch_off_the_same_bytes_leave_and_no_region_is_asked_for() {
    let (file, bytes) = noise(300_000);
    let files = Files {
        file,
        way: Way::Bytes,
    };
    let limits = Limits::new(&settings()).sendfile(false);
    let server = Running::start(tight_listener(), limits, files);
    let address = server.address;
    blocking(move || ask_for_everything(address, &bytes)).await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let (file, bytes) = noise(3_000_000);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let server = Running::start(tight_listener(), Limits::new(&settings()), files);
    let address = server.address;
    blocking(move || {
        let mut client = Client::new(address);
        let ranges: Vec<_> = (0..40)
            .map(|n| (n * 1000, n * 1000 + 70_000 * n + 1))
            .collect();
        for (at, end) in &ranges {
            client.send(&format!(
                "GET /file/{at}/{end}/50000 HTTP/1.1\r\nhost: cache.example\r\n\r\n"
            ));
        }
        for (at, end) in ranges {
            assert_eq!(
                digest(&client.answer(true).unwrap().body),
                digest(&bytes[at..end])
            );
        }
    })
    .await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_beyond_four_gib_of_a_sparse_file_is_exact() {
    let file = tempfile::tempfile().unwrap();
    let at = (5 << 30) - 3;
    file.write_all_at(b"the very end", at).unwrap();
    let files = Files {
        file: Arc::new(file),
        way: Way::Regions,
    };
    let server = Running::start(listener(), Limits::new(&settings()), files);
    let address = server.address;
    blocking(move || {
        let mut client = Client::new(address);
        let (from, end) = (at - 5_000_000, at + 12);
        let answer = client
            .get(&format!("/file/{from}/{end}/99999999999"))
            .unwrap();
        assert_eq!(answer.body.len(), 5_000_012);
        assert!(answer.body.ends_with(b"\0\0the very end"));
        let whole = client.send_and_count(&format!("/file/0/{end}/99999999999"), 64 << 20);
        assert_eq!(
            whole.to_string(),
            end.to_string(),
            "the head promises all of it"
        );
    })
    .await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_left_the_page_cache_arrives_whole() {
    let (file, bytes) = noise(5_000_000);
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let files = Files {
        file,
        way: Way::Regions,
    };
    let server = Running::start(listener(), Limits::new(&settings()), files);
    let address = server.address;
    blocking(move || {
        let answer = Client::new(address).get("/file/3/5000000/5000000").unwrap();
        assert_eq!(digest(&answer.body), digest(&bytes[3..]));
    })
    .await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_byte_stream_is_served_with_bytes() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (file, bytes) = noise(100_000);
    let files = Files {
        file,
        way: Way::Bytes,
    };
    let stack = service_fn(move |request: Request<Body>| {
        let response = files.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let (mut near, far) = tokio::io::duplex(1000);
    let peer = "192.0.2.1:9".parse().unwrap();
    let limits = Limits::new(&settings());
    let served = tokio::spawn(serve_plain(
        (far, peer),
        stack,
        limits,
        CancellationToken::new(),
    ));
    near.write_all(b"GET /file/0/100000/3333 HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut all = Vec::new();
    near.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(&bytes));
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_leave_without_a_delay() {
    let (file, bytes) = noise(20_000);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let server = Running::start(listener(), Limits::new(&settings()), files);
    let address = server.address;
    blocking(move || {
        let mut client = Client::new(address);
        let begin = Instant::now();
        for form in ["file", "open"].repeat(200) {
            let answer = client.get(&format!("/{form}/0/20000/7000")).unwrap();
            assert_eq!(answer.body, bytes);
        }
        // A head or a last chunk that waits for an acknowledgement costs 40 ms each time.
        assert!(begin.elapsed() < Duration::from_secs(8));
    })
    .await;
    server.drained().await;
}
