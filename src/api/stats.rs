//! `/api/stats`: the sums over the whole store.

use artifact_cache_layers::body::Body;
use http::{Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{ApiError, Backend, answer};
use crate::artifact::Totals;

/// Sums over the whole store.
#[derive(Serialize, JsonSchema)]
pub(super) struct Statistics {
    #[serde(flatten)]
    totals: Totals,
    /// What deduplication saves: the same bytes stored once for several URLs.
    saved_bytes: u64,
}

/// The sums.
pub(super) fn show(backend: &impl Backend) -> Result<Response<Body>, ApiError> {
    let totals = backend.totals().map_err(ApiError::Internal)?;
    let saved_bytes = totals
        .logical_size_bytes
        .saturating_sub(totals.total_size_bytes);
    answer::json(
        StatusCode::OK,
        &Statistics {
            totals,
            saved_bytes,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::{
        Api,
        fake::{Memory, head, json_of},
    };

    #[tokio::test]
    async fn statistics_have_the_documented_keys_and_what_deduplication_saves() {
        let api = Api::new(Memory::with(4));
        for path in ["/api/stats", "/api/v1/stats"] {
            let stats = json_of(api.answer(&head("GET", path)).await.unwrap()).await;
            assert_eq!(stats["total_items"], 4);
            assert_eq!(stats["total_size_bytes"], 10);
            assert_eq!(stats["total_accesses"], 12);
            assert_eq!(stats["logical_size_bytes"], 40);
            assert_eq!(stats["saved_bytes"], 30);
            assert_eq!(stats["total_blobs"], 1);
        }
    }
}
