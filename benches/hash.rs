//! What a digest costs: SHA-256 over memory, and over a stored blob as `verify` reads it.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up may panic"
)]

use std::time::Duration;

use artifact_cache::{
    blob::{BlobOptions, BlobStore, Partial},
    store::verify::{Pace, Verdict, verify_blob},
};
use artifact_cache_layers::digest::Sha256;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash/memory");
    for kibibytes in [1_usize, 16, 64, 1024] {
        let bytes = vec![0x5a; kibibytes << 10];
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let id = BenchmarkId::from_parameter(format!("{kibibytes} KiB"));
        group.bench_with_input(id, &bytes, |bench, bytes| {
            bench.iter(|| Sha256::of(bytes));
        });
    }
    group.finish();
}

fn stored(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("directory");
    let (root, temporary) = (directory.path().join("cache"), directory.path().join("tmp"));
    let store = BlobStore::open(&root, &temporary, BlobOptions::default()).expect("store");
    let bytes = vec![0x5a; 64 << 20];
    let (digest, length) = (Sha256::of(&bytes), bytes.len() as u64);
    let partial = Partial::create(&store, Some(length)).expect("partial");
    partial.write_all_at(&bytes, 0).expect("written");
    partial.persist(&digest).expect("persisted");
    let mut group = criterion.benchmark_group("hash/stored");
    group.throughput(Throughput::Bytes(length));
    group.bench_function("64 MiB, in the page cache", |bench| {
        bench.iter(|| {
            let verdict = verify_blob(&store, &digest, length, Pace::default());
            assert_eq!(verdict.expect("read"), Verdict::Sound);
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = memory, stored
}
criterion_main!(benches);
