//! The decisions of `semantics` on the path of a hit: no I/O, heads like those of a package index.

use std::{
    hint::black_box,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use artifact_cache_layers::{
    digest::Sha256,
    semantics::{
        cache_control::CacheControl,
        cache_key::{CacheKey, matches, nominated},
        policy::Policy,
        range,
        reuse::reuse,
        storable::storable,
        stored_response::{StoredResponse, fields_to_store},
        target_uri::TargetUri,
        validation::{freshened, precondition},
    },
};
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, request, response};

const REQUEST: [(&str, &str); 5] = [
    ("host", "packages.example.com"),
    ("user-agent", "installer/25.1 (linux; x86_64)"),
    ("accept", "application/vnd.simple.v1+json, text/html;q=0.01"),
    ("accept-encoding", "gzip, br, zstd"),
    ("connection", "keep-alive"),
];

const RESPONSE: [(&str, &str); 10] = [
    ("date", "Thu, 09 Oct 2025 08:53:20 GMT"),
    ("content-type", "application/vnd.simple.v1+json"),
    ("content-length", "48213"),
    (
        "cache-control",
        "max-age=600, public, stale-while-revalidate=60",
    ),
    ("etag", "\"9zqPUB3rcaPd2CHcvmbXkw\""),
    ("last-modified", "Wed, 08 Oct 2025 08:53:20 GMT"),
    ("vary", "Accept, Accept-Encoding"),
    ("age", "12"),
    ("x-served-by", "cache-a, cache-b"),
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
];

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let field = |(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    lines.iter().copied().map(field).collect()
}

fn request_head() -> request::Parts {
    let mut parts = Request::new(()).into_parts().0;
    parts.headers = fields(&REQUEST);
    parts
}

fn response_head() -> response::Parts {
    let mut parts = Response::new(()).into_parts().0;
    parts.headers = fields(&RESPONSE);
    parts
}

fn arrival() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_760_000_000)
}

fn stored() -> StoredResponse {
    StoredResponse {
        status: StatusCode::OK,
        fields: fields_to_store(&fields(&RESPONSE), arrival()),
        request_time: arrival(),
        response_time: arrival(),
        nominated: nominated(&fields(&RESPONSE), &fields(&REQUEST)).unwrap_or_default(),
        digest: Sha256::of(b""),
        length: 48213,
    }
}

/// What every hit pays.
fn hit(criterion: &mut Criterion) {
    let (request, stored, policy) = (request_head(), stored(), Policy::default());
    let now = arrival() + Duration::from_secs(30);
    criterion.bench_function("reuse", |bench| {
        bench.iter(|| reuse(black_box(&request), black_box(&stored), &policy, now));
    });
    criterion.bench_function("matches", |bench| {
        bench.iter(|| matches(black_box(&stored.nominated), black_box(&request.headers)));
    });
    criterion.bench_function("precondition", |bench| {
        let headers = &request.headers;
        bench.iter(|| {
            precondition(
                &request.method,
                black_box(headers),
                stored.status,
                &stored.fields,
            )
        });
    });
    criterion.bench_function("select_range", |bench| {
        let mut headers = request.headers.clone();
        headers.insert(
            http::header::RANGE,
            HeaderValue::from_static("bytes=1024-2047"),
        );
        bench.iter(|| {
            range::select(
                &request.method,
                black_box(&headers),
                &stored.fields,
                stored.length,
            )
        });
    });
}

/// What every request pays to be found.
fn find(criterion: &mut Criterion) {
    let uri = "https://packages.example.com/simple/some-package/";
    criterion.bench_function("target_uri", |bench| {
        bench.iter(|| black_box(uri).parse::<TargetUri>());
    });
    criterion.bench_function("cache_key", |bench| {
        let uri = uri.parse::<TargetUri>();
        bench.iter(|| uri.as_ref().map(|uri| CacheKey::of(black_box(uri))));
    });
}

/// What a miss or a validation pays beside.
fn miss(criterion: &mut Criterion) {
    let (request, response, policy) = (request_head(), response_head(), Policy::default());
    let stored = stored();
    criterion.bench_function("cache_control", |bench| {
        bench.iter(|| CacheControl::from_fields(black_box(&response.headers)));
    });
    criterion.bench_function("storable", |bench| {
        bench.iter(|| storable(black_box(&request), black_box(&response), &policy));
    });
    criterion.bench_function("fields_to_store", |bench| {
        bench.iter(|| fields_to_store(black_box(&response.headers), arrival()));
    });
    criterion.bench_function("freshened", |bench| {
        bench.iter(|| freshened(black_box(&stored), &response.headers, arrival(), arrival()));
    });
}

criterion_group!(benches, hit, find, miss);
criterion_main!(benches);
