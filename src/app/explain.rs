//! What the cache makes of a URL: the decisions of a request, without the request.

use artifact_cache_layers::{
    body::BoxError,
    cache::{Store as _, Stored, StoredSet as _},
    semantics::{
        cache_key::CacheKey,
        class::Class,
        freshness, presigned,
        reuse::{Reuse, reuse},
        target_uri::TargetUri,
    },
};
use http::{HeaderName, Request, StatusCode, header, request};

use super::App;
use crate::api::{Explanation, StoredVariant};

impl App {
    /// Explains `uri`: one look into the store.
    pub(super) fn explanation(&self, uri: &TargetUri) -> Result<Explanation, BoxError> {
        let name = presigned::name(uri).filter(|_| self.config().classes.presigned);
        let (is_presigned, uri) = (name.is_some(), name.unwrap_or_else(|| uri.clone()));
        let (class, rule) = self.classifier.find(&uri);
        let key = CacheKey::of(&uri);
        let set = self.store.stored(&key)?;
        let responses = set.as_ref().map_or(&[][..], |set| set.responses());
        let judged: Vec<_> = responses
            .iter()
            .map(|stored| (stored, self.judge(stored, class)))
            .collect();
        let (next, why) = next(class, judged.first().map(|(_, verdict)| verdict));
        let is_archived = |stored: &Stored| stored.response.status == StatusCode::OK;
        Ok(Explanation {
            url: uri.to_string(),
            key: key.0.to_string(),
            presigned: is_presigned,
            class: class.as_str(),
            rule: rule.map(str::to_owned),
            next,
            why,
            fetch: if responses.iter().any(is_archived) {
                "hit"
            } else {
                "fetch"
            },
            not_stored: self.store.refusal(&key),
            stored: judged
                .iter()
                .map(|(stored, verdict)| self.variant(stored, verdict))
                .collect(),
        })
    }

    fn judge(&self, stored: &Stored, class: Class) -> Reuse {
        let policy = self.rules.load().policy(class);
        reuse(
            &plain(),
            &stored.response,
            &policy,
            self.store.clock().now(),
        )
    }

    fn variant(&self, stored: &Stored, verdict: &Reuse) -> StoredVariant {
        let response = &stored.response;
        let text = |name: HeaderName| {
            let value = response.fields.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let age = freshness::current_age(response, self.store.clock().now());
        let fresh_for = verdict.fresh_for().filter(|_| !stored.invalidated);
        StoredVariant {
            status: response.status.as_u16(),
            sha256: response.digest.to_string(),
            size_bytes: response.length,
            age_seconds: age.as_secs(),
            fresh_for_seconds: fresh_for.map(|ttl| ttl.as_secs()),
            invalidated: stored.invalidated,
            cache_control: text(header::CACHE_CONTROL),
            etag: text(header::ETAG),
            last_modified: text(header::LAST_MODIFIED),
            vary: response
                .nominated
                .iter()
                .map(|(name, _)| name.to_string())
                .collect(),
        }
    }
}

/// What a plain GET would do, and why.
fn next(class: Class, newest: Option<&Reuse>) -> (&'static str, &'static str) {
    match newest {
        _ if class == Class::Bypass => ("bypass", "the class says so"),
        None => ("fetch", "uri-miss"),
        Some(Reuse::Fresh { .. }) => ("hit", "fresh"),
        Some(Reuse::Stale { .. }) => ("stale", "stale-while-revalidate"),
        Some(Reuse::Validate(reason)) => ("validate", reason.as_str()),
        Some(Reuse::Forward(reason)) => ("fetch", reason.as_str()),
    }
}

fn plain() -> request::Parts {
    Request::new(()).into_parts().0
}
