//! Which responses are kept, and what an interrupted transfer left behind (`tee::Admit`).

use std::sync::Arc;

use artifact_cache_layers::{
    body::BoxError,
    extensions::{Asked, FinalUri, Target},
    failure::TooLarge,
    semantics::{
        cache_key::{self, CacheKey},
        class::Class,
        storable::{NotStored, Storable, storable},
        stored_response::fields_to_store,
        validation::strong_validator,
    },
    tee::{Admission, Admit, Kept, Task},
};
use bytes::BytesMut;
use http::{HeaderMap, StatusCode, header, request, response};

use super::{
    Store,
    fill::{Fill, Medium, STEP},
    filling::{Filling, Head},
    room::Grant,
    worker::Worker,
};
use crate::{
    artifact::check::Check,
    blob::{Partial, PartialIdentity, follow::Growing},
    telemetry::label::Uncached,
};

/// Artifacts up to this length are collected in memory and written at once.
const SMALL: u64 = 256 << 10;

impl Admit for Store {
    type Sink = Fill;

    async fn kept(&self, request: &request::Parts) -> Option<Kept> {
        let target = request.extensions.get::<Target>()?;
        let (length, validator) = self
            .kept_partials()
            .find(&CacheKey::of(&target.uri))
            .await?;
        Some(Kept { length, validator })
    }

    async fn admit(
        &self,
        request: &request::Parts,
        response: &response::Parts,
        kept: Option<Kept>,
    ) -> Admission<Fill> {
        let Some(target) = request.extensions.get::<Target>() else {
            return Admission::Pass("no-target");
        };
        if let Err(reason) = self.is_storable(target, request, response) {
            return self.pass(target, reason);
        }
        let length = content_length(&response.headers);
        let grant = match self.reserve(target, length).await {
            Ok(Ok(grant)) => grant,
            Ok(Err(reason)) => return self.pass(target, reason),
            Err(error) => return Admission::Refuse(error),
        };
        self.0.refusals.forget(&CacheKey::of(&target.uri));
        let Some(head) = self.head(request, response) else {
            return self.pass(target, Uncached::Vary);
        };
        let announced = (length, check(response));
        match self.medium(target, &head, announced, kept).await {
            Ok((medium, growing, kept)) => {
                let filling = Filling::new(head, growing, self.metrics().clone());
                filling_expects(&filling, target);
                let final_url = final_url(response);
                Admission::Keep(Fill::new(
                    self.clone(),
                    target.clone(),
                    final_url,
                    filling,
                    (medium, grant),
                    kept,
                ))
            }
            Err(error) => {
                tracing::warn!(error = %error, "cannot create a file in the store, streaming uncached");
                self.pass(target, Uncached::StoreFailed)
            }
        }
    }

    fn spawn(&self, fill: Task) {
        self.tasks().spawn(fill);
    }
}

/// What the whole body is checked against, beside its length.
fn check(response: &response::Parts) -> Check {
    let told = response.extensions.get::<Check>();
    told.copied().unwrap_or(Check::Length)
}

fn final_url(response: &response::Parts) -> Option<String> {
    let last = response.extensions.get::<FinalUri>();
    last.map(|last| last.0.to_string())
}

/// The request that started the fill waits for it like every other.
fn filling_expects(filling: &Arc<Filling>, target: &Target) {
    use artifact_cache_layers::share::Share as _;
    filling.expect(target.expect);
}

impl Store {
    fn pass(&self, target: &Target, reason: Uncached) -> Admission<Fill> {
        let key = CacheKey::of(&target.uri);
        self.0.refusals.note(key, reason.word());
        self.metrics().uncached.of(reason).increment();
        Admission::Pass(reason.word())
    }

    /// By archive rules every whole artifact is stored, by HTTP's what RFC 9111 §3 allows.
    fn is_storable(
        &self,
        target: &Target,
        request: &request::Parts,
        response: &response::Parts,
    ) -> Result<(), Uncached> {
        if target.mode.is_archive() {
            return if response.status == StatusCode::OK {
                Ok(())
            } else {
                Err(Uncached::Status)
            };
        }
        let rules = self.rules();
        let class = (rules.class)(&target.uri);
        if class == Class::Bypass {
            return Err(Uncached::Bypass);
        }
        match storable(request, response, &rules.policy(class)) {
            Storable::Store => Ok(()),
            Storable::DoNot(reason) => Err(uncached(reason)),
        }
    }

    /// Room for it; an error when an explicit request asks for too much.
    async fn reserve(
        &self,
        target: &Target,
        length: Option<u64>,
    ) -> Result<Result<Grant, Uncached>, BoxError> {
        let (settings, room) = (self.settings(), self.room());
        let limit = settings.max_object_bytes.0;
        match length.filter(|size| limit > 0 && *size > limit) {
            Some(size) if target.mode.is_archive() => return Err(TooLarge { limit, size }.into()),
            Some(_) => return Ok(Err(Uncached::TooLarge)),
            None if room.is_beyond(length) => return Ok(Err(Uncached::TooLarge)),
            None => {}
        }
        let length = length.unwrap_or(STEP);
        let grant = room.reserve(length, settings.min_free_bytes.0).await;
        Ok(grant.ok_or(Uncached::DiskFull))
    }

    fn head(&self, request: &request::Parts, response: &response::Parts) -> Option<Head> {
        let now = self.clock().now();
        let fields = fields_to_store(&response.headers, now);
        let asked = request
            .extensions
            .get::<Asked>()
            .map_or(now, |asked| asked.0);
        let is_archive = request
            .extensions
            .get::<Target>()
            .is_some_and(|target| target.mode.is_archive());
        let nominated = cache_key::nominated(&fields, &request.headers);
        Some(Head {
            status: response.status,
            fields,
            request_time: asked,
            response_time: now,
            // An explicit request sends no fields of a client, so `Vary: *` says nothing about it.
            nominated: if is_archive {
                nominated.unwrap_or_default()
            } else {
                nominated?
            },
        })
    }

    /// Where the bytes go, and how many of them are there already.
    async fn medium(
        &self,
        target: &Target,
        head: &Head,
        (length, check): (Option<u64>, Check),
        kept: Option<Kept>,
    ) -> Result<(Medium, Arc<Growing>, u64), BoxError> {
        let left = self.kept_partials().take(&CacheKey::of(&target.uri));
        let continued = left.filter(|left| kept.is_some_and(|kept| kept.length == left.length));
        if let (None, Some(small)) = (&continued, length.filter(|length| *length <= SMALL)) {
            let collected = BytesMut::with_capacity(usize::try_from(small)?);
            let medium = Medium::Memory(collected, check);
            return Ok((medium, Growing::new(None, length), 0));
        }
        let (partial, there) = match continued {
            Some(left) => {
                self.metrics().resumed.increment();
                (left.partial, left.length)
            }
            None => (self.new_partial(target, head, length).await?, 0),
        };
        let growing = Growing::new(Some(partial.file().clone()), length);
        Ok((
            Medium::File(Worker::start(partial, there, growing.clone(), check)),
            growing,
            there,
        ))
    }

    /// A file for a fill, with a name when the origin lets it be continued after a restart.
    async fn new_partial(
        &self,
        target: &Target,
        head: &Head,
        length: Option<u64>,
    ) -> Result<Partial, BoxError> {
        let key = CacheKey::of(&target.uri);
        let blobs = self.blobs().clone();
        let validator = strong_validator(&head.fields);
        let identity = validator
            .as_ref()
            .and_then(|value| value.to_str().ok())
            .map(|validator| {
                let now = self.clock().now();
                let identity = PartialIdentity::new(target.uri.to_string(), validator.into(), now);
                PartialIdentity {
                    total_len: length,
                    response: length.map(|length| head.beginning(&target.uri, length)),
                    ..identity
                }
            });
        let create = move || match identity {
            Some(identity) => Partial::create_resumable(&blobs, &key, &identity),
            None => Partial::create(&blobs, length),
        };
        Ok(tokio::task::spawn_blocking(create).await??)
    }
}

fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The label of a reason not to store.
fn uncached(reason: NotStored) -> Uncached {
    match reason {
        NotStored::Method => Uncached::Method,
        NotStored::Status => Uncached::Status,
        NotStored::NoStore => Uncached::NoStore,
        NotStored::Private => Uncached::Private,
        NotStored::Authorization => Uncached::Authorization,
        NotStored::VaryStar => Uncached::Vary,
        NotStored::NotFresh => Uncached::Useless,
        NotStored::Partial => Uncached::Partial,
        NotStored::SetCookie => Uncached::SetCookie,
        _ => Uncached::Other,
    }
}
