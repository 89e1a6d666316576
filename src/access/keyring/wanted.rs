//! A token that somebody wants to have, and why they cannot.

use std::time::{Duration, SystemTime};

use crate::{
    access::{InvalidReach, NoRandomness, Reach, Scopes, UnknownScope},
    catalog::{CatalogError, MAX_TOKENS},
};

/// The longest name of a token, in characters.
const LONGEST_NAME: usize = 200;
/// Most hosts and prefixes of one token.
const MOST_TARGETS: usize = 100;

/// A token that somebody wants to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What it is for.
    pub name: String,
    /// What it is to allow.
    pub scopes: Vec<String>,
    /// What it is to be limited to; empty for no limit.
    pub targets: Vec<String>,
    /// How long it is to last; for ever when absent.
    pub expires_in: Option<Duration>,
}

/// Why a token was not made or not removed.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// It names a scope that there is not.
    #[error(transparent)]
    Scope(#[from] UnknownScope),
    /// It is to be limited to something that is neither host nor URL.
    #[error(transparent)]
    Reach(#[from] InvalidReach),
    /// It would allow nothing.
    #[error("a token needs at least one scope")]
    NoScope,
    /// A name or a list is too long.
    #[error("{0}")]
    TooLong(&'static str),
    /// It would expire before anybody could use it, or later than time is counted.
    #[error("a token must last between one second and a thousand years")]
    Expiry,
    /// There are as many as there may be.
    #[error("there are {MAX_TOKENS} tokens, which is the most; revoke some first")]
    TooMany,
    /// The machine gives no randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The catalog failed.
    #[error("the catalog could not be written")]
    Catalog(#[from] CatalogError),
}

impl Wanted {
    pub(super) fn checked(&self) -> Result<(Scopes, Reach), NotKept> {
        if self.name.chars().count() > LONGEST_NAME {
            return Err(NotKept::TooLong(
                "the name of a token has at most 200 characters",
            ));
        }
        if self.targets.len() > MOST_TARGETS {
            return Err(NotKept::TooLong("a token has at most 100 targets"));
        }
        if self.scopes.is_empty() {
            return Err(NotKept::NoScope);
        }
        let scopes = Scopes::named(self.scopes.iter().map(String::as_str))?;
        let reach = Reach::new(self.targets.iter().map(String::as_str))?;
        Ok((scopes, reach))
    }
}

pub(super) fn expiry(now: SystemTime, span: Duration) -> Result<SystemTime, NotKept> {
    const LONGEST: Duration = Duration::from_hours(1000 * 366 * 24);
    let fits = span >= Duration::from_secs(1) && span <= LONGEST;
    let end = now.checked_add(span).filter(|_| fits);
    end.ok_or(NotKept::Expiry)
}
