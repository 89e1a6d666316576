//! The catalog with a million URLs: how long it takes to open, and how look-ups are distributed.
//!
//! `CATALOG_ENTRIES` sets another number of URLs. Filling it is part of what is printed.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up may panic"
)]

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use artifact_cache::{
    artifact::Filter,
    catalog::{Addition, Catalog, CatalogOptions, Change},
    clock::Clock,
};
use artifact_cache_layers::{
    digest::Sha256,
    semantics::{cache_key::CacheKey, stored_response::StoredResponse, target_uri::TargetUri},
};
use criterion::{Criterion, criterion_group, criterion_main};
use hdrhistogram::Histogram;
use http::{HeaderMap, HeaderValue, StatusCode};

const LOOKUPS: u64 = 500_000;
const BATCH: u64 = 4096;

fn open(directory: &Path) -> Catalog {
    let options = CatalogOptions::default();
    Catalog::open(directory, &options, Clock::system()).expect("catalog")
}

fn uri(number: u64) -> TargetUri {
    let text = format!("https://example.com/pool/main/p/package/package_{number}_amd64.deb");
    text.parse().expect("url")
}

/// A response with the fields that a package mirror sends.
fn change(number: u64) -> Change {
    let uri = uri(number);
    let mut fields = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/vnd.debian.binary-package"),
        ("content-length", "123456"),
        ("date", "Fri, 20 Nov 2026 20:00:00 GMT"),
        ("last-modified", "Mon, 02 Nov 2026 08:00:00 GMT"),
        ("etag", "\"5f3-1a2b3c4d5e6f7\""),
        ("accept-ranges", "bytes"),
        ("cache-control", "public, max-age=2592000"),
        ("server", "origin"),
    ] {
        fields.append(name, HeaderValue::from_static(value));
    }
    let response = StoredResponse {
        status: StatusCode::OK,
        fields,
        request_time: SystemTime::now(),
        response_time: SystemTime::now(),
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
    let catalog = open(directory);
    let begun = Instant::now();
    for start in (0..entries).step_by(usize::try_from(BATCH).expect("small")) {
        let end = entries.min(start + BATCH);
        catalog
            .write_all_blocking((start..end).map(change))
            .expect("stored");
    }
    let took = begun.elapsed();
    let bytes = directory.join("data.mdb").metadata().expect("file").len();
    println!(
        "{entries} URLs stored in {took:.1?} ({:?} each), {} commits, {} MiB",
        took / u32::try_from(entries).unwrap_or(u32::MAX),
        catalog.commits(),
        bytes >> 20,
    );
}

/// Looks up random URLs of the first `among` and prints the distribution.
fn lookups(catalog: &Catalog, name: &str, among: u64) {
    let mut times = Histogram::<u64>::new(3).expect("histogram");
    for _ in 0..LOOKUPS {
        let key = CacheKey::of(&uri(fastrand::u64(0..among)));
        let begun = Instant::now();
        let found = catalog.responses(&key).expect("read");
        let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        assert!(found.is_some());
        times.record(took).expect("recorded");
    }
    let at = |quantile| Duration::from_nanos(times.value_at_quantile(quantile));
    println!(
        "look-up among {name}: median {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
    );
}

fn catalog(criterion: &mut Criterion) {
    let entries = std::env::var("CATALOG_ENTRIES").ok();
    let entries = entries
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let directory = tempfile::tempdir().expect("directory");
    fill(directory.path(), entries);
    let begun = Instant::now();
    let catalog = open(directory.path());
    println!("opened in {:.1?}", begun.elapsed());
    lookups(&catalog, "all", entries);
    lookups(&catalog, "a thousand hot ones", entries.min(1000));
    let hot = CacheKey::of(&uri(0));
    criterion.bench_function("catalog/hit, decoded before", |bench| {
        bench.iter(|| catalog.responses(&hot).expect("read"));
    });
    let absent = CacheKey(Sha256::of(b"absent"));
    criterion.bench_function("catalog/miss", |bench| {
        bench.iter(|| catalog.responses(&absent).expect("read"));
    });
    criterion.bench_function("catalog/count a hit", |bench| {
        bench.iter(|| catalog.count_hit(1));
    });
    criterion.bench_function("catalog/totals", |bench| {
        bench.iter(|| catalog.totals().expect("read"));
    });
    let filter = Filter {
        limit: 100,
        after: (entries / 2).into(),
        ..Filter::default()
    };
    criterion.bench_function("catalog/list 100", |bench| {
        bench.iter(|| catalog.list(&filter).expect("read"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2));
    targets = catalog
}
criterion_main!(benches);
