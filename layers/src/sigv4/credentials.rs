//! [`Credentials`], and [`Provide`]: where they come from.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::SystemTime};

use crate::body::BoxError;

/// An access key, the secret that goes with it, and for temporary ones a session token.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half.
    pub access_key: Arc<str>,
    /// The secret half. It is never printed.
    pub secret_key: Arc<str>,
    /// What proves that the keys are temporary.
    pub session_token: Option<Arc<str>>,
    /// When they stop being valid; `None` means never.
    pub expires: Option<SystemTime>,
}

/// What [`Provide::provide`] returns: `None` when there are no keys, so that requests go unsigned.
pub type Provided<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Credentials>, BoxError>> + Send + 'a>>;

/// Has credentials. Asked for every request: whatever is slow must be remembered by the provider.
pub trait Provide: Send + Sync {
    /// The credentials to sign with now.
    fn provide(&self) -> Provided<'_>;
}

impl Credentials {
    /// Keys that do not expire.
    #[must_use]
    pub fn new(access_key: &str, secret_key: &str) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token: None,
            expires: None,
        }
    }

    /// The same with a session token.
    #[must_use]
    pub fn with_session_token(mut self, token: &str) -> Self {
        self.session_token = Some(token.into());
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Provide for Credentials {
    fn provide(&self) -> Provided<'_> {
        Box::pin(std::future::ready(Ok(Some(self.clone()))))
    }
}

/// Nobody: requests go unsigned, as public buckets want them.
impl Provide for () {
    fn provide(&self) -> Provided<'_> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

impl<P: Provide + ?Sized> Provide for Arc<P> {
    fn provide(&self) -> Provided<'_> {
        (**self).provide()
    }
}
