//! A backend in memory for the tests of this module.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    semantics::target_uri::TargetUri,
};
use http::{Request, Response, request::Parts};
use http_body_util::BodyExt as _;

use super::{Backend, Explanation, Health, NotReady};
use crate::artifact::{Artifact, Filter, Page, Place, Totals, Version, listing::State};

/// Artifacts 1 to n, all of the same ten bytes.
#[derive(Clone)]
pub(super) struct Memory {
    artifacts: Arc<Mutex<Vec<Artifact>>>,
    pub(super) not_ready: Option<NotReady>,
    pub(super) is_broken: bool,
}

impl Memory {
    pub(super) fn with(artifacts: u64) -> Self {
        let artifacts = (1..=artifacts).map(artifact).collect();
        Self {
            artifacts: Arc::new(Mutex::new(artifacts)),
            not_ready: None,
            is_broken: false,
        }
    }

    fn read(&self) -> Result<Vec<Artifact>, BoxError> {
        if self.is_broken {
            return Err("MDB_CORRUPTED".into());
        }
        Ok(self.artifacts.lock().unwrap().clone())
    }
}

impl Backend for Memory {
    fn totals(&self) -> Result<Totals, BoxError> {
        let total_items = self.read()?.len() as u64;
        Ok(Totals {
            total_items,
            total_size_bytes: 10,
            total_accesses: 3 * total_items,
            logical_size_bytes: 10 * total_items,
            total_blobs: 1,
        })
    }

    fn now(&self) -> SystemTime {
        moment()
    }

    fn count(&self, filter: &Filter) -> Result<u64, BoxError> {
        let all = Filter {
            after: Place::default(),
            limit: usize::MAX,
            ..filter.clone()
        };
        Ok(self.page(&all)?.artifacts.len() as u64)
    }

    fn sources(&self, digest: &Sha256) -> Result<Vec<String>, BoxError> {
        let mut artifacts = self.read()?;
        artifacts.retain(|it| it.versions.iter().any(|version| version.digest == *digest));
        Ok(artifacts.into_iter().map(|it| it.source_url).collect())
    }

    fn page(&self, filter: &Filter) -> Result<Page, BoxError> {
        let contains = |url: &str| {
            filter
                .contains
                .as_ref()
                .is_none_or(|text| url.contains(text))
        };
        let starts = |url: &str| {
            filter
                .prefix
                .as_ref()
                .is_none_or(|text| url.starts_with(text))
        };
        let mut artifacts = self.read()?;
        artifacts.retain(|it| {
            Place::from(it.id).0 > filter.after.0
                && contains(&it.source_url)
                && starts(&it.source_url)
        });
        let has_more = artifacts.len() > filter.limit;
        artifacts.truncate(filter.limit);
        let last = artifacts.last().map(|last| last.id.into());
        Ok(Page {
            next: last.filter(|_| has_more),
            artifacts,
        })
    }

    fn artifact(&self, id: u64) -> Result<Option<Artifact>, BoxError> {
        Ok(self.read()?.into_iter().find(|it| it.id == id))
    }

    async fn remove(&self, id: u64) -> Result<bool, BoxError> {
        let mut artifacts = self.artifacts.lock().unwrap();
        let before = artifacts.len();
        artifacts.retain(|it| it.id != id);
        Ok(artifacts.len() < before)
    }

    fn health(&self) -> Health {
        Health {
            now: moment(),
            cache_dir: "/data/cache".into(),
            allow_local_paths: false,
            s3_endpoint_url: None,
            not_ready: self.not_ready,
            is_full_for_uploads: false,
        }
    }

    fn explain(&self, uri: &TargetUri) -> Result<Explanation, BoxError> {
        Ok(Explanation {
            url: uri.to_string(),
            ..Explanation::default()
        })
    }

    fn metrics_text(&self) -> String {
        "artifact_cache_downloads_total 0\n".into()
    }

    fn storage_path(&self, digest: &Sha256) -> PathBuf {
        let hex = digest.to_string();
        format!("/data/cache/{}/{}/{hex}", &hex[..2], &hex[2..4]).into()
    }
}

/// The head of a request.
pub(super) fn head(method: &str, target: &str) -> Parts {
    let request = Request::builder().method(method).uri(target);
    request.body(()).unwrap().into_parts().0
}

pub(super) async fn body_of(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

pub(super) async fn json_of(response: Response<Body>) -> serde_json::Value {
    serde_json::from_str(&body_of(response).await).unwrap()
}

fn moment() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_731_839_445)
}

fn artifact(id: u64) -> Artifact {
    Artifact {
        id,
        source_url: format!("https://example.com/{id}"),
        final_url: None,
        content_type: Some("text/plain".into()),
        first_cached_at: moment(),
        last_accessed_at: moment(),
        access_count: 3,
        versions: vec![Version {
            digest: Sha256::of(b"0123456789"),
            size_bytes: 10,
            first_seen: moment(),
            last_seen: moment(),
        }],
        state: State::Current,
        is_pinned: false,
        tags: Vec::new(),
    }
}
