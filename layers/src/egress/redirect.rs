//! [`check_redirect`], the rule for each hop of a redirect that is followed.

use std::{error::Error, fmt};

use super::{denied::Denied, policy::EgressPolicy};
use crate::semantics::target_uri::{InvalidTargetUri, TargetUri};

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedRedirect {
    /// `Location` is no URI reference, or leads to no target URI.
    Location(InvalidTargetUri),
    /// From `https` to `http`: what was protected would no longer be.
    Downgrade {
        /// Where it leads.
        to: TargetUri,
    },
    /// The policy forbids where it leads.
    Denied(Denied),
}

/// Where a redirect of `from` leads, when it may be followed. `location` is the field's value, absolute
/// or relative (RFC 9110 §10.2.2). How many hops may follow each other is the caller's budget.
pub fn check_redirect(
    policy: &EgressPolicy,
    from: &TargetUri,
    location: &str,
) -> Result<TargetUri, RefusedRedirect> {
    let to = from.join(location).map_err(RefusedRedirect::Location)?;
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(RefusedRedirect::Downgrade { to });
    }
    policy.check_uri(&to).map_err(RefusedRedirect::Denied)?;
    Ok(to)
}

impl fmt::Display for RefusedRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Location(_) => f.write_str("the redirect leads to no usable URL"),
            Self::Downgrade { .. } => f.write_str("the redirect leads from https to http"),
            Self::Denied(_) => f.write_str("the redirect leads where we may not go"),
        }
    }
}

impl Error for RefusedRedirect {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Location(invalid) => Some(invalid),
            Self::Denied(denied) => Some(denied),
            Self::Downgrade { .. } => None,
        }
    }
}
