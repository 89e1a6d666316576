//! What an unsafe request throws out of the cache (RFC 9111 §4.4).

use http::{Method, header, response};

use super::target_uri::TargetUri;

/// The URIs whose stored responses the answer to `method` on `target` invalidates; the target first.
///
/// "A cache MUST invalidate the target URI […] when it receives a non-error status code in response to an
/// unsafe request method (including methods whose safety is unknown)", non-error being 2xx and 3xx.
/// "A cache MAY invalidate other URIs […] In particular, the URI(s) in the Location and Content-Location
/// response header fields (if present) are candidates for invalidation". But "a cache MUST NOT trigger
/// an invalidation under these conditions if the origin […] of the URI to be invalidated differs from
/// that of the target URI […]. This helps prevent denial-of-service attacks."
#[must_use]
pub fn invalidated(
    method: &Method,
    target: &TargetUri,
    response: &response::Parts,
) -> Vec<TargetUri> {
    let is_error = !(response.status.is_success() || response.status.is_redirection());
    // A tunnel's target is a host, not a resource.
    if method.is_safe() || method == Method::CONNECT || is_error {
        return Vec::new();
    }
    let mut uris = vec![target.clone()];
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let reference = response
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        let uri = reference.and_then(|reference| target.join(reference).ok());
        uris.extend(uri.filter(|uri| uri.is_same_origin(target) && !uris.contains(uri)));
    }
    uris
}
