//! `Leaves`: certificates of hosts, made when they are first needed and kept for a while. One key, apart
//! from the authority's, serves them all.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use artifact_cache_layers::body::BoxError;
use quick_cache::sync::Cache;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::PrivateKeyDer,
    server::{NoServerSessionStorage, ProducesTickets, ResolvesServerCert},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{
    Authority, InvalidAuthority,
    make::{SKEW, serial},
};
use crate::clock::Clock;

/// Hosts whose certificates are kept.
const CAPACITY: usize = 4096;
/// The longest common name (RFC 5280, appendix A.1).
const LONGEST_NAME: usize = 64;

/// Certificates of an authority for single hosts, ready to be shown.
pub struct Leaves {
    authority: Authority,
    key: KeyPair,
    provider: Arc<CryptoProvider>,
    tickets: Arc<dyn ProducesTickets>,
    protocols: Vec<Vec<u8>>,
    lifetime: Duration,
    clock: Clock,
    made: Cache<String, Leaf>,
}

#[derive(Clone)]
struct Leaf {
    config: Arc<ServerConfig>,
    /// From when on another one is made: clients may still hold this one for the rest of its life.
    renew: SystemTime,
}

impl Leaves {
    /// Leaves that are good for `lifetime`, shown by servers that speak `protocols`.
    ///
    /// # Errors
    /// When the library fails.
    pub fn new(
        authority: Authority,
        protocols: &[&[u8]],
        lifetime: Duration,
        clock: Clock,
    ) -> Result<Self, InvalidAuthority> {
        let failed = |error: BoxError| InvalidAuthority::Make(error);
        Ok(Self {
            authority,
            key: KeyPair::generate().map_err(|error| failed(error.into()))?,
            provider: Arc::new(aws_lc_rs::default_provider()),
            tickets: aws_lc_rs::Ticketer::new().map_err(|error| failed(error.into()))?,
            protocols: protocols.iter().map(|name| name.to_vec()).collect(),
            lifetime,
            clock,
            made: Cache::new(CAPACITY),
        })
    }

    /// The authority behind them.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// How many were made and are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.made.len()
    }

    /// What a server for `host` shows; an address with or without brackets. Whoever asks for a host
    /// while its certificate is being made waits for that one, which takes a fraction of a millisecond.
    ///
    /// # Errors
    /// When the host cannot be named in a certificate.
    pub fn server(&self, host: &str) -> Result<Arc<ServerConfig>, InvalidAuthority> {
        let (host, now) = (host.trim_matches(['[', ']']), self.clock.now());
        if let Some(leaf) = self.made.get(host)
            && leaf.renew <= now
        {
            self.made.remove(host);
        }
        let leaf = self.made.get_or_insert_with(host, || {
            self.make(host, now).map_err(InvalidAuthority::Make)
        });
        leaf.map(|leaf| leaf.config)
    }

    fn make(&self, host: &str, now: SystemTime) -> Result<Leaf, BoxError> {
        let mut parameters = CertificateParams::new([host.to_owned()])?;
        let mut subject = DistinguishedName::new();
        let name = if host.len() <= LONGEST_NAME {
            host
        } else {
            "artifact-cache"
        };
        subject.push(DnType::CommonName, name);
        parameters.distinguished_name = subject;
        parameters.serial_number = Some(serial()?);
        parameters.not_before = (now - SKEW).into();
        parameters.not_after = (now + self.lifetime).into();
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let leaf = parameters.signed_by(&self.key, &self.authority.issuer)?;
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        let chain = vec![leaf.der().clone(), self.authority.certificate.clone()];
        let shown = CertifiedKey::from_der(chain, key, &self.provider)?;
        Ok(Leaf {
            config: Arc::new(self.config(Arc::new(SingleCertAndKey::from(shown)))?),
            renew: now + self.lifetime / 2,
        })
    }

    fn config(&self, shown: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(shown);
        config.alpn_protocols.clone_from(&self.protocols);
        config.ticketer = Arc::clone(&self.tickets);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 1;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::authority::{Scope, Wanted, make};

    fn leaves(clock: &Clock) -> Leaves {
        let wanted = Wanted {
            name: "test".into(),
            scope: Scope::default(),
            lifetime: Duration::from_hours(24),
        };
        let made = make(&wanted, clock.now()).unwrap();
        let authority = Authority::new(&made.certificate, &made.key).unwrap();
        Leaves::new(authority, &[b"h2"], Duration::from_hours(24), clock.clone()).unwrap()
    }

    #[test]
    fn a_host_has_one_certificate_until_half_of_its_life_is_over() {
        let clock = Clock::system();
        let leaves = leaves(&clock);
        let first = leaves.server("example.com").unwrap();
        assert!(Arc::ptr_eq(&first, &leaves.server("example.com").unwrap()));
        assert!(!Arc::ptr_eq(&first, &leaves.server("example.org").unwrap()));
        assert!(leaves.server("[::1]").is_ok() && leaves.server("127.0.0.1").is_ok());
        clock.shift(12 * 3600 + 1);
        assert!(!Arc::ptr_eq(&first, &leaves.server("example.com").unwrap()));
    }

    #[test]
    fn many_askers_at_once_get_the_same_certificate() {
        let leaves = leaves(&Clock::system());
        let all: Vec<_> = std::thread::scope(|scope| {
            let askers: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| leaves.server("example.com").unwrap()))
                .collect();
            askers
                .into_iter()
                .map(|asker| asker.join().unwrap())
                .collect()
        });
        assert!(all.iter().all(|config| Arc::ptr_eq(config, &all[0])));
        assert_eq!(leaves.kept(), 1);
    }

    #[test]
    fn a_key_of_another_authority_is_refused() {
        let wanted = Wanted {
            name: "test".into(),
            scope: Scope::default(),
            lifetime: Duration::from_hours(1),
        };
        let now = Clock::system().now();
        let (one, other) = (make(&wanted, now).unwrap(), make(&wanted, now).unwrap());
        assert!(matches!(
            Authority::new(&one.certificate, &other.key),
            Err(InvalidAuthority::Key)
        ));
    }
}
