//! What a client of `POST /resolve` asks.

use artifact_cache_layers::digest::Sha256;
use schemars::JsonSchema;

use super::{super::json::Fields, refused};
use crate::error::Error;

/// The document of a request.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) artifact_uri: String,
    pub(super) sha256: Option<Sha256>,
    pub(super) size_bytes: Option<u64>,
}

/// An artifact that is wanted as a path of this machine. What is remote needs digest and size.
#[derive(JsonSchema)]
#[schemars(rename = "Resolve", deny_unknown_fields)]
pub(super) struct Document {
    /// `s3://bucket/key`, or the path of a local file where that is allowed.
    artifact_uri: String,
    /// 64 hexadecimal digits.
    sha256: Option<String>,
    /// Its length in bytes.
    size_bytes: Option<u64>,
}

impl Document {
    fn parse(document: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::parse(document)?;
        let document = Self {
            artifact_uri: fields.text("artifact_uri"),
            sha256: fields.optional_text("sha256"),
            size_bytes: fields.optional_number("size_bytes"),
        };
        fields.finish()?;
        Ok(document)
    }
}

impl Wanted {
    pub(super) fn parse(document: &[u8]) -> Result<Self, Error> {
        let document = Document::parse(document)?;
        Ok(Self {
            sha256: document.sha256.as_deref().map(digest).transpose()?,
            artifact_uri: document.artifact_uri,
            size_bytes: document.size_bytes,
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
