//! A model as an answer, with its validator.

use artifact_cache_layers::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{Registry, record::Record};
use crate::{api::answer, artifact::model::Model, error::Error};

/// Any JSON document.
pub(super) fn json(value: &impl Serialize) -> Result<Response<Body>, Error> {
    answer::json(StatusCode::OK, value).map_err(|error| Error::internal(&error))
}

impl Registry {
    /// A model with its entity tag.
    pub(super) fn show(&self, model: &Model) -> Result<Response<Body>, Error> {
        let mut response = json(&self.record(model))?;
        if let Ok(tag) = HeaderValue::try_from(model.entity_tag()) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        Ok(response)
    }

    /// The same, unless the client has it (RFC 9110 §13.1.2).
    pub(super) fn show_unless_known(
        &self,
        model: &Model,
        fields: &HeaderMap,
    ) -> Result<Response<Body>, Error> {
        let mut response = self.show(model)?;
        let known = tags(fields, &header::IF_NONE_MATCH).unwrap_or_default();
        let current = model.entity_tag();
        let is_known = |tag: &String| tag == "*" || tag.trim_start_matches("W/") == current;
        if known.iter().any(is_known) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
        }
        Ok(response)
    }

    pub(super) fn record<'a>(&self, model: &'a Model) -> Record<'a> {
        Record::of(model, self.config.registry.expose_local_paths)
    }
}

/// The entity tags of a field, which may be sent in several lines; `None` when it is not there.
pub(super) fn tags(fields: &HeaderMap, name: &header::HeaderName) -> Option<Vec<String>> {
    if !fields.contains_key(name) {
        return None;
    }
    let values = fields.get_all(name).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    // Our tags have no comma in them, so any that has is somebody else's.
    let tags = values.flat_map(|value| value.split(','));
    Some(tags.map(|tag| tag.trim().to_owned()).collect())
}
