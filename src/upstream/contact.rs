//! [`Contact`]: whether origins may be asked at all, and what was wanted of them while they may not.
//! Every request and every connection asks here before it looks a name up.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use artifact_cache_layers::extensions::Target;
use http::Request;

use super::{Reason, UpstreamFailure};
use crate::{
    artifact::misses::{Misses, Wanted},
    clock::Clock,
    config::upstream::Mode,
};

/// What `upstream.mode` says; it may change at any time. Clones share it.
#[derive(Clone)]
pub struct Contact(Arc<Shared>);

struct Shared {
    mode: AtomicU8,
    misses: Arc<Misses>,
}

impl Contact {
    /// Origins may be asked as `mode` says.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self(Arc::new(Shared {
            mode: AtomicU8::new(mode as u8),
            misses: Arc::default(),
        }))
    }

    /// From now on they may be asked as `mode` says. A response that has begun goes on to its end.
    pub fn set(&self, mode: Mode) {
        self.0.mode.store(mode as u8, Ordering::Release);
    }

    /// What was wanted in vain.
    #[must_use]
    pub fn misses(&self) -> Arc<Misses> {
        Arc::clone(&self.0.misses)
    }

    /// Whether an origin may be asked now.
    pub(super) fn admit(&self) -> Result<(), UpstreamFailure> {
        let mode = self.0.mode.load(Ordering::Acquire);
        if mode == Mode::Online as u8 {
            return Ok(());
        }
        let is_sealed = mode == Mode::Sealed as u8;
        Err(UpstreamFailure::new(if is_sealed {
            Reason::Sealed
        } else {
            Reason::Offline
        }))
    }

    /// The same for a request, which is listed when it may not go out.
    pub(super) fn admit_request<B>(
        &self,
        request: &Request<B>,
        target: &Target,
        clock: &Clock,
    ) -> Result<(), UpstreamFailure> {
        let wanted = || Wanted {
            method: request.method().to_string(),
            url: target.uri.as_str().to_owned(),
            expect: target.expect,
        };
        self.noting(wanted, clock)
    }

    /// The same for a tunnel.
    pub(super) fn admit_tunnel(
        &self,
        host: &str,
        port: u16,
        clock: &Clock,
    ) -> Result<(), UpstreamFailure> {
        let wanted = || Wanted {
            method: "CONNECT".into(),
            url: format!("{host}:{port}"),
            expect: None,
        };
        self.noting(wanted, clock)
    }

    fn noting(
        &self,
        wanted: impl FnOnce() -> Wanted,
        clock: &Clock,
    ) -> Result<(), UpstreamFailure> {
        self.admit()
            .inspect_err(|_| self.0.misses.note(wanted(), clock.now()))
    }
}
