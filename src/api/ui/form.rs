//! [`Form`]: what a form sent.

use artifact_cache_layers::body::Body;
use url::form_urlencoded;

use super::{super::json, refusal::Refusal};

/// Longest form, in bytes.
const LONGEST: u64 = 64 << 10;

/// The fields of a form. Each has one value; a second one is ignored.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body as browsers send it.
    pub(super) async fn read(body: Body) -> Result<Self, Refusal> {
        let read = json::read(body, LONGEST).await;
        let bytes = read.map_err(|error| Refusal::Invalid(error.message()))?;
        let pairs = form_urlencoded::parse(&bytes);
        Ok(Self(pairs.into_owned().collect()))
    }

    /// A field; the empty text where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        let found = fields.find(|(named, _)| named == name);
        found.map_or("", |(_, value)| value.trim())
    }
}
