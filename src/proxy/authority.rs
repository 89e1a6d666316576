//! `Authority`: the local certificate authority whose certificates intercepted clients are shown. It owns
//! its files, which hosts it may vouch for, and the certificates that it makes.

mod directory;
mod leaves;
mod make;
mod scope;

use std::{fmt, io, path::PathBuf, time::SystemTime};

use artifact_cache_layers::{body::BoxError, digest::Sha256};
use rcgen::{Issuer, KeyPair, PublicKeyData as _};
use rustls::pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, parse_x509_certificate};

pub use self::{
    directory::Directory,
    leaves::Leaves,
    make::{Made, Wanted, make},
    scope::{InvalidScope, Scope},
};

/// A certificate authority that can sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    scope: Scope,
    description: Description,
}

/// What an authority's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its subject.
    pub name: String,
    /// The digest of the certificate, as trust stores show it.
    pub sha256: Sha256,
    /// When it begins to be valid, in seconds since 1970.
    pub not_before: i64,
    /// When it stops to be valid, in seconds since 1970.
    pub not_after: i64,
    /// The hosts that it may vouch for; none when it is bound to none.
    pub hosts: Vec<String>,
}

/// The authority cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAuthority {
    /// There is none.
    #[error("there is no certificate authority in {}; `artifact-cache ca init` makes one", .0.display())]
    Absent(PathBuf),
    /// There is one already.
    #[error("{} exists already; `artifact-cache ca rotate` replaces it", .0.display())]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read the key.
    #[error("{} can be read by others; make it 0600", .0.display())]
    Exposed(PathBuf),
    /// The certificate is not that of an authority, or cannot be read.
    #[error("the certificate of the authority cannot be used")]
    Certificate(#[source] BoxError),
    /// The key cannot be read, or belongs to another certificate.
    #[error("the key of the authority cannot be used, or is another one's")]
    Key,
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Make(#[source] BoxError),
}

impl Authority {
    /// An authority from its certificate and key in PEM.
    ///
    /// # Errors
    /// When they cannot be used, or not with each other.
    pub fn new(certificate: &str, key: &str) -> Result<Self, InvalidAuthority> {
        let unusable = |error: rcgen::Error| InvalidAuthority::Certificate(error.into());
        let key = KeyPair::from_pem(key).map_err(|_| InvalidAuthority::Key)?;
        let certificate = directory::first_certificate(certificate)?;
        let (scope, description) = {
            let parsed = parse(&certificate)?;
            if *parsed.public_key().subject_public_key.data != *key.der_bytes() {
                return Err(InvalidAuthority::Key);
            }
            let scope = Scope::of(&parsed);
            let description = Description::of(&parsed, &certificate, &scope);
            (scope, description)
        };
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&certificate, key).map_err(unusable)?,
            certificate,
            scope,
            description,
        })
    }

    /// Whether its constraints let it vouch for this host.
    #[must_use]
    pub fn permits(&self, host: &str) -> bool {
        self.scope.permits(host)
    }

    /// What its certificate says.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, InvalidAuthority> {
    let unusable = |error: BoxError| InvalidAuthority::Certificate(error);
    let (_, parsed) =
        parse_x509_certificate(certificate).map_err(|error| unusable(error.to_string().into()))?;
    if parsed.is_ca() {
        Ok(parsed)
    } else {
        Err(unusable("it is not the certificate of an authority".into()))
    }
}

impl Description {
    fn of(parsed: &X509Certificate<'_>, der: &CertificateDer<'_>, scope: &Scope) -> Self {
        Self {
            name: parsed.subject().to_string(),
            sha256: Sha256::of(der),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            hosts: scope.hosts(),
        }
    }

    /// Whether it is valid at this time.
    #[must_use]
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        (self.not_before..=self.not_after).contains(&now)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}
