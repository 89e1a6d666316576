//! How large a request head may be.

use http::Request;

use super::error::InvalidRequest;

/// Limits of a request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request target in bytes.
    pub max_target: usize,
    /// Largest head in bytes: request line and fields.
    pub max_head: usize,
    /// Most field lines.
    pub max_fields: usize,
}

impl Default for Limits {
    /// RFC 9112 §3 recommends at least 8000 bytes for a request line; the rest is what common
    /// servers allow.
    fn default() -> Self {
        Self {
            max_target: 8 << 10,
            max_head: 64 << 10,
            max_fields: 100,
        }
    }
}

/// `: ` and the line end of a field; two spaces and the line end of the request line.
const LINE_OVERHEAD: usize = 4;
const VERSION: usize = "HTTP/1.1".len();

impl Limits {
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), InvalidRequest> {
        let target = target_len(request);
        if target > self.max_target {
            return Err(InvalidRequest::TargetTooLong {
                limit: self.max_target,
            });
        }
        if request.headers().len() > self.max_fields {
            return Err(InvalidRequest::TooManyFields {
                limit: self.max_fields,
            });
        }
        let line = request.method().as_str().len() + target + VERSION + LINE_OVERHEAD;
        let fields = request.headers().iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + LINE_OVERHEAD);
        if line + fields.sum::<usize>() > self.max_head {
            return Err(InvalidRequest::HeadTooLarge {
                limit: self.max_head,
            });
        }
        Ok(())
    }
}

/// The target's length as it was on the wire, `http://` of an absolute form included.
fn target_len<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let scheme = uri
        .scheme_str()
        .map_or(0, |scheme| scheme.len() + "://".len());
    let authority = uri
        .authority()
        .map_or(0, |authority| authority.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    scheme + authority + path
}
