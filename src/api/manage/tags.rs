//! `/api/v1/tags`: names that an operator gives to artifacts. A tag keeps nothing; it goes with its
//! artifact.

use artifact_cache_layers::body::{Body, BoxError};
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{ApiError, answer, document, invalid, listing, ok, subject, subject::Subject};
use crate::{
    api::percent,
    catalog::{CatalogError, Change, PinOf, TagChange, Tagged, tags},
    error::Error,
    store::Store,
};

/// Most URLs of one request.
const MAX_URLS: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    url: Option<String>,
    sha256: Option<String>,
    urls: Option<Vec<String>>,
}

pub(super) fn list(store: &Store, query: &str) -> Result<Response<Body>, BoxError> {
    let (mut after, mut limit) = (String::new(), listing::DEFAULT_LIMIT);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "cursor" => after = cursor(&value)?,
            "limit" => limit = listing::limit(&value)?,
            _ => return Err(ApiError::UnknownParameter(name.into_owned()).into()),
        }
    }
    // One more than wanted tells whether there is a next page.
    let mut found = store.catalog().tags(&after, limit + 1).map_err(internal)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more);
    let next = next.map(|(name, _)| format!("t{name}"));
    let shown = |(name, count): &(String, u64)| json!({"name": name, "artifacts": count});
    let items: Vec<Value> = found.iter().map(shown).collect();
    ok(&json!({"items": items, "next_cursor": next}))
}

/// The cursor of a list of names is a name.
fn cursor(text: &str) -> Result<String, BoxError> {
    let name = text.strip_prefix('t');
    let name = name.filter(|name| tags::check(name).is_ok());
    name.map(str::to_owned)
        .ok_or_else(|| invalid("cursor", "is not one that this list gave out"))
}

/// Gives a tag.
pub(super) async fn put(store: &Store, name: &str, body: Body) -> Result<Response<Body>, BoxError> {
    let name = name_of(name)?;
    let wanted: Wanted = document(body).await?;
    let subjects = subjects(wanted)?;
    // What is only about to be stored is meant, too.
    store.settle().await;
    let mut count = 0;
    for of in subjects {
        let names = vec![name.clone()];
        let written = store
            .catalog()
            .write(Change::Tags(TagChange::Give { of, names }))
            .await;
        count += written.map_err(internal)?.count;
    }
    if count == 0 {
        return Err(Error::NotFound.into());
    }
    ok(&json!({"name": name, "artifacts": count}))
}

/// Takes a tag back from what the query names, or from everything.
pub(super) async fn remove(
    store: &Store,
    name: &str,
    query: &str,
) -> Result<Response<Body>, BoxError> {
    let name = name_of(name)?;
    if query.is_empty() {
        // Its own task, so that a client that leaves does not stop it in the middle.
        let store = store.clone();
        tokio::spawn(async move { remove_all(&store, name).await }).await??;
        return Ok(answer::no_content());
    }
    let of = tagged(&Subject::of_query(query)?);
    let names = vec![name];
    let change = Change::Tags(TagChange::Take { of, names });
    store.catalog().write(change).await.map_err(internal)?;
    Ok(answer::no_content())
}

async fn remove_all(store: &Store, name: String) -> Result<(), BoxError> {
    loop {
        let name = name.clone();
        let written = store
            .catalog()
            .write(Change::Tags(TagChange::Drop { name }))
            .await;
        if written.map_err(internal)?.count == 0 {
            return Ok(());
        }
    }
}

fn subjects(wanted: Wanted) -> Result<Vec<Tagged>, BoxError> {
    let Some(urls) = wanted.urls else {
        let subject = Subject::of(wanted.url.as_deref(), wanted.sha256.as_deref())?;
        return Ok(vec![tagged(&subject)]);
    };
    if urls.len() > MAX_URLS || wanted.url.is_some() || wanted.sha256.is_some() {
        return Err(invalid(
            "urls",
            "must be 10,000 at most, without url and sha256",
        ));
    }
    let subjects = urls
        .iter()
        .map(|url| Ok(tagged(&Subject::Url(subject::url(url)?))));
    subjects.collect()
}

fn tagged(subject: &Subject) -> Tagged {
    match subject.pin() {
        PinOf::Url(key) => Tagged::Url(key),
        PinOf::Blob(digest) => Tagged::Blob(digest),
    }
}

/// The name that a segment of the path stands for.
fn name_of(segment: &str) -> Result<String, BoxError> {
    let name = String::from_utf8(percent::decoded(segment)).ok();
    let name = name.filter(|name| tags::check(name).is_ok());
    name.ok_or_else(|| {
        let reason = "must have 1 to 64 letters, digits and characters of ._:/@+-";
        invalid("name", reason)
    })
}

fn internal(error: CatalogError) -> BoxError {
    ApiError::Internal(error.into()).into()
}
