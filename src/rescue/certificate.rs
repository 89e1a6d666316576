//! What is wrong with an origin's certificate, in words of our own.

use std::{error::Error, io};

use rustls::CertificateError;

/// The fault that a chain of causes names, if it is one of a certificate.
pub(super) fn fault(chain: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut cause = Some(chain);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(fault)) = tls(error) {
            return Some(words(fault));
        }
        cause = error.source();
    }
    None
}

/// An error of I/O does not show what it wraps among its causes, and may wrap another one.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut inner = error;
    while let Some(wrapped) = inner
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        inner = wrapped;
    }
    inner.downcast_ref()
}

fn words(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::UnknownIssuer => "its issuer is unknown",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another host"
        }
        CertificateError::BadSignature => "it was not signed by its issuer",
        CertificateError::Revoked => "it was revoked",
        _ => "it is not valid",
    }
}
