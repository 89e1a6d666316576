//! `/api/v1/pins`: what is never evicted, because an operator said so.

use artifact_cache_layers::body::{Body, BoxError};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, answer, document, invalid, ok, subject::Subject};
use crate::{
    api::timestamp::rfc3339,
    catalog::{Change, Pin, PinOf},
    store::Store,
};

/// Longest note, in bytes.
const MAX_NOTE: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    url: Option<String>,
    sha256: Option<String>,
    #[serde(default)]
    note: String,
}

pub(super) fn list(store: &Store) -> Result<Response<Body>, BoxError> {
    let pins = store.catalog().pins().map_err(internal)?;
    let items: Vec<Value> = pins.iter().map(|pin| shown(store, pin)).collect();
    ok(&json!({"items": items, "next_cursor": null}))
}

pub(super) async fn add(store: &Store, body: Body) -> Result<Response<Body>, BoxError> {
    let wanted: Wanted = document(body).await?;
    if wanted.note.len() > MAX_NOTE {
        return Err(invalid("note", "must have 1000 bytes at most"));
    }
    let subject = Subject::of(wanted.url.as_deref(), wanted.sha256.as_deref())?;
    let (of, note) = (subject.pin(), wanted.note);
    let pin = Change::Pin { of, note };
    store.catalog().write(pin).await.map_err(internal)?;
    let pins = store.catalog().pins().map_err(internal)?;
    let pin = pins.iter().find(|pin| pin.of == of);
    let shown = pin.map_or(Value::Null, |pin| shown(store, pin));
    Ok(answer::json(StatusCode::CREATED, &shown)?)
}

pub(super) async fn remove(store: &Store, query: &str) -> Result<Response<Body>, BoxError> {
    let of = Subject::of_query(query)?.pin();
    let change = Change::Unpin(of);
    store.catalog().write(change).await.map_err(internal)?;
    Ok(answer::no_content())
}

/// A pin of a URL that was never stored is known by its key alone.
fn shown(store: &Store, pin: &Pin) -> Value {
    let mut shown = json!({"since": rfc3339(pin.since), "note": pin.note});
    match pin.of {
        PinOf::Blob(digest) => shown["sha256"] = digest.to_string().into(),
        PinOf::Url(key) => {
            let set = store.catalog().responses(&key).ok().flatten();
            shown["url"] = set.map(|set| set.uri.as_str().to_owned()).into();
            shown["key"] = key.0.to_string().into();
        }
    }
    shown
}

fn internal(error: crate::catalog::CatalogError) -> BoxError {
    ApiError::Internal(error.into()).into()
}
