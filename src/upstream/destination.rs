//! [`Destination`]: where one request goes, an origin or a store, over which connections, and whether it
//! is signed.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use artifact_cache_layers::{
    body::{Body, BoxError},
    extensions::Target,
    semantics::target_uri::TargetUri,
    sigv4::Payload,
};
use http::{HeaderValue, Method, Request, Uri, header::HOST};

use super::{Dialer, Guard, InvalidUpstream, Reason, Roots, Shared, UpstreamFailure, connector};
use crate::{
    config::{s3::S3, upstream::Upstream},
    s3::{Endpoint, Endpoints, Operation, head::Head},
};

/// Where a request goes.
pub(super) struct Destination {
    /// Who is asked, for circuits and logs.
    pub(super) origin: TargetUri,
    pub(super) pool: connector::Pool,
    pub(super) signing: Option<Signing>,
    address: Uri,
}

/// By whom a request is signed, and what it says of its body.
pub(super) struct Signing {
    pub(super) endpoint: Arc<Endpoint>,
    payload: Payload,
    region: Option<String>,
}

/// The stores, and the connections to those that the configuration names: they may have any address, and
/// certificates of authorities of their own.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) endpoints: Endpoints,
    pools: HashMap<String, connector::Pool>,
}

impl Stores {
    pub(super) fn new(
        upstream: &Upstream,
        settings: &S3,
        endpoints: Endpoints,
        guard: &Arc<dyn Guard>,
        roots: &Roots,
    ) -> Result<Self, InvalidUpstream> {
        let mut pools = HashMap::new();
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.is_configured) {
            let given = settings.endpoints.0.get(&endpoint.name);
            let extra = given.and_then(|given| given.extra_ca.as_deref());
            let guard = Arc::new(AnyAddress(guard.clone()));
            let dialer = Dialer::new(guard, upstream.connect_timeout.0);
            let tls = connector::tls(roots.clone().and_file(extra)?)?;
            let pool = connector::pool(upstream, dialer, tls);
            pools.insert(endpoint.name.clone(), pool);
        }
        Ok(Self { endpoints, pools })
    }
}

/// The guard of a store that the configuration names.
struct AnyAddress(Arc<dyn Guard>);

impl Guard for AnyAddress {
    fn check_uri(&self, uri: &TargetUri) -> Result<(), BoxError> {
        self.0.check_uri(uri)
    }

    fn check_authority(&self, host: &str, port: u16) -> Result<(), BoxError> {
        self.0.check_authority(host, port)
    }

    fn check_address(&self, address: SocketAddr) -> Result<(), BoxError> {
        self.0.check_endpoint(address)
    }
}

impl Shared {
    /// Where `target` is, as far as it may be reached.
    pub(super) fn destination(
        &self,
        target: &Target,
        operation: Option<Operation>,
    ) -> Result<Destination, BoxError> {
        if let Some(operation) = operation {
            return self.store(operation);
        }
        self.guard.check_uri(target.address())?;
        let Some(object) = target.uri.object() else {
            return Ok(self.origin(target.address().clone()));
        };
        let endpoint = self.stores.endpoints.of(object)?.clone();
        self.store(Operation {
            address: endpoint.address_of(object)?,
            payload: Payload::Empty,
            endpoint,
        })
    }

    /// An origin that has been checked.
    fn origin(&self, uri: TargetUri) -> Destination {
        Destination {
            address: uri.to_uri(),
            pool: self.pool.clone(),
            signing: None,
            origin: uri,
        }
    }

    fn store(&self, operation: Operation) -> Result<Destination, BoxError> {
        let Operation {
            endpoint,
            address,
            payload,
        } = operation;
        let origin = endpoint.root()?;
        let own = self.stores.pools.get(&endpoint.name);
        if own.is_none() {
            self.guard.check_uri(&origin)?;
        }
        Ok(Destination {
            origin,
            address,
            pool: own.unwrap_or(&self.pool).clone(),
            signing: Some(Signing {
                endpoint,
                payload,
                region: None,
            }),
        })
    }

    /// Where a redirect from `here` leads on to. A store's signature is made anew for its own hosts, and
    /// goes nowhere else.
    pub(super) fn onward(
        &self,
        here: Destination,
        next: &TargetUri,
        region: Option<String>,
    ) -> Result<Destination, BoxError> {
        let own = here
            .signing
            .filter(|signing| signing.endpoint.covers(&next.to_uri()));
        let Some(Signing {
            endpoint, payload, ..
        }) = own
        else {
            self.guard.check_uri(next)?;
            return Ok(self.origin(next.clone()));
        };
        let mut there = self.store(Operation {
            endpoint,
            address: next.to_uri(),
            payload,
        })?;
        if let Some(signing) = &mut there.signing {
            signing.region = region;
        }
        Ok(there)
    }

    /// The request as it goes to a store: what is connected to, what `Host` says and what is signed are
    /// one.
    pub(super) async fn signed(
        &self,
        mut request: Request<Body>,
        there: &Destination,
    ) -> Result<Request<Body>, BoxError> {
        let host = host(&there.address)
            .map_err(|error| UpstreamFailure::caused(Reason::Invalid, error))?;
        request.headers_mut().insert(HOST, host);
        *request.uri_mut() = there.address.clone();
        if let Some(signing) = &there.signing {
            if reads_object(&request) {
                let fields = Head::request_fields();
                request.headers_mut().extend(fields);
            }
            let (payload, region) = (signing.payload, signing.region.as_deref());
            let signed = signing
                .endpoint
                .sign(&mut request, payload, region, self.clock.now());
            signed.await?;
        }
        Ok(request)
    }
}

/// Whether an object itself is asked for, which then comes with its checksums.
fn reads_object(request: &Request<Body>) -> bool {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    is_read && request.uri().query().is_none()
}

fn host(address: &Uri) -> Result<HeaderValue, BoxError> {
    let host = address.host().unwrap_or_default();
    let default = match address.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    Ok(match address.port_u16().filter(|port| *port != default) {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}"))?,
        None => HeaderValue::try_from(host)?,
    })
}
