//! Explicit requests, by archive rules: what was stored once is served until it is removed, a pinned
//! digest is an identity, and wrong bytes are never presented as right.

mod fetch;
mod unkept;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use tower_service::Service;

use super::{
    answer::Head,
    exchange::{Exchange, archive_request_fields},
    rules::Alias,
    status::{self, X_CACHE_STATUS},
    store::{Store, Stored, StoredSet},
};
use crate::{
    body::{Body, BoxError},
    cause::is_caused_by,
    digest::Sha256,
    extensions::{Anew, Served},
    failure::Superseded,
    semantics::{
        cache_key::{self, Nominated},
        cache_status::CacheStatus,
        freshness,
        stored_response::StoredResponse,
    },
    share::SharedError,
};

/// Times that a download is started for one request: a body that broke off while the head was held may
/// start again unseen.
const ATTEMPTS: u32 = 3;

type Answer = Result<Response<Body>, BoxError>;

/// Why a held answer could not be given.
enum Held {
    /// The transfer broke off before the client was told anything: it may start again.
    Again(SharedError),
    Failed(BoxError),
}

impl<S, T> Exchange<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    T: Store,
{
    /// Answers an explicit request. What a hit does not need is boxed, here and below: the future of a
    /// hit stays small, and it is what every request pays for.
    pub(super) async fn archive(&mut self) -> Answer {
        let mut attempts = ATTEMPTS;
        loop {
            self.look()?;
            if self.anew().is_none()
                && let Some(hit) = self.archived().await?
            {
                return Ok(hit);
            }
            attempts -= 1;
            match Box::pin(self.fetch()).await {
                Ok(response) => return Ok(response),
                Err(Held::Failed(error)) if attempts > 0 && is_caused_by::<Superseded>(&*error) => {
                }
                Err(Held::Again(_)) if attempts > 0 => {}
                Err(Held::Again(error)) => return Err(error.into()),
                Err(Held::Failed(error)) => return Err(error),
            }
        }
    }

    /// Whether the origin is to be asked whatever is stored.
    fn anew(&self) -> Option<Anew> {
        self.head.extensions.get().copied()
    }

    /// The answer from the store, if it has one.
    async fn archived(&mut self) -> Result<Option<Response<Body>>, BoxError> {
        let Some(set) = self.set.clone() else {
            return Box::pin(self.pinned(Alias::Always)).await;
        };
        let Some(stored) = of_archive(&set).filter(|stored| self.has_pin(&stored.response.digest))
        else {
            return Box::pin(self.pinned(Alias::Always)).await;
        };
        let fields = stored
            .prepared
            .get_or_init(|| self.archive_fields(&stored.response));
        let mut hit = self.archive_hit(&stored.response, fields, None).await?;
        if let Some(hit) = &mut hit {
            self.store.count_hit(&set);
            self.mark_repeatable(hit, stored, None);
        }
        Ok(hit)
    }

    /// The newest bytes that the URL itself served.
    fn newest(&self) -> Option<&StoredResponse> {
        Some(&of_archive(self.set.as_ref()?)?.response)
    }

    fn has_pin(&self, digest: &Sha256) -> bool {
        self.target.expect.is_none_or(|pin| pin == *digest)
    }

    fn archive_fields(&self, response: &StoredResponse) -> HeaderMap {
        let media_type = self.rules.archive.media_type;
        status::archive_fields(
            &response.fields,
            &self.target.uri,
            Some(response.digest),
            media_type,
        )
    }

    async fn archive_hit(
        &mut self,
        response: &StoredResponse,
        fields: &HeaderMap,
        detail: Option<&'static str>,
    ) -> Result<Option<Response<Body>>, BoxError> {
        let Some(content) = self.open(response).await? else {
            return Ok(None);
        };
        let mut fields = fields.clone();
        fields.insert(X_CACHE_STATUS, HeaderValue::from_static("HIT"));
        status::set_age(&mut fields, freshness::current_age(response, self.now()));
        let head = Head {
            status: StatusCode::OK,
            fields,
        };
        let mut hit = self.answer_from_store(&content, response.length, head);
        let how = CacheStatus::hit();
        let how = match detail {
            Some(detail) => how.detail(detail),
            None => how,
        };
        status::describe(&mut hit, self.rules.name, &how, Served::Hit);
        Ok(Some(hit))
    }

    /// The answer to a pin that is not the newest digest: an earlier version of this URL, or the same
    /// bytes from another URL when the rules allow it in this `situation`.
    async fn pinned(&mut self, situation: Alias) -> Result<Option<Response<Body>>, BoxError> {
        let Some(pin) = self.target.expect else {
            return Ok(None);
        };
        let Some(found) = self.store.pinned(&self.key, &pin)? else {
            return Ok(None);
        };
        if found.is_alias && self.rules.archive.alias != situation {
            return Ok(None);
        }
        let detail = found.is_alias.then_some("pin-alias");
        let fields = self.archive_fields(&found.response);
        let hit = self.archive_hit(&found.response, &fields, detail).await?;
        if hit.is_some() {
            // The bytes are right whether or not their new URL could be noted.
            drop(self.note_pinned(found.is_alias, found.response).await);
        }
        Ok(hit)
    }

    /// An alias becomes a source of this URL; either way the hit counts.
    async fn note_pinned(
        &mut self,
        is_alias: bool,
        response: StoredResponse,
    ) -> Result<(), BoxError> {
        if is_alias && self.set.is_none() {
            self.store.update(&self.target.uri, response).await?;
            self.look()?;
        }
        if let Some(set) = &self.set {
            self.store.count_hit(set);
        }
        Ok(())
    }
}

/// The newest response that an explicit request could have got. One that was negotiated for a
/// proxy's client, such as a compressed one, is not the artifact itself.
fn of_archive(set: &impl StoredSet) -> Option<&Stored> {
    set.responses().iter().find(|stored| {
        let response = &stored.response;
        response.status == StatusCode::OK
            && (response.nominated.is_empty()
                || cache_key::matches(&decisive(response), &archive_request_fields()))
    })
}

/// The nominated fields but for a coding that was offered and not used: the bytes are the same without.
fn decisive(response: &StoredResponse) -> Nominated {
    let is_coded = response.fields.contains_key(header::CONTENT_ENCODING);
    let nominated = response.nominated.iter();
    nominated
        .filter(|(name, _)| is_coded || *name != header::ACCEPT_ENCODING)
        .cloned()
        .collect()
}
