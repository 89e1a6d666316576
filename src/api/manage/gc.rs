//! `POST /api/v1/gc`: unlinks what nobody refers to any more without waiting for its time, and frees as
//! many bytes as are asked for. A dry run shows what would go, in the order in which it would.

use artifact_cache_layers::body::{Body, BoxError};
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, document, off_thread, ok};
use crate::{
    catalog::{CatalogError, policy::Verdict},
    store::{Store, evict::Evictions, room::Pressure},
};

/// Blobs that a dry run looks at.
const MAX_LOOKED_AT: usize = 10_000;
/// Blobs that a dry run shows.
const MAX_SHOWN: usize = 200;
/// Files that a dry run counts.
const MAX_COUNTED: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// How many bytes to free by evicting.
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn collect(store: &Store, body: Body) -> Result<Response<Body>, BoxError> {
    let wanted: Wanted = document(body).await?;
    store.settle().await;
    store.catalog().flush_hits().await.map_err(internal)?;
    if wanted.dry_run {
        let store = store.clone();
        return ok(&off_thread(move || foresee(&store, wanted.bytes)).await?);
    }
    let reaped = store.committer().reap(std::time::Duration::ZERO).await;
    let reaped = reaped.map_err(|error| ApiError::Internal(error.into()))?;
    // Its own task, so that a client that leaves does not stop it in the middle.
    let (freeing, wanted) = (store.clone(), wanted.bytes);
    let freed = tokio::spawn(async move { free(&freeing, wanted).await }).await?;
    let (blobs, urls, bytes) = freed?;
    ok(&json!({
        "dry_run": false,
        "unreferenced": {"blobs": reaped.blobs, "left": reaped.left},
        "evicted": {"blobs": blobs, "urls": urls, "bytes": bytes},
    }))
}

async fn free(store: &Store, wanted: u64) -> Result<(u64, u64, u64), BoxError> {
    let until = store.catalog().youngest_place().map_err(internal)?;
    let (mut blobs, mut urls, mut bytes) = (0, 0, 0);
    while bytes < wanted {
        let round = store.evict(wanted - bytes, until, Pressure::Operator).await;
        let round: Evictions = round.map_err(|error| ApiError::Internal(error.into()))?;
        blobs += round.evicted.len() as u64;
        urls += round.urls();
        bytes += round.bytes();
        if round.is_exhausted {
            break;
        }
    }
    Ok((blobs, urls, bytes))
}

fn foresee(store: &Store, wanted: u64) -> Result<Value, CatalogError> {
    let catalog = store.catalog();
    let mut is_in_use = |digest: &_| store.blobs().is_in_use(digest);
    let plan = catalog.plan_eviction(wanted, MAX_LOOKED_AT, u64::MAX, &mut is_in_use)?;
    let going = plan
        .steps
        .iter()
        .filter(|step| step.verdict == Verdict::Evict);
    let going: Vec<_> = going.collect();
    let mut shown = Vec::new();
    for step in going.iter().take(MAX_SHOWN) {
        let digest = &step.entry.digest;
        shown.push(json!({
            "sha256": digest.to_string(),
            "allocated_bytes": step.entry.bytes,
            "queue": super::log::queue(step.queue),
            "urls": catalog.urls_of(digest, 8)?,
        }));
    }
    let removable = catalog.removable(None, MAX_COUNTED)?.len();
    Ok(json!({
        "dry_run": true,
        "unreferenced": {"blobs": removable},
        "evicted": {"blobs": going.len(), "bytes": plan.bytes, "is_exhausted": plan.is_exhausted},
        "items": shown,
    }))
}

fn internal(error: CatalogError) -> BoxError {
    ApiError::Internal(error.into()).into()
}
