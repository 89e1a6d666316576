//! `/api/v1/misses`: what was asked for while no origin might be asked, and is still not stored.

use artifact_cache_layers::{
    body::{Body, BoxError},
    semantics::{cache_key::CacheKey, target_uri::TargetUri},
};
use http::Response;
use schemars::JsonSchema;
use serde::Serialize;
use url::form_urlencoded;

use super::{ApiError, Manage, answer, invalid, listing, off_thread, ok};
use crate::{
    api::timestamp::rfc3339,
    artifact::misses::{MAX_MISSES, Miss, Wanted},
    catalog::{Catalog, CatalogError},
};

/// What was asked for in vain.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Misses")]
pub(super) struct Misses {
    /// `upstream.mode` now.
    mode: &'static str,
    items: Vec<Missed>,
    next_cursor: Option<String>,
    /// Requests for further things, which the list had no room for.
    not_listed: u64,
}

/// One of them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Miss")]
struct Missed {
    /// The method; `CONNECT` for a tunnel.
    method: String,
    /// The URL, or host and port of a tunnel.
    url: String,
    /// The digest that was wanted.
    sha256: Option<String>,
    /// How often.
    count: u64,
    first_at: String,
    last_at: String,
    /// Whether it is stored by now, or was and only needed to be validated.
    stored: bool,
}

pub(super) async fn list(manage: &Manage, query: &str) -> Result<Response<Body>, BoxError> {
    let (mut after, mut limit, mut is_all) = (0, listing::DEFAULT_LIMIT, false);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "cursor" => after = listing::cursor('m', &value)?,
            "limit" => limit = listing::limit(&value)?,
            "all" => is_all = listing::flag("all", &value)?,
            _ => return Err(ApiError::UnknownParameter(name.into_owned()).into()),
        }
    }
    let (catalog, misses) = (manage.store.catalog().clone(), manage.misses.clone());
    let found = off_thread(move || {
        let listed = misses.list(after, MAX_MISSES).into_iter();
        let judged = listed.map(|miss| Ok((is_stored(&catalog, &miss.wanted)?, miss)));
        // One more than wanted tells whether there is a next page.
        judged
            .filter(|found: &Result<_, CatalogError>| match found {
                Ok((is_stored, _)) => is_all || !is_stored,
                Err(_) => true,
            })
            .take(limit + 1)
            .collect::<Result<Vec<(bool, Miss)>, CatalogError>>()
    });
    let mut found = found.await?;
    let next_cursor = (found.len() > limit).then(|| {
        found.truncate(limit);
        let last = found.last().map_or(0, |(_, miss)| miss.number);
        listing::cursor_of('m', last)
    });
    ok(&Misses {
        mode: manage.config.load().upstream.mode.word(),
        items: found.into_iter().map(Missed::of).collect(),
        next_cursor,
        not_listed: manage.misses.unlisted(),
    })
}

pub(super) fn clear(manage: &Manage, query: &str) -> Result<Response<Body>, BoxError> {
    if !query.is_empty() {
        return Err(invalid(
            "query",
            "nothing but the whole list can be cleared",
        ));
    }
    manage.misses.clear();
    Ok(answer::no_content())
}

fn is_stored(catalog: &Catalog, wanted: &Wanted) -> Result<bool, CatalogError> {
    if let Some(digest) = &wanted.expect {
        return Ok(catalog.blob(digest)?.is_some_and(|blob| !blob.private));
    }
    // A tunnel is never stored.
    let Ok(uri) = wanted.url.parse::<TargetUri>() else {
        return Ok(false);
    };
    let is_read = matches!(&*wanted.method, "GET" | "HEAD");
    Ok(is_read && catalog.responses(&CacheKey::of(&uri))?.is_some())
}

impl Missed {
    fn of((stored, miss): (bool, Miss)) -> Self {
        Self {
            method: miss.wanted.method,
            url: miss.wanted.url,
            sha256: miss.wanted.expect.map(|digest| digest.to_string()),
            count: miss.count,
            first_at: rfc3339(miss.first),
            last_at: rfc3339(miss.last),
            stored,
        }
    }
}
