//! `Certificates`: every certificate of a listener, and which one a client gets.

use std::{collections::HashMap, path::Path, sync::Arc};

use rustls::{
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject as _},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{InvalidTls, files, names::names, self_signed};
use crate::{clock::Clock, config::tls::Tls as Settings};

/// Certificates by the names they are for.
#[derive(Debug)]
pub(super) struct Certificates {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    /// For clients that ask for no name, or for one that nobody has.
    default: Arc<CertifiedKey>,
}

impl Certificates {
    /// What the settings name; the first one found is the default.
    pub(super) fn read(settings: &Settings, clock: &Clock) -> Result<Self, InvalidTls> {
        let mut found = Vec::new();
        if let Some(certificate) = &settings.certificate {
            let key = settings.key.as_deref().unwrap_or(certificate);
            found.push(read(certificate, key)?);
        }
        if let Some(directory) = &settings.directory {
            for (certificate, key) in files::pairs(directory)? {
                found.push(read(&certificate, &key)?);
            }
        }
        if settings.self_signed {
            found.push(self_signed::certificate(clock)?);
        }
        Self::of(found).ok_or_else(|| InvalidTls::Nothing {
            path: settings.directory.clone().unwrap_or_default(),
        })
    }

    fn of(found: Vec<CertifiedKey>) -> Option<Self> {
        let found: Vec<_> = found.into_iter().map(Arc::new).collect();
        let default = Arc::clone(found.first()?);
        let mut by_name = HashMap::new();
        for certificate in found {
            for name in names(&certificate) {
                by_name
                    .entry(name)
                    .or_insert_with(|| Arc::clone(&certificate));
            }
        }
        Some(Self { by_name, default })
    }

    /// The certificate of this very name, else of `*.` and the name's parent (RFC 6125 §6.4.3).
    fn of_name(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let wildcard = || {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        };
        self.by_name.get(&name).or_else(wildcard)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.of_name(name));
        Some(Arc::clone(named.unwrap_or(&self.default)))
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, InvalidTls> {
    let pem = |path: &Path, source: PemError| InvalidTls::Pem {
        path: path.to_owned(),
        source,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem(certificate, error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, error))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| {
        InvalidTls::Certificate {
            path: certificate.to_owned(),
            source: error.into(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> CertifiedKey {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let issued = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
        let chain = vec![issued.cert.der().clone()];
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).unwrap()
    }

    #[test]
    fn a_name_gets_its_own_certificate_before_a_wildcards() {
        let (wide, own) = (
            certificate(&["*.example.com"]),
            certificate(&["a.Example.com"]),
        );
        let (wide_der, own_der) = (wide.cert[0].clone(), own.cert[0].clone());
        let certificates = Certificates::of(vec![wide, own]).unwrap();
        let der = |name| {
            certificates
                .of_name(name)
                .map(|found| found.cert[0].clone())
        };
        assert_eq!(der("A.example.COM"), Some(own_der));
        assert_eq!(der("b.example.com"), Some(wide_der));
        assert_eq!(der("c.b.example.com"), None);
        assert_eq!(der("example.com"), None);
    }
}
