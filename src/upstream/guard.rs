//! `Guard`: who says which origins may be reached. The rule itself is the product's.

use std::net::SocketAddr;

use artifact_cache_layers::{body::BoxError, semantics::target_uri::TargetUri};

/// Asked before anything is looked up or dialled. The error goes back to whoever asked for the
/// origin, unchanged inside the chain of causes.
pub trait Guard: Send + Sync {
    /// May this URI be asked for? Called for every request and for every redirect.
    ///
    /// # Errors
    /// When it may not.
    fn check_uri(&self, uri: &TargetUri) -> Result<(), BoxError>;

    /// May a tunnel lead to this host and port? The host is normalised, an IPv6 address in brackets.
    ///
    /// # Errors
    /// When it may not.
    fn check_authority(&self, host: &str, port: u16) -> Result<(), BoxError>;

    /// May this address be dialled? Called for every address a name resolves to and for every
    /// literal; the address that was checked is the one that is dialled.
    ///
    /// # Errors
    /// When it may not.
    fn check_address(&self, address: SocketAddr) -> Result<(), BoxError>;

    /// May this address be dialled for `host`? A host that the configuration names may be allowed
    /// addresses that others are not.
    ///
    /// # Errors
    /// When it may not.
    fn check_resolved(&self, _host: &str, address: SocketAddr) -> Result<(), BoxError> {
        self.check_address(address)
    }

    /// May this address be dialled for a store that the configuration names? Being named is leave
    /// enough, but for what no configuration opens.
    ///
    /// # Errors
    /// When it may not.
    fn check_endpoint(&self, _address: SocketAddr) -> Result<(), BoxError> {
        Ok(())
    }
}
