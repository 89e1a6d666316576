//! What a client of `POST /resolve` asks.

use artifact_cache_layers::digest::Sha256;

use super::{super::json::Fields, refused};
use crate::error::Error;

/// The document of a request.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) artifact_uri: String,
    pub(super) sha256: Option<Sha256>,
    pub(super) size_bytes: Option<u64>,
}

impl Wanted {
    pub(super) fn parse(document: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::parse(document)?;
        let artifact_uri = fields.text("artifact_uri");
        let sha256 = fields.optional_text("sha256");
        let size_bytes = fields.optional_number("size_bytes");
        fields.finish()?;
        Ok(Self {
            sha256: sha256.as_deref().map(digest).transpose()?,
            artifact_uri,
            size_bytes,
        })
    }

    /// Digest and length, which everything remote must have.
    pub(super) fn identity(&self) -> Result<(Sha256, u64), Error> {
        self.sha256
            .zip(self.size_bytes)
            .ok_or_else(|| refused("Remote artifacts require sha256 and size_bytes"))
    }
}

/// Hex only: here a digest is a file name.
fn digest(text: &str) -> Result<Sha256, Error> {
    let parsed = (text.len() == 64).then(|| text.parse().ok()).flatten();
    parsed.ok_or_else(|| refused("Invalid sha256 (expected 64 hex characters)"))
}
