//! A response that cannot be completed is never taken for a whole one.

use std::{
    io::{self, Read as _},
    time::{Duration, Instant},
};

use artifact_cache::{config::units::Span, server::Limits};

use super::{client::*, support::*};

/// The bytes a client gets of a body that cannot be completed, in each HTTP version.
async fn broken_off(path: &'static str) {
    let (file, _) = noise(100_000);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let server = Running::start(listener(), Limits::new(&settings()), files);
    let address = server.address;
    blocking(move || {
        for version in ["1.0", "1.1"] {
            let mut client = Client::new(address);
            client.send(&format!(
                "GET {path} HTTP/{version}\r\nhost: cache.example\r\n\r\n"
            ));
            let error = client.rest().expect_err("a reset, never an orderly close");
            assert_eq!(
                error.kind(),
                io::ErrorKind::ConnectionReset,
                "HTTP/{version}"
            );
        }
    })
    .await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_shorter_than_promised_resets_the_connection() {
    broken_off("/file/0/100001/40000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shrunken_file_of_unknown_length_resets_the_connection() {
    broken_off("/open/0/100001/40000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_breaks_off_resets_the_connection() {
    broken_off("/broken/0/0/0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_before_its_promised_length_resets_the_connection() {
    broken_off("/short/0/0/0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_cut_off() {
    let (file, _) = noise(8 << 20);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let mut settings = settings();
    settings.write_timeout = Span(Duration::from_millis(300));
    let server = Running::start(tight_listener(), Limits::new(&settings), files);
    let address = server.address;
    blocking(move || {
        let mut client = Client::new(address);
        let begin = Instant::now();
        client.send("GET /file/0/8388608/8388608 HTTP/1.1\r\nhost: cache.example\r\n\r\n");
        let mut one = [0];
        let hung_up = || loop {
            // The server's reset is seen without reading a byte.
            match client.reader.get_ref().take_error().unwrap() {
                Some(error) => return error,
                None if begin.elapsed() > PATIENCE => panic!("still connected"),
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(hung_up().kind(), io::ErrorKind::ConnectionReset);
        assert!(begin.elapsed() >= Duration::from_millis(300));
        assert!(client.reader.get_mut().read(&mut one).is_ok() || one == [0]);
    })
    .await;
    server.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_takes_too_long_cuts_the_connection() {
    let (file, _) = noise(8 << 20);
    let files = Files {
        file,
        way: Way::Regions,
    };
    let mut settings = settings();
    settings.drain_timeout = Span(Duration::from_millis(200));
    let server = Running::start(tight_listener(), Limits::new(&settings), files);
    let address = server.address;
    let mut client = blocking(move || {
        let mut client = Client::new(address);
        client.send("GET /open/0/8388608/8388608 HTTP/1.0\r\n\r\n");
        client.head().unwrap();
        client
    })
    .await;
    server.drained().await;
    let error = blocking(move || client.rest().unwrap_err()).await;
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}
