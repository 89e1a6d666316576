//! The pages for people over a catalog with a million URLs: how long each takes, as a browser asks for it.
//!
//! `CATALOG_ENTRIES` sets another number of URLs. With `--test` it is a small one.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up may panic"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use artifact_cache::{
    catalog::{Addition, Catalog, CatalogOptions, Change},
    clock::Clock,
};
use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse, target_uri::TargetUri},
};
use hdrhistogram::Histogram;
use http::{HeaderMap, HeaderValue, StatusCode};

const BATCH: u64 = 4096;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let entries = std::env::var("CATALOG_ENTRIES").ok();
    let entries = entries.and_then(|number| number.parse().ok());
    let entries = entries.unwrap_or(if is_test { 2000 } else { 1_000_000 });
    let rounds = if is_test { 3 } else { 300 };
    let data = tempfile::tempdir().expect("a directory");
    fill(&data.path().join("catalog"), entries);
    let (mut cache, address) = start(data.path());
    println!("{entries} URLs, {rounds} requests for each page, one after the other");
    let digest = Sha256::of(&(entries / 2).to_be_bytes());
    let url = uri(entries - 1);
    for (name, path) in [
        ("overview", "/ui/".to_owned()),
        ("overview of 30 days", "/ui/?span=month".to_owned()),
        ("list", "/ui/artifacts".to_owned()),
        (
            "list, far in",
            format!("/ui/artifacts?cursor=a{:x}", entries - 60),
        ),
        ("search that finds", "/ui/artifacts?q=package_77".to_owned()),
        (
            "search that finds nothing",
            "/ui/artifacts?q=there-is-no-such".to_owned(),
        ),
        ("search by digest", format!("/ui/artifacts?q={digest}")),
        ("search by URL", format!("/ui/artifacts?q={}", url.as_str())),
        (
            "host that is not there",
            "/ui/artifacts?host=elsewhere.example".to_owned(),
        ),
        ("artifact", format!("/ui/artifacts/{}", entries / 3)),
        ("evictions", "/ui/evictions".to_owned()),
        ("configuration", "/ui/configuration".to_owned()),
        ("history as JSON", "/api/v1/history?step=15m".to_owned()),
    ] {
        measure(&address, name, &path, rounds);
    }
    let _ = cache.kill();
    let _ = cache.wait();
}

fn uri(number: u64) -> TargetUri {
    let text = format!("https://example.com/pool/main/p/package/package_{number}_amd64.deb");
    text.parse().expect("url")
}

fn change(number: u64) -> Change {
    let uri = uri(number);
    let mut fields = HeaderMap::new();
    let media_type = HeaderValue::from_static("application/vnd.debian.binary-package");
    fields.insert("content-type", media_type);
    let now = SystemTime::now();
    let response = StoredResponse {
        status: StatusCode::OK,
        fields,
        request_time: now,
        response_time: now,
        nominated: Vec::new(),
        digest: Sha256::of(&number.to_be_bytes()),
        length: 123_456,
    };
    let (key, final_url) = (CacheKey::of(&uri), None);
    Change::from(Addition {
        key,
        uri,
        final_url,
        response,
    })
}

fn fill(directory: &Path, entries: u64) {
    let options = CatalogOptions::default();
    let catalog = Catalog::open(directory, &options, Clock::system()).expect("catalog");
    let step = usize::try_from(BATCH).expect("small");
    for start in (0..entries).step_by(step) {
        let batch = (start..entries.min(start + BATCH)).map(change);
        catalog.write_all_blocking(batch).expect("stored");
    }
}

/// The program over this data, and where it listens.
fn start(data: &Path) -> (Child, String) {
    let mut cache = Command::new(env!("CARGO_BIN_EXE_artifact-cache"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
        ])
        .arg("--data")
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let output = cache.stdout.take().expect("its output");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("\"listener\":\"main\""));
    let line = line.expect("it listens");
    let (_, rest) = line.split_once("\"address\":\"").expect("an address");
    let address = rest.split('"').next().unwrap_or_default().to_owned();
    // Somebody must read what it says.
    std::thread::spawn(move || lines.for_each(drop));
    (cache, address)
}

/// Asks for a page again and again and prints how long it took, from the request to the last byte.
fn measure(address: &str, name: &str, path: &str, rounds: u32) {
    let mut times = Histogram::<u64>::new(3).expect("histogram");
    let mut length = 0;
    for _ in 0..rounds {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address).expect("a connection");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut page = Vec::new();
        stream.read_to_end(&mut page).expect("received");
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        times.record(took).expect("recorded");
        assert!(page.starts_with(b"HTTP/1.1 200 "), "{path}");
        length = page.len();
    }
    let at = |quantile| Duration::from_micros(times.value_at_quantile(quantile));
    println!(
        "{name:28} median {:>9.2?}, p99 {:>9.2?}, {length} bytes",
        at(0.5),
        at(0.99)
    );
}
