//! [`GuardedResolver`], the check between a name's look-up and the dial.

use std::{error::Error, fmt, io, net::SocketAddr, sync::Arc};

use super::{denied::Denied, policy::EgressPolicy};

/// Resolves names and gives out only addresses that may be dialled.
///
/// Dial what it returns and nothing else: resolving the name again for the dial would ask an attacker
/// twice. A literal address is checked before anything is looked up.
#[derive(Clone, Debug)]
pub struct GuardedResolver<R> {
    resolver: R,
    policy: Arc<EgressPolicy>,
}

/// Why there is no address to dial.
#[derive(Debug)]
pub enum ResolveError {
    /// The policy forbids one of the name's addresses, or the host or port itself.
    Denied(Denied),
    /// The name could not be resolved.
    Unresolved(io::Error),
    /// The name has no address.
    NoAddress,
}

impl<R, F> GuardedResolver<R>
where
    R: Fn(&str, u16) -> F,
    F: Future<Output = io::Result<Vec<SocketAddr>>>,
{
    /// Guards `resolver`, which is given the host without brackets and the port. It may use the
    /// system's look-up; who bounds its time is the caller.
    pub fn new(resolver: R, policy: impl Into<Arc<EgressPolicy>>) -> Self {
        Self {
            resolver,
            policy: policy.into(),
        }
    }

    /// The addresses of `host`, every one of them allowed. At least one.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
        self.policy.check_authority(host, port)?;
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (self.resolver)(name, port).await?;
        if addresses.is_empty() {
            return Err(ResolveError::NoAddress);
        }
        for address in &addresses {
            self.policy.check_resolved(host, *address)?;
        }
        Ok(addresses)
    }
}

impl From<Denied> for ResolveError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<io::Error> for ResolveError {
    fn from(error: io::Error) -> Self {
        Self::Unresolved(error)
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied(_) => "the host may not be reached",
            Self::Unresolved(_) => "the host could not be resolved",
            Self::NoAddress => "the host has no address",
        })
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Denied(denied) => Some(denied),
            Self::Unresolved(error) => Some(error),
            Self::NoAddress => None,
        }
    }
}
