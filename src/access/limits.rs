//! [`Limits`]: how often and how fast one client is served. A client is a token, or the address where
//! there is none; an IPv6 client has a whole /64.

use std::net::{IpAddr, Ipv6Addr};

use artifact_cache_layers::extensions::Peer;
use http::Extensions;
use tokio::time::Instant;

use super::{Caller, TokenId};
use crate::{
    config::auth::Auth,
    error::Error,
    pace::{Buckets, Pace, Rate},
};

/// What each client may still have.
#[derive(Default)]
pub(super) struct Limits {
    requests: Buckets<Client>,
    bytes: Buckets<Client>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    Token(TokenId),
    Address(IpAddr),
}

impl Limits {
    /// Counts a request.
    pub(super) fn count(
        &self,
        rules: &Auth,
        extensions: &Extensions,
    ) -> Result<Option<Pace>, Error> {
        if !rules.has_limits() {
            return Ok(None);
        }
        let now = Instant::now();
        let client = Client::of(extensions);
        if let Some(rate) = rate(rules.requests_per_second.into(), rules.burst.into()) {
            let taken = self.requests.of(client, now).take(1, rate, now);
            taken.map_err(|retry_after| Error::RateLimited {
                reason: "this client asks more often than `auth.requests_per_second` allows",
                retry_after,
            })?;
        }
        let rate = rate(rules.bytes_per_second.0, rules.bytes_per_second.0);
        Ok(rate.map(|rate| Pace {
            bucket: self.bytes.of(client, now),
            rate,
        }))
    }
}

fn rate(per_second: u64, burst: u64) -> Option<Rate> {
    let burst = burst.max(1);
    (per_second > 0).then_some(Rate { per_second, burst })
}

impl Client {
    fn of(extensions: &Extensions) -> Self {
        if let Some(token) = extensions.get::<Caller>().and_then(Caller::token) {
            return Self::Token(token);
        }
        let peer = extensions
            .get::<Peer>()
            .map(|peer| peer.0.ip().to_canonical());
        Self::Address(match peer {
            Some(IpAddr::V6(address)) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Ipv6Addr::from(network).into()
            }
            Some(address) => address,
            None => Ipv6Addr::UNSPECIFIED.into(),
        })
    }
}

impl Auth {
    pub(super) fn has_limits(&self) -> bool {
        self.requests_per_second > 0 || self.bytes_per_second.0 > 0
    }
}
