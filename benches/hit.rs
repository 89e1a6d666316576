//! The whole stack on a hit, without sockets: from the parsed request to the last byte of its body.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up may panic"
)]

#[path = "hit/allocations.rs"]
mod allocations;

use std::{future::poll_fn, time::SystemTime};

use artifact_cache::{
    app::App,
    blob::Partial,
    catalog::Addition,
    config::{Config, server::Profile, storage::Storage},
    stack,
    store::commit::Verified,
    telemetry::metrics::Metrics,
};
use artifact_cache_layers::{
    body::{Body, Payload},
    digest::Sha256,
    extensions::Peer,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse},
};
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use tokio::runtime::Runtime;
use tower::{Service as _, ServiceExt as _};

const URL: &str = "http://packages.example.com/pool/main/p/package/package_1.0_amd64.deb";
const FETCH: &str = "/fetch?url=http%3A%2F%2Fpackages.example.com%2Fpool%2Fmain%2Fp%2Fpackage%2Fpackage_1.0_amd64.deb";

const FIELDS: [(&str, &str); 6] = [
    ("content-type", "application/vnd.debian.binary-package"),
    ("last-modified", "Mon, 02 Nov 2026 08:00:00 GMT"),
    ("etag", "\"5f3-1a2b3c4d5e6f7\""),
    ("accept-ranges", "bytes"),
    ("cache-control", "public, max-age=2592000"),
    ("server", "origin"),
];

fn fields(of: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    of.iter().map(pair).collect()
}

/// A cache below `data` that has `length` bytes stored under [`URL`].
fn cache_with(length: usize, data: &std::path::Path) -> App {
    let config = Config {
        storage: Storage::under(data.to_owned()),
        ..Config::default()
    };
    let app = App::open(config, &[], Metrics::new()).expect("a cache");
    let bytes = vec![0x5a; length];
    let (digest, now) = (Sha256::of(&bytes), SystemTime::now());
    let partial = Partial::create(app.store.blobs(), Some(length as u64)).expect("a file");
    partial.write_all_at(&bytes, 0).expect("written");
    let uri = URL.parse().expect("a URL");
    let addition = Addition {
        key: CacheKey::of(&uri),
        uri,
        final_url: None,
        response: StoredResponse {
            status: StatusCode::OK,
            fields: fields(&FIELDS),
            request_time: now,
            response_time: now,
            nominated: Vec::new(),
            digest,
            length: length as u64,
        },
    };
    let verified = Verified::check((digest, length as u64), None, None).expect("verified");
    app.store
        .committer()
        .commit_blocking(partial, verified, addition)
        .expect("stored");
    app
}

fn request(target: &str, more: &[(&'static str, &'static str)]) -> Request<Body> {
    let mut request = Request::get(target).body(Body::empty()).expect("a request");
    *request.headers_mut() = fields(&[
        ("host", "packages.example.com"),
        ("user-agent", "installer/25.1 (linux; x86_64)"),
        ("accept", "*/*"),
    ]);
    request.headers_mut().extend(fields(more));
    let peer = Peer(([127, 0, 0, 1], 40_000).into(), None);
    request.extensions_mut().insert(peer);
    request
}

/// Asks and takes the body as a connection does that can send files.
async fn answer(edge: &mut stack::Edge, request: Request<Body>) -> (StatusCode, u64) {
    let ready = edge.ready().await.expect("ready");
    let (head, mut body) = ready.call(request).await.expect("answered").into_parts();
    let mut taken = 0;
    while let Some(frame) = poll_fn(|cx| body.poll_payload(cx)).await {
        let frame = frame.expect("read");
        taken += frame.data_ref().map_or(0, Payload::len);
    }
    (head.status, taken)
}

/// What the stack allocates for one hit, once everything is warm.
fn allocations_per_hit(
    runtime: &Runtime,
    edge: &mut stack::Edge,
    request: impl Fn() -> Request<Body>,
) -> String {
    const HITS: u64 = 1000;
    let (mut count, mut bytes) = (0, 0);
    for _ in 0..HITS {
        let request = request();
        let before = allocations::so_far();
        runtime.block_on(answer(edge, request));
        let after = allocations::so_far();
        (count, bytes) = (count + after.0 - before.0, bytes + after.1 - before.1);
    }
    format!(
        "{} allocations of {} bytes in all",
        count / HITS,
        bytes / HITS
    )
}

fn hit(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    for (name, length) in [("1 KiB, in memory", 1 << 10), ("1 MiB, a file", 1 << 20)] {
        let data = tempfile::tempdir().expect("directory");
        let _entered = runtime.enter();
        let app = cache_with(length, data.path());
        let core = stack::Core::new(&app);
        let mut edge = stack::edge(&app, &core, Profile::All);
        let mut group = criterion.benchmark_group(format!("hit/{name}"));
        let range = [("range", "bytes=100-299")];
        for (door, target, more, expected) in [
            ("fetch", FETCH, &[][..], (200, length as u64)),
            ("proxy", URL, &[], (200, length as u64)),
            ("fetch, a range", FETCH, &range, (206, 200)),
        ] {
            let per_hit = allocations_per_hit(&runtime, &mut edge, || request(target, more));
            println!("hit/{name}/{door}: {per_hit}");
            group.bench_function(door, |bench| {
                bench.iter(|| {
                    let answer = answer(&mut edge, request(target, more));
                    let (status, taken) = runtime.block_on(answer);
                    assert_eq!((status.as_u16(), taken), expected);
                });
            });
        }
    }
}

criterion_group!(benches, hit);
criterion_main!(benches);
