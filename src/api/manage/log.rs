//! `/api/v1/evictions`: the log of evictions, the latest first.

use artifact_cache_layers::body::{Body, BoxError};
use http::Response;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{ApiError, listing, off_thread, ok};
use crate::{
    api::timestamp::rfc3339,
    catalog::{Eviction, policy::Queue},
    store::Store,
};

pub(super) async fn list(store: &Store, query: &str) -> Result<Response<Body>, BoxError> {
    let (mut before, mut limit) = (u64::MAX, listing::DEFAULT_LIMIT);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "cursor" => before = listing::cursor('e', &value)?,
            "limit" => limit = listing::limit(&value)?,
            _ => return Err(ApiError::UnknownParameter(name.into_owned()).into()),
        }
    }
    let catalog = store.catalog().clone();
    // One more than wanted tells whether there is a next page.
    let mut found = off_thread(move || catalog.evictions(before, limit + 1)).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more);
    let next = next.map(|last| listing::cursor_of('e', last.number));
    let items: Vec<Value> = found.iter().map(shown).collect();
    ok(&json!({"items": items, "next_cursor": next}))
}

/// One eviction.
pub(super) fn shown(eviction: &Eviction) -> Value {
    json!({
        "number": eviction.number,
        "evicted_at": rfc3339(eviction.at),
        "sha256": eviction.digest.to_string(),
        "size_bytes": eviction.size_bytes,
        "allocated_bytes": eviction.allocated,
        "urls": eviction.urls,
        "url_count": eviction.url_count,
        "queue": queue(eviction.queue),
        "access_count": eviction.hits,
        "stored_at": rfc3339(eviction.stored_at),
        "last_accessed_at": eviction.last_accessed_at.map(rfc3339),
        "reason": eviction.reason,
    })
}

/// The name of a queue.
pub(super) const fn queue(queue: Queue) -> &'static str {
    match queue {
        Queue::Short => "short",
        Queue::Main => "main",
    }
}
