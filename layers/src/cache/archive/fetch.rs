//! The miss: asks the origin, waits for the verdict as long as the request wants, and says clearly what
//! went wrong.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tower_service::Service;

use crate::cache::{
    NotFetched, OnlyIfCached,
    answer::Head,
    exchange::Exchange,
    negative::{self, Failure},
    rules::Alias,
    status::{self, X_CACHE_STATUS},
    store::Store,
};
use crate::{
    body::{Body, BoxError},
    cause::is_caused_by,
    digest::Sha256,
    extensions::{Anew, Delivery, Served},
    failure::{Changed, Mismatch, Superseded},
    semantics::{
        cache_status::CacheStatus,
        reuse::{self, ForwardReason},
        stored_response::StoredResponse,
        validation,
    },
    share::{Share, Shared, SharedError, Verdict, Wanted},
};

use super::Held;

impl<S, T> Exchange<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
    T: Store,
{
    /// Asks the origin.
    pub(super) async fn fetch(&mut self) -> Result<Response<Body>, Held> {
        self.may_fetch()?;
        let mut fields = self.upstream_fields();
        let anew = self.anew();
        let newest = self.newest().filter(|_| anew != Some(Anew::Whole)).cloned();
        if let Some(newest) = &newest {
            fields.extend(validation::conditional_fields(newest));
        }
        let asked = self.now();
        let response = match self.send(self.request(fields)).await {
            Ok(response) => response,
            Err(error) => return self.unreachable(error).await,
        };
        let shared = response.extensions().get::<Shared>().cloned();
        match (shared, response.status()) {
            (Some(shared), StatusCode::OK) => self.fetched(&shared).await,
            (None, StatusCode::OK) if self.head.method == Method::HEAD => Ok(self.unseen(response)),
            (None, StatusCode::OK) => self.unkept(response).map_err(Held::Failed),
            (_, StatusCode::NOT_MODIFIED) if anew.is_some() => {
                let fields = response.headers().clone();
                drop(response);
                self.still_right(newest, &fields, asked).await
            }
            (_, _) => Err(Held::Failed(self.refused(&response))),
        }
    }

    /// The origin was asked anew and confirms what is stored (RFC 9111 §4.3.4).
    async fn still_right(
        &mut self,
        newest: Option<StoredResponse>,
        confirmed: &HeaderMap,
        asked: SystemTime,
    ) -> Result<Response<Body>, Held> {
        let not_it = || {
            let (status, explained) = (StatusCode::NOT_MODIFIED, None);
            Held::Failed(NotFetched { status, explained }.into())
        };
        let newest = newest.filter(|newest| {
            validation::is_selected_by(newest, confirmed) && self.has_pin(&newest.digest)
        });
        let newest = newest.ok_or_else(not_it)?;
        let fresh = validation::freshened(&newest, confirmed, asked, self.now());
        let updated = self.store.update(&self.target.uri, fresh.clone()).await;
        updated.map_err(Held::Failed)?;
        let fields = self.archive_fields(&fresh);
        let hit = self.archive_hit(&fresh, &fields, None).await;
        let mut hit = hit.map_err(Held::Failed)?.ok_or_else(not_it)?;
        let how = CacheStatus::forward(ForwardReason::Request)
            .fwd_status(StatusCode::NOT_MODIFIED)
            .stored(true);
        status::describe(&mut hit, self.rules.name, &how, Served::Validated);
        Ok(hit)
    }

    /// Whether the origin may be asked at all.
    fn may_fetch(&self) -> Result<(), Held> {
        if self.anew().is_some() {
            return Ok(());
        }
        if reuse::only_if_cached(&self.head) {
            return Err(Held::Failed(OnlyIfCached.into()));
        }
        let pin = self.target.expect;
        match (self.negative.find(&self.key, pin, self.now()), pin) {
            (Some(Failure::Status(status)), _) => {
                let explained = None;
                Err(Held::Failed(NotFetched { status, explained }.into()))
            }
            (Some(Failure::Digest(actual)), Some(expected)) => {
                Err(Held::Failed(Mismatch { expected, actual }.into()))
            }
            _ if self.rules.archive.revalidate_on_pin_mismatch => Ok(()),
            _ => match self.conflict() {
                Some(conflict) => Err(Held::Failed(conflict.into())),
                None => Ok(()),
            },
        }
    }

    /// What is stored of the URL has another digest than the pinned one.
    fn conflict(&self) -> Option<Mismatch> {
        let expected = self.target.expect?;
        let actual = self.newest()?.digest;
        (expected != actual).then_some(Mismatch { expected, actual })
    }

    /// The origin answered, but not with new bytes. Stored ones contradict the pin then, whatever became
    /// of the URL.
    fn refused(&self, response: &Response<Body>) -> BoxError {
        let status = response.status();
        let explained = response.extensions().get().cloned();
        let lasts = matches!(
            status,
            StatusCode::NOT_MODIFIED | StatusCode::NOT_FOUND | StatusCode::GONE
        );
        let (failure, error): (_, BoxError) = match self.conflict() {
            Some(conflict) => (Failure::Digest(conflict.actual), conflict.into()),
            None => (
                Failure::Status(status),
                NotFetched { status, explained }.into(),
            ),
        };
        if lasts {
            self.remember(failure);
        }
        error
    }

    fn remember(&self, failure: Failure) {
        let until = negative::until(self.now(), self.rules.archive.negative_ttl);
        self.negative
            .remember(self.key, self.target.expect, failure, until);
    }

    async fn unreachable(&mut self, error: BoxError) -> Result<Response<Body>, Held> {
        if is_caused_by::<Superseded>(&*error) || self.anew().is_some() {
            return Err(Held::Failed(error));
        }
        match self.pinned(Alias::Offline).await {
            Ok(Some(hit)) => Ok(hit),
            _ => Err(Held::Failed(self.conflict().map_or(error, Into::into))),
        }
    }

    /// A body is on its way into the store: waits for the verdict as long as the request wants.
    async fn fetched(&mut self, shared: &Shared) -> Result<Response<Body>, Held> {
        let share = &shared.share;
        share.expect(self.target.expect);
        // A reader from the first byte on, so that none is given up while the head is held.
        let place = share.body(Wanted::default());
        let digest = match self.verdict(share).await {
            Some(Verdict::Failed(error)) => return Err(Self::broken(error)),
            Some(Verdict::Complete { digest, .. }) => {
                Some(self.judged(digest).map_err(Held::Failed)?)
            }
            None => {
                self.judge_later(share);
                None
            }
        };
        let wants_trailers = digest.is_none()
            && self.target.expect.is_none()
            && share.length().is_none()
            && self.takes_trailers();
        let wanted = Wanted {
            range: None,
            expect: self.target.expect,
            trailers: wants_trailers,
        };
        let head = self.miss_head(share, digest, wants_trailers);
        let mut response = self.answer_from_share(share, head, wanted).await;
        drop(place);
        let how = CacheStatus::forward(ForwardReason::UriMiss)
            .fwd_status(share.status())
            .stored(true)
            .collapsed(shared.collapsed);
        status::describe(&mut response, self.rules.name, &how, Served::Miss);
        Ok(response)
    }

    /// Waits for the verdict; `None` when the hold ended before, or because the disk takes no more.
    async fn verdict(&mut self, share: &Arc<dyn Share>) -> Option<Verdict> {
        let hold = match self.target.delivery {
            Delivery::Spool => return share.hold().await,
            // There is no last byte to hold back.
            _ if self.target.expect.is_some() && share.length() == Some(0) => {
                return share.hold().await;
            }
            // A part of a large artifact is wanted now, not after all of it has arrived.
            Delivery::Hold
                if self.target.expect.is_none()
                    && self.head.headers.contains_key(header::RANGE) =>
            {
                return None;
            }
            Delivery::Hold => self.rules.archive.hold,
            Delivery::Stream => return None,
        };
        tokio::time::timeout(hold, share.hold()).await.ok()?
    }

    /// Compares what arrived with the pin.
    pub(super) fn judged(&self, actual: Sha256) -> Result<Sha256, BoxError> {
        match self.target.expect {
            Some(expected) if expected != actual => {
                self.remember(Failure::Digest(actual));
                Err(Mismatch { expected, actual }.into())
            }
            pin => {
                self.negative.forget(&self.key, pin);
                Ok(actual)
            }
        }
    }

    /// A body that is already streamed to the client is judged all the same, for the next request.
    fn judge_later(&self, share: &Arc<dyn Share>) {
        let Some(expected) = self.target.expect else {
            return;
        };
        let (negative, key, verdict) = (self.negative.clone(), self.key, share.verdict());
        let (now, ttl) = (self.rules.now.clone(), self.rules.archive.negative_ttl);
        (self.rules.spawn)(Box::pin(async move {
            let Verdict::Complete { digest, .. } = verdict.await else {
                return;
            };
            if digest != expected {
                let until = negative::until(now(), ttl);
                negative.remember(key, Some(expected), Failure::Digest(digest), until);
            }
        }));
    }

    /// An artifact that changed on its way starts again: the client has not been told anything.
    fn broken(error: SharedError) -> Held {
        if is_caused_by::<Changed>(&error) {
            Held::Again(error)
        } else {
            Held::Failed(error.into())
        }
    }

    fn takes_trailers(&self) -> bool {
        let te = self
            .head
            .headers
            .get_all(header::TE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        te.flat_map(|value| value.split(','))
            .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
    }

    fn miss_head(&self, share: &Arc<dyn Share>, digest: Option<Sha256>, trailers: bool) -> Head {
        let media_type = self.rules.archive.media_type;
        let digest = digest.or(self.target.expect);
        let mut fields =
            status::archive_fields(share.fields(), &self.target.uri, digest, media_type);
        fields.insert(X_CACHE_STATUS, HeaderValue::from_static("MISS"));
        if trailers {
            fields.insert(
                header::TRAILER,
                HeaderValue::from_static("x-content-sha256, repr-digest"),
            );
        }
        Head {
            status: share.status(),
            fields,
        }
    }
}
