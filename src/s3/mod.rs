//! Object stores that speak the protocol of S3: where an object is, who may ask for it, how requests
//! are signed, and what a store's answers mean. It dials nobody: requests leave through a service that
//! it is given.

pub mod client;
pub mod credentials;
pub mod endpoint;
pub mod endpoints;
mod error;
mod fields;
pub mod head;
pub mod listed;
pub mod multipart;
pub mod refusal;
mod xml;

pub use client::ObjectClient;
pub use endpoint::Endpoint;
pub use endpoints::{Endpoints, InvalidEndpoint, NoStore};
pub use error::ObjectError;
pub use listed::{Listed, Page};
pub use refusal::Refusal;

use std::sync::Arc;

use artifact_cache_layers::sigv4::Payload;
use http::Uri;

/// What is asked of a store, as an extension of the request: it goes to `address`, whatever its target
/// says, signed by `endpoint`.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The store.
    pub endpoint: Arc<Endpoint>,
    /// The URI, escaped as it is sent.
    pub address: Uri,
    /// What the signature says of the body.
    pub payload: Payload,
}
