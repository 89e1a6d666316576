//! [`Caller`]: who a request comes from, as the gate found out, for whoever must decide more.

use std::sync::Arc;

use artifact_cache_layers::semantics::target_uri::TargetUri;
use http::Extensions;

use super::{Reach, Scope, Scopes, TokenId};
use crate::error::Error;

/// Who a request comes from. A request extension where tokens are asked for; on the inside of a tunnel
/// it is that of the CONNECT.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Known>);

#[derive(Debug)]
struct Known {
    token: Option<TokenId>,
    scopes: Scopes,
    reach: Reach,
}

impl Caller {
    pub(super) fn new(token: Option<TokenId>, scopes: Scopes, reach: Reach) -> Self {
        Self(Arc::new(Known {
            token,
            scopes,
            reach,
        }))
    }

    /// The token it showed; none for a client without one.
    #[must_use]
    pub fn token(&self) -> Option<TokenId> {
        self.0.token
    }

    /// Whether it may do this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.0.scopes.contain(scope)
    }

    /// Whether it may have this artifact.
    pub(super) fn may_reach(&self, uri: &TargetUri) -> bool {
        self.0.reach.covers(uri)
    }

    pub(super) fn may_reach_host(&self, host: &str) -> bool {
        self.0.reach.covers_host(host)
    }

    /// Whether it is limited to some artifacts: then it has no business with what is none.
    pub(super) fn is_limited(&self) -> bool {
        !self.0.reach.is_everything()
    }
}

/// The sender may not have this page, and why: a request extension. Pages are refused as pages, by whoever
/// makes them.
#[derive(Clone, Debug)]
pub struct TurnedAway(pub Error);

/// Whether the sender of a request with these extensions may do this; everybody may where no tokens are
/// asked for. For routes that need another scope than the gate asked for.
///
/// # Errors
/// [`Error::Unauthorized`] for a client without a token, else [`Error::Forbidden`].
pub fn require(extensions: &Extensions, scope: Scope) -> Result<(), Error> {
    match extensions.get::<Caller>() {
        None => Ok(()),
        Some(caller) if caller.may(scope) => Ok(()),
        Some(caller) if caller.token().is_none() => Err(Error::Unauthorized {
            reason: "a token is needed",
        }),
        Some(_) => Err(Error::Forbidden {
            reason: format!("the token lacks the scope {scope}"),
        }),
    }
}
