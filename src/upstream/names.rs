//! `Names`: addresses of names, looked up by the system and remembered for a short while.

use std::{net::IpAddr, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use tokio::{net::lookup_host, time::Instant};

use super::{Reason, UpstreamFailure};

/// How long addresses are taken to be right. The system does not tell a record's own life time.
const LIFETIME: Duration = Duration::from_secs(30);
/// Names remembered at once.
const CAPACITY: usize = 1024;

/// A bounded memory of names. Failures are not remembered.
#[derive(Clone)]
pub(super) struct Names(Arc<Cache<String, Known>>);

#[derive(Clone)]
struct Known {
    addresses: Arc<[IpAddr]>,
    until: Instant,
}

impl Names {
    pub(super) fn new() -> Self {
        Self(Arc::new(Cache::new(CAPACITY)))
    }

    /// The addresses of `host`, never none. The caller bounds the wait.
    pub(super) async fn addresses(&self, host: &str) -> Result<Arc<[IpAddr]>, UpstreamFailure> {
        if let Some(known) = self
            .0
            .get(host)
            .filter(|known| known.until > Instant::now())
        {
            return Ok(known.addresses);
        }
        let found = lookup_host((host, 0)).await;
        let found = found.map_err(|error| UpstreamFailure::caused(Reason::Dns, error))?;
        let addresses: Arc<[IpAddr]> = found.map(|address| address.ip()).collect();
        if addresses.is_empty() {
            return Err(UpstreamFailure::new(Reason::Dns));
        }
        let known = Known {
            addresses: Arc::clone(&addresses),
            until: Instant::now() + LIFETIME,
        };
        self.0.insert(host.to_owned(), known);
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up_again_when_its_life_time_is_over() {
        let names = Names::new();
        let known = |until| Known {
            addresses: Arc::from(["192.0.2.7".parse().unwrap()]),
            until,
        };
        let now = Instant::now();
        names.0.insert("localhost".into(), known(now + LIFETIME));
        let remembered = names.addresses("localhost").await.unwrap();
        assert_eq!(remembered[0].to_string(), "192.0.2.7");
        names.0.insert("localhost".into(), known(now));
        let fresh = names.addresses("localhost").await.unwrap();
        assert!(fresh.iter().all(IpAddr::is_loopback));
    }

    #[tokio::test]
    async fn a_name_without_address_is_a_dns_failure() {
        let failure = Names::new().addresses("nowhere.invalid").await.unwrap_err();
        assert_eq!(failure.reason, Reason::Dns);
    }
}
