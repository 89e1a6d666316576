//! `/api/artifacts`: list, show, remove.

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    ApiError, Backend, answer,
    export::{self, Export},
    query::{self, ListQuery},
    record::Record,
};
use crate::artifact::{Artifact, Filter};

/// A page of artifacts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Artifacts")]
pub(super) struct Page<'a> {
    items: Vec<Record<'a>>,
    next_cursor: Option<&'a str>,
}

/// One page as JSON, or everything that passes the filter as NDJSON when the client accepts that.
pub(super) async fn list(
    backend: &impl Backend,
    request: &Parts,
) -> Result<Response<Body>, ApiError> {
    let list = ListQuery::parse(request.uri.query().unwrap_or_default(), backend.now())?;
    let count = if list.count {
        Some(count(backend, &list.filter).await?)
    } else {
        None
    };
    let mut response = if list.is_export || export::is_wanted(&request.headers) {
        export(backend, list)
    } else {
        page(backend, request, list.filter).await?
    };
    let fields = response.headers_mut();
    fields.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Some(count) = count {
        fields.insert("x-total-count", HeaderValue::from(count));
    }
    Ok(response)
}

/// The artifact whose number is `id`.
pub(super) fn show(backend: &impl Backend, id: &str) -> Result<Response<Body>, ApiError> {
    let artifact = number(id)
        .map_or(Ok(None), |number| backend.artifact(number))
        .map_err(ApiError::Internal)?
        .ok_or_else(|| ApiError::NoArtifact(id.to_owned()))?;
    let sources = |digest: &Sha256| backend.sources(digest).map_err(ApiError::Internal);
    let versions = artifact.versions.iter();
    let sources = versions.map(|version| sources(&version.digest));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let record = record(backend, &artifact).with_sources(sources);
    answer::json(StatusCode::OK, &record)
}

/// Removes the artifact whose number is `id`.
pub(super) async fn remove(backend: &impl Backend, id: &str) -> Result<Response<Body>, ApiError> {
    let removed = match number(id) {
        Some(number) => backend.remove(number).await.map_err(ApiError::Internal)?,
        None => false,
    };
    if removed {
        Ok(answer::no_content())
    } else {
        Err(ApiError::NoArtifact(id.to_owned()))
    }
}

/// The JSON form of one artifact.
pub(super) fn record<'a>(backend: &impl Backend, artifact: &'a Artifact) -> Record<'a> {
    let newest = artifact.versions.first();
    let path = newest.map(|version| backend.storage_path(&version.digest));
    Record::of(artifact, path.as_deref())
}

/// Reads of the catalog that may scan run off the async threads.
pub(super) async fn off_thread<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, BoxError> + Send + 'static,
) -> Result<T, BoxError> {
    tokio::task::spawn_blocking(read).await?
}

async fn page(
    backend: &impl Backend,
    request: &Parts,
    filter: Filter,
) -> Result<Response<Body>, ApiError> {
    let (reader, wanted) = (backend.clone(), filter.clone());
    let page = off_thread(move || reader.page(&wanted)).await;
    let page = page.map_err(ApiError::Internal)?;
    let next = page.next.map(|place| query::cursor(&filter, &place));
    let artifacts = page.artifacts.iter();
    let items = artifacts.map(|it| record(backend, it)).collect();
    let next_cursor = next.as_deref();
    let mut response = answer::json(StatusCode::OK, &Page { items, next_cursor })?;
    if let Some(cursor) = next_cursor {
        link(response.headers_mut(), request, cursor);
    }
    Ok(response)
}

/// Where the next page is (RFC 8288 §3), relative to this server.
fn link(fields: &mut HeaderMap, request: &Parts, cursor: &str) {
    let query = query::with_cursor(request.uri.query().unwrap_or_default(), cursor);
    let next = format!("<{}?{query}>; rel=\"next\"", request.uri.path());
    if let Ok(value) = HeaderValue::try_from(next) {
        fields.insert(header::LINK, value);
    }
}

fn export<B: Backend>(backend: &B, list: ListQuery) -> Response<Body> {
    let most = list.is_limited.then_some(list.filter.limit);
    let body = Export::new(backend.clone(), list.filter, most);
    answer::typed(export::MEDIA_TYPE, Body::stream(body))
}

/// How many pass the filter: kept as a sum for the whole store, counted otherwise.
async fn count<B: Backend>(backend: &B, filter: &Filter) -> Result<u64, ApiError> {
    let everything = Filter {
        after: filter.after.clone(),
        limit: filter.limit,
        order: filter.order,
        ..Filter::default()
    };
    let (backend, filter) = (backend.clone(), filter.clone());
    let count = if filter == everything {
        backend.totals().map(|totals| totals.total_items)
    } else {
        off_thread(move || backend.count(&filter)).await
    };
    count.map_err(ApiError::Internal)
}

/// The number that `id` stands for, digits only.
fn number(id: &str) -> Option<u64> {
    id.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| id.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{
        super::{
            Api,
            fake::{Memory, head, json_of},
        },
        *,
    };

    async fn get(api: &Api<Memory>, target: &str) -> (HeaderMap, Value) {
        let answer = api.answer(&head("GET", target)).await.unwrap();
        (answer.headers().clone(), json_of(answer).await)
    }

    #[tokio::test]
    async fn a_record_has_the_documented_fields() {
        let api = Api::new(Memory::with(2));
        let (_, record) = get(&api, "/api/artifacts/2").await;
        assert_eq!(record["id"], 2);
        assert_eq!(record["source_url"], "https://example.com/2");
        assert_eq!(record["file_size"], 10);
        assert_eq!(record["content_type"], "text/plain");
        assert_eq!(record["first_cached_at"], "2024-11-17T10:30:45Z");
        assert_eq!(record["last_accessed_at"], "2024-11-17T10:30:45Z");
        assert_eq!(record["access_count"], 3);
        assert!(record["final_url"].is_null());
        let digest = record["content_hash"].as_str().unwrap();
        assert_eq!(record["versions"][0]["sha256"], digest);
        assert_eq!(record["versions"][0]["size_bytes"], 10);
        let path = format!("/data/cache/{}/{}/{digest}", &digest[..2], &digest[2..4]);
        assert_eq!(record["storage_path"], path.as_str());
    }

    #[tokio::test]
    async fn pages_follow_each_other_and_the_last_names_no_next() {
        let api = Api::new(Memory::with(5));
        let mut target = "/api/artifacts?limit=2".to_owned();
        let mut ids = Vec::new();
        for next_is_named in [true, true, false] {
            let (fields, page) = get(&api, &target).await;
            ids.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|it| it["id"].clone()),
            );
            assert_eq!(page["next_cursor"].is_string(), next_is_named);
            assert_eq!(fields.contains_key(header::LINK), next_is_named);
            if let Some(link) = fields.get(header::LINK) {
                let (next, rel) = link.to_str().unwrap().split_once(">; ").unwrap();
                assert_eq!(rel, "rel=\"next\"");
                target = next.trim_start_matches('<').to_owned();
            }
        }
        assert_eq!(ids, [1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn a_full_last_page_names_no_next() {
        let (_, page) = get(&Api::new(Memory::with(4)), "/api/v1/artifacts?limit=4").await;
        assert_eq!(page["items"].as_array().unwrap().len(), 4);
        assert!(page["next_cursor"].is_null());
    }

    #[tokio::test]
    async fn the_total_is_counted_only_when_asked_for() {
        let api = Api::new(Memory::with(1500));
        let (fields, _) = get(&api, "/api/artifacts?limit=1").await;
        assert!(!fields.contains_key("x-total-count"));
        let (fields, _) = get(&api, "/api/artifacts?limit=1&count=true&cursor=a5").await;
        assert_eq!(fields["x-total-count"], "1500");
        let (fields, _) = get(&api, "/api/artifacts?limit=1&count=true&prefix=https").await;
        assert_eq!(fields["x-total-count"], "1500");
        let (fields, _) = get(&api, "/api/artifacts?count=true&q=/99").await;
        assert_eq!(fields["x-total-count"], "11");
    }

    #[tokio::test]
    async fn what_is_removed_is_gone_and_cannot_be_removed_again() {
        let api = Api::new(Memory::with(2));
        let removed = api
            .answer(&head("DELETE", "/api/artifacts/1"))
            .await
            .unwrap();
        assert_eq!(removed.status(), StatusCode::NO_CONTENT);
        for method in ["GET", "HEAD", "DELETE"] {
            let again = api.answer(&head(method, "/api/artifacts/1")).await;
            assert_eq!(again.unwrap_err().status(), StatusCode::NOT_FOUND);
        }
        assert!(api.answer(&head("GET", "/api/artifacts/2")).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_no_number_is_not_found() {
        let api = Api::new(Memory::with(1));
        for id in ["x", "+1", "-1", "1.0", "99999999999999999999999"] {
            let answer = api
                .answer(&head("GET", &format!("/api/artifacts/{id}")))
                .await;
            assert!(matches!(answer, Err(ApiError::NoArtifact(_))), "{id}");
        }
    }

    #[tokio::test]
    async fn a_broken_catalog_is_an_internal_error_with_its_cause() {
        let mut memory = Memory::with(1);
        memory.is_broken = true;
        let api = Api::new(memory);
        for target in [
            "/api/stats",
            "/api/artifacts",
            "/api/artifacts/1",
            "/api/artifacts?count=1",
        ] {
            let error = api.answer(&head("GET", target)).await.unwrap_err();
            assert_eq!(error.code(), "internal_error", "{target}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}
