//! Where the keys of a store come from when the configuration has none.

mod answer;
mod chain;
mod process;
mod profile;
mod remote;
mod sections;
mod sso;
mod sts;

use std::sync::Arc;

use artifact_cache_layers::sigv4::{Credentials, Provide};

pub use chain::{Chain, NoKeys};

/// Something that has keys.
pub type Keys = Arc<dyn Provide>;

/// Variables of the environment, as the process got them.
pub type Environment = Arc<[(String, String)]>;

/// The value of a variable that is set and not empty.
pub(crate) fn variable<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = environment.iter().rev().find(|(known, _)| known == name);
    found
        .map(|(_, value)| value.as_str())
        .filter(|it| !it.is_empty())
}

/// The keys that the environment itself holds.
#[must_use]
pub fn of_environment(environment: &[(String, String)]) -> Option<Credentials> {
    let variable = |name| variable(environment, name);
    let keys = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
    );
    Some(match variable("AWS_SESSION_TOKEN") {
        Some(token) => keys.with_session_token(token),
        None => keys,
    })
}
