//! What can only be tested from inside: bytes on disk that should not be there, and what the writer
//! does at once.

use std::{path::Path, time::SystemTime};

use artifact_cache_layers::semantics::{stored_response::StoredResponse, target_uri::TargetUri};
use http::{HeaderMap, StatusCode};

use super::*;

pub(super) fn open(directory: &Path) -> Result<Catalog> {
    Catalog::open(directory, &CatalogOptions::default(), Clock::system())
}

fn addition(url: &str, body: &[u8]) -> Addition {
    let uri: TargetUri = url.parse().expect("url");
    Addition {
        key: CacheKey::of(&uri),
        uri,
        final_url: None,
        response: StoredResponse {
            status: StatusCode::OK,
            fields: HeaderMap::new(),
            request_time: SystemTime::now(),
            response_time: SystemTime::now(),
            nominated: Vec::new(),
            digest: Sha256::of(body),
            length: body.len() as u64,
        },
    }
}

pub(super) fn store(catalog: &Catalog, url: &str, body: &[u8]) -> CacheKey {
    let addition = addition(url, body);
    let key = addition.key;
    catalog.write_blocking(addition.into()).expect("stored");
    key
}

/// Writes past the writer.
pub(super) fn put(
    catalog: &Catalog,
    table: fn(&environment::Tables) -> table::Table,
    row: (&[u8], &[u8]),
) {
    let environment = catalog.environment();
    let mut txn = environment.lmdb.write_txn().expect("transaction");
    let table = table(&environment.tables);
    table.put(&mut txn, row.0, row.1).expect("put");
    txn.commit().expect("commit");
}

fn bytes_of(catalog: &Catalog, key: &CacheKey) -> Vec<u8> {
    let txn = catalog.environment().read().expect("transaction");
    let responses = catalog.environment().tables.responses;
    let bytes = responses.get(&txn, key.as_bytes()).expect("read");
    bytes.expect("there").to_vec()
}

type Write = tokio::task::JoinHandle<Result<Written>>;

/// Starts `count` writes that all wait for the writer when this returns. They have one thread, on
/// which each gets as far as waiting once it runs, so counting those that ran is enough.
async fn waiting_writes(catalog: &Catalog, count: u64) -> Vec<Write> {
    let begun = Arc::new(AtomicU64::new(0));
    let writes = (0..count).map(|number| {
        let addition = addition(&format!("https://example.com/{number}"), b"same");
        let (catalog, begun) = (catalog.clone(), Arc::clone(&begun));
        tokio::spawn(async move {
            begun.fetch_add(1, Ordering::Relaxed);
            catalog.write(addition.into()).await
        })
    });
    let writes = writes.collect();
    while begun.load(Ordering::Relaxed) < count {
        tokio::task::yield_now().await;
    }
    writes
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path()).expect("catalog");
    let before = catalog.commits();
    // The writer cannot begin a transaction while this one is open.
    let block = catalog.environment().lmdb.write_txn().expect("transaction");
    let writes = waiting_writes(&catalog, 500).await;
    block.abort();
    for write in writes {
        write.await.expect("joined").expect("written");
    }
    let commits = catalog.commits() - before;
    assert!(commits <= 3, "{commits} commits for 500 writes");
    assert_eq!(catalog.totals().expect("totals").total_items, 500);
}

#[tokio::test]
async fn a_change_that_fails_does_not_fail_those_beside_it() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path()).expect("catalog");
    let bad = addition("https://example.com/3", b"same");
    put(
        &catalog,
        |tables| tables.responses,
        (bad.key.as_bytes(), b"\x01bad"),
    );
    let block = catalog.environment().lmdb.write_txn().expect("transaction");
    let writes = waiting_writes(&catalog, 8).await;
    block.abort();
    let mut failed = Vec::new();
    for (number, write) in writes.into_iter().enumerate() {
        if let Err(error) = write.await.expect("joined") {
            let database = "responses";
            assert!(matches!(error, CatalogError::Corrupt { database: at, .. } if at == database));
            failed.push(number);
        }
    }
    assert_eq!(failed, [3]);
    assert_eq!(catalog.totals().expect("totals").total_items, 7);
}

#[test]
fn bytes_that_make_no_sense_are_an_error_wherever_they_are_cut_or_changed() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path()).expect("catalog");
    let key = store(&catalog, "https://example.com/a", b"body");
    let bytes = bytes_of(&catalog, &key);
    for length in 0..bytes.len() {
        // A revision of its own each time: the decoded set of the last one must not be used.
        let mut cut = bytes[..length].to_vec();
        if let Some(revision) = cut.get_mut(1..9) {
            revision.copy_from_slice(&(1000 + length as u64).to_be_bytes());
        }
        put(&catalog, |tables| tables.responses, (key.as_bytes(), &cut));
        let read = catalog.responses(&key);
        assert!(
            matches!(read, Err(CatalogError::Corrupt { .. })),
            "{length}"
        );
    }
    let mut long = bytes.clone();
    long.push(0);
    put(&catalog, |tables| tables.responses, (key.as_bytes(), &long));
    for index in 9..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 0x80;
        // Some changes are other valid records; none may panic.
        drop(codec::decode_set(&changed));
    }
    assert!(codec::decode_set(&long).is_err());
}

#[test]
fn a_record_of_another_version_is_refused_by_its_version() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path()).expect("catalog");
    let key = store(&catalog, "https://example.com/a", b"body");
    let mut bytes = bytes_of(&catalog, &key);
    bytes[0] = 9;
    put(
        &catalog,
        |tables| tables.responses,
        (key.as_bytes(), &bytes),
    );
    let error = catalog.responses(&key).expect_err("refused");
    let CatalogError::Corrupt { source, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(source, Malformed::Version(9)), "{source}");
}

#[test]
fn a_catalog_of_a_newer_format_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path()).expect("catalog");
    let newer = codec::encode(&(upgrade::FORMAT + 1)).expect("encoded");
    put(
        &catalog,
        |tables| tables.meta,
        (upgrade::FORMAT_KEY, &newer),
    );
    drop(catalog);
    for _ in 0..2 {
        let error = open(directory.path()).err();
        assert!(
            matches!(error, Some(CatalogError::Newer { found: 3, known: 2 })),
            "{error:?}"
        );
    }
}

#[test]
fn a_private_blob_has_no_holder_until_a_url_serves_the_same_bytes() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path()).expect("catalog");
    store(&catalog, "https://example.com/a", b"body");
    let digest = Sha256::of(b"body");
    let mut record = catalog.blob(&digest).expect("read").expect("known");
    record.private = true;
    let bytes = codec::encode_blob(&record).expect("encoded");
    put(&catalog, |tables| tables.blobs, (digest.as_bytes(), &bytes));
    assert!(catalog.holder(&digest).expect("read").is_none());
    store(&catalog, "https://example.com/b", b"body");
    assert!(catalog.holder(&digest).expect("read").is_some());
}

#[test]
fn an_audit_finds_each_contradiction_and_a_reindex_removes_them_all() {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path()).expect("catalog");
    let keep = store(&catalog, "https://example.com/keep", b"keep");
    let lost = store(&catalog, "https://example.com/lost", b"lost");
    assert_eq!(catalog.audit().expect("audit"), Audit::default());
    let sound = catalog.totals().expect("totals");
    put(
        &catalog,
        |tables| tables.responses,
        (lost.as_bytes(), b"\x01x"),
    );
    put(&catalog, |tables| tables.hits, (&77_u64.to_be_bytes(), b""));
    let dangling = read::reference_key(&Sha256::of(b"never"), &keep);
    put(&catalog, |tables| tables.references, (&dangling, b""));
    let unheld = codec::encode_blob(&BlobRecord {
        size_bytes: 5,
        first_stored: SystemTime::now(),
        private: false,
    });
    let (never, unheld) = (Sha256::of(b"unheld"), unheld.expect("encoded"));
    put(&catalog, |tables| tables.blobs, (never.as_bytes(), &unheld));
    let found = catalog.audit().expect("audit").inconsistencies;
    let wrong_totals = |one: &Inconsistency| matches!(one, Inconsistency::WrongTotals { .. });
    assert!(found.contains(&Inconsistency::UnheldBlob { digest: never }));
    assert!(found.iter().any(wrong_totals), "{found:?}");
    assert_eq!(found.len(), 8, "{found:?}");
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert_eq!(catalog.audit().expect("audit"), Audit::default());
    assert!(catalog.responses(&lost).expect("read").is_none());
    assert!(catalog.responses(&keep).expect("read").is_some());
    let totals = catalog.totals().expect("totals");
    assert_eq!(totals.total_items, sound.total_items - 1);
    assert_eq!((totals.total_blobs, totals.total_size_bytes), (1, 4));
    assert!(catalog.is_removable(&Sha256::of(b"lost")).expect("read"));
}
