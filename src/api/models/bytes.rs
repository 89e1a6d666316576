//! The bytes of a model: its URI becomes the target of the request and its digest the pin, so that they
//! take the one way to bytes like every other artifact, with ranges and conditions.

use artifact_cache_layers::{
    body::{Body, BoxError},
    digest::Sha256,
    extensions::{Delivery, Mode, Target},
    semantics::target_uri::TargetUri,
};
use http::{Method, Request, Response, request::Parts};

use super::{Registry, route::Route};
use crate::{artifact::model::Model, error::Error};

impl Registry {
    /// Asks the shared cache for the checkpoint of the model that a route names.
    pub(super) async fn bytes(
        &self,
        route: &Route,
        mut head: Parts,
    ) -> Result<Response<Body>, BoxError> {
        let model = match route {
            Route::ProductionArtifact(name) => self.production(name),
            Route::Artifact(id) => self.model(id),
            _ => Err(Error::NotFound),
        }?;
        let target = self.target(&model)?;
        // Whatever else was asked for is not for the origin.
        head.headers.remove("x-api-key");
        head.headers.remove(http::header::AUTHORIZATION);
        head.uri = target.uri.to_uri();
        head.extensions.insert(target);
        let cache = self.cache.as_ref().ok_or(Error::NotFound)?;
        cache.ask(Request::from_parts(head, Body::empty())).await
    }

    /// What to ask for, with the digest it must have.
    pub(super) fn target(&self, model: &Model) -> Result<Target, Error> {
        let digest = model.made_of.checkpoint_sha256.as_deref();
        let digest: Sha256 =
            digest
                .and_then(|hex| hex.parse().ok())
                .ok_or_else(|| Error::Conflict {
                    message: "Model has no checkpoint_sha256, so its artifact cannot be verified"
                        .into(),
                })?;
        Ok(Target {
            uri: self.uri(&model.made_of.artifact_uri, &digest)?,
            mode: Mode::Explicit,
            expect: Some(digest),
            delivery: Delivery::Hold,
            signed: None,
        })
    }

    /// Where the bytes are: at the URI, or wherever the store has them from when it names only a digest.
    fn uri(&self, uri: &str, digest: &Sha256) -> Result<TargetUri, Error> {
        let absent = || Error::Absent {
            message: "Artifact not found".into(),
        };
        if uri.starts_with("sha256:") {
            let holder = self.store.holder(digest);
            let holder = holder.map_err(|error| Error::internal(&*error))?;
            return holder.map(|set| set.uri.clone()).ok_or_else(absent);
        }
        uri.parse().map_err(|_| Error::Conflict {
            message: format!("Model has an artifact_uri that cannot be fetched: {uri}"),
        })
    }
}

/// Whether a request is one for the bytes of a model.
pub(super) fn is_wanted(route: &Route, method: &Method) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    reads && matches!(route, Route::Artifact(_) | Route::ProductionArtifact(_))
}
