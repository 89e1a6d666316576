//! What starting has to do with access: the operator's way in, and a word about a door that stands open.

use std::net::SocketAddr;

use serde_json::json;

use super::App;
use crate::{access::Minted, catalog::operator::Note};

impl App {
    /// Leaves the note by which the command line of this machine reaches the running cache: it names the
    /// main listener and a token that lasts as long as the process. Without it, tokens are made while
    /// the cache is stopped, or with a token of an administrator.
    pub(super) fn leave_note(&self) -> Option<Note> {
        let address = self.addresses.first().copied().map(reachable)?;
        let token = Minted::new().ok()?;
        self.gate.keyring().admit_operator(&token);
        let text = json!({"url": format!("http://{address}"), "token": token.text});
        Note::leave(&self.config().storage.database, &text.to_string())
            .inspect_err(|error| tracing::warn!(%error, "cannot leave the operator's note"))
            .ok()
    }

    /// Says so when everybody on a network may use the cache.
    pub(super) fn warn_of_open_door(&self) {
        let config = self.config();
        let is_guarded = config.auth.tokens || !config.auth.allow_networks.is_empty();
        if let Some(address) = self.addresses.first()
            && !address.ip().to_canonical().is_loopback()
            && !is_guarded
        {
            tracing::warn!(
                %address,
                "everybody who can connect may use and manage this cache; set auth.tokens or auth.allow_networks"
            );
        }
    }
}

/// An address to connect to: a listener on every interface is reached through loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    if address.ip().is_unspecified() {
        SocketAddr::new(loopback, address.port())
    } else {
        address
    }
}
