//! Bytes that may not occur in a request target.

use http::Uri;

use super::error::InvalidRequest;

/// RFC 3986 §2: a URI is made of ASCII characters; everything else is percent-encoded. Parsers that
/// are lenient here disagree on what the bytes mean.
pub(super) fn check_target(uri: &Uri) -> Result<(), InvalidRequest> {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    if path.bytes().all(is_target_byte) {
        Ok(())
    } else {
        Err(InvalidRequest::TargetSyntax)
    }
}

/// Visible ASCII, without the fragment's mark: a fragment is never sent (RFC 9110 §7.1).
fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}
