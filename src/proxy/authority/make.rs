//! Makes a certificate authority.

use std::time::{Duration, SystemTime};

use artifact_cache_layers::body::BoxError;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use rustls::crypto::aws_lc_rs;

use super::{InvalidAuthority, Scope};

/// How far a client's clock may be behind ours.
pub(super) const SKEW: Duration = Duration::from_hours(24);

/// What an authority is to be like.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name, which people see in their trust stores.
    pub name: String,
    /// The hosts that it may vouch for.
    pub scope: Scope,
    /// How long it is good for.
    pub lifetime: Duration,
}

/// An authority's certificate and key, in PEM.
pub struct Made {
    /// The certificate.
    pub certificate: String,
    /// The key, which nobody else may see.
    pub key: String,
}

/// Makes an authority: a P-256 key and a certificate that it signed itself, which can sign certificates
/// of servers and nothing below them.
///
/// # Errors
/// When the library fails.
pub fn make(wanted: &Wanted, now: SystemTime) -> Result<Made, InvalidAuthority> {
    sign(wanted, now).map_err(InvalidAuthority::Make)
}

fn sign(wanted: &Wanted, now: SystemTime) -> Result<Made, BoxError> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, wanted.name.as_str());
    parameters.distinguished_name = subject;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.name_constraints = wanted.scope.constraints();
    parameters.serial_number = Some(serial()?);
    parameters.not_before = (now - SKEW).into();
    parameters.not_after = (now + wanted.lifetime).into();
    let key = KeyPair::generate()?;
    Ok(Made {
        certificate: parameters.self_signed(&key)?.pem(),
        key: key.serialize_pem(),
    })
}

/// Random: with one key for all leaves, a serial made from the key would be the same for all, which
/// browsers refuse. 16 bytes with the first bit clear are a positive number (RFC 5280 §4.1.2.2).
pub(super) fn serial() -> Result<SerialNumber, BoxError> {
    let mut bytes = [0; 16];
    let random = aws_lc_rs::default_provider().secure_random;
    random
        .fill(&mut bytes)
        .map_err(|_| "there is no randomness")?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
