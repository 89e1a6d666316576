//! Temporary keys are renewed ahead of their end, once for all, and nobody waits who need not.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use artifact_cache::telemetry::timestamp::Timestamp;

use super::{LATER, keys, setup, store};
use crate::support::{
    cache::Cache,
    eventually,
    origin::{Gate, Origin, Reply},
    s3::Store,
};

/// Keys that can be used, but not for long.
fn ending() -> Reply {
    let end = SystemTime::now() + Duration::from_mins(4);
    Reply::ok(keys(&Timestamp(end).to_string()))
}

fn cache(store: &Store, service: &Origin) -> Cache {
    setup(store)
        .environment("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/keys"))
        .start()
}

#[test]
fn keys_are_renewed_ahead_of_their_end_by_one_while_the_others_go_on() {
    let (store, service, gate) = (store(), Origin::start(), Gate::closed());
    service.sequence(
        "/keys",
        [ending(), Reply::ok(keys(LATER)).head_gated(&gate)],
    );
    let cache = cache(&store, &service);
    assert_eq!(cache.fetch("s3://models/a").text(), "bytes");
    thread::scope(|scope| {
        let renewing = scope.spawn(|| cache.fetch("s3://models/b").text());
        eventually("the keys are being renewed", || service.hits("/keys") == 2);
        assert_eq!(cache.fetch("s3://models/c").text(), "bytes");
        assert!(!renewing.is_finished());
        gate.open();
        assert_eq!(renewing.join().unwrap(), "bytes");
    });
    store.place("d", b"bytes");
    assert_eq!(cache.fetch("s3://models/d").text(), "bytes");
    assert_eq!(service.hits("/keys"), 2);
}

#[test]
fn keys_that_cannot_be_renewed_are_used_to_their_end() {
    let (store, service) = (store(), Origin::start());
    service.sequence("/keys", [ending(), Reply::status(500)]);
    let cache = cache(&store, &service);
    for key in ["a", "b", "c"] {
        assert_eq!(cache.fetch(&format!("s3://models/{key}")).text(), "bytes");
    }
    let said = "keys of an object store cannot be renewed yet";
    cache.trace().wait_for(said, |_| true);
}

#[test]
fn a_herd_that_finds_keys_ended_waits_for_one_renewal() {
    let (store, service) = (store(), Origin::start());
    service.route("/keys", Reply::ok(keys(LATER)));
    for at in 0..20 {
        store.place(&format!("k{at}"), b"bytes");
    }
    let cache = cache(&store, &service);
    thread::scope(|scope| {
        for at in 0..20 {
            let cache = &cache;
            scope.spawn(move || {
                let url = format!("s3://models/k{at}");
                assert_eq!(cache.fetch(&url).text(), "bytes");
            });
        }
    });
    assert_eq!(service.hits("/keys"), 1);
}
