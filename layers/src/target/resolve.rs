//! Decides which form a request target has (RFC 9112 §3.2) and what it therefore asks for.

use http::{
    HeaderValue, Method, Request, Uri,
    header::HOST,
    uri::{Authority, PathAndQuery},
};

use super::{
    Intercepted,
    error::{Fault, InvalidTarget},
    explicit,
    mirrors::Mirrors,
    names::OwnNames,
};
use crate::{
    body::Body,
    extensions::{Delivery, Mode, Target},
    semantics::target_uri::TargetUri,
};

/// The target of `request`, `None` for a local route. Rewrites an absolute form that names ourselves.
pub(super) fn resolve(
    request: &mut Request<Body>,
    own: &OwnNames,
    mirrors: &Mirrors,
) -> Result<Option<Target>, InvalidTarget> {
    if request.method() == Method::CONNECT {
        return Ok(None);
    }
    if let Some(Intercepted(tunnel)) = request.extensions().get() {
        return inside(tunnel, request).map(Some);
    }
    if let Some(authority) = request.uri().authority().cloned() {
        let uri = absolute(request.uri()).map_err(|fault| InvalidTarget::AbsoluteForm { fault })?;
        if !own.contain(&uri) {
            return Ok(Some(of(uri, Mode::Forward)));
        }
        to_origin_form(request, &authority);
    }
    if let Some(uri) = mirrors.resolve(request.uri())? {
        return Ok(Some(of(uri, Mode::Mirror)));
    }
    explicit::resolve(request.method(), request.uri())
}

fn of(uri: TargetUri, mode: Mode) -> Target {
    Target {
        signed: None,
        uri,
        mode,
        expect: None,
        delivery: Delivery::default(),
    }
}

fn absolute(uri: &Uri) -> Result<TargetUri, Fault> {
    require_http(uri.scheme_str().unwrap_or_default())?;
    Ok(uri.to_string().parse::<TargetUri>()?)
}

/// What an explicit fetch may ask for: besides origins, objects of a store.
pub(super) fn require_known(scheme: &str) -> Result<(), Fault> {
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "s3" | "minio" => Ok(()),
        named if named.starts_with("s3+") => Ok(()),
        other => require_http(other),
    }
}

/// Only `http` and `https` lead anywhere.
fn require_http(scheme: &str) -> Result<(), Fault> {
    let known = ["http", "https"];
    if known.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        Ok(())
    } else {
        Err(Fault::Scheme(scheme.to_owned()))
    }
}

/// RFC 9112 §3.2.2: "When an origin server receives a request with an absolute-form of
/// request-target, the origin server MUST ignore the received Host header field (if any) and instead
/// use the host information of the request-target."
fn to_origin_form(request: &mut Request<Body>, authority: &Authority) {
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
}

/// The tunnel says where the request goes. A client that means another origin by its `Host` would
/// be given, and would have us store, that origin's content under this one's name.
fn inside(tunnel: &Authority, request: &Request<Body>) -> Result<Target, InvalidTarget> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", PathAndQuery::as_str);
    let uri = format!("https://{tunnel}{path}")
        .parse::<TargetUri>()
        .map_err(|invalid| InvalidTarget::AbsoluteForm {
            fault: invalid.into(),
        })?;
    if named(request).is_some_and(|name| !is_same_origin(name, &uri)) {
        return Err(InvalidTarget::Misdirected {
            tunnel: tunnel.to_string(),
        });
    }
    Ok(of(uri, Mode::Intercepted))
}

/// The authority that the request itself names.
fn named(request: &Request<Body>) -> Option<&[u8]> {
    let in_target = request
        .uri()
        .authority()
        .map(|name| name.as_str().as_bytes());
    in_target.or_else(|| request.headers().get(HOST).map(HeaderValue::as_bytes))
}

fn is_same_origin(named: &[u8], uri: &TargetUri) -> bool {
    str::from_utf8(named).is_ok_and(|name| {
        format!("https://{name}/")
            .parse::<TargetUri>()
            .is_ok_and(|named| named.is_same_origin(uri))
    })
}
