//! Managing a million artifacts over HTTP: how long pages of lists take, and what a purge of 100,000
//! artifacts does to hits.
//!
//! `MANAGE_ENTRIES` sets another number of URLs. `--test` runs it small.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up may panic"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use artifact_cache::{
    catalog::{Addition, Catalog, CatalogOptions, Change, TagChange, Tagged},
    clock::Clock,
};
use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse, target_uri::TargetUri},
};
use hdrhistogram::Histogram;
use http::{HeaderMap, HeaderValue, StatusCode};

/// URLs of one prefix: what is purged at once.
const PREFIX: u64 = 100_000;
const BATCH: u64 = 4096;
/// Requests of one kind.
const ASKED: usize = 300;

fn uri(number: u64, prefix: u64) -> TargetUri {
    let (of, host) = (number / prefix, number % 7);
    let text = format!("https://h{host}.example.com/p{of}/pool/package_{number}_amd64.deb");
    let text = if number < prefix {
        format!("https://purged.example.com/p0/package_{number}_amd64.deb")
    } else {
        text
    };
    text.parse().expect("url")
}

fn addition(number: u64, prefix: u64) -> Addition {
    let uri = uri(number, prefix);
    let mut fields = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/vnd.debian.binary-package"),
        ("last-modified", "Mon, 02 Nov 2026 08:00:00 GMT"),
        ("etag", "\"5f3-1a2b3c4d5e6f7\""),
        ("cache-control", "public, max-age=2592000"),
    ] {
        fields.append(name, HeaderValue::from_static(value));
    }
    Addition {
        key: CacheKey::of(&uri),
        final_url: None,
        response: StoredResponse {
            status: StatusCode::OK,
            fields,
            request_time: SystemTime::now(),
            response_time: SystemTime::now(),
            nominated: Vec::new(),
            digest: Sha256::of(&number.to_be_bytes()),
            length: fastrand::u64(1..1 << 30),
        },
        uri,
    }
}

/// A catalog of so many artifacts with some hits and tags; those that will be purged have files.
fn fill(data: &Path, entries: u64, prefix: u64) {
    let options = CatalogOptions::default();
    let catalog = Catalog::open(&data.join("catalog"), &options, Clock::system()).expect("catalog");
    let begun = Instant::now();
    for start in (0..entries).step_by(usize::try_from(BATCH).expect("small")) {
        let end = entries.min(start + BATCH);
        let changes = (start..end).map(|number| Change::from(addition(number, prefix)));
        catalog.write_all_blocking(changes).expect("stored");
    }
    println!("{entries} artifacts stored in {:.1?}", begun.elapsed());
    for _ in 0..entries / 10 {
        catalog.count_hit(fastrand::u64(1..=entries));
    }
    let names = vec!["rare".to_owned()];
    let tags = (1..=entries).step_by(1000).map(|id| {
        let (of, names) = (Tagged::Id(id), names.clone());
        Change::Tags(TagChange::Give { of, names })
    });
    catalog.write_all_blocking(tags).expect("tagged");
    for number in 0..prefix.min(entries) {
        let hex = Sha256::of(&number.to_be_bytes()).to_string();
        let directory = data.join("cache").join(&hex[..2]).join(&hex[2..4]);
        std::fs::create_dir_all(&directory).expect("directory");
        std::fs::write(directory.join(hex), b"x").expect("file");
    }
}

/// An origin that answers everything with the same artifact.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("connection");
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("handle"));
            while reader.read_line(&mut line).expect("head") > 2 {
                line.clear();
            }
            let body = "x".repeat(1024);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    address
}

/// The program on `data`, and where it listens.
fn start(data: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_artifact-cache"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
        ])
        .args([
            "--allow-cidr",
            "127.0.0.0/8",
            "--log-level",
            "info",
            "--data",
        ])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let address = lines.find_map(|line| {
        let line = line.expect("line");
        let is_main = line.contains("\"listening\"") && line.contains("\"main\"");
        let (_, rest) = line.split_once("\"address\":\"")?;
        is_main.then(|| rest.split('"').next().and_then(|text| text.parse().ok()))?
    });
    // Somebody must go on reading what it says.
    thread::spawn(move || lines.for_each(drop));
    (child, address.expect("it listens"))
}

/// One connection to the cache.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connected");
        stream.set_nodelay(true).expect("option");
        Self(BufReader::new(stream))
    }

    /// Sends a request; the body of the answer, which must be a success.
    fn ask(&mut self, method: &str, target: &str, body: &str) -> String {
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: cache\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let stream = self.0.get_mut();
        stream.write_all(request.as_bytes()).expect("sent");
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        while self.0.read_line(&mut line).expect("head") > 2 {
            let lower = line.to_ascii_lowercase();
            if status.is_empty() {
                status.clone_from(&line);
            }
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().expect("length");
            }
            line.clear();
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("body");
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(status.contains(" 20"), "{target}: {status} {body}");
        body
    }
}

fn times() -> Histogram<u64> {
    Histogram::new(3).expect("histogram")
}

fn record(times: &mut Histogram<u64>, begun: Instant) {
    let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    times.record(took).expect("recorded");
}

fn print(name: &str, times: &Histogram<u64>) {
    let at = |quantile| Duration::from_nanos(times.value_at_quantile(quantile));
    println!(
        "{name}: {} requests, median {:.2?}, p99 {:.2?}, longest {:.2?}",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

/// Ways to ask for pages.
const KINDS: [(&str, &str); 13] = [
    ("list", ""),
    ("prefix", "&prefix=https%3A%2F%2Fh3.example.com%2Fp2%2F"),
    ("host", "&host=h4.example.com"),
    ("text that is rare", "&q=_777"),
    ("text that is nowhere", "&q=nowhere"),
    ("size, largest first", "&sort=-file_size"),
    ("last use, oldest first", "&sort=last_accessed_at"),
    ("hits, most first", "&sort=-access_count"),
    (
        "sizes in a narrow span",
        "&min_size=1000000&max_size=1100000&sort=file_size",
    ),
    (
        "large ones by last use",
        "&min_size=1GiB&sort=last_accessed_at",
    ),
    ("tag", "&tag=rare"),
    ("tag by size", "&tag=rare&sort=-file_size"),
    ("state and pins, nowhere", "&state=stale&pinned=true"),
];

/// Pages of lists by many ways, from random places on.
fn lists(address: SocketAddr, asked: usize) {
    let base = "/api/v1/artifacts?limit=50";
    let mut client = Client::connect(address);
    for (name, query) in KINDS {
        let (mut taken, mut cursor) = (times(), String::new());
        for _ in 0..asked {
            let begun = Instant::now();
            let page = client.ask("GET", &format!("{base}{query}{cursor}"), "");
            record(&mut taken, begun);
            // Page after page; from the beginning again at the end.
            let next = page.rsplit_once("\"next_cursor\":\"");
            let next = next.and_then(|(_, rest)| rest.split('"').next());
            cursor = next.map_or_else(String::new, |next| format!("&cursor={next}"));
        }
        print(&format!("page: {name}"), &taken);
    }
    let mut taken = times();
    for n in 0..asked {
        let body = format!("{{\"prefix\":\"https://h1.example.com/p1/pool/package_{n}_\"}}");
        let begun = Instant::now();
        client.ask("POST", "/api/v1/purge", &body);
        record(&mut taken, begun);
    }
    print("purge of a prefix with at most one artifact", &taken);
}

/// Hits on one connection until `is_over`.
fn hits(address: SocketAddr, target: &str, is_over: &AtomicBool) -> Histogram<u64> {
    let (mut client, mut taken) = (Client::connect(address), times());
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        client.ask("GET", target, "");
        record(&mut taken, begun);
        // Far from saturation, so that what is seen is latency and not a queue of our own.
        thread::sleep(Duration::from_micros(200));
    }
    taken
}

/// Hits while something else is done.
fn beside(address: SocketAddr, target: &str, name: &str, work: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    let taken = thread::scope(|scope| {
        let hits = scope.spawn(|| hits(address, target, &is_over));
        let begun = Instant::now();
        work();
        println!("{name} took {:.1?}", begun.elapsed());
        is_over.store(true, Ordering::Relaxed);
        hits.join().expect("hits")
    });
    print(&format!("hits during: {name}"), &taken);
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let entries = std::env::var("MANAGE_ENTRIES").ok();
    let entries = entries.and_then(|text| text.parse().ok());
    let entries = entries.unwrap_or(if is_test { 2000 } else { 1_000_000 });
    let (prefix, asked) = if is_test { (500, 5) } else { (PREFIX, ASKED) };
    let data = tempfile::tempdir().expect("directory");
    fill(data.path(), entries, prefix);
    let (mut child, address) = start(data.path());
    let target = format!("/fetch?url=http://{}/hit", origin());
    // A connection for each: the cache closes those that say nothing for a while.
    let ask = |method, target: &str, body| Client::connect(address).ask(method, target, body);
    ask("GET", &target, "");
    lists(address, asked);
    let quiet = Duration::from_secs(if is_test { 1 } else { 15 });
    beside(address, &target, "nothing", || thread::sleep(quiet));
    let purge = r#"{"prefix":"https://purged.example.com/p0/"}"#;
    beside(address, &target, "purge of a prefix", || {
        println!("{}", ask("POST", "/api/v1/purge", purge));
    });
    beside(address, &target, "gc, which unlinks them", || {
        println!("{}", ask("POST", "/api/v1/gc", "{}"));
    });
    beside(address, &target, "nothing again", || thread::sleep(quiet));
    child.kill().expect("killed");
    let _ = child.wait();
}
