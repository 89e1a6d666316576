//! `POST /api/v1/purge`: removes what is stored of URLs, or marks it stale so that the proxy and the
//! mirrors validate it before its next use. In batches of bounded transactions, so that hits go on;
//! begun, it goes on to its end even when the client leaves. What an interrupted download left of a URL
//! goes only when the URL itself is named: it is found by nothing else.

use artifact_cache_layers::{
    body::{Body, BoxError},
    semantics::cache_key::CacheKey,
};
use http::Response;
use serde::{Deserialize, Serialize};

use super::{document, invalid, off_thread, ok, subject};
use crate::{
    artifact::{
        Filter,
        listing::{By, Order},
    },
    catalog::{Catalog, CatalogError, Change},
    store::Store,
};

/// Artifacts in one batch.
const BATCH: usize = 200;
/// Most URLs of one request.
const MAX_URLS: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    urls: Option<Vec<String>>,
    prefix: Option<String>,
    host: Option<String>,
    sha256: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    soft: bool,
    #[serde(default)]
    dry_run: bool,
}

/// What a purge did, or would do.
#[derive(Default, Serialize)]
struct Purged {
    /// URLs that were named or found.
    matched: u64,
    /// Of these, whose content was removed.
    removed: u64,
    /// Of these, marked stale.
    marked_stale: u64,
    /// Of these, left because a model in production has the bytes.
    kept: u64,
    /// Bytes of what matched, as it is served now.
    size_bytes: u64,
    dry_run: bool,
}

struct Purge {
    catalog: Catalog,
    is_soft: bool,
    purged: Purged,
}

pub(super) async fn purge(store: &Store, body: Body) -> Result<Response<Body>, BoxError> {
    let wanted: Wanted = document(body).await?;
    let purge = Purge {
        catalog: store.catalog().clone(),
        is_soft: wanted.soft,
        purged: Purged {
            dry_run: wanted.dry_run,
            ..Purged::default()
        },
    };
    // What is only about to be stored is meant, too.
    store.settle().await;
    let purged = match (&wanted.urls, filter(&wanted)?) {
        (Some(urls), None) => {
            let keys = keys(urls)?;
            if !wanted.dry_run {
                store.forget_parts(&keys).await;
            }
            off_thread(move || purge.of_keys(&keys)).await?
        }
        (None, Some(filter)) => off_thread(move || purge.of_filter(filter)).await?,
        _ => {
            return Err(invalid(
                "body",
                "give urls, or at least one of prefix, host, sha256 and tag",
            ));
        }
    };
    ok(&purged)
}

fn filter(wanted: &Wanted) -> Result<Option<Filter>, BoxError> {
    let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if ![&wanted.prefix, &wanted.host, &wanted.sha256, &wanted.tag]
        .into_iter()
        .any(is_given)
    {
        return Ok(None);
    }
    let digest = wanted.sha256.as_deref().map(subject::digest).transpose()?;
    Ok(Some(Filter {
        limit: BATCH,
        host: wanted.host.as_ref().map(|host| host.to_ascii_lowercase()),
        prefix: wanted.prefix.clone(),
        digest,
        tag: wanted.tag.clone(),
        order: order(wanted),
        ..Filter::default()
    }))
}

/// The way that leads straight to what is meant, and on when some of it is gone.
fn order(wanted: &Wanted) -> Order {
    let is_of_urls = wanted.sha256.is_none() && wanted.tag.is_none();
    let by = if is_of_urls { By::Url } else { By::Id };
    Order {
        by,
        ..Order::default()
    }
}

fn keys(urls: &[String]) -> Result<Vec<CacheKey>, BoxError> {
    if urls.len() > MAX_URLS {
        return Err(invalid("urls", "must be 10,000 at most"));
    }
    let keys = urls.iter().map(|url| Ok(CacheKey::of(&subject::url(url)?)));
    keys.collect()
}

impl Purge {
    fn of_keys(mut self, keys: &[CacheKey]) -> Result<Purged, CatalogError> {
        for keys in keys.chunks(BATCH) {
            let mut found = Vec::new();
            for key in keys {
                if let Some(set) = self.catalog.responses(key)? {
                    let newest = set.versions.first().map_or(0, |version| version.size_bytes);
                    found.push((set.id, *key, newest));
                }
            }
            self.batch(&found)?;
        }
        Ok(self.purged)
    }

    fn of_filter(mut self, mut filter: Filter) -> Result<Purged, CatalogError> {
        loop {
            let selected = self.catalog.select(&filter)?;
            self.batch(&selected.found)?;
            match selected.next {
                Some(next) => filter.after = next,
                None => return Ok(self.purged),
            }
        }
    }

    fn batch(&mut self, found: &[(u64, CacheKey, u64)]) -> Result<(), CatalogError> {
        self.purged.matched += found.len() as u64;
        self.purged.size_bytes += found.iter().map(|(_, _, bytes)| bytes).sum::<u64>();
        if self.purged.dry_run {
            return Ok(());
        }
        let is_soft = self.is_soft;
        let changes = found.iter().map(|&(id, key, _)| {
            if is_soft {
                Change::Invalidate { key }
            } else {
                Change::Remove { id }
            }
        });
        for written in self.catalog.write_each_blocking(changes)? {
            match written {
                Ok(_) if is_soft => self.purged.marked_stale += 1,
                Ok(_) => self.purged.removed += 1,
                Err(CatalogError::InProduction(_)) => self.purged.kept += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
