//! `/api/v1/why`: why something is stored, or is not: who keeps it, when it would go, what was evicted.

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    semantics::cache_key::CacheKey,
};
use http::Response;
use serde_json::{Value, json};

use super::{
    log::{self, queue},
    off_thread, ok,
    subject::Subject,
};
use crate::{
    api::timestamp::rfc3339,
    catalog::{Keeper, MAX_AHEAD, PinOf},
    store::Store,
};

/// URLs of a blob that are shown.
const MAX_URLS: usize = 50;
/// Evictions that are shown.
const MAX_HISTORY: usize = 20;

pub(super) async fn show(store: &Store, query: &str) -> Result<Response<Body>, BoxError> {
    let subject = Subject::of_query(query)?;
    let store = store.clone();
    store.settle().await;
    // What is counted in memory is part of the answer; failing only means that it is older.
    drop(store.catalog().flush_hits().await);
    let answer = off_thread(move || match subject {
        Subject::Blob(digest) => of_blob(&store, &digest, true),
        Subject::Url(uri) => of_url(&store, &uri),
    });
    ok(&answer.await?)
}

fn of_url(
    store: &Store,
    uri: &artifact_cache_layers::semantics::target_uri::TargetUri,
) -> Result<Value, BoxError> {
    let catalog = store.catalog();
    let set = catalog.responses(&CacheKey::of(uri))?;
    let digests: Vec<Sha256> = set
        .iter()
        .flat_map(|set| set.versions.iter())
        .map(|version| version.digest)
        .collect();
    let versions = digests.iter().map(|digest| of_blob(store, digest, false));
    let versions = versions.collect::<Result<Vec<_>, _>>()?;
    let url = uri.as_str();
    let history = catalog.evictions_that(MAX_HISTORY, |eviction| {
        eviction.urls.iter().any(|evicted| evicted == url) || digests.contains(&eviction.digest)
    })?;
    let history: Vec<Value> = history.iter().map(log::shown).collect();
    Ok(json!({
        "url": url,
        "stored": !versions.is_empty(),
        "versions": versions,
        "not_stored": store.refusal(&CacheKey::of(uri)),
        "evictions": history,
    }))
}

fn of_blob(store: &Store, digest: &Sha256, is_alone: bool) -> Result<Value, BoxError> {
    let catalog = store.catalog();
    let (blob, standing) = (catalog.blob(digest)?, catalog.standing(digest)?);
    let mut keepers: Vec<Value> = catalog.keepers(digest)?.iter().map(keeper).collect();
    if blob.is_some() && store.blobs().is_in_use(digest) {
        keepers.push(json!({"reason": "in_use"}));
    }
    let mut shown = json!({
        "sha256": digest.to_string(),
        "stored": blob.is_some(),
        "size_bytes": blob.map(|blob| blob.size_bytes),
        "stored_at": blob.map(|blob| rfc3339(blob.first_stored)),
        "allocated_bytes": standing.map(|standing| standing.allocated),
        "quarantined": store.blobs().is_quarantined(digest),
        "kept_by": keepers,
        "eviction": standing.map(|standing| json!({
            "queue": standing.queue.map_or("leaving", queue),
            "ahead": standing.ahead,
            "ahead_bytes": standing.ahead_bytes,
            "ahead_is_more": standing.ahead == MAX_AHEAD,
            "uses": standing.uses,
        })),
        "can_be_evicted": store.room().cap() > 0 && blob.is_some() && keepers_are_none(&keepers),
    });
    if is_alone {
        let history = catalog.evictions_that(MAX_HISTORY, |evicted| evicted.digest == *digest)?;
        shown["urls"] = catalog.urls_of(digest, MAX_URLS)?.into();
        shown["evictions"] = history.iter().map(log::shown).collect();
    }
    Ok(shown)
}

const fn keepers_are_none(keepers: &[Value]) -> bool {
    keepers.is_empty()
}

fn keeper(keeper: &Keeper) -> Value {
    match keeper {
        Keeper::Pin(PinOf::Blob(_)) => json!({"reason": "pin", "of": "sha256"}),
        Keeper::Pin(PinOf::Url(key)) => {
            json!({"reason": "pin", "of": "url", "key": key.0.to_string()})
        }
        Keeper::Upload => json!({"reason": "upload"}),
        Keeper::Pointer(name) => json!({"reason": "pointer", "pointer": name.to_string()}),
        Keeper::Production => json!({"reason": "production"}),
    }
}
