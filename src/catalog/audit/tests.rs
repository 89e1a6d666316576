//! One contradiction after another is made past the writer; each is found, and gone after a repair that
//! loses nothing that is right.

use artifact_cache_layers::digest::Sha256;

use super::*;
use crate::artifact::file::{File, Label, Owner, PointerName};
use crate::catalog::{
    Change, PinOf,
    environment::Tables,
    files::pointed_key,
    pins::pin_key,
    policy::Queue,
    ranks::{GHOSTS, GhostRecord, LEAVING, QUEUES_KEY, RankRecord, place_key},
    tests::{open, put, store},
};

const URL: &str = "https://example.com/kept";

/// A catalog with an artifact, an upload that a pointer leads to, a pin and a token, and nothing wrong.
fn catalog() -> (tempfile::TempDir, Catalog) {
    let directory = tempfile::tempdir().expect("directory");
    let catalog = open(directory.path()).expect("catalog");
    store(&catalog, URL, b"kept");
    let now = SystemTime::now();
    for change in [
        Change::KeepFile {
            file: File {
                digest: upload(),
                size_bytes: 6,
                content_type: "text/plain".into(),
                created_at: now,
            },
            label: Label::default(),
        },
        Change::Point {
            name: pointer(),
            file: upload(),
            force: false,
        },
        Change::Pin {
            of: PinOf::Blob(kept()),
            note: "kept".into(),
        },
    ] {
        catalog.write_blocking(change).expect("written");
    }
    assert_eq!(catalog.audit().expect("audit"), Audit::default());
    (directory, catalog)
}

fn kept() -> Sha256 {
    Sha256::of(b"kept")
}

fn upload() -> Sha256 {
    Sha256::of(b"upload")
}

fn pointer() -> PointerName {
    PointerName::new(Owner::Run, "run-1").expect("a name")
}

fn rank(catalog: &Catalog, digest: &Sha256) -> RankRecord {
    let txn = catalog.environment().read().expect("transaction");
    let rank = catalog.environment().tables.rank(&txn, digest);
    rank.expect("read").expect("ranked")
}

fn remove(catalog: &Catalog, table: fn(&Tables) -> Table, key: &[u8]) {
    let environment = catalog.environment();
    let mut txn = environment.lmdb.write_txn().expect("transaction");
    let table = table(&environment.tables);
    assert!(table.delete(&mut txn, key).expect("deleted"));
    txn.commit().expect("commit");
}

fn encoded(value: &impl serde::Serialize) -> Vec<u8> {
    codec::encode(value).expect("encoded")
}

/// What was done is found, can be mended, and everything that is right is there after that.
#[track_caller]
fn is_found_and_mended(break_it: impl FnOnce(&Catalog)) {
    let (_directory, catalog) = catalog();
    break_it(&catalog);
    let found = catalog.audit().expect("audit").inconsistencies;
    assert!(!found.is_empty(), "nothing was found");
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert_eq!(catalog.audit().expect("audit"), Audit::default());
    let key = CacheKey::of(&URL.parse().expect("url"));
    assert!(catalog.responses(&key).expect("read").is_some());
    assert!(catalog.file(&upload()).expect("read").is_some());
    assert_eq!(catalog.totals().expect("totals").total_blobs, 2);
    assert_eq!(catalog.pins().expect("pins").len(), 1);
    let allocated = [kept(), upload()].map(|digest| rank(&catalog, &digest).allocated);
    let txn = catalog.environment().read().expect("transaction");
    let sums = catalog.environment().tables.queue_sums(&txn).expect("sums");
    assert_eq!(sums.allocated(), allocated.iter().sum::<u64>());
}

#[test]
fn a_blob_without_a_rank() {
    is_found_and_mended(|catalog| remove(catalog, |to| to.ranks, kept().as_bytes()));
}

#[test]
fn a_rank_of_nothing() {
    is_found_and_mended(|catalog| {
        let never = Sha256::of(b"never");
        let rank = encoded(&rank(catalog, &kept()));
        put(catalog, |to| to.ranks, (never.as_bytes(), &rank));
    });
}

#[test]
fn a_rank_that_cannot_be_read() {
    is_found_and_mended(|catalog| put(catalog, |to| to.ranks, (kept().as_bytes(), b"\x09")));
}

#[test]
fn a_rank_in_a_queue_that_there_is_not() {
    is_found_and_mended(|catalog| {
        let rank = RankRecord {
            queue: 9,
            ..rank(catalog, &kept())
        };
        put(catalog, |to| to.ranks, (kept().as_bytes(), &encoded(&rank)));
    });
}

#[test]
fn a_blob_that_is_known_and_counted_among_those_that_leave() {
    is_found_and_mended(|catalog| {
        let rank = RankRecord {
            queue: LEAVING,
            ..rank(catalog, &kept())
        };
        put(catalog, |to| to.ranks, (kept().as_bytes(), &encoded(&rank)));
    });
}

#[test]
fn a_blob_without_its_place_in_the_queue() {
    is_found_and_mended(|catalog| {
        let rank = rank(catalog, &kept());
        remove(catalog, |to| to.queues, &place_key(rank.queue, rank.place));
    });
}

#[test]
fn a_place_in_a_queue_of_no_blob() {
    for queue in [Queue::Short as u8, Queue::Main as u8, GHOSTS] {
        is_found_and_mended(|catalog| {
            let (place, never) = (place_key(queue, 1 << 40), Sha256::of(b"never"));
            put(catalog, |to| to.queues, (&place, never.as_bytes()));
        });
    }
}

#[test]
fn a_place_that_makes_no_sense() {
    is_found_and_mended(|catalog| put(catalog, |to| to.queues, (b"short", b"x")));
}

#[test]
fn a_ghost_without_a_place_and_a_ghost_of_what_is_stored() {
    for body in [&b"evicted"[..], b"kept"] {
        is_found_and_mended(|catalog| {
            let (place, allocated) = (77, 4096);
            let ghost = encoded(&GhostRecord { place, allocated });
            let digest = Sha256::of(body);
            put(catalog, |to| to.ghosts, (digest.as_bytes(), &ghost));
        });
    }
}

#[test]
fn sums_of_the_queues_that_are_not_the_sums() {
    let changes: [fn(&mut QueueSums); 5] = [
        |sums| sums.short += 1,
        |sums| sums.main += 1,
        |sums| sums.leaving += 1,
        |sums| sums.ghosts += 1,
        |sums| sums.last = 0,
    ];
    for change in changes {
        is_found_and_mended(|catalog| {
            let txn = catalog.environment().read().expect("transaction");
            let mut sums = catalog.environment().tables.queue_sums(&txn).expect("sums");
            drop(txn);
            change(&mut sums);
            put(catalog, |to| to.meta, (QUEUES_KEY, &encoded(&sums)));
        });
    }
}

#[test]
fn an_eviction_that_was_not_counted_or_cannot_be_read() {
    is_found_and_mended(|catalog| {
        put(catalog, |to| to.evictions, (&7_u64.to_be_bytes(), b"\x01"));
    });
}

#[test]
fn sums_of_everything_that_are_not_the_sums() {
    is_found_and_mended(|catalog| {
        let txn = catalog.environment().read().expect("transaction");
        let mut counters = catalog.environment().tables.counters(&txn).expect("read");
        drop(txn);
        counters.size_bytes += 5;
        let key = crate::catalog::read::COUNTERS_KEY;
        put(catalog, |to| to.meta, (key, &encoded(&counters)));
    });
}

#[test]
fn a_blob_that_is_known_and_waits_for_its_removal() {
    is_found_and_mended(|catalog| {
        let since = encoded(&7_u64);
        put(catalog, |to| to.removable, (kept().as_bytes(), &since));
    });
}

#[test]
fn a_removal_without_a_readable_time() {
    is_found_and_mended(|catalog| {
        let digest = Sha256::of(b"left");
        put(catalog, |to| to.removable, (digest.as_bytes(), b""));
    });
}

#[test]
fn an_upload_that_everybody_who_knows_its_digest_may_read() {
    is_found_and_mended(|catalog| make_private(catalog, &upload(), false));
    let (_directory, catalog) = catalog();
    make_private(&catalog, &upload(), false);
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert!(
        catalog
            .blob(&upload())
            .expect("read")
            .expect("known")
            .private
    );
}

#[test]
fn an_artifact_that_is_private() {
    is_found_and_mended(|catalog| make_private(catalog, &kept(), true));
}

fn make_private(catalog: &Catalog, digest: &Sha256, private: bool) {
    let blob = catalog.blob(digest).expect("read").expect("known");
    let bytes = codec::encode_blob(&BlobRecord { private, ..blob });
    let bytes = bytes.expect("encoded");
    put(catalog, |to| to.blobs, (digest.as_bytes(), &bytes));
}

#[test]
fn a_pointer_that_its_file_does_not_know_of() {
    is_found_and_mended(|catalog| {
        let row = pointed_key(&upload(), b"rrun-1");
        remove(catalog, |to| to.pointed, &row);
    });
}

#[test]
fn a_file_that_is_pointed_to_by_nothing() {
    is_found_and_mended(|catalog| {
        let row = pointed_key(&kept(), b"rrun-2");
        put(catalog, |to| to.pointed, (&row, b""));
    });
}

#[test]
fn a_pointer_that_cannot_be_read() {
    is_found_and_mended(|catalog| put(catalog, |to| to.pointers, (b"rrun-1", b"\x09")));
}

#[test]
fn a_pin_that_cannot_be_read_goes_on_pinning() {
    is_found_and_mended(|catalog| {
        let key = pin_key(&PinOf::Blob(kept()));
        put(catalog, |to| to.pins, (&key, b"\x09"));
    });
    is_found_and_mended(|catalog| put(catalog, |to| to.pins, (b"nothing", b"\x09")));
}

#[test]
fn a_pin_of_something_that_is_not_stored_is_a_wish_and_no_fault() {
    let (_directory, catalog) = catalog();
    let of = PinOf::Blob(Sha256::of(b"not yet"));
    let pin = Change::Pin {
        of,
        note: "soon".into(),
    };
    catalog.write_blocking(pin).expect("pinned");
    assert_eq!(catalog.audit().expect("audit"), Audit::default());
    catalog.write_blocking(Change::Reindex).expect("reindexed");
    assert_eq!(catalog.pins().expect("pins").len(), 2);
}

#[test]
fn a_token_that_cannot_be_read() {
    is_found_and_mended(|catalog| put(catalog, |to| to.tokens, (b"1f3a5b7c9d0e", b"\x09")));
}

#[test]
fn hits_of_no_artifact() {
    is_found_and_mended(|catalog| {
        let hits = encoded(&HitsRecord::default());
        put(catalog, |to| to.hits, (&77_u64.to_be_bytes(), &hits));
    });
}

#[test]
fn an_artifact_whose_url_is_another_artifact() {
    is_found_and_mended(|catalog| {
        let key = CacheKey::of(&URL.parse().expect("url"));
        let record = ArtifactRecord {
            source_url: URL,
            key: *key.as_bytes(),
            first_cached_at: 1,
            content_type: None,
        };
        put(
            catalog,
            |to| to.artifacts,
            (&99_u64.to_be_bytes(), &encoded(&record)),
        );
    });
}

#[test]
fn an_upload_whose_blob_is_not_known() {
    is_found_and_mended(|catalog| remove(catalog, |to| to.blobs, upload().as_bytes()));
}

#[test]
fn a_response_whose_blob_is_not_known_or_that_its_blob_does_not_know_of() {
    is_found_and_mended(|catalog| remove(catalog, |to| to.blobs, kept().as_bytes()));
    is_found_and_mended(|catalog| {
        let key = CacheKey::of(&URL.parse().expect("url"));
        remove(catalog, |to| to.references, &reference_key(&kept(), &key));
    });
}
