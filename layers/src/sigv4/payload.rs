//! [`Payload`]: what a signature says of the body.

use aws_sigv4::http_request::SignableBody;

use crate::digest::Sha256;

/// What a signature says of the body. As a request extension it tells the layer; without one, a body
/// that is known to be empty is signed as such and any other is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// There is none.
    Empty,
    /// It has this digest: the service refuses any other body.
    Digest(Sha256),
    /// The signature does not cover it. For presigned URLs, and for bodies whose digest is not known
    /// before they are sent, which are safe inside TLS only.
    Unsigned,
}

impl Payload {
    pub(super) fn signable(self) -> SignableBody<'static> {
        match self {
            Self::Empty => SignableBody::Bytes(b""),
            Self::Digest(digest) => SignableBody::Precomputed(digest.to_string()),
            Self::Unsigned => SignableBody::UnsignedPayload,
        }
    }
}
