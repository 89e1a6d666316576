//! What is asked of a job: the documents of the routes that start one, and the key under which asking
//! twice is asking once.

use std::num::NonZeroU64;

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

use super::{ApiError, invalid};
use crate::{
    api::json,
    catalog::JobKey,
    error::Error,
    jobs::{Jobs, Order, Refused, Started, verify},
    store::Store,
    telemetry::label::JobKind,
};

/// Longest key of a client, in bytes.
const MAX_KEY: usize = 255;
/// Largest document, in bytes: a lock file may be long.
const MAX_DOCUMENT: u64 = 32 << 20;

/// The key of a client, if it sent one.
pub(super) struct Key(Option<String>);

/// How everything is to be hashed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    /// Most bytes that are read in a second.
    bytes_per_second: Option<NonZeroU64>,
}

impl Key {
    /// Out of the field `Idempotency-Key`.
    pub(super) fn of(fields: &HeaderMap) -> Result<Self, BoxError> {
        let Some(value) = fields.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let text = value.to_str().ok();
        let text = text.filter(|text| (1..=MAX_KEY).contains(&text.len()));
        let reason = "must have 1 to 255 visible characters";
        let text = text.ok_or_else(|| invalid("Idempotency-Key", reason))?;
        Ok(Self(Some(text.to_owned())))
    }

    /// With what was asked under it.
    fn for_document(self, route: &str, document: &[u8]) -> Option<JobKey> {
        let asked = [route.as_bytes(), b"\n", document].concat();
        let asked = *Sha256::of(&asked).as_bytes();
        self.0.map(|key| JobKey { key, asked })
    }
}

/// Starts to hash everything.
pub(super) async fn verify(
    jobs: &Jobs,
    store: &Store,
    key: Key,
    body: Body,
) -> Result<Started, BoxError> {
    let (wanted, key) = document::<Verify>("verify", key, body).await?;
    let order = Order::new(JobKind::Verify, "everything that is stored");
    let (order, store) = (order.alone().under(key), store.clone());
    let work = move |job| verify::run(store, wanted.bytes_per_second, job);
    jobs.start(order, work).await.map_err(refused)
}

/// The document of a client; nothing at all stands for one without fields.
async fn document<T: DeserializeOwned>(
    route: &str,
    key: Key,
    body: Body,
) -> Result<(T, Option<JobKey>), BoxError> {
    let bytes = json::read(body, MAX_DOCUMENT).await?;
    let bytes = if bytes.is_empty() {
        b"{}".to_vec()
    } else {
        bytes
    };
    let wanted = serde_json::from_slice(&bytes);
    let wanted = wanted.map_err(|error| invalid("body", &error.to_string()))?;
    Ok((wanted, key.for_document(route, &bytes)))
}

fn refused(refused: Refused) -> BoxError {
    let message = refused.to_string();
    match refused {
        Refused::Running(_) | Refused::OtherWords(_) => Error::Conflict { message }.into(),
        Refused::TooMany | Refused::Stopping => {
            let retry_after = std::time::Duration::from_secs(10);
            Error::Overloaded { retry_after }.into()
        }
        Refused::Catalog(error) => ApiError::Internal(error.into()).into(),
    }
}
