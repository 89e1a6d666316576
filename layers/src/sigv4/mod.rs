//! Signs requests to S3 and other AWS services (Signature Version 4).
//!
//! A signature covers the method, the host, the path as it is sent, some fields and either the digest
//! of the body or the statement that it is not signed ([`Payload`]). It is made last, for one host and
//! a few minutes: this layer stands inside whatever retries or follows redirects, so that each attempt
//! is signed anew, and signs only requests to the hosts it was made for. Another host gets neither
//! the signature nor the session token.
//!
//! Where the keys come from is the [`Provide`] trait's business; a provider without any sends requests
//! as they are. The calculation itself is `aws-sigv4`, with the settings that S3 wants: the path
//! escaped once, never normalised, `x-amz-content-sha256` always there.
//!
//! # Example
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//! use artifact_cache_layers::{body::Body, sigv4::{Credentials, SigV4Layer, Signer}};
//! use http::{Request, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let keys = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
//! let now = || UNIX_EPOCH + Duration::from_hours(473_353);
//! let service = ServiceBuilder::new()
//!     .layer(SigV4Layer::new(Signer::s3("eu-central-1"), "s3.example.com", keys, now))
//!     .service(service_fn(|request: Request<Body>| async move {
//!         let signature = request.headers()["authorization"].to_str()?;
//!         assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240101/eu-central-1/s3/"));
//!         Ok::<_, BoxError>(Response::new(Body::empty()))
//!     }));
//! service.oneshot(Request::get("https://s3.example.com/bucket/key").body(Body::empty())?).await?;
//! # Ok(())
//! # }
//! ```

mod credentials;
mod layer;
mod payload;
mod service;
mod signer;

pub use credentials::{Credentials, Provide, Provided};
pub use layer::SigV4Layer;
pub use payload::Payload;
pub use service::SigV4;
pub use signer::{NotSigned, Signer};
