//! Decides which origins may be reached: the guard against server-side request forgery.
//!
//! A cache fetches what clients name, from where it stands: inside. Without a guard, a URL of a cloud's
//! metadata service, of a database or of the cache itself is an open door. One [`EgressPolicy`] is
//! asked at every place where a name turns into a connection:
//!
//! 1. [`EgressLayer`] checks scheme, port, host rules and literal addresses of each [`Target`];
//! 2. [`GuardedResolver`] checks every address that a name resolves to, and gives out the checked ones
//!    to be dialled, so that a second look-up cannot change them (DNS rebinding);
//! 3. [`check_redirect`] checks each `Location` that is followed.
//!
//! Steps 1 and 3 alone cannot see behind a name, and step 2 alone never sees a literal address, so all
//! three are needed. Addresses that the IANA registries list as special-purpose, also hidden inside
//! IPv6, are refused until [`EgressRules::allow_cidrs`] names them. The metadata services
//! 169.254.169.254 and `fd00:ec2::254`, and our own listeners, are refused whatever is allowed.
//!
//! # Example
//!
//! ```
//! use artifact_cache_layers::body::Body;
//! use artifact_cache_layers::cause::cause_of;
//! use artifact_cache_layers::egress::{Denied, EgressLayer, EgressPolicy, EgressRules};
//! use http::{Request, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let policy = EgressPolicy::new(EgressRules {
//!     deny_hosts: vec!["*.internal.example.com".parse()?],
//!     ..EgressRules::default()
//! });
//! let service = ServiceBuilder::new()
//!     .layer(EgressLayer::new(policy))
//!     .service(service_fn(|_: Request<Body>| async {
//!         Ok::<_, BoxError>(Response::new(Body::empty()))
//!     }));
//!
//! for (uri, rule) in [
//!     ("http://2130706433/", "loopback"), // 127.0.0.1 as one number
//!     ("http://[::ffff:10.0.0.1]/", "private"),
//!     ("http://db.internal.example.com/", "deny_hosts"),
//!     ("http://example.com:22/", "allow_ports"),
//! ] {
//!     let error = service.clone().oneshot(Request::get(uri).body(Body::empty())?).await.unwrap_err();
//!     assert_eq!(cause_of::<Denied>(&*error).map(|denied| denied.rule), Some(rule));
//! }
//! assert!(service.oneshot(Request::get("https://example.com/").body(Body::empty())?).await.is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! [`Target`]: crate::extensions::Target

mod address;
mod connector;
mod denied;
mod hosts;
mod layer;
mod policy;
mod ports;
mod redirect;
mod service;

pub use address::{embedded, special_purpose};
pub use connector::{GuardedResolver, ResolveError};
pub use denied::{Denied, DeniedRequest};
pub use hosts::{HostPattern, InvalidHostPattern};
pub use layer::EgressLayer;
pub use policy::{EgressPolicy, EgressRules};
pub use ports::{InvalidPortRange, PortRange};
pub use redirect::{RefusedRedirect, check_redirect};
pub use service::Egress;
