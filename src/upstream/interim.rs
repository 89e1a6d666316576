//! Interim responses of an origin (RFC 9110 §15.2): handed to the request that is waiting, never kept.

use artifact_cache_layers::{
    body::Body, extensions::Interim, semantics::hop_by_hop::remove_hop_by_hop,
};
use http::{
    Request, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// "A proxy MUST forward 1xx responses unless the proxy itself requested the generation of the 1xx
/// response." 100 answers an expectation, which ends here, and 101 is refused as unasked.
pub(super) fn forward(request: &mut Request<Body>, interim: Option<Interim>) {
    let Some(interim) = interim else { return };
    hyper::ext::on_informational(request, move |response| {
        let status = response.status();
        if matches!(
            status,
            StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS
        ) {
            return;
        }
        let mut fields = response.headers().clone();
        remove_hop_by_hop(&mut fields);
        // A message without content; whoever sees a length here may wait for it.
        fields.remove(CONTENT_LENGTH);
        fields.remove(TRANSFER_ENCODING);
        interim.send(status, &fields);
    });
}
