//! The names that a certificate is for.

use rustls::sign::CertifiedKey;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

/// DNS names among the subject's alternative names, in lower case. Addresses are left out: a client that
/// asks for one sends no name.
pub(super) fn names(certificate: &CertifiedKey) -> Vec<String> {
    let Some(leaf) = certificate.cert.first() else {
        return Vec::new();
    };
    let Ok((_, leaf)) = parse_x509_certificate(leaf) else {
        return Vec::new();
    };
    let Ok(Some(alternatives)) = leaf.subject_alternative_name() else {
        return Vec::new();
    };
    let names = alternatives.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}
