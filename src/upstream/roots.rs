//! `Roots`: the certificate authorities that origins are trusted by.

use std::{io, path::Path};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// A set of trusted authorities.
#[derive(Clone, Debug)]
pub struct Roots(pub(super) RootCertStore);

/// A file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoots {
    /// It cannot be read or holds no PEM.
    #[error("the certificate file cannot be read")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// A certificate in it is not one of an authority.
    #[error("a certificate cannot be trusted")]
    Certificate(#[from] rustls::Error),
    /// There is none in it.
    #[error("there is no certificate in {0}")]
    Empty(String),
}

impl Roots {
    /// Nobody is trusted.
    #[must_use]
    pub fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// The machine's own. What cannot be read is left out and logged; a machine without any can
    /// still reach plain http and what further files allow.
    #[must_use]
    pub fn native() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the machine's trusted certificates cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Self(roots)
    }

    /// The machine's own in PEM, for tools that read all they trust from one file.
    #[must_use]
    pub fn native_pem() -> String {
        let found = rustls_native_certs::load_native_certs().certs;
        let block = |certificate: CertificateDer<'_>| {
            pem::encode(&pem::Pem::new("CERTIFICATE", certificate.to_vec()))
        };
        found.into_iter().map(block).collect()
    }

    /// These and one more.
    ///
    /// # Errors
    /// When it is not the certificate of an authority.
    pub fn and(mut self, certificate: CertificateDer<'static>) -> Result<Self, InvalidRoots> {
        self.0.add(certificate)?;
        Ok(self)
    }

    /// These and those of a PEM file. It reads the file on the spot: for start-up only.
    ///
    /// # Errors
    /// When the file has no certificate or one that cannot be used.
    pub fn and_file(mut self, path: Option<&Path>) -> Result<Self, InvalidRoots> {
        let Some(path) = path else { return Ok(self) };
        let before = self.0.len();
        for certificate in CertificateDer::pem_file_iter(path)? {
            self = self.and(certificate?)?;
        }
        if self.0.len() == before {
            return Err(InvalidRoots::Empty(path.display().to_string()));
        }
        Ok(self)
    }
}

impl From<io::Error> for InvalidRoots {
    fn from(error: io::Error) -> Self {
        Self::Pem(rustls::pki_types::pem::Error::Io(error))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn a_pem_file_adds_its_authorities() {
        let authority = rcgen::generate_simple_self_signed(["ca.example".into()]).unwrap();
        let file = file(&authority.cert.pem());
        let roots = Roots::none().and_file(Some(file.path())).unwrap();
        assert_eq!(roots.0.len(), 1);
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        assert!(
            Roots::none()
                .and_file(Some(file("nothing").path()))
                .is_err()
        );
        assert!(
            Roots::none()
                .and_file(Some(Path::new("/does/not/exist")))
                .is_err()
        );
    }
}
