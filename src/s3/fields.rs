//! The fields that an object is written with.

use artifact_cache_layers::digest::Sha256;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{ObjectError, client::Metadata, head::METADATA};

/// The fields that an object is written with.
pub(super) fn object_fields(
    key: &str,
    digest: Sha256,
    metadata: &Metadata,
) -> Result<HeaderMap, ObjectError> {
    let mut fields = HeaderMap::new();
    let guess = mime_guess::from_path(key).first_raw();
    let media_type = guess.unwrap_or("application/octet-stream");
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    for (name, text) in metadata {
        let name = format!("{METADATA}{}", name.to_ascii_lowercase());
        let name = HeaderName::try_from(&name)
            .map_err(|_| ObjectError::Unsendable(format!("the metadata name `{name}`")))?;
        fields.insert(name, value(text)?);
    }
    let own = HeaderName::from_static("x-amz-meta-sha256");
    fields.insert(own, value(&digest.to_string())?);
    Ok(fields)
}

pub(super) fn value(text: &str) -> Result<HeaderValue, ObjectError> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| ObjectError::Unsendable(format!("the value `{}`", text.escape_debug())))
}
